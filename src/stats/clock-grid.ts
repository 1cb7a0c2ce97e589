/**
 * Coarse clocks: the grid on which a log's timestamps lie, and arrivals spread over their grid cells.
 *
 * Why: a clock that ticks every 3 s shows batches that never were; replayed literally they multiply the median TTFT by
 * five. Source: statistics page §5.2. Rule: more than 20 % of gaps are zero, and at least 80 % of the others lie within
 * 0.5 % of a multiple of the commonest one, which is at least 50 ms. Cost: one pass and one sort of the gaps.
 */
import type { Rng } from '../random.js';
import { groupSample } from './sample.js';

const LEAST_GRID_SEC = 0.05;
const LEAST_TIE_SHARE = 0.2;
const LEAST_GRID_SHARE = 0.8;
const TOLERANCE = 0.005;

/** A grid that gaps show. */
export interface GapGrid {
  /** In the gaps' unit. */
  readonly step: number;
  /** Positive gaps on multiples of it ÷ positive gaps. */
  readonly share: number;
}

/**
 * The grid of gaps given as value → count, zeros left out and counted in `ties`; null when the clock is fine enough.
 * `unitsPerSec`: gaps of one second.
 */
export function gridOfGaps(
  gaps: Iterable<readonly [number, number]>,
  ties: number,
  unitsPerSec: number,
): GapGrid | null {
  const counted = [...gaps];
  const positive = counted.reduce((sum, [, count]) => sum + count, 0);
  if (positive === 0 || ties <= LEAST_TIE_SHARE * (positive + ties)) return null;
  let step = 0;
  let most = 0;
  for (const [gap, count] of counted) {
    if (count < most || (count === most && gap > step)) continue;
    most = count;
    step = gap;
  }
  if (step < LEAST_GRID_SEC * unitsPerSec) return null;
  let onGrid = 0;
  for (const [gap, count] of counted) {
    const steps = Math.max(1, Math.round(gap / step));
    if (Math.abs(gap - steps * step) <= TOLERANCE * step) onGrid += count;
  }
  return onGrid >= LEAST_GRID_SHARE * positive ? { step, share: onGrid / positive } : null;
}

/** Grid step in seconds, or null when the clock is fine enough. `arrivalSec` must be sorted. */
export function clockGridSec(arrivalSec: Float64Array): number | null {
  // Whole microseconds: differences of doubles near one hour carry noise below that.
  const gaps = arrivalSec.subarray(1).map((t, i) => Math.round((t - arrivalSec[i]) * 1e6));
  const positive = groupSample(gaps.filter((gap) => gap > 0));
  const counts = Array.from(positive.values, (gap, i) => [gap, positive.counts[i]] as const);
  const grid = gridOfGaps(counts, gaps.length - positive.n, 1e6);
  return grid === null ? null : grid.step / 1e6;
}

/** Each arrival moved by a uniform draw within its cell, sorted again. The input stays as it is. */
export function spreadOverCells(arrivalSec: Float64Array, gridSec: number, rng: Rng): Float64Array {
  return arrivalSec.map((t) => t + gridSec * rng.uniform()).sort();
}
