/**
 * Several quantiles of one sample. The definition is `percentileSorted` of metrics.ts, the only one in the program
 * (type 7 of Hyndman & Fan 1996, NumPy's default); here only the sorting is shared. Cost: O(n log n).
 */
import { percentileSorted } from '../metrics.js';

/** Sorted copy, smallest first. NaN sorts last; callers keep it out. */
export function sortedCopy(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values).sort();
}

/** Quantiles at the given probabilities (0–1) of an unsorted sample; null each for no values. */
export function quantilesOf(values: ArrayLike<number>, probs: readonly number[]): (number | null)[] {
  const sorted = sortedCopy(values);
  return probs.map((p) => percentileSorted(sorted, p));
}
