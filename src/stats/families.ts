/** The table of parametric families: everything that lists, names or looks up a family reads it here. */
import type { FamilyName } from '../types.js';
import type { Distribution } from './distribution.js';
import { exponential } from './exponential.js';
import { gamma } from './gamma.js';
import { hyperexponential2, hyperexponential3, hyperexponential4 } from './hyperexponential.js';
import { inverseGaussian } from './inverse-gaussian.js';
import { logLogistic } from './log-logistic.js';
import { lognormal } from './lognormal.js';
import { lognormalMixture2, lognormalMixture3 } from './lognormal-mixture.js';
import { lomax } from './lomax.js';
import { pareto } from './pareto.js';
import { weibull } from './weibull.js';

/** In the order in which reports list them. */
export const FAMILIES: readonly Distribution[] = [
  exponential,
  gamma,
  weibull,
  lognormal,
  inverseGaussian,
  logLogistic,
  lomax,
  pareto,
  lognormalMixture2,
  lognormalMixture3,
  hyperexponential2,
  hyperexponential3,
  hyperexponential4,
];

/** Fitted to lengths, for reports. */
export const LENGTH_FAMILIES: readonly Distribution[] = [
  exponential,
  gamma,
  weibull,
  lognormal,
  inverseGaussian,
  logLogistic,
  lomax,
];

/** Candidates for gaps in operational time; all have a finite mean and can be drawn from. */
export const GAP_FAMILIES: readonly Distribution[] = [
  exponential,
  gamma,
  weibull,
  lognormal,
  hyperexponential2,
];

/** The family of that name, or undefined. */
export function findFamily(name: string): Distribution | undefined {
  return FAMILIES.find((family) => family.name === name);
}

/** The family of a name that the type system has checked. */
export function familyOf(name: FamilyName): Distribution {
  return findFamily(name)!;
}
