/**
 * Exact quantiles of whole numbers that stream by: a count per distinct value. Token lengths have few distinct values
 * (tens of thousands in traces of millions), so this is small where keeping every sample is not.
 */
export class CountMap {
  readonly #counts = new Map<number, number>();
  #n = 0;
  #sum = 0;
  #sorted: readonly (readonly [number, number])[] | null = null;

  get n(): number {
    return this.#n;
  }

  get sum(): number {
    return this.#sum;
  }

  get mean(): number | null {
    return this.#n === 0 ? null : this.#sum / this.#n;
  }

  add(value: number): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
    this.#n += 1;
    this.#sum += value;
    this.#sorted = null;
  }

  /** [value, count], rising. */
  entries(): readonly (readonly [number, number])[] {
    this.#sorted ??= [...this.#counts].sort((a, b) => a[0] - b[0]);
    return this.#sorted;
  }

  /** Type-7 percentiles (p in 0–1, any order), equal to those of the sorted samples; null each without samples. */
  percentiles(probs: readonly number[]): (number | null)[] {
    if (this.#n === 0) return probs.map(() => null);
    return probs.map((p) => {
      const h = (this.#n - 1) * p;
      const low = Math.floor(h);
      const below = this.#orderStatistic(low);
      const above = this.#orderStatistic(Math.min(low + 1, this.#n - 1));
      return below + (h - low) * (above - below);
    });
  }

  /** Counts in `bins` bins of equal width in the logarithm, from the smallest positive value to the largest. */
  logBins(bins: number): readonly number[] {
    const positive = this.entries().filter(([value]) => value > 0);
    if (positive.length === 0) return [];
    const low = Math.log(positive[0][0]);
    const span = Math.log(positive[positive.length - 1][0]) - low;
    const counts = new Array<number>(bins).fill(0);
    for (const [value, count] of positive) {
      const at = span === 0 ? 0 : ((Math.log(value) - low) / span) * bins;
      counts[Math.min(bins - 1, Math.floor(at))] += count;
    }
    return counts;
  }

  #orderStatistic(index: number): number {
    let seen = 0;
    for (const [value, count] of this.entries()) {
      seen += count;
      if (index < seen) return value;
    }
    throw new Error(`no order statistic ${index} of ${this.#n}`);
  }
}
