/**
 * Anderson–Darling distance of a sample from a distribution function: like Kolmogorov–Smirnov, with weight on the tails
 * where capacity is decided.
 *
 * Source: A² = −n − (1/n) Σ (2i − 1)(ln F(xᵢ) + ln S(xₙ₊₁₋ᵢ)); values that repeat are summed in closed form, and F and S
 * are clipped at 1e-300 (a Pareto law has F(min) = 0). Equals the reference (SciPy distribution functions) to 1e-9.
 * Cost: one F and one S per distinct value.
 */
import type { GroupedSample } from './sample.js';

const LEAST = 1e-300;

/** A² ≥ 0 up to rounding; 0 for an empty sample. */
export function andersonDarling(
  sample: GroupedSample,
  cdf: (x: number) => number,
  survival: (x: number) => number,
): number {
  const { values, counts, n } = sample;
  if (n === 0) return 0;
  let below = 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const upTo = below + counts[i];
    // Σ (2i − 1) for ranks below + 1 … upTo, and the same counted from the top.
    sum += (upTo * upTo - below * below) * Math.log(Math.max(LEAST, cdf(values[i])));
    sum += ((n - below) ** 2 - (n - upTo) ** 2) * Math.log(Math.max(LEAST, survival(values[i])));
    below = upTo;
  }
  return -n - sum / n;
}
