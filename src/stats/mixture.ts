/**
 * Mixtures of K laws of one family as a family of its own: everything but the fit follows from the parts.
 *
 * Parameters of part k carry its number: w1, s1, scale1, w2, … The weights sum to 1.
 */
import type { Rng } from '../random.js';
import type { FamilyName } from '../types.js';
import type { Distribution, Params } from './distribution.js';
import { quantileByRoot } from './inverse-quantile.js';
import type { GroupedSample } from './sample.js';

/** One part with its weight. */
export interface Part {
  readonly weight: number;
  readonly params: Params;
}

export function mixtureOf(
  name: FamilyName,
  parts: number,
  family: Distribution,
  fit: (sample: GroupedSample) => readonly Part[] | null,
): Distribution {
  const own = family.parameters;
  const taken = new WeakMap<Params, readonly Part[]>();
  /** Parameters are immutable, so each record is taken apart once, not per draw. */
  const partsOf = (params: Params): readonly Part[] => {
    let found = taken.get(params);
    if (found === undefined) {
      found = Array.from({ length: parts }, (_, k) => ({
        weight: params[`w${k + 1}`],
        params: Object.fromEntries(own.map((parameter) => [parameter, params[`${parameter}${k + 1}`]])),
      }));
      taken.set(params, found);
    }
    return found;
  };
  const average = (params: Params, of: (part: Params) => number): number => {
    let sum = 0;
    for (const part of partsOf(params)) sum += part.weight * of(part.params);
    return sum;
  };
  const cdf = (x: number, params: Params): number => average(params, (part) => family.cdf(x, part));
  const survival = (x: number, params: Params): number => average(params, (part) => family.survival(x, part));
  const mean = (params: Params): number => average(params, family.mean);
  return {
    name,
    parameters: Array.from({ length: parts }, (_, k) =>
      ['w', ...own].map((word) => `${word}${k + 1}`),
    ).flat(),
    shares: Array.from({ length: parts }, (_, k) => `w${k + 1}`),
    logPdf(x, params) {
      const logs = partsOf(params).map((part) => Math.log(part.weight) + family.logPdf(x, part.params));
      const largest = Math.max(...logs);
      if (largest === Number.NEGATIVE_INFINITY) return largest;
      return largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0));
    },
    cdf,
    survival,
    quantile: (p, params) =>
      quantileByRoot(
        p,
        mean(params),
        (x) => cdf(x, params),
        (x) => survival(x, params),
      ),
    mean,
    sample: (rng, params) => family.sample(rng, pickPart(rng, partsOf(params), () => 1).params),
    sampleSizeBiased: (rng, params) =>
      family.sampleSizeBiased(rng, pickPart(rng, partsOf(params), (part) => family.mean(part)).params),
    scaled: (params, factor) =>
      flatten(
        partsOf(params).map(({ weight, params: part }) => ({ weight, params: family.scaled(part, factor) })),
      ),
    fit(sample) {
      if (sample.values.length < 2 || sample.values[0] <= 0) return null;
      const found = fit(sample);
      return found === null ? null : flatten(found);
    },
  };
}

/** A part with probability weight × size. */
function pickPart(rng: Rng, parts: readonly Part[], size: (params: Params) => number): Part {
  let total = 0;
  for (const part of parts) total += part.weight * size(part.params);
  let left = rng.uniform() * total;
  for (let k = 0; k < parts.length - 1; k++) {
    left -= parts[k].weight * size(parts[k].params);
    if (left < 0) return parts[k];
  }
  return parts[parts.length - 1];
}

function flatten(parts: readonly Part[]): Params {
  return Object.fromEntries(
    parts.flatMap(({ weight, params }, k) => [
      [`w${k + 1}`, weight],
      ...Object.entries(params).map(([name, value]) => [`${name}${k + 1}`, value] as const),
    ]),
  );
}

/** Number of the K groups of about equal size that each place of n sorted values belongs to, as NumPy's array_split. */
export function equalGroups(n: number, groups: number): Uint32Array {
  const ends = new Uint32Array(groups);
  for (let g = 0, end = 0; g < groups; g++) {
    end += Math.floor(n / groups) + (g < n % groups ? 1 : 0);
    ends[g] = end;
  }
  return ends;
}
