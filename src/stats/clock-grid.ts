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

/** Grid step in seconds, or null when the clock is fine enough. `arrivalSec` must be sorted. */
export function clockGridSec(arrivalSec: Float64Array): number | null {
  // Whole microseconds: differences of doubles near one hour carry noise below that.
  const gaps = arrivalSec.subarray(1).map((t, i) => Math.round((t - arrivalSec[i]) * 1e6));
  const positive = groupSample(gaps.filter((gap) => gap > 0));
  if (positive.n === 0 || gaps.length - positive.n <= LEAST_TIE_SHARE * gaps.length) return null;
  let commonest = 0;
  positive.counts.forEach((count, i) => {
    if (count > positive.counts[commonest]) commonest = i;
  });
  const grid = positive.values[commonest];
  if (grid < LEAST_GRID_SEC * 1e6) return null;
  let onGrid = 0;
  positive.values.forEach((gap, i) => {
    const steps = Math.round(gap / grid);
    if (steps > 0 && Math.abs(gap - steps * grid) <= TOLERANCE * steps * grid) onGrid += positive.counts[i];
  });
  return onGrid >= LEAST_GRID_SHARE * positive.n ? grid / 1e6 : null;
}

/** Each arrival moved by a uniform draw within its cell, sorted again. The input stays as it is. */
export function spreadOverCells(arrivalSec: Float64Array, gridSec: number, rng: Rng): Float64Array {
  return arrivalSec.map((t) => t + gridSec * rng.uniform()).sort();
}
