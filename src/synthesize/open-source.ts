/** A plan → the stream of its requests: copies, thinned and merged, drawn by this thread or by worker threads. */
import { ROWS_PER_BLOCK } from '../random.js';
import type { WorkloadModel } from '../types.js';
import { BlockPool } from './block-pool.js';
import { type DrawnRows, drawnRows, localRows, type RowSource } from './blocks.js';
import { ClassStream } from './class-stream.js';
import { thinned } from './copies.js';
import { withLocality } from './locality.js';
import type { SynthesisPlan } from './plan.js';
import { mergeSources, type RequestSource } from './request-source.js';
import { SHARED_ID, SharedStream } from './shared-stream.js';

export interface OpenSources {
  /** One stream per copy, thinned to its share. */
  readonly sources: readonly RequestSource[];
  /** Ends the worker threads. */
  close(): void;
}

/** Rows of fewer expected requests are drawn in this thread: a whole block would be wasted on them. */
const POOLED_REQUESTS = ROWS_PER_BLOCK;
/** Rows that streams in this thread hold in all; many copies hold fewer each. */
const LOCAL_ROWS = 1 << 18;

/** `isThinned`: each copy's requests are thinned to its share here. */
export function openSources(plan: SynthesisPlan, isThinned: boolean): OpenSources {
  const { model, copies } = plan;
  const total = model.classes.reduce((sum, one) => sum + one.requests, 0);
  const perCopy = (plan.expectedRequests + plan.firstRequest) / copies.length;
  const drawn = copies.map(({ seed }) => drawnOf(model, seed));
  const expected = drawn.map((rows) =>
    rows.map((_, k) => (k < model.classes.length ? perCopy * (model.classes[k].requests / total) : perCopy)),
  );
  const { rows, close } = openRows(drawn.flat(), expected.flat(), plan.workers);
  const perSource = drawn[0].length;
  return {
    sources: copies.map((copy, k) => {
      const source = copySource(plan, copy.seed, rows.slice(k * perSource, (k + 1) * perSource));
      return isThinned ? thinned(source, copy) : source;
    }),
    close,
  };
}

/** All copies as one stream. */
export function openMerged(plan: SynthesisPlan): { readonly source: RequestSource; close(): void } {
  const { sources, close } = openSources(plan, true);
  return { source: mergeSources(sources), close };
}

function drawnOf(model: WorkloadModel, seed: string): DrawnRows[] {
  const isShared = Boolean(model.shared);
  const drawn = model.classes.map((one) => drawnRows(one, seed, isShared));
  if (model.shared && !model.shared.bursts)
    drawn.push({ seed, id: SHARED_ID, gaps: model.shared.gaps, lengths: null });
  return drawn;
}

function openRows(
  drawn: readonly DrawnRows[],
  expected: readonly number[],
  workers: number,
): { readonly rows: readonly RowSource[]; close(): void } {
  const pooled = drawn.filter((_, k) => workers > 1 && expected[k] >= POOLED_REQUESTS);
  const pool = pooled.length > 0 ? new BlockPool(pooled, workers) : null;
  const place = new Map(pooled.map((one, k) => [one, k]));
  const pieceRows = Math.max(64, Math.min(4_096, 2 ** Math.floor(Math.log2(LOCAL_ROWS / drawn.length))));
  return {
    rows: drawn.map((one) => {
      const inPool = place.get(one);
      return inPool !== undefined && pool !== null ? pool.rows(inPool) : localRows(one, pieceRows);
    }),
    close: () => pool?.close(),
  };
}

/** First instant that is no longer wanted, µs; +∞ = no end. */
export const endUsOf = ({ durationSec }: SynthesisPlan): number =>
  durationSec === null ? Number.POSITIVE_INFINITY : durationSec * 1e6;

function copySource(plan: SynthesisPlan, seed: string, rows: readonly RowSource[]): RequestSource {
  const { classes, shared, locality, durationSec: periodSec } = plan.model;
  const endUs = endUsOf(plan);
  const source = shared
    ? new SharedStream({
        shared,
        classes,
        gapRows: rows[classes.length] ?? null,
        classRows: rows.slice(0, classes.length),
        seed,
        periodSec,
        endUs,
      })
    : mergeSources(
        classes.map(
          (drawn, classIndex) =>
            new ClassStream({ drawn, classIndex, rows: rows[classIndex], seed, periodSec, endUs }),
        ),
      );
  return withLocality(source, locality, classes, seed);
}
