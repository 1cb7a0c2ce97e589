/** A workload model and a seed → the stream of its requests, drawn by this thread or by worker threads. */
import { ROWS_PER_BLOCK } from '../random.js';
import type { WorkloadModel } from '../types.js';
import { BlockPool } from './block-pool.js';
import { type DrawnRows, drawnRows, localRows, type RowSource } from './blocks.js';
import { ClassStream } from './class-stream.js';
import { withLocality } from './locality.js';
import type { SynthesisPlan } from './plan.js';
import { mergeSources, type RequestSource } from './request-source.js';
import { SHARED_ID, SharedStream } from './shared-stream.js';

export interface OpenSource {
  readonly source: RequestSource;
  /** Ends the worker threads. */
  close(): void;
}

/** Rows of fewer expected requests are drawn in this thread: a whole block would be wasted on them. */
const POOLED_REQUESTS = ROWS_PER_BLOCK;

export function openSource(model: WorkloadModel, seed: string, plan: SynthesisPlan): OpenSource {
  const isShared = Boolean(model.shared);
  const total = model.classes.reduce((sum, one) => sum + one.requests, 0);
  const drawn = model.classes.map((one) => drawnRows(one, seed, isShared));
  const expected = model.classes.map((one) => plan.expectedRequests * (one.requests / total));
  if (model.shared && !model.shared.bursts) {
    drawn.push({ seed, id: SHARED_ID, gaps: model.shared.gaps, lengths: null });
    expected.push(plan.expectedRequests);
  }
  const { rows, close } = openRows(drawn, expected, plan.workers);
  const source = isShared ? sharedSource(model, seed, plan, rows) : classSources(model, seed, plan, rows);
  return { source: withLocality(source, model.locality, model.classes, seed), close };
}

function openRows(
  drawn: readonly DrawnRows[],
  expected: readonly number[],
  workers: number,
): { readonly rows: readonly RowSource[]; close(): void } {
  const pooled = drawn.filter((_, k) => workers > 1 && expected[k] >= POOLED_REQUESTS);
  const pool = pooled.length > 0 ? new BlockPool(pooled, workers) : null;
  return {
    rows: drawn.map((one) => {
      const place = pooled.indexOf(one);
      return place >= 0 && pool !== null ? pool.rows(place) : localRows(one);
    }),
    close: () => pool?.close(),
  };
}

/** First instant that is no longer wanted, µs; +∞ = no end. */
export const endUsOf = ({ durationSec }: SynthesisPlan): number =>
  durationSec === null ? Number.POSITIVE_INFINITY : durationSec * 1e6;

function classSources(
  { classes, durationSec }: WorkloadModel,
  seed: string,
  plan: SynthesisPlan,
  rows: readonly RowSource[],
): RequestSource {
  return mergeSources(
    classes.map(
      (drawn, classIndex) =>
        new ClassStream({
          drawn,
          classIndex,
          rows: rows[classIndex],
          seed,
          periodSec: durationSec,
          factor: plan.factor,
          endUs: endUsOf(plan),
        }),
    ),
  );
}

function sharedSource(
  { classes, shared, durationSec }: WorkloadModel,
  seed: string,
  plan: SynthesisPlan,
  rows: readonly RowSource[],
): RequestSource {
  return new SharedStream({
    shared: shared!,
    classes,
    gapRows: rows[classes.length] ?? null,
    classRows: rows.slice(0, classes.length),
    seed,
    periodSec: durationSec,
    factor: plan.factor,
    endUs: endUsOf(plan),
  });
}
