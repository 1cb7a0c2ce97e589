/**
 * Distribution of times that could only be seen when they were short enough: a reuse gap cannot reach back before the
 * window's start, so long gaps are under-counted early on.
 *
 * Source: Lynden-Bell, Mon. Not. R. Astron. Soc. 155 (1971), for right truncation: F(x) = Π over y > x of (1 − d(y)/R(y)),
 * R(y) = #{i: xᵢ ≤ y ≤ limitᵢ}. Cost: two sorts.
 */

export interface StepDistribution {
  /** Distinct values, rising, and the probability of a value up to each; the last is 1. */
  readonly values: Float64Array;
  readonly upTo: Float64Array;
}

/**
 * `limits[i]` is the largest value that could have been seen in place of `values[i]`. At least one value. Steps that
 * fewer than `leastAtRisk` rows could have shown are left out: one row more or less would decide them.
 */
export function truncatedDistribution(
  values: ArrayLike<number>,
  limits: ArrayLike<number>,
  leastAtRisk = 1,
): StepDistribution {
  const sorted = Float64Array.from(values).sort();
  // A value beyond its limit (rounded clocks) counts as seen at its limit.
  const reach = Float64Array.from(limits, (limit, i) => Math.max(limit, values[i])).sort();
  const distinct: number[] = [];
  const factors: number[] = [];
  let below = 0;
  for (let i = 0; i < sorted.length; ) {
    const value = sorted[i];
    const first = i;
    while (i < sorted.length && sorted[i] === value) i += 1;
    while (below < reach.length && reach[below] < value) below += 1;
    // Of the i values up to this one, `below` could not have been seen this large.
    const atRisk = i - below;
    distinct.push(value);
    factors.push(atRisk < leastAtRisk ? 1 : 1 - (i - first) / atRisk);
  }
  const upTo = new Float64Array(distinct.length);
  let probability = 1;
  for (let k = distinct.length - 1; k >= 0; k--) {
    upTo[k] = probability;
    probability *= Math.max(0, factors[k]);
  }
  return { values: Float64Array.from(distinct), upTo };
}
