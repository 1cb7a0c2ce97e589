/** One class as a stream of requests in time order: arrivals from its arrival model, lengths from its rows. */
import { randomOf } from '../random.js';
import { renewalArrivals } from '../stats/arrivals.js';
import { burstArrivals } from '../stats/burst-arrivals.js';
import { CumulativeRate } from '../stats/rate-curve.js';
import { sampleFirstGap } from '../stats/renewal.js';
import type { WorkloadClass } from '../types.js';
import type { RowBlock, RowSource } from './blocks.js';

export interface ClassStreamOptions {
  readonly drawn: WorkloadClass;
  readonly rows: RowSource;
  readonly seed: string;
  /** Length of the fitted window: the period of the rate curve. */
  readonly periodSec: number;
  /** Multiplies the rate. */
  readonly factor: number;
  /** First instant that is no longer wanted, µs; +∞ = no end. */
  readonly endUs: number;
}

/** A cursor on the next request. `arrivalUs` is +∞ when the stream has ended. */
export class ClassStream {
  arrivalUs = 0;
  input = 0;
  output = 0;
  readonly #rows: RowSource;
  readonly #endUs: number;
  readonly #nextSec: () => number;
  #block: RowBlock;
  #row = -1;

  constructor(options: ClassStreamOptions) {
    this.#rows = options.rows;
    this.#endUs = options.endUs;
    this.#block = this.#rows();
    this.#nextSec = this.#arrivals(options);
    this.advance();
  }

  /** Moves to the next request. */
  advance(): void {
    this.#row += 1;
    if (this.#row === this.#block.rowCount) {
      this.#block = this.#rows();
      this.#row = 0;
    }
    // Whole microseconds, rounded down: the last bits of a double never reach the file.
    const arrivalUs = Math.floor(this.#nextSec() * 1e6);
    this.arrivalUs = arrivalUs < this.#endUs ? arrivalUs : Number.POSITIVE_INFINITY;
    this.input = this.#block.input[this.#row];
    this.output = this.#block.output[this.#row];
  }

  #arrivals(options: ClassStreamOptions): () => number {
    const { drawn, seed, periodSec, factor } = options;
    const { bursts } = drawn.arrivals;
    if (bursts) return burstArrivals({ bursts, factor, rng: randomOf(seed, 'arrivals', drawn.id, 'bursts') });
    return renewalArrivals({
      rate: new CumulativeRate(drawn.arrivals.rate, periodSec, factor),
      firstGap: sampleFirstGap(drawn.arrivals.gaps, randomOf(seed, 'arrivals', drawn.id, 'first')),
      nextGap: () => this.#block.gaps[this.#row],
    });
  }
}
