/**
 * Autocorrelation of a series of counts: how long bursts last.
 *
 * Source: Σ(cₜ − m)(cₜ₊ₗ − m) / Σ(cₜ − m)², the biased estimator of Box & Jenkins. Cost: linear per lag.
 */
import { meanOf } from './moments.js';

/** Correlation at `lag` ≥ 0; null for a constant series or one not longer than the lag. */
export function autocorrelation(series: ArrayLike<number>, lag: number): number | null {
  const mean = meanOf(series);
  if (mean === null || series.length <= lag) return null;
  let numerator = 0;
  let denominator = 0;
  for (let i = 0; i < series.length; i++) {
    const deviation = series[i] - mean;
    denominator += deviation * deviation;
    if (i + lag < series.length) numerator += deviation * (series[i + lag] - mean);
  }
  return denominator > 0 ? numerator / denominator : null;
}
