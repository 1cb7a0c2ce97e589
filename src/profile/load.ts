/**
 * The requests of one load level: profile's input, pure and seeded.
 *
 * `stationary` keeps a level statistically the same from its first to its last second, so that a percentile belongs
 * to a rate and not to a moment of the log: arrivals are a renewal process at the level's rate (gamma gaps with the
 * asked coefficient of variation; 1 = Poisson), given their count, so that the level offers exactly its rate; lengths
 * (and prefix blocks) come from whole rows of the workload, drawn without replacement and reshuffled when all are
 * used, so input, output and sharing stay together. Sessions are dropped: their think times belong to the log's clock.
 * `trace` keeps the workload's own arrivals and order, with time scaled to the rate: bursts stay, and so does drift.
 *
 * Two levels of one seed use the same gaps (scaled) and the same rows in the same order (common random numbers), so
 * that what differs between levels is the rate.
 */
import { ToolError } from '../errors.js';
import { randomOf } from '../random.js';
import { rowsOfBatch } from '../trace/batch.js';
import type { LatencyProfile, ProfileLoad, TraceBatch, TraceMeta, TraceRow } from '../types.js';
import { NS_PER_SEC } from '../units.js';

/** The workload that levels draw from. */
export interface LoadPool {
  /** Sorted by arrival; rows with an unknown length are of no use and are passed over. */
  readonly rows: readonly TraceRow[];
  /** Mean rate of the workload itself, requests per second. */
  readonly meanRatePerSec: number;
}

export interface LevelLoadOptions {
  readonly pool: LoadPool;
  readonly ratePerSec: number;
  /** Requests of the level, warm-up included. */
  readonly requests: number;
  readonly shape: ProfileLoad['shape'];
  /** Coefficient of variation of the gaps for `stationary`. */
  readonly gapCv: number;
  readonly seed: string;
}

/** Rows of one level, sorted by arrival from 0. Throws TOO_FEW_ROWS when the pool has no row with both lengths. */
export function drawLevelLoad(options: LevelLoadOptions): TraceRow[] {
  const usable = options.pool.rows.filter(hasLengths);
  if (usable.length === 0) {
    throw new ToolError({
      code: 'TOO_FEW_ROWS',
      message: 'a load level needs rows with both input_tokens and output_tokens; the workload has none',
      hint: 'profile a trace whose log holds token counts, or a workload model',
    });
  }
  return options.shape === 'trace' ? scaledLoad(options, usable) : stationaryLoad(options, usable);
}

/** Rows that load levels draw from at most; of a longer workload, evenly spread runs of consecutive rows are kept. */
const POOL_ROWS = 50_000;
const POOL_RUN_ROWS = 500;

/** The pool of a workload: its rows with both lengths, and its own rate. */
export async function collectPool(
  batches: AsyncIterable<TraceBatch>,
  meanRatePerSec: number,
): Promise<LoadPool> {
  const rows: TraceRow[] = [];
  for await (const batch of batches) {
    for (const row of rowsOfBatch(batch)) if (hasLengths(row)) rows.push(row);
  }
  const keepEvery = Math.ceil(rows.length / POOL_ROWS);
  return { rows: rows.filter((_, i) => Math.floor(i / POOL_RUN_ROWS) % keepEvery === 0), meanRatePerSec };
}

/** What a profile says about its workload. */
export function poolFacts(meta: TraceMeta, { rows }: LoadPool): LatencyProfile['workload'] {
  const mean = (key: 'inputTokens' | 'outputTokens'): number =>
    rows.reduce((sum, row) => sum + row[key]!, 0) / Math.max(1, rows.length);
  return {
    name: meta.name,
    hash: meta.contentHash,
    meanInputTokens: mean('inputTokens'),
    meanOutputTokens: mean('outputTokens'),
  };
}

/** Whether a row says how long its prompt and its answer are. */
export function hasLengths(row: TraceRow): boolean {
  return row.inputTokens !== null && row.inputTokens > 0 && row.outputTokens !== null && row.outputTokens > 0;
}

function stationaryLoad(options: LevelLoadOptions, pool: readonly TraceRow[]): TraceRow[] {
  const arrivals = renewalArrivalsNs(options);
  const pick = shuffledCycles(pool.length, options.seed);
  return arrivals.map((arrivalNs) => {
    const { index, cycle } = pick();
    const row = pool[index];
    return {
      ...row,
      arrivalNs,
      sessionId: null,
      parentId: null,
      turn: null,
      thinkNs: null,
      blockHashes: row.blockHashes === null ? null : renamedBlocks(row.blockHashes, cycle),
      ttftNs: null,
      durationNs: null,
    };
  });
}

/** Arrivals in [0, requests ÷ rate): gamma gaps scaled so that the count is exact. */
function renewalArrivalsNs(options: LevelLoadOptions): bigint[] {
  const rng = randomOf(options.seed, 'arrivals', 'level');
  const shape = options.gapCv > 0 ? 1 / (options.gapCv * options.gapCv) : null;
  const gap = (): number => (shape === null ? 1 : shape === 1 ? rng.exponential() : rng.gamma(shape));
  const ends: number[] = [];
  let sum = 0;
  for (let i = 0; i <= options.requests; i++) {
    sum += gap();
    ends.push(sum);
  }
  const windowNs = (options.requests / options.ratePerSec) * NS_PER_SEC;
  return ends.slice(0, options.requests).map((end) => BigInt(Math.floor((end / sum) * windowNs)));
}

/** Indices 0 … n − 1 in random order, again and again in a new order. */
function shuffledCycles(n: number, seed: string): () => { readonly index: number; readonly cycle: number } {
  const rng = randomOf(seed, 'lengths', 'level');
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let left = n;
  let cycle = 0;
  return () => {
    if (left === 0) {
      left = n;
      cycle += 1;
    }
    const at = rng.int(left);
    left -= 1;
    const index = order[at];
    order[at] = order[left];
    order[left] = index;
    return { index, cycle };
  };
}

/** A row used again must not find its own prompt in the prefix cache: each cycle has its own name space of blocks. */
function renamedBlocks(hashes: readonly bigint[], cycle: number): readonly bigint[] {
  if (cycle === 0) return hashes;
  const salt = BigInt.asUintN(64, BigInt(cycle) * 0x9e37_79b9_7f4a_7c15n);
  return hashes.map((hash) => hash ^ salt);
}

function scaledLoad(options: LevelLoadOptions, pool: readonly TraceRow[]): TraceRow[] {
  const stretch = options.pool.meanRatePerSec / options.ratePerSec;
  const startNs = pool[0].arrivalNs;
  const spanNs = Number(pool[pool.length - 1].arrivalNs - startNs) + NS_PER_SEC / options.pool.meanRatePerSec;
  const rows: TraceRow[] = [];
  for (let i = 0; i < options.requests; i++) {
    const row = pool[i % pool.length];
    const cycle = Math.floor(i / pool.length);
    const sourceNs = Number(row.arrivalNs - startNs) + cycle * spanNs;
    rows.push({
      ...row,
      arrivalNs: BigInt(Math.floor(sourceNs * stretch)),
      blockHashes: row.blockHashes === null ? null : renamedBlocks(row.blockHashes, cycle),
    });
  }
  return rows;
}
