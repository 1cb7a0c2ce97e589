/**
 * A sample as sorted distinct values with counts: what likelihood fits and KS distances read. Token lengths repeat,
 * so ten million rows become a few thousand pairs; gaps rarely repeat and keep counts of one.
 *
 * Cost: O(n log n) once; fits and distances are then linear in the number of distinct values.
 */

export interface GroupedSample {
  /** Distinct values, rising. */
  readonly values: Float64Array;
  /** Occurrences of each value. */
  readonly counts: Float64Array;
  /** Sum of counts. */
  readonly n: number;
}

/** Groups any finite values. */
export function groupSample(values: ArrayLike<number>): GroupedSample {
  const sorted = Float64Array.from(values).sort();
  return groupSorted(sorted);
}

/** Groups values that are sorted already. */
export function groupSorted(sorted: ArrayLike<number>): GroupedSample {
  const n = sorted.length;
  let distinct = 0;
  for (let i = 0; i < n; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) distinct += 1;
  const values = new Float64Array(distinct);
  const counts = new Float64Array(distinct);
  let k = -1;
  for (let i = 0; i < n; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) values[++k] = sorted[i];
    counts[k] += 1;
  }
  return { values, counts, n };
}

/** The part of a sample above zero, for families on (0, ∞), and how many values were not. */
export function positivePart(sample: GroupedSample): {
  readonly positive: GroupedSample;
  readonly leftOut: number;
} {
  let first = 0;
  let leftOut = 0;
  while (first < sample.values.length && sample.values[first] <= 0) leftOut += sample.counts[first++];
  if (first === 0) return { positive: sample, leftOut: 0 };
  return {
    positive: {
      values: sample.values.subarray(first),
      counts: sample.counts.subarray(first),
      n: sample.n - leftOut,
    },
    leftOut,
  };
}

/** Σ countᵢ·term(xᵢ), compensated (Neumaier 1974). */
export function weightedSum(sample: GroupedSample, term: (x: number) => number): number {
  let sum = 0;
  let correction = 0;
  for (let i = 0; i < sample.values.length; i++) {
    const value = sample.counts[i] * term(sample.values[i]);
    const next = sum + value;
    correction += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return sum + correction;
}
