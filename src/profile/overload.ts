/**
 * Stops a level that has already lost: a server that completes clearly less than is offered will not recover while the
 * load goes on, and the rest of the level and its drain would only measure how long the queue got.
 *
 * Judged on the count of ended requests over the last third of the time so far. Answers that are still filling up look
 * the same at first, so nothing is judged before three typical answers (of an earlier, steady level) have passed.
 */

export interface OverloadOptions {
  readonly ratePerSec: number;
  /** Requests of the level. */
  readonly requests: number;
  /** End-to-end time of nearly all requests at a steady level, seconds. */
  readonly typicalSec: number;
}

/** Feeds on counts of ended requests; says why the level is over, or null. */
export class OverloadWatch {
  readonly #options: OverloadOptions;
  readonly #times: number[] = [];
  readonly #settled: number[] = [];

  constructor(options: OverloadOptions) {
    this.#options = options;
  }

  /** `elapsedSec` since the level's first instant, not falling. */
  observe(elapsedSec: number, settled: number): string | null {
    const { ratePerSec, requests, typicalSec } = this.#options;
    const last = this.#times.length - 1;
    // Ten points a second are plenty.
    if (last >= 0 && elapsedSec - this.#times[last] < 0.1) return null;
    this.#times.push(elapsedSec);
    this.#settled.push(settled);
    const offering = elapsedSec * ratePerSec < requests;
    if (!offering || elapsedSec < Math.max(MIN_SEC, 3 * typicalSec)) return null;
    const from = this.#times.findIndex((sec) => sec >= (2 / 3) * elapsedSec);
    const spanSec = elapsedSec - this.#times[from];
    if (spanSec <= 0) return null;
    const offered = ratePerSec * spanSec;
    const done = settled - this.#settled[from];
    const missing = offered - done;
    if (missing < 0.15 * offered || missing < 4 * Math.sqrt(offered)) return null;
    return `stopped after ${elapsedSec.toFixed(0)} s: ${(done / spanSec).toFixed(1)}/s ended of ${ratePerSec}/s offered`;
  }
}

const MIN_SEC = 10;
