/**
 * Real samples as quantiles with fine tails, and draws from them by inversion.
 *
 * The counterpart of the atoms-and-sketch table for times and ratios (STATISTICS §2.2): equal steps in the body, halving
 * steps in both tails. Cost: one binary search of some 50 knots per draw.
 */
import type { QuantileCurve } from '../types.js';

/** Digits of a stored value: far below the noise of any sample, and readable. */
const DIGITS = 5;

/** Curve of a sample that is sorted, with at least one value. */
export function quantileCurve(sorted: ArrayLike<number>): QuantileCurve {
  const n = sorted.length;
  const probs = knotsFor(n);
  return curveOf(n, probs, (p) => sorted[Math.max(1, Math.ceil(p * n)) - 1]);
}

/** Curve of a distribution given as steps: `upTo[i]` is the probability of a value ≤ `values[i]`, rising to anything. */
export function curveOfSteps(values: ArrayLike<number>, upTo: ArrayLike<number>, n: number): QuantileCurve {
  const total = upTo[upTo.length - 1];
  return curveOf(n, knotsFor(n), (p) => {
    let low = 0;
    let high = values.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle] >= p * total) high = middle;
      else low = middle + 1;
    }
    return values[low];
  });
}

/** Value at probability p, 0–1. */
export function quantileAt({ probs, values }: QuantileCurve, p: number): number {
  let low = 0;
  let high = probs.length - 1;
  if (high === 0) return values[0];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (probs[middle] <= p) low = middle;
    else high = middle;
  }
  const width = probs[high] - probs[low];
  const share = width > 0 ? Math.min(1, Math.max(0, (p - probs[low]) / width)) : 0;
  return values[low] + share * (values[high] - values[low]);
}

/** Probability of a value ≤ x; on a flat piece its middle. */
export function probabilityAt({ probs, values }: QuantileCurve, x: number): number {
  const last = values.length - 1;
  if (x < values[0]) return 0;
  if (x > values[last]) return 1;
  let first = 0;
  while (values[first] < x) first += 1;
  let end = first;
  while (end < last && values[end + 1] === x) end += 1;
  if (values[first] === x) return first === 0 && end === 0 ? probs[0] : (probs[first] + probs[end]) / 2;
  const share = (x - values[first - 1]) / (values[first] - values[first - 1]);
  return probs[first - 1] + share * (probs[first] - probs[first - 1]);
}

function curveOf(n: number, probs: readonly number[], quantile: (p: number) => number): QuantileCurve {
  return { n, probs: [...probs], values: probs.map((p) => Number(quantile(p).toPrecision(DIGITS))) };
}

/** 0, halving steps up to 1/B, equal steps, halving steps towards 1, and 1; B by sample size. */
function knotsFor(n: number): number[] {
  const bins = n >= 2_000 ? 64 : n >= 400 ? 32 : n >= 40 ? 16 : 4;
  const tail: number[] = [];
  for (let p = 0.5 / bins; p * n >= 1; p /= 2) tail.push(p);
  const body = Array.from({ length: bins - 1 }, (_, k) => (k + 1) / bins);
  return [0, ...tail.toReversed(), ...body, ...tail.map((p) => 1 - p), 1];
}
