/** Empirical distribution functions on a shared grid: exact at each grid point, and the grid keeps the extremes. */

/**
 * `points` values from the smallest positive to the largest sample, evenly spaced in their logarithm; the ends are
 * the extremes themselves. Empty without a positive sample.
 */
export function logGrid(samples: readonly ArrayLike<number>[], points: number): number[] {
  let min = Number.POSITIVE_INFINITY;
  let max = 0;
  for (const list of samples) {
    for (let i = 0; i < list.length; i++) {
      const value = list[i];
      if (value > 0 && value < min) min = value;
      if (value > max) max = value;
    }
  }
  if (!(max > 0)) return [];
  if (min === max) return [min];
  const ratio = Math.log(max / min);
  const grid = Array.from({ length: points }, (_, i) => min * Math.exp((ratio * i) / (points - 1)));
  grid[0] = min;
  grid[points - 1] = max;
  return grid;
}

/** Share of samples ≤ x at each x of a rising grid; null everywhere without samples. O(n log n). */
export function ecdfOnGrid(samples: ArrayLike<number>, grid: readonly number[]): (number | null)[] {
  const n = samples.length;
  if (n === 0) return grid.map(() => null);
  const sorted = Float64Array.from(samples).sort();
  let i = 0;
  return grid.map((x) => {
    while (i < n && sorted[i] <= x) i += 1;
    return i / n;
  });
}
