/**
 * Intervals for differences of two runs, by resampling whole blocks of time: requests of one moment share the server's
 * queue, so single requests are no independent draws. Where both runs sent the same rows, the same blocks are drawn for
 * both, and what the traffic does to both cancels.
 *
 * Source: block bootstrap for dependent data (Künsch 1989, with disjoint blocks); the percentile interval is widened
 * for few blocks by Student's t (Hesterberg, Am. Stat. 69, 2015, "expanded percentile interval"). Cost: one pass over
 * the sorted values per resample.
 */
import { percentileSorted } from '../metrics.js';
import type { Rng } from '../random.js';
import { varianceOf } from '../stats/moments.js';
import { normalCdf } from '../stats/normal-cdf.js';
import { studentQuantile } from '../stats/student-quantile.js';

/** How often each block was drawn, per resample and run. */
export interface BlockDraws {
  readonly resamples: number;
  /** Fewer of the two runs' blocks. */
  readonly blocks: number;
  readonly a: readonly Int32Array[];
  readonly b: readonly Int32Array[];
}

/** `blocksB` null = paired: the draws of the first run count for both. */
export function drawBlocks(options: {
  readonly resamples: number;
  readonly blocksA: number;
  readonly blocksB: number | null;
  readonly rng: Rng;
}): BlockDraws {
  const { resamples, blocksA, blocksB, rng } = options;
  const draw = (blocks: number): Int32Array => {
    const times = new Int32Array(blocks);
    for (let k = 0; k < blocks; k++) times[rng.int(blocks)] += 1;
    return times;
  };
  const a = Array.from({ length: resamples }, () => draw(blocksA));
  const b = blocksB === null ? a : Array.from({ length: resamples }, () => draw(blocksB));
  return { resamples, blocks: Math.min(blocksA, blocksB ?? blocksA), a, b };
}

/** A sample as its sorted values with the block of each. */
export interface BlockedSample {
  readonly sorted: Float64Array;
  readonly blockOf: Int32Array;
}

export function blockedSample(values: ArrayLike<number>, blocks: ArrayLike<number>): BlockedSample {
  const order = Uint32Array.from({ length: values.length }, (_, i) => i).sort(
    (i, j) => values[i] - values[j],
  );
  return {
    sorted: Float64Array.from(order, (i) => values[i]),
    blockOf: Int32Array.from(order, (i) => blocks[i]),
  };
}

/** Type-7 quantiles at rising `probs` of the sample in which block k counts times[k] times; null for an empty one. */
export function weightedQuantiles(
  { sorted, blockOf }: BlockedSample,
  times: Int32Array,
  probs: readonly number[],
): (number | null)[] {
  let total = 0;
  for (let i = 0; i < sorted.length; i++) total += times[blockOf[i]];
  if (total === 0) return probs.map(() => null);
  const result: number[] = [];
  let i = -1;
  let upTo = 0;
  for (const p of probs) {
    const place = (total - 1) * p;
    const low = Math.floor(place);
    while (upTo <= low) upTo += times[blockOf[++i]];
    const value = sorted[i];
    let next = i;
    let upToNext = upTo;
    while (upToNext <= low + 1 && next + 1 < sorted.length) upToNext += times[blockOf[++next]];
    const above = upToNext > low + 1 ? sorted[next] : value;
    result.push(value + (place - low) * (above - value));
  }
  return result;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Below this, an interval would be an invention. */
export const LEAST_BLOCKS = 5;

/** 95 % interval of a difference from its resampled values; null for too few blocks or values. */
export function expandedInterval(resampled: readonly number[], blocks: number): Interval | null {
  if (blocks < LEAST_BLOCKS || resampled.length < 100) return null;
  const reach = Math.sqrt(blocks / (blocks - 1)) * studentQuantile(0.975, blocks - 1);
  const tail = normalCdf(-reach);
  const sorted = Float64Array.from(resampled).sort();
  return { low: percentileSorted(sorted, tail)!, high: percentileSorted(sorted, 1 - tail)! };
}

/**
 * The interval for one of `family` quantities that are judged together (Bonferroni): Student's t on the bootstrap's
 * standard error, because the far tails are beyond what resamples resolve; never inside the 95 % interval.
 */
export function familyInterval(
  difference: number,
  resampled: readonly number[],
  { blocks, family }: { readonly blocks: number; readonly family: number },
): Interval | null {
  const one = expandedInterval(resampled, blocks);
  if (one === null) return null;
  const error = Math.sqrt((varianceOf(resampled)! * blocks) / (blocks - 1));
  const reach = studentQuantile(1 - 0.025 / family, blocks - 1) * error;
  return { low: Math.min(one.low, difference - reach), high: Math.max(one.high, difference + reach) };
}
