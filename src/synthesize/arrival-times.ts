/** Arrival times of one stream: from load states where the model has them, else gaps at a changing rate. */
import { randomOf } from '../random.js';
import { renewalArrivals } from '../stats/arrivals.js';
import { burstArrivals } from '../stats/burst-arrivals.js';
import { CumulativeRate } from '../stats/rate-curve.js';
import { sampleFirstGap } from '../stats/renewal.js';
import type { ArrivalModel, RateCurve } from '../types.js';

export interface ArrivalTimesOptions {
  readonly arrivals: Pick<ArrivalModel, 'gaps' | 'bursts'>;
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
  const { bursts, gaps } = arrivals;
  if (bursts) return burstArrivals({ bursts, factor: 1, rng: randomOf(seed, 'arrivals', id, 'bursts') });
  return renewalArrivals({
    rate: new CumulativeRate(rate, periodSec),
    firstGap: sampleFirstGap(gaps, randomOf(seed, 'arrivals', id, 'first')),
    nextGap: gap,
  });
}

/** Whole microseconds, rounded down: the last bits of a double never reach the file. */
export function toWholeUs(sec: number): number {
  return Math.floor(sec * 1e6);
}
