/** ECDFs and Q–Q pairs from quantiles that a document keeps, so that a chart needs no raw samples. Pure. */

/** Share of samples ≤ x at each x of a rising grid; linear between the quantiles, jumps where they repeat. */
export function ecdfFromQuantiles(
  probs: readonly number[],
  values: readonly number[],
  grid: readonly number[],
): number[] {
  const last = values.length - 1;
  let k = -1;
  return grid.map((x) => {
    while (k < last && values[k + 1] <= x) k += 1;
    if (k < 0) return 0;
    if (k === last) return 1;
    const width = values[k + 1] - values[k];
    return probs[k] + ((x - values[k]) / width) * (probs[k + 1] - probs[k]);
  });
}

/** The distinct values of both sides above zero, rising: where an ECDF of either bends. */
export function commonGrid(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].filter((value) => value > 0).sort((x, y) => x - y);
}
