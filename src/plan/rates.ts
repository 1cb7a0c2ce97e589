/** The offered rate over time, as an autoscaler would see it: sliding windows, ramps, percentiles and dips. */
import { percentileSorted } from '../metrics.js';

/** Rate in windows of `windowSec`, at every `stepSec`: point i covers [i·step, i·step + window). */
export interface RateSeries {
  readonly windowSec: number;
  readonly stepSec: number;
  readonly perSec: readonly number[];
}

/** Requests per second in each whole minute from 0; a last part shorter than a minute is divided by its own length. */
export function ratePerMinute(arrivalsSec: ArrayLike<number>): number[] {
  const n = arrivalsSec.length;
  if (n === 0) return [];
  const endSec = arrivalsSec[n - 1];
  const counts = new Array<number>(Math.floor(endSec / 60) + 1).fill(0);
  for (let i = 0; i < n; i++) counts[Math.floor(arrivalsSec[i] / 60)] += 1;
  const lastSec = endSec - 60 * (counts.length - 1);
  // A rest of some seconds would make a rate out of a handful of requests.
  if (counts.length > 1 && lastSec < 30) counts.pop();
  return counts.map((count, minute) => {
    const whole = minute < counts.length - 1 || counts.length * 60 <= endSec;
    return count / (whole ? 60 : Math.max(lastSec, 1));
  });
}

/** Sliding-window rates over [0, end of the arrivals]; one point when the trace is shorter than the window. */
export function slidingRates(arrivalsSec: ArrayLike<number>, windowSec: number, stepSec: number): RateSeries {
  const n = arrivalsSec.length;
  const endSec = n === 0 ? 0 : arrivalsSec[n - 1];
  const perSec: number[] = [];
  let from = 0;
  let to = 0;
  for (let i = 0; i === 0 || i * stepSec + windowSec <= endSec; i++) {
    while (from < n && arrivalsSec[from] < i * stepSec) from += 1;
    to = Math.max(to, from);
    while (to < n && arrivalsSec[to] < i * stepSec + windowSec) to += 1;
    perSec.push((to - from) / Math.min(windowSec, Math.max(endSec, stepSec)));
  }
  return { windowSec, stepSec, perSec };
}

/** Percentile of the series over time; 0 for an empty one. */
export function ratePercentile(series: RateSeries, p: number): number {
  return percentileSorted(Float64Array.from(series.perSec).sort(), p) ?? 0;
}

/**
 * The ramp: p99 over time of rate(t + lag) ÷ max(rate(t), floorPerSec), at least 1. The floor is what the smallest
 * fleet serves anyway: below it a rise needs no scaling.
 */
export function rampOver(series: RateSeries, lagSec: number, floorPerSec: number): number {
  const shift = Math.max(1, Math.round(lagSec / series.stepSec));
  const ratios: number[] = [];
  for (let i = 0; i + shift < series.perSec.length; i++) {
    ratios.push(series.perSec[i + shift] / Math.max(series.perSec[i], floorPerSec));
  }
  return Math.max(1, percentileSorted(Float64Array.from(ratios).sort(), 0.99) ?? 1);
}

/** Largest rise of the rate from one instant to one `periodSec` later; 0 when it never rises. */
export function largestRise(series: RateSeries, periodSec: number): number {
  const shift = Math.max(1, Math.round(periodSec / series.stepSec));
  let rise = 0;
  for (let i = 0; i + shift < series.perSec.length; i++) {
    rise = Math.max(rise, series.perSec[i + shift] - series.perSec[i]);
  }
  return rise;
}

/** Lengths in seconds of the dips in which fewer replicas would do, until as many are needed again. */
export function dipLengths(series: RateSeries, perReplicaPerSec: number): number[] {
  const needed = series.perSec.map((rate) => Math.max(1, Math.ceil(rate / perReplicaPerSec)));
  const lengths: number[] = [];
  for (let i = 1; i < needed.length; i++) {
    if (needed[i] >= needed[i - 1]) continue;
    let end = i;
    while (end < needed.length && needed[end] < needed[i - 1]) end += 1;
    if (end < needed.length) lengths.push((end - i) * series.stepSec);
  }
  return lengths;
}
