/**
 * Quantiles of positive families without a closed form: the root of the distribution function, or of the survival
 * function above the median, so that far tails keep their digits. Cost: some 15 evaluations.
 */
import { findPositiveRoot } from './root.js';

/** x > 0 with P(X ≤ x) = p; `start` is any positive value of the right size. */
export function quantileByRoot(
  p: number,
  start: number,
  cdf: (x: number) => number,
  survival: (x: number) => number,
): number {
  if (p <= 0) return 0;
  if (p >= 1) return Number.POSITIVE_INFINITY;
  const root =
    p <= 0.5
      ? findPositiveRoot((x) => cdf(x) - p, start)
      : findPositiveRoot((x) => 1 - p - survival(x), start);
  return root ?? Number.NaN;
}
