/**
 * Fits parametric families and says how well: log-likelihood, AIC, BIC, KS distance. Lower AIC is better.
 *
 * Source: AIC = 2k − 2ll (Akaike 1974), BIC = k·ln n − 2ll (Schwarz 1978), ll the sum of natural-log densities.
 */
import type { FitSummary } from '../types.js';
import type { Distribution, Params } from './distribution.js';
import { LENGTH_FAMILIES } from './families.js';
import { ksDistance } from './ks-distance.js';
import { type GroupedSample, weightedSum } from './sample.js';

/** One family by maximum likelihood; null when the sample does not determine it. */
export function fitFamily(family: Distribution, sample: GroupedSample): FitSummary | null {
  const params = family.fit(sample);
  return params === null ? null : judgeFit(family, params, sample);
}

/** Quality of given parameters on a sample. */
export function judgeFit(family: Distribution, params: Params, sample: GroupedSample): FitSummary {
  const logLikelihood = weightedSum(sample, (x) => family.logPdf(x, params));
  // Weights that sum to 1 leave one parameter less; a Pareto law's lower end counts.
  const k = family.parameters.length - (family.shares === undefined ? 0 : 1);
  return {
    family: family.name,
    params,
    n: sample.n,
    logLikelihood,
    aic: 2 * k - 2 * logLikelihood,
    bic: k * Math.log(sample.n) - 2 * logLikelihood,
    ksDistance: ksDistance(sample, (x) => family.cdf(x, params)),
  };
}

/**
 * The families that the sample determines, lowest AIC first; those with one component unless others are named. Values
 * must be above zero.
 */
export function fitAllFamilies(
  sample: GroupedSample,
  families: readonly Distribution[] = LENGTH_FAMILIES,
): FitSummary[] {
  return families
    .map((family) => fitFamily(family, sample))
    .filter((fit) => fit !== null)
    .sort((a, b) => a.aic - b.aic);
}
