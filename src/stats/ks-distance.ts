/**
 * Kolmogorov–Smirnov distance of a sample from a distribution function, ties included.
 *
 * Source: sup |Fₙ − F|, as `scipy.stats.kstest(x, F).statistic`. With equal values the empirical function jumps once
 * by their share, and both sides of the jump count. The usual p-value does not hold when the parameters were fitted
 * to the same sample, so none is given here. Cost: one evaluation of F per distinct value.
 */
import type { GroupedSample } from './sample.js';

/** Largest distance, 0–1; 0 for an empty sample. */
export function ksDistance(sample: GroupedSample, cdf: (x: number) => number): number {
  let below = 0;
  let largest = 0;
  for (let i = 0; i < sample.values.length; i++) {
    const f = cdf(sample.values[i]);
    const upTo = below + sample.counts[i];
    largest = Math.max(largest, upTo / sample.n - f, f - below / sample.n);
    below = upTo;
  }
  return largest;
}
