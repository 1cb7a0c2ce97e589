/**
 * Cumulative rate Λ(t) = ∫ rate over [0, t] of a piecewise linear curve, and its inverse: the change of time that turns
 * a stream of changing rate into one of rate 1 (time-rescaling theorem; Brown et al., Neural Comput. 14, 2002) and back.
 *
 * The curve repeats after its period, so streams may be longer than the window that was fitted. Cost: a few additions
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
  }

  /** Expected requests of one period. */
  get perPeriod(): number {
    return this.#integral[this.#integral.length - 1];
  }

  /** Λ(t), t ≥ 0 in seconds. */
  at(tSec: number): number {
    const turns = Math.floor(tSec / this.#period);
    const rest = tSec - turns * this.#period;
    const segment = Math.min(Math.floor(rest / this.#step), this.#integral.length - 2);
    return (
      turns * this.perPeriod + this.#integral[segment] + this.#within(segment, rest - segment * this.#step)
    );
  }

  /** t with Λ(t) = lambda, lambda ≥ 0; +∞ when the rate is zero for ever. */
  inverse(lambda: number): number {
    const perPeriod = this.perPeriod;
    if (perPeriod <= 0) return Number.POSITIVE_INFINITY;
    const turns = Math.floor(lambda / perPeriod);
    const rest = lambda - turns * perPeriod;
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
    return turns * this.#period + Math.min(k * this.#step + x, this.#period);
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

/** The sum of curves on one grid (equal steps and numbers of knots). */
export function sumOfRates(curves: readonly RateCurve[]): RateCurve {
  const [first] = curves;
  return {
    ...first,
    ratePerSec: first.ratePerSec.map((_, k) => curves.reduce((sum, curve) => sum + curve.ratePerSec[k], 0)),
  };
}
