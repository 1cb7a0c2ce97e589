/** Laws in words → token lengths of a model, and curves of times. */
import { familyOf } from '../../stats/families.js';
import { normalQuantile } from '../../stats/normal-quantile.js';
import type { FamilyDistribution, QuantileCurve, QuantileTable } from '../../types.js';
import type { Law } from './law.js';
import { badSpec, type Place } from './words.js';

/** Shares are kept as counts out of this many. */
const NOMINAL_ROWS = 1_000_000;
/** Body in equal steps, tails halved down to one in a million. */
const PROBS: readonly number[] = (() => {
  const tail = Array.from({ length: 13 }, (_, k) => 2 ** -(7 + k)).reverse();
  const body = Array.from({ length: 63 }, (_, k) => (k + 1) / 64);
  return [0, ...tail, ...body, ...tail.map((p) => 1 - p).reverse(), 1];
})();

/** The family form where the law has one; null for laws that need a table. `least` is the smallest length. */
export function familyOfLaw(law: Law, least: number): FamilyDistribution | null {
  if (law.kind === 'constant')
    return { family: 'constant', params: { value: Math.round(law.value) }, min: null, max: null };
  if (law.kind !== 'family') return null;
  const { min, max } = law.bounds;
  return {
    family: law.family,
    params: law.params,
    min: Math.max(least, Math.round(min ?? least)),
    max: max === null ? null : Math.round(max),
  };
}

/** Quantile function of a law, its bounds kept by cutting the law to them. */
function quantileOfLaw(law: Law, least: number): (p: number) => number {
  switch (law.kind) {
    case 'constant':
      return () => law.value;
    case 'uniform':
      return (p) => law.from + p * (law.to - law.from);
    case 'normal':
      return (p) =>
        clamp(
          law.mean + law.sd * normalQuantile(Math.min(1 - 1e-9, Math.max(1e-9, p))),
          law.bounds.min ?? least,
          law.bounds.max,
        );
    case 'values': {
      const total = law.values.reduce((sum, [, weight]) => sum + weight, 0);
      const sorted = [...law.values].sort((a, b) => a[0] - b[0]);
      return (p) => {
        let left = p * total;
        for (const [value, weight] of sorted) {
          left -= weight;
          if (left < 0) return value;
        }
        return sorted[sorted.length - 1][0];
      };
    }
    case 'family': {
      const family = familyOf(law.family);
      const min = law.bounds.min ?? least;
      const start = min > 0 ? family.cdf(min, law.params) : 0;
      const end = law.bounds.max === null ? 1 : family.cdf(law.bounds.max, law.params);
      return (p) =>
        clamp(
          family.quantile(Math.min(1 - 1e-7, start + p * (end - start)), law.params),
          min,
          law.bounds.max,
        );
    }
  }
}

function clamp(value: number, min: number, max: number | null): number {
  return Math.max(min, max === null ? value : Math.min(max, value));
}

/** Table of token lengths. Normal draws below `least` count as `least`, as the tools do that use them. */
export function tableOfLaw(law: Law, least: number, place: Place): QuantileTable {
  if (law.kind === 'constant') return atomsOnly([[Math.max(least, Math.round(law.value)), 1]]);
  if (law.kind === 'values')
    return atomsOnly(law.values.map(([value, weight]) => [Math.round(value), weight]));
  const quantile = quantileOfLaw(law, least);
  if (law.kind === 'normal' && law.sd > 0) {
    const floor = law.bounds.min ?? least;
    const below = shareBelow(law.mean, law.sd, floor);
    if (below >= 1 - 1e-6)
      throw badSpec(place, 'nearly all of this normal law lies below the shortest length');
    return {
      n: NOMINAL_ROWS,
      atoms: below > 1e-6 ? [[floor, below * NOMINAL_ROWS]] : [],
      probs: PROBS,
      values: PROBS.map((p) => Math.max(floor, quantile(below + p * (1 - below)))),
    };
  }
  if (law.kind === 'uniform' && law.to === law.from) return atomsOnly([[Math.round(law.from), 1]]);
  if (law.kind === 'uniform') {
    // Whole numbers from `from` to `to`, each as likely: half a token of room at both ends.
    return {
      n: NOMINAL_ROWS,
      atoms: [],
      probs: [0, 1],
      values: [Math.max(0, Math.round(law.from) - 0.499_999), Math.round(law.to) + 0.499_999],
    };
  }
  return { n: NOMINAL_ROWS, atoms: [], probs: PROBS, values: PROBS.map((p) => Math.max(least, quantile(p))) };
}

function shareBelow(mean: number, sd: number, floor: number): number {
  let low = 0;
  let high = 1;
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2;
    if (mean + sd * normalQuantile(middle) < floor) low = middle;
    else high = middle;
  }
  return low;
}

function atomsOnly(values: readonly (readonly [number, number])[]): QuantileTable {
  const counts = new Map<number, number>();
  const total = values.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [value, weight] of values)
    counts.set(value, (counts.get(value) ?? 0) + (weight / total) * NOMINAL_ROWS);
  return {
    n: NOMINAL_ROWS,
    atoms: [...counts].filter(([, count]) => count > 0).sort((a, b) => a[0] - b[0]),
    probs: [],
    values: [],
  };
}

/** Curve of times or of tokens, for sessions. */
export function curveOfLaw(law: Law, least: number): QuantileCurve {
  const quantile = quantileOfLaw(law, least);
  return { n: NOMINAL_ROWS, probs: PROBS, values: PROBS.map(quantile) };
}
