/**
 * All classes of a model as one stream: arrivals from the law that they share, a class drawn for each, lengths from
 * the next row of that class.
 */
import { type Rng, randomOf } from '../random.js';
import { sumOfRates } from '../stats/rate-curve.js';
import type { RateCurve, SharedArrivals, WorkloadClass } from '../types.js';
import { arrivalTimes, toWholeUs } from './arrival-times.js';
import type { RowSource } from './blocks.js';
import { ClassMix } from './class-mix.js';
import type { RequestSource } from './request-source.js';
import { RowCursor } from './row-cursor.js';

/** Names the random streams of shared arrivals; a class of this name has lengths only, so nothing is drawn twice. */
export const SHARED_ID = '(all classes)';

export interface SharedStreamOptions {
  readonly shared: SharedArrivals;
  readonly classes: readonly WorkloadClass[];
  /** Rows of the shared gaps; null when arrivals come from bursts. */
  readonly gapRows: RowSource | null;
  /** Rows of each class. */
  readonly classRows: readonly RowSource[];
  readonly seed: string;
  readonly periodSec: number;
  readonly endUs: number;
}

export class SharedStream implements RequestSource {
  arrivalUs = 0;
  classIndex = 0;
  readonly #gapRows: RowCursor | null;
  readonly #classRows: readonly RowCursor[];
  readonly #mix: ClassMix;
  readonly #mixRng: Rng;
  readonly #endUs: number;
  readonly #nextSec: () => number;

  constructor(options: SharedStreamOptions) {
    const { shared, classes, seed, periodSec } = options;
    this.#gapRows = options.gapRows === null ? null : new RowCursor(options.gapRows);
    this.#classRows = options.classRows.map((rows) => new RowCursor(rows));
    this.#endUs = options.endUs;
    this.#mix = new ClassMix(mixCurves(shared, classes), periodSec);
    this.#mixRng = randomOf(seed, 'classes', 'mix');
    this.#nextSec = arrivalTimes({
      arrivals: shared,
      rate: sumOfRates(classes.map((one) => one.arrivals.rate)),
      periodSec,
      seed,
      id: SHARED_ID,
      gap: () => this.#gapRows?.gap ?? 0,
    });
    this.advance();
  }

  get input(): number {
    return this.#classRows[this.classIndex].input;
  }

  get output(): number {
    return this.#classRows[this.classIndex].output;
  }

  advance(): void {
    this.#gapRows?.next();
    const sec = this.#nextSec();
    const arrivalUs = toWholeUs(sec);
    if (!(arrivalUs < this.#endUs)) {
      this.arrivalUs = Number.POSITIVE_INFINITY;
      return;
    }
    this.arrivalUs = arrivalUs;
    this.classIndex = this.#mix.at(sec, this.#mixRng.uniform());
    this.#classRows[this.classIndex].next();
  }
}

/** In bursts by the clock the mix has no course in time: constant shares. */
function mixCurves(shared: SharedArrivals, classes: readonly WorkloadClass[]): RateCurve[] {
  if (!shared.bursts || shared.bursts.clock === 'operational') return classes.map((one) => one.arrivals.rate);
  return classes.map((one) => ({
    stepSec: one.arrivals.rate.stepSec,
    ratePerSec: [one.requests],
    bandwidthSec: null,
  }));
}
