/** Histogram on a logarithmic scale, for values whose size spans decades: send lag from microseconds to seconds. */

export interface LogHistogram {
  /** Lower edges; the first bin also holds everything below, zero and negative values included. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  /** Upper edge of the last bin. */
  readonly end: number;
}

/** Bins of equal width in log10 from `from` until the largest value is inside, `perDecade` to a decade. */
export function logHistogram(values: ArrayLike<number>, from: number, perDecade: number): LogHistogram {
  let max = from;
  for (let i = 0; i < values.length; i++) if (values[i] > max) max = values[i];
  const edge = (bin: number): number => from * 10 ** (bin / perDecade);
  let bins = 1;
  while (edge(bins) <= max) bins += 1;
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    let bin = value <= from ? 0 : Math.min(Math.floor(Math.log10(value / from) * perDecade), bins - 1);
    // The logarithm is off by a rounding error at edges; the edges themselves decide.
    while (bin > 0 && value < edge(bin)) bin -= 1;
    while (bin < bins - 1 && value >= edge(bin + 1)) bin += 1;
    counts[bin] += 1;
  }
  return { edges: Array.from({ length: bins }, (_, i) => edge(i)), counts, end: edge(bins) };
}
