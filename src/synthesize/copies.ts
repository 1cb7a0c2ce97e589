/**
 * Independent copies of a workload: more requesters like these, or a share of them.
 *
 * Source: STATISTICS §6. `superpose(k)`: whole copies with seeds of their own and one thinned copy for the rest; rate
 * curves keep their phase, bursts do not meet. `thin(p)`: each request, or each session, stays with probability p.
 */
import { type Rng, randomOf } from '../random.js';
import type { WorkloadModel } from '../types.js';
import type { RequestSource } from './request-source.js';

export interface Copy {
  /** Place among the copies; 0 draws what an unscaled synthesis draws. */
  readonly index: number;
  readonly seed: string;
  /** Probability that one of its requests (sessions) stays. */
  readonly share: number;
}

/** Copies that together are `factor` times the workload, each thinned to `share`. */
export function planCopies(seed: string, factor: number, share: number): Copy[] {
  const whole = Math.floor(factor + 1e-9);
  const rest = factor - whole;
  const copies: Copy[] = Array.from({ length: whole }, (_, index) => ({
    index,
    seed: seedOf(seed, index),
    share,
  }));
  if (rest > 1e-9) copies.push({ index: whole, seed: seedOf(seed, whole), share: share * rest });
  return copies;
}

function seedOf(seed: string, index: number): string {
  return index === 0 ? seed : `${seed}\u0001copy ${index}`;
}

/**
 * Whether superposing copies has the same law as multiplying the rate: Poisson arrivals of everything, nothing carried
 * from one request to the next.
 */
export function isMemoryless(model: WorkloadModel): boolean {
  const arrivals = model.shared ? [model.shared] : model.classes.map((one) => one.arrivals);
  return (
    !model.sessions &&
    !model.locality &&
    arrivals.every(
      ({ gaps, bursts, gapsByTime }) =>
        !bursts && !gapsByTime && gaps.family === 'exponential' && (gaps.zeroShare ?? 0) === 0,
    )
  );
}

/** Each request stays with probability `share`. */
export function thinned(source: RequestSource, { share, seed }: Copy): RequestSource {
  return share >= 1 ? source : new ThinnedSource(source, share, randomOf(seed, 'arrivals', 'thin'));
}

class ThinnedSource implements RequestSource {
  readonly #source: RequestSource;
  readonly #share: number;
  readonly #rng: Rng;

  constructor(source: RequestSource, share: number, rng: Rng) {
    this.#source = source;
    this.#share = share;
    this.#rng = rng;
    this.#settle();
  }

  get arrivalUs(): number {
    return this.#source.arrivalUs;
  }

  get input(): number {
    return this.#source.input;
  }

  get output(): number {
    return this.#source.output;
  }

  get classIndex(): number {
    return this.#source.classIndex;
  }

  advance(): void {
    this.#source.advance();
    this.#settle();
  }

  #settle(): void {
    while (this.#source.arrivalUs !== Number.POSITIVE_INFINITY && this.#rng.uniform() >= this.#share)
      this.#source.advance();
  }
}
