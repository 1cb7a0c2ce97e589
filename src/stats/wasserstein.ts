/**
 * Wasserstein-1 distance: the mean shift, in the values' unit, that turns one sample into the other.
 *
 * Source: ∫|F₁ − F₂| over the pooled values, as `scipy.stats.wasserstein_distance`. Cost: linear after grouping.
 */
import type { GroupedSample } from './sample.js';

export function wassersteinDistance(a: GroupedSample, b: GroupedSample): number {
  let i = 0;
  let j = 0;
  let belowA = 0;
  let belowB = 0;
  let distance = 0;
  let previous = 0;
  while (i < a.values.length || j < b.values.length) {
    const x = Math.min(a.values[i] ?? Number.POSITIVE_INFINITY, b.values[j] ?? Number.POSITIVE_INFINITY);
    distance += Math.abs(belowA / a.n - belowB / b.n) * (belowA + belowB > 0 ? x - previous : 0);
    if (a.values[i] === x) belowA += a.counts[i++];
    if (b.values[j] === x) belowB += b.counts[j++];
    previous = x;
  }
  return distance;
}
