/**
 * Coarse source clocks: finds the grid on which timestamps lie, and spreads arrivals over their grid cell.
 *
 * A log whose clock ticks every 3 s shows batches that never were; fitted literally they multiply the median time to
 * first token by five (STATISTICS §1.2). What happens inside a cell is unobserved: uniform spreading is the honest
 * guess for fitting, and the model says that it was made. Rule: more than 20 % of gaps are zero, and at least 80 % of
 * the others lie within 0.5 % of a multiple of the commonest one, which is at least 50 ms.
 */
import type { Rng } from '../random.js';
import { groupSample } from '../stats/sample.js';
import { NS_PER_SEC } from '../units.js';

const LEAST_GRID_SEC = 0.05;
const LEAST_TIE_SHARE = 0.2;
const LEAST_GRID_SHARE = 0.8;
const TOLERANCE = 0.005;

/** Grid step in ns, or null when the clock is fine enough. `arrivalSec` must be sorted. */
export function findClockGridNs(arrivalSec: Float64Array): number | null {
  const gaps = arrivalSec.subarray(1).map((t, i) => t - arrivalSec[i]);
  const positive = gaps.filter((gap) => gap > 0);
  if (gaps.length === 0 || positive.length === 0) return null;
  if (gaps.length - positive.length <= LEAST_TIE_SHARE * gaps.length) return null;
  // Whole microseconds: differences of doubles near one hour carry noise below that.
  const grouped = groupSample(positive.map((gap) => Math.round(gap * 1e6)));
  let commonest = 0;
  for (let i = 1; i < grouped.counts.length; i++) {
    if (grouped.counts[i] > grouped.counts[commonest]) commonest = i;
  }
  const grid = grouped.values[commonest] / 1e6;
  if (grid < LEAST_GRID_SEC) return null;
  let onGrid = 0;
  for (const gap of positive) {
    const steps = Math.round(gap / grid);
    if (steps > 0 && Math.abs(gap - steps * grid) <= TOLERANCE * steps * grid) onGrid += 1;
  }
  return onGrid >= LEAST_GRID_SHARE * positive.length ? Math.round(grid * NS_PER_SEC) : null;
}

/** Each arrival moved by a uniform draw within its cell, sorted again. The input stays as it is. */
export function spreadOverGrid(arrivalSec: Float64Array, gridSec: number, rng: Rng): Float64Array {
  return arrivalSec.map((t) => t + gridSec * rng.uniform()).sort();
}
