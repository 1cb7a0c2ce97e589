/** One class as a stream of requests: its own arrivals, lengths from its rows. */
import type { WorkloadClass } from '../types.js';
import { arrivalTimes, toWholeUs } from './arrival-times.js';
import type { RowSource } from './blocks.js';
import type { RequestSource } from './request-source.js';
import { RowCursor } from './row-cursor.js';

export interface ClassStreamOptions {
  readonly drawn: WorkloadClass;
  readonly classIndex: number;
  readonly rows: RowSource;
  readonly seed: string;
  /** Length of the fitted window: the period of the rate curve. */
  readonly periodSec: number;
  /** First instant that is no longer wanted, µs; +∞ = no end. */
  readonly endUs: number;
}

export class ClassStream implements RequestSource {
  arrivalUs = 0;
  readonly classIndex: number;
  readonly #rows: RowCursor;
  readonly #endUs: number;
  readonly #nextSec: () => number;

  constructor(options: ClassStreamOptions) {
    const { drawn, seed, periodSec } = options;
    this.classIndex = options.classIndex;
    this.#rows = new RowCursor(options.rows);
    this.#endUs = options.endUs;
    this.#nextSec = arrivalTimes({
      arrivals: drawn.arrivals,
      rate: drawn.arrivals.rate,
      periodSec,
      seed,
      id: drawn.id,
      gap: () => this.#rows.gap,
    });
    this.advance();
  }

  get input(): number {
    return this.#rows.input;
  }

  get output(): number {
    return this.#rows.output;
  }

  advance(): void {
    this.#rows.next();
    const arrivalUs = toWholeUs(this.#nextSec());
    this.arrivalUs = arrivalUs < this.#endUs ? arrivalUs : Number.POSITIVE_INFINITY;
  }
}
