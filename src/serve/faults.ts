/** Faults that a served engine can be told to have: errors, broken streams, slow starts. Drawn by request, seeded. */
import { type Rng, randomOf } from '../random.js';

export interface FaultSettings {
  /** Share of requests answered with `errorStatus` at once, 0–1. */
  readonly errorRatio: number;
  readonly errorStatus: number;
  /** Share of answers whose connection breaks on the way, 0–1. */
  readonly cutRatio: number;
  /** Share of requests that wait `slowSec` before the engine sees them, 0–1. */
  readonly slowRatio: number;
  readonly slowSec: number;
}

export const NO_FAULTS: FaultSettings = {
  errorRatio: 0,
  errorStatus: 503,
  cutRatio: 0,
  slowRatio: 1,
  slowSec: 0,
};

/** What befalls one request. */
export interface RequestFaults {
  /** HTTP status; null = no error. */
  readonly errorStatus: number | null;
  readonly delaySec: number;
  /** After which share of the answer the connection breaks; null = it does not. */
  readonly cutAtRatio: number | null;
}

export class Faults {
  settings: FaultSettings = NO_FAULTS;
  readonly #rng: Rng;

  constructor(seed: string | number) {
    this.#rng = randomOf(seed, 'failures', 'serve');
  }

  /** Draws for the next request: always as many numbers, so that one setting does not shift the others. */
  draw(): RequestFaults {
    const { errorRatio, errorStatus, cutRatio, slowRatio, slowSec } = this.settings;
    const [error, cut, cutAt, slow] = [0, 1, 2, 3].map(() => this.#rng.uniform());
    return {
      errorStatus: error < errorRatio ? errorStatus : null,
      delaySec: slow < slowRatio ? slowSec : 0,
      cutAtRatio: cut < cutRatio ? cutAt : null,
    };
  }
}
