/** Arrival times of one stream: from load states where the model has them, else gaps at a changing rate. */
import { randomOf } from '../random.js';
import { renewalArrivals } from '../stats/arrivals.js';
import { burstArrivals, inClockTime } from '../stats/burst-arrivals.js';
import { CumulativeRate } from '../stats/rate-curve.js';
import { gapSampler, sampleFirstGap } from '../stats/renewal.js';
import type { ArrivalModel, GapsByTime, RateCurve } from '../types.js';

export interface ArrivalTimesOptions {
  readonly arrivals: Pick<ArrivalModel, 'gaps' | 'bursts' | 'gapsByTime'>;
  readonly rate: RateCurve;
  /** Length of the fitted window: the period of the rate curve. */
  readonly periodSec: number;
  readonly seed: string;
  /** Names the random streams. */
  readonly id: string;
  /** Gap before the present row, in operational time; not asked for the first row, nor for bursts. */
  readonly gap: () => number;
}

/** Gives the next arrival in seconds, never falling; +∞ when none comes any more. */
export function arrivalTimes(options: ArrivalTimesOptions): () => number {
  const { arrivals, rate, periodSec, seed, id, gap } = options;
  const { bursts, gaps, gapsByTime } = arrivals;
  if (bursts) {
    const next = burstArrivals({ bursts, factor: 1, rng: randomOf(seed, 'arrivals', id, 'bursts') });
    return bursts.clock === undefined ? next : inClockTime(next, rate, periodSec);
  }
  if (gapsByTime) return changingArrivals(gapsByTime, options);
  return renewalArrivals({
    rate: new CumulativeRate(rate, periodSec),
    firstGap: sampleFirstGap(gaps, randomOf(seed, 'arrivals', id, 'first')),
    nextGap: gap,
  });
}

/** The law of a gap is that of the time when it begins; the operational clock runs on across changes of law. */
function changingArrivals(
  { stepSec, lawOfStep, laws }: GapsByTime,
  { rate, periodSec, seed, id }: ArrivalTimesOptions,
): () => number {
  const rng = randomOf(seed, 'arrivals', id, 'gaps');
  const samplers = laws.map(gapSampler);
  let sec = 0;
  const next = renewalArrivals({
    rate: new CumulativeRate(rate, periodSec),
    firstGap: sampleFirstGap(laws[lawOfStep[0]], randomOf(seed, 'arrivals', id, 'first')),
    nextGap: () => {
      const inPeriod = sec - Math.floor(sec / periodSec) * periodSec;
      const step = Math.min(lawOfStep.length - 1, Math.floor(inPeriod / stepSec));
      return samplers[lawOfStep[step]](rng);
    },
  });
  return () => {
    sec = next();
    return sec;
  };
}

/** Whole microseconds, rounded down: the last bits of a double never reach the file. */
export function toWholeUs(sec: number): number {
  return Math.floor(sec * 1e6);
}
