/** The table of parametric families: everything that lists, names or looks up a family reads it here. */
import type { FamilyName } from '../types.js';
import type { Distribution } from './distribution.js';
import { exponential } from './exponential.js';
import { gamma } from './gamma.js';
import { lognormal } from './lognormal.js';
import { weibull } from './weibull.js';

/** In the order in which reports list them. */
export const FAMILIES: readonly Distribution[] = [exponential, gamma, weibull, lognormal];

/** The family of that name, or undefined. */
export function findFamily(name: string): Distribution | undefined {
  return FAMILIES.find((family) => family.name === name);
}

/** The family of a name that the type system has checked. */
export function familyOf(name: FamilyName): Distribution {
  return findFamily(name)!;
}
