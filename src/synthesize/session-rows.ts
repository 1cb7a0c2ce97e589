/**
 * Rows of sessions after they were drawn: copies merged by time, single requests thinned out, requests beyond a window
 * dropped, failures marked. Row by row, because these rows carry ids and block lists; only asked for when needed.
 */
import { type Rng, randomOf } from '../random.js';
import { batchFromRows, rowsOfBatch } from '../trace/batch.js';
import type { TraceBatch, TraceRow, WorkloadModel } from '../types.js';
import type { ContextWindow, WindowCounts } from './context-window.js';
import { OK, type OutcomeDrawer } from './outcomes.js';

export interface SessionRowOptions {
  readonly copies: readonly Iterable<TraceBatch>[];
  /** Probability that a single request stays, by copy. */
  readonly shares: readonly number[];
  readonly seed: string;
  readonly window: ContextWindow | null;
  readonly counts: WindowCounts;
  readonly outcomes: OutcomeDrawer;
  readonly model: WorkloadModel;
  /** null = no limit. */
  readonly requests: number | null;
}

const BATCH_ROWS = 8_192;
const BATCH_BLOCKS = 1 << 18;

export function* adjustedSessionRows(options: SessionRowOptions): Generator<TraceBatch> {
  let rows: TraceRow[] = [];
  let blocks = 0;
  let left = options.requests ?? Number.POSITIVE_INFINITY;
  for (const row of adjusted(options)) {
    if (left-- <= 0) break;
    rows.push(row);
    blocks += row.blockHashes?.length ?? 0;
    if (rows.length === BATCH_ROWS || blocks >= BATCH_BLOCKS) {
      yield batchFromRows(rows);
      rows = [];
      blocks = 0;
    }
  }
  if (rows.length > 0) yield batchFromRows(rows);
}

function* adjusted(options: SessionRowOptions): Generator<TraceRow> {
  const { window, counts, outcomes, shares, seed } = options;
  const rngs = shares.map((_, copy): Rng => randomOf(seed, 'arrivals', 'thin-requests', copy));
  const largestClass = commonestClass(options.model);
  // Ids of requests that are gone: their successors have no parent in this trace.
  const gone = new Set<string>();
  for (const { row, copy } of merged(options.copies)) {
    const stays = shares[copy] >= 1 || rngs[copy].uniform() < shares[copy];
    if (stays && window !== null) counts.requests += 1;
    const fits = window === null || (row.inputTokens ?? 0) + (row.outputTokens ?? 0) <= window.tokens;
    if (!stays || !fits) {
      if (stays) counts.dropped += 1;
      if (row.requestId !== null) gone.add(row.requestId);
      continue;
    }
    const parentId = row.parentId !== null && gone.has(row.parentId) ? null : row.parentId;
    const status = outcomes.canFail ? outcomes.next(largestClass) : OK;
    yield status === OK
      ? { ...row, parentId }
      : {
          ...row,
          parentId,
          status: outcomes.statuses[status] as TraceRow['status'],
          outputTokens: null,
        };
  }
}

/** Rows of all copies by time; the earlier copy first when they tie. */
function* merged(copies: readonly Iterable<TraceBatch>[]): Generator<{ row: TraceRow; copy: number }> {
  const iterators = copies.map((batches) => rowsOf(batches));
  const heads = iterators.map((iterator) => iterator.next());
  for (;;) {
    let first = -1;
    for (let k = 0; k < heads.length; k++) {
      if (heads[k].done) continue;
      if (first < 0 || heads[k].value.arrivalNs < heads[first].value.arrivalNs) first = k;
    }
    if (first < 0) return;
    yield { row: heads[first].value, copy: first };
    heads[first] = iterators[first].next();
  }
}

function* rowsOf(batches: Iterable<TraceBatch>): Generator<TraceRow> {
  for (const batch of batches) yield* rowsOfBatch(batch);
}

/** Rows of sessions do not say their class; failures are those of the largest class that has any. */
function commonestClass({ classes }: WorkloadModel): number {
  let best = -1;
  classes.forEach(({ requests, failures }, k) => {
    if (failures && (best < 0 || requests > classes[best].requests)) best = k;
  });
  return Math.max(0, best);
}
