/**
 * Cumulative rate Λ(t) = ∫ rate over [0, t] of a piecewise linear curve, and its inverse: the change of time that turns
 * a stream of changing rate into one of rate 1 (time-rescaling theorem; Brown et al., Neural Comput. 14, 2002) and back.
 *
 * After its period the curve repeats, whole or its last `repeatSec`, so streams may be longer than the fitted window. Cost: a few additions
 * and one square root per point when points rise, which they do.
 */
import type { RateCurve } from '../types.js';

/** Λ of one curve; keeps its place, so rising arguments are cheap and falling ones still correct. */
export class CumulativeRate {
  readonly #step: number;
  readonly #rate: readonly number[];
  readonly #period: number;
  /** Λ at the start of each segment of one period; last entry: Λ of the whole period. */
  readonly #integral: number[];
  /** Where the part that repeats begins, Λ there, and its length; the whole window repeats from 0. */
  readonly #repeatFrom: number;
  readonly #repeatFromIntegral: number;
  #segment = 0;

  /** `factor` multiplies the rate; `periodSec` is the length of the fitted window. */
  constructor(curve: RateCurve, periodSec: number, factor = 1) {
    this.#step = curve.ratePerSec.length > 1 ? curve.stepSec : periodSec;
    this.#rate = curve.ratePerSec.map((rate) => rate * factor);
    this.#period = periodSec;
    this.#integral = [0];
    for (let k = 0; k * this.#step < periodSec; k++) {
      const length = Math.min(this.#step, periodSec - k * this.#step);
      this.#integral.push(this.#integral[k] + this.#within(k, length));
    }
    const { repeatSec } = curve;
    this.#repeatFrom = repeatSec !== undefined && repeatSec < periodSec ? periodSec - repeatSec : 0;
    this.#repeatFromIntegral = this.#inWindow(this.#repeatFrom);
  }

  /** Expected requests of one period. */
  get perPeriod(): number {
    return this.#integral[this.#integral.length - 1];
  }

  /** Λ(t), t ≥ 0 in seconds. */
  at(tSec: number): number {
    const length = this.#period - this.#repeatFrom;
    const turns = tSec < this.#period ? 0 : Math.floor((tSec - this.#repeatFrom) / length);
    const perTurn = this.perPeriod - this.#repeatFromIntegral;
    // A multiple of the period may come out just below it: the place in the window is never before its start.
    const place = turns === 0 ? tSec : Math.max(this.#repeatFrom, tSec - turns * length);
    return turns * perTurn + this.#inWindow(place);
  }

  /** t with Λ(t) = lambda, lambda ≥ 0; +∞ when the rate is zero for ever. */
  inverse(lambda: number): number {
    const perTurn = this.perPeriod - this.#repeatFromIntegral;
    if (perTurn <= 0 && lambda >= this.perPeriod) return Number.POSITIVE_INFINITY;
    const turns = lambda < this.perPeriod ? 0 : Math.floor((lambda - this.#repeatFromIntegral) / perTurn);
    const rest = lambda - turns * perTurn;
    const integral = this.#integral;
    if (integral[this.#segment] > rest) this.#segment = 0;
    while (this.#segment < integral.length - 2 && integral[this.#segment + 1] <= rest) this.#segment += 1;
    const k = this.#segment;
    const start = this.#rateAt(k);
    const slope = (this.#rateAt(k + 1) - start) / this.#step;
    const wanted = rest - integral[k];
    // Root of start·x + slope·x²/2 = wanted in the form that does not cancel.
    const root = Math.sqrt(Math.max(0, start * start + 2 * slope * wanted));
    const x = wanted <= 0 ? 0 : (2 * wanted) / (start + root);
    return turns * (this.#period - this.#repeatFrom) + Math.min(k * this.#step + x, this.#period);
  }

  /** Λ(t) for t within the window. */
  #inWindow(tSec: number): number {
    const segment = Math.min(Math.floor(tSec / this.#step), this.#integral.length - 2);
    return this.#integral[segment] + this.#within(segment, tSec - segment * this.#step);
  }

  #rateAt(knot: number): number {
    return this.#rate[Math.min(knot, this.#rate.length - 1)];
  }

  #within(segment: number, length: number): number {
    const start = this.#rateAt(segment);
    const slope = (this.#rateAt(segment + 1) - start) / this.#step;
    return length * (start + 0.5 * slope * length);
  }
}

/** Place in the window of a time that may lie after it. */
export function placeInWindow(tSec: number, periodSec: number, repeatSec?: number): number {
  if (tSec < periodSec) return tSec;
  const from = repeatSec !== undefined && repeatSec < periodSec ? periodSec - repeatSec : 0;
  return from + ((tSec - from) % (periodSec - from));
}

/** The sum of curves on one grid (equal steps and numbers of knots). */
export function sumOfRates(curves: readonly RateCurve[]): RateCurve {
  const [first] = curves;
  return {
    ...first,
    ratePerSec: first.ratePerSec.map((_, k) => curves.reduce((sum, curve) => sum + curve.ratePerSec[k], 0)),
  };
}
