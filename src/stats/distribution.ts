/**
 * The interface that every parametric family satisfies. A family is stateless; parameters travel as plain records
 * under their SciPy names (loc = 0), as they stand in model files. One contract suite tests them all.
 */
import type { Rng } from '../random.js';
import type { FamilyName } from '../types.js';
import type { GroupedSample } from './sample.js';

export type Params = Readonly<Record<string, number>>;

export interface Distribution {
  readonly name: FamilyName;
  /** SciPy names of the parameters, all of which must be above zero unless `least` says otherwise. */
  readonly parameters: readonly string[];
  /** Bounds below which (exclusive) a parameter must not lie, where they are not zero. */
  readonly least?: Readonly<Record<string, number>>;
  /** Names of parameters that must sum to 1. */
  readonly shares?: readonly string[];
  /** Natural logarithm of the density; −∞ below zero. */
  logPdf(x: number, params: Params): number;
  /** P(X ≤ x). */
  cdf(x: number, params: Params): number;
  /** P(X > x), exact in the far tail where 1 − cdf is not. */
  survival(x: number, params: Params): number;
  /** Smallest x with cdf(x) ≥ p; p in [0, 1]. */
  quantile(p: number, params: Params): number;
  /** +∞ where the integral diverges: such laws are reported, never drawn from without a bound. */
  mean(params: Params): number;
  /** One draw. */
  sample(rng: Rng, params: Params): number;
  /**
   * One draw from the size-biased law, density x·f(x)/mean: the length of the gap that covers a random instant.
   * A renewal process observed from a random instant starts inside such a gap.
   */
  sampleSizeBiased(rng: Rng, params: Params): number;
  /** The same family with all values multiplied by `factor` > 0. */
  scaled(params: Params, factor: number): Params;
  /** Maximum likelihood; null when the sample has values ≤ 0, or none, or does not determine the parameters. */
  fit(sample: GroupedSample): Params | null;
}
