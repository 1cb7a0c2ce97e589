/** Requests in flight over time: exact time-weighted mean and maximum in each bin, whatever the number of requests. */
import { nsToSec } from '../../units.js';
import { binOf, type TimeBins } from './time-bins.js';

export interface InFlight {
  readonly mean: readonly number[];
  readonly max: readonly number[];
  /** Over the whole run. */
  readonly peak: number;
}

/** One request's stay: [fromNs, toNs); one without length is never in flight. */
export interface Stay {
  readonly fromNs: number;
  readonly toNs: number;
}

/**
 * Walks the starts and ends in time order and spreads each stretch of constant count over the bins it covers.
 * At equal instants ends come first, so that a slot handed over at once is not counted twice. O(n log n + bins).
 */
export function inFlightByBin(bins: TimeBins, stays: readonly Stay[]): InFlight {
  const lasting = stays.filter((stay) => stay.toNs > stay.fromNs);
  const starts = Float64Array.from(lasting, (stay) => stay.fromNs).sort();
  const ends = Float64Array.from(lasting, (stay) => stay.toNs).sort();
  const area = new Array<number>(bins.count).fill(0);
  const max = new Array<number>(bins.count).fill(0);
  let count = 0;
  let peak = 0;
  let atSec = bins.fromSec;

  const stretch = (toSec: number): void => {
    const endSec = Math.min(toSec, bins.toSec);
    if (endSec <= atSec) return;
    const first = binOf(bins, atSec);
    for (let bin = first ?? 0; bin < bins.count && atSec < endSec; bin++) {
      const edgeSec = bin === bins.count - 1 ? bins.toSec : bins.fromSec + (bin + 1) * bins.stepSec;
      const untilSec = Math.min(edgeSec, endSec);
      if (untilSec > atSec) {
        area[bin] += count * (untilSec - atSec);
        if (count > max[bin]) max[bin] = count;
        atSec = untilSec;
      }
    }
    atSec = endSec;
  };

  for (let s = 0, e = 0; e < ends.length; ) {
    if (s < starts.length && starts[s] < ends[e]) {
      stretch(nsToSec(starts[s++]));
      count += 1;
      if (count > peak) peak = count;
    } else {
      stretch(nsToSec(ends[e++]));
      count -= 1;
    }
  }
  stretch(bins.toSec);
  const mean = area.map((sum, i) => {
    const start = bins.fromSec + i * bins.stepSec;
    return sum / Math.max(Math.min(start + bins.stepSec, bins.toSec) - start, 1e-9);
  });
  return { mean, max, peak };
}
