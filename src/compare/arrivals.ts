/** Statistics of arrivals and of the work that they bring, computed once per sample; definitions: statistics page §3.1. */
import { percentileSorted } from '../metrics.js';
import { autocorrelation } from '../stats/autocorrelation.js';
import { countsPerWindow, dispersionIndex } from '../stats/dispersion.js';
import { variationOf } from '../stats/moments.js';
import { type GroupedSample, groupSample } from '../stats/sample.js';
import type { Sample } from './sample.js';

/** Counts in disjoint windows of one width. */
export interface CountStatistics {
  readonly grouped: GroupedSample;
  readonly dispersion: number | null;
  readonly max: number | null;
  readonly p99: number | null;
}

export interface ArrivalStatistics {
  readonly ratePerSec: number;
  readonly perSecond: CountStatistics;
  readonly per10Sec: CountStatistics;
  readonly per60Sec: CountStatistics;
  /** Of counts per second at lags 1 … 60; null = the sample is too short or constant. */
  readonly autocorrelation: readonly (number | null)[];
  /** Seconds between consecutive arrivals. */
  readonly gaps: GroupedSample;
  readonly gapCv: number | null;
  /** Index of dispersion of the input tokens that arrive per window: the burstiness of work. */
  readonly tokenDispersion10: number | null;
  readonly tokenDispersion60: number | null;
}

export const AUTOCORRELATION_LAGS = 60;

export function arrivalStatistics(sample: Sample): ArrivalStatistics {
  const { arrivalSec, durationSec } = sample;
  const perSecond = countsPerWindow(arrivalSec, 1, durationSec);
  const gaps = gapsOf(arrivalSec);
  return {
    ratePerSec: arrivalSec.length / durationSec,
    perSecond: countStatistics(perSecond),
    per10Sec: countStatistics(countsPerWindow(arrivalSec, 10, durationSec)),
    per60Sec: countStatistics(countsPerWindow(arrivalSec, 60, durationSec)),
    autocorrelation: Array.from({ length: AUTOCORRELATION_LAGS }, (_, k) =>
      autocorrelation(perSecond, k + 1),
    ),
    gaps: groupSample(gaps),
    gapCv: variationOf(gaps),
    tokenDispersion10: dispersionIndex(tokensPerWindow(sample, 10)),
    tokenDispersion60: dispersionIndex(tokensPerWindow(sample, 60)),
  };
}

/** Seconds between consecutive arrivals. */
export function gapsOf(arrivalSec: Float64Array): Float64Array {
  return arrivalSec.subarray(1).map((t, i) => t - arrivalSec[i]);
}

function countStatistics(counts: Float64Array): CountStatistics {
  const sorted = counts.slice().sort();
  return {
    grouped: groupSample(counts),
    dispersion: dispersionIndex(counts),
    max: percentileSorted(sorted, 1),
    p99: percentileSorted(sorted, 0.99),
  };
}

function tokensPerWindow({ arrivalSec, inputTokens, durationSec }: Sample, windowSec: number): Float64Array {
  const sums = new Float64Array(Math.floor(durationSec / windowSec));
  arrivalSec.forEach((t, i) => {
    const window = Math.floor(t / windowSec);
    if (window < sums.length && inputTokens[i] > 0) sums[window] += inputTokens[i];
  });
  return sums;
}
