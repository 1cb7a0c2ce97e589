/**
 * Which class a request at time t belongs to: class c with probability rate_c(t) / Σ rate(t).
 *
 * Rates are linear between the knots of one common grid, so the mix at t is a mixture of the mixes at both knots, each
 * found in a table of running sums. One uniform per request.
 */
import { placeInWindow } from '../stats/rate-curve.js';
import type { RateCurve } from '../types.js';

export class ClassMix {
  readonly #classes: number;
  readonly #stepSec: number;
  readonly #periodSec: number;
  readonly #repeatSec: number | undefined;
  readonly #knots: number;
  /** Running sums of the classes' rates, knot by knot. */
  readonly #sums: Float64Array;

  /** Curves of all classes on one grid; the rates repeat after `periodSec`, as the curves say. */
  constructor(curves: readonly RateCurve[], periodSec: number) {
    this.#classes = curves.length;
    this.#stepSec = curves[0].stepSec;
    this.#periodSec = periodSec;
    this.#repeatSec = curves[0].repeatSec;
    this.#knots = curves[0].ratePerSec.length;
    this.#sums = new Float64Array(this.#knots * this.#classes);
    for (let knot = 0; knot < this.#knots; knot++) {
      let sum = 0;
      curves.forEach((curve, c) => {
        sum += curve.ratePerSec[knot];
        this.#sums[knot * this.#classes + c] = sum;
      });
    }
  }

  /** Class for a uniform on [0, 1). */
  at(tSec: number, u: number): number {
    const inPeriod = placeInWindow(tSec, this.#periodSec, this.#repeatSec);
    const place = Math.min(inPeriod / this.#stepSec, this.#knots - 1);
    const knot = Math.floor(place);
    const share = place - knot;
    const early = (1 - share) * this.#total(knot);
    const late = share === 0 ? 0 : share * this.#total(knot + 1);
    const target = u * (early + late);
    if (target < early || late === 0) return this.#find(knot, target / (1 - share));
    return this.#find(knot + 1, (target - early) / share);
  }

  #total(knot: number): number {
    return this.#sums[(knot + 1) * this.#classes - 1];
  }

  /** First class whose running sum exceeds `target`. */
  #find(knot: number, target: number): number {
    const start = knot * this.#classes;
    let low = 0;
    let high = this.#classes - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sums[start + middle] > target) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
