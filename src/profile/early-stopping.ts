/**
 * Early stopping of MLPerf LoadGen: how many queries a run needs before a percentile counts as met, given how many were
 * over its limit.
 *
 * With t of n queries over the limit, the claim "at most a share 1 − p is over it" is accepted when, were the share exactly
 * 1 − p, so few as t would be seen with a probability of at most 1 − confidence: BinomialCdf(t; n, 1 − p) ≤ 1 − c.
 * Source: MLPerf Inference rules, appendix "Early Stopping Criterion"; loadgen/early_stopping.cc (tolerance 0, confidence
 * 0.99). Cost: O(t log n). Checked against its table: p99 t = 0 → 459, 1 → 662, 2 → 838, 10 → 2010; p90 t = 0 → 44.
 */

/** Confidence that LoadGen asks for. */
export const EARLY_STOPPING_CONFIDENCE = 0.99;

/** Fewest queries with which `over` of them over the limit still pass; `percentile` in (0, 1). */
export function queriesNeeded(
  percentile: number,
  over: number,
  confidence: number = EARLY_STOPPING_CONFIDENCE,
): number {
  const passes = (queries: number): boolean =>
    binomialCdf(over, queries, 1 - percentile) <= 1 - confidence + 1e-12;
  let high = over + 1;
  while (!passes(high)) high *= 2;
  let low = over;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (passes(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** P(X ≤ k) of n draws with probability q each, 0 < q < 1; terms in logs, so that n may be a million. */
export function binomialCdf(k: number, n: number, q: number): number {
  if (k >= n) return 1;
  const odds = Math.log(q) - Math.log1p(-q);
  let logTerm = n * Math.log1p(-q);
  let sum = Math.exp(logTerm);
  for (let i = 1; i <= k; i++) {
    logTerm += Math.log((n - i + 1) / i) + odds;
    sum += Math.exp(logTerm);
  }
  return Math.min(1, sum);
}
