/**
 * Two-sample Kolmogorov–Smirnov distance: how far two traces' lengths are apart.
 *
 * Source: sup |F₁ − F₂| of right-continuous empirical distribution functions over the pooled values, as
 * `scipy.stats.ks_2samp`; the p-value is the limit law at √(n₁n₂/(n₁+n₂))·D. Cost: linear after grouping.
 */
import { kolmogorovSf } from './kolmogorov.js';
import type { GroupedSample } from './sample.js';

export interface KsTwoSample {
  readonly distance: number;
  /** Limit of many samples; correct for continuous data, conservative with ties. */
  readonly pValue: number;
}

export function ksTwoSample(a: GroupedSample, b: GroupedSample): KsTwoSample {
  let i = 0;
  let j = 0;
  let belowA = 0;
  let belowB = 0;
  let distance = 0;
  while (i < a.values.length && j < b.values.length) {
    const x = Math.min(a.values[i], b.values[j]);
    if (a.values[i] === x) belowA += a.counts[i++];
    if (b.values[j] === x) belowB += b.counts[j++];
    distance = Math.max(distance, Math.abs(belowA / a.n - belowB / b.n));
  }
  return { distance, pValue: kolmogorovSf(Math.sqrt((a.n * b.n) / (a.n + b.n)) * distance) };
}
