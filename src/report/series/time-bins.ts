/** Time bins of a run: their width, percentiles of a metric in each, and rates of what happened in each. */
import { percentileSorted } from '../../metrics.js';
import { nsToSec } from '../../units.js';

export interface TimeBins {
  readonly fromSec: number;
  readonly stepSec: number;
  readonly count: number;
  /** End of the data; the last bin is cut there. */
  readonly toSec: number;
}

/** Widths that people read easily, seconds. */
const NICE_STEPS_SEC = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400,
  21_600, 43_200, 86_400,
];

export interface BinChoice {
  readonly fromSec: number;
  readonly toSec: number;
  readonly events: number;
  /** Upper bound on the number of bins (default 120). */
  readonly maxBins?: number;
  /** Wanted mean events per bin, as far as at least 12 bins remain (default 20). */
  readonly perBin?: number;
}

/** The narrowest nice width with at most `maxBins` bins and about `perBin` events in each. */
export function chooseTimeBins(choice: BinChoice): TimeBins {
  const { fromSec, toSec, events, maxBins = 120, perBin = 20 } = choice;
  const spanSec = Math.max(toSec - fromSec, 0.01);
  const floorSec = spanSec / maxBins;
  const wantedSec = Math.min((spanSec * perBin) / Math.max(events, 1), spanSec / 12);
  const leastSec = Math.max(floorSec, wantedSec);
  const stepSec =
    NICE_STEPS_SEC.find((step) => step >= leastSec * (1 - 1e-9)) ?? Math.ceil(leastSec / 86_400) * 86_400;
  return {
    fromSec,
    stepSec,
    count: Math.max(1, Math.ceil(spanSec / stepSec - 1e-9)),
    toSec: fromSec + spanSec,
  };
}

/** Bin of a time; null outside the bins. The end of the last bin belongs to it. */
export function binOf(bins: TimeBins, sec: number): number | null {
  if (sec < bins.fromSec || sec > bins.toSec) return null;
  return Math.min(Math.floor((sec - bins.fromSec) / bins.stepSec), bins.count - 1);
}

/** Left edges of the bins, seconds. */
export function binStarts(bins: TimeBins): number[] {
  return Array.from({ length: bins.count }, (_, i) => bins.fromSec + i * bins.stepSec);
}

/** Middles of the bins, seconds; of the part that holds data for the last one. */
export function binMiddles(bins: TimeBins): number[] {
  return binStarts(bins).map((start) => (start + Math.min(start + bins.stepSec, bins.toSec)) / 2);
}

export interface BinnedPercentiles {
  readonly n: readonly number[];
  readonly p50: readonly (number | null)[];
  readonly p90: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
  readonly max: readonly (number | null)[];
}

/** Percentiles (type 7) of the values in each bin; null where a bin is empty. */
export function percentilesByBin(
  bins: TimeBins,
  samples: Iterable<{ readonly atNs: number; readonly value: number }>,
): BinnedPercentiles {
  const values: number[][] = Array.from({ length: bins.count }, () => []);
  for (const { atNs, value } of samples) {
    const bin = binOf(bins, nsToSec(atNs));
    if (bin !== null) values[bin].push(value);
  }
  const sorted = values.map((list) => Float64Array.from(list).sort());
  const at = (p: number): (number | null)[] => sorted.map((list) => percentileSorted(list, p));
  return { n: sorted.map((list) => list.length), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

/** Events per second in each bin, over the part of the bin that lies within the data. */
export function ratesByBin(bins: TimeBins, instantsNs: Iterable<number>): number[] {
  const counts = countsByBin(bins, instantsNs);
  return counts.map((count, i) => {
    const start = bins.fromSec + i * bins.stepSec;
    return count / Math.max(Math.min(start + bins.stepSec, bins.toSec) - start, 1e-9);
  });
}

/** Events in each bin. */
export function countsByBin(bins: TimeBins, instantsNs: Iterable<number>): number[] {
  const counts = new Array<number>(bins.count).fill(0);
  for (const ns of instantsNs) {
    const bin = binOf(bins, nsToSec(ns));
    if (bin !== null) counts[bin] += 1;
  }
  return counts;
}
