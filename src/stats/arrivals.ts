/**
 * A renewal stream of changing rate, one arrival after another: gaps drawn in operational time, mapped through the
 * inverse of the cumulative rate. Fit simulates with it, synthesize streams with it, so that what a fit reports is what
 * a synthesis does. Only additions and one square root per arrival: the same bits on every machine.
 */
import type { CumulativeRate } from './rate-curve.js';

export interface RenewalOptions {
  readonly rate: CumulativeRate;
  /** Operational time of the first arrival. */
  readonly firstGap: number;
  /** Draws the next gap in operational time. */
  readonly nextGap: () => number;
}

/** Returns a function that gives the next arrival in seconds from the window's start, never falling. */
export function renewalArrivals({ rate, firstGap, nextGap }: RenewalOptions): () => number {
  let operational = firstGap;
  let started = false;
  return () => {
    if (started) operational += nextGap();
    started = true;
    return rate.inverse(operational);
  };
}
