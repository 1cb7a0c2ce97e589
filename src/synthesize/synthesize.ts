/**
 * synthesize: workload model → trace, as a stream of batches. Same model and seed, same rows, whatever the workers.
 *
 * Classes are merged by time (the earlier class of the model first when they tie) into batches of 65 536 rows. A row
 * says what the model knows: arrival (whole µs), both lengths, client and model names, the operation, and its status.
 * With sessions, rows also have session, request and parent ids, turns and think times, and with prefixes block hashes.
 * The client's token cap and streaming are unknown and stay so; a replay asks for the row's output length by itself.
 */
import { ROWS_PER_BLOCK } from '../random.js';
import { batchFromRows, rowsOfBatch } from '../trace/batch.js';
import type { TraceBatch } from '../types.js';
import { BatchBuilder, classLabels } from './batch-builder.js';
import { checkWorkloadModel } from './check-model.js';
import { type WindowCounts, withinWindow } from './context-window.js';
import { endUsOf, openMerged, openSources } from './open-source.js';
import { OutcomeDrawer } from './outcomes.js';
import { planSynthesis, type SynthesisOptions, type SynthesisPlan } from './plan.js';
import { adjustedSessionRows } from './session-rows.js';
import { sessionBatches } from './sessions/session-batches.js';

export interface StreamOptions extends SynthesisOptions {
  readonly signal?: AbortSignal;
  /** Called when the last batch was taken: what the context window did. */
  readonly onWindowCounts?: (counts: Readonly<WindowCounts>) => void;
}

/**
 * Rows of a synthetic trace, in batches; can be iterated once or again with equal rows.
 * Throws BAD_MODEL (naming the key) or BAD_VALUE (naming the option) before the first batch.
 */
export function synthesizeTrace(options: StreamOptions): Iterable<TraceBatch> {
  checkWorkloadModel(options.model);
  const plan = planSynthesis(options);
  return {
    *[Symbol.iterator]() {
      const counts: WindowCounts = { requests: 0, dropped: 0, truncated: 0, resampled: 0 };
      const batches = plan.model.sessions ? batchesOfSessions : batchesOfRequests;
      yield* withoutFirst(batches(options, plan, counts), plan.firstRequest);
      if (plan.window !== null) options.onWindowCounts?.(counts);
    },
  };
}

function* batchesOfRequests(
  { seed, signal }: StreamOptions,
  plan: SynthesisPlan,
  counts: WindowCounts,
): Generator<TraceBatch> {
  const { model, window } = plan;
  const opened = openMerged(plan);
  try {
    const source =
      window === null
        ? opened.source
        : withinWindow(opened.source, { window, classes: model.classes, seed: String(seed), counts });
    const outcomes = new OutcomeDrawer(model.classes, String(seed));
    const labels = classLabels(model);
    let left = lastRequest(plan);
    while (left > 0) {
      signal?.throwIfAborted();
      const batch = new BatchBuilder(Math.min(ROWS_PER_BLOCK, left), outcomes);
      batch.fill(source);
      if (batch.rows === 0) return;
      left -= batch.rows;
      yield batch.finish(labels);
    }
  } finally {
    opened.close();
  }
}

function* batchesOfSessions(
  { seed, signal }: StreamOptions,
  plan: SynthesisPlan,
  counts: WindowCounts,
): Generator<TraceBatch> {
  const { model, window, copies, thinBy } = plan;
  const opened = openSources(plan, thinBy === 'session');
  try {
    const labels = classLabels(model);
    const outcomes = new OutcomeDrawer(model.classes, String(seed));
    const shares = copies.map(({ share }) => (thinBy === 'request' ? share : 1));
    const isPlain = copies.length === 1 && shares[0] === 1 && window === null && !outcomes.canFail;
    const firstTurns: WindowCounts = { requests: 0, dropped: 0, truncated: 0, resampled: 0 };
    const streams = copies.map(({ seed: own, index, share }, k) =>
      sessionBatches({
        model,
        seed: own,
        firstTurns:
          window === null || window.policy === 'drop'
            ? opened.sources[k]
            : withinWindow(opened.sources[k], {
                window,
                classes: model.classes,
                seed: own,
                counts: firstTurns,
              }),
        labels,
        endUs: endUsOf(plan),
        requests: isPlain ? limitOf(plan) : null,
        factor: thinBy === 'session' ? share : 1,
        copy: index,
        signal,
      }),
    );
    if (isPlain) {
      yield* streams[0];
      return;
    }
    yield* adjustedSessionRows({
      copies: streams,
      shares,
      seed: String(seed),
      window,
      counts,
      outcomes,
      model,
      requests: limitOf(plan),
    });
    counts.truncated += firstTurns.truncated;
    counts.resampled += firstTurns.resampled;
  } finally {
    opened.close();
  }
}

/** Rows to draw in all, those that are left out at the start included. */
function lastRequest({ requests, firstRequest }: SynthesisPlan): number {
  return requests === null ? Number.POSITIVE_INFINITY : requests + firstRequest;
}

function limitOf(plan: SynthesisPlan): number | null {
  return plan.requests === null ? null : lastRequest(plan);
}

/** Leaves out the first `count` rows. */
function* withoutFirst(batches: Iterable<TraceBatch>, count: number): Generator<TraceBatch> {
  let left = count;
  for (const batch of batches) {
    if (left >= batch.rowCount) {
      left -= batch.rowCount;
      continue;
    }
    yield left === 0 ? batch : restOf(batch, left);
    left = 0;
  }
}

/** The batch from row `from` on. */
function restOf(batch: TraceBatch, from: number): TraceBatch {
  return batchFromRows([...rowsOfBatch(batch)].slice(from));
}
