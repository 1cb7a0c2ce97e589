/**
 * A law in words: `lognormal p50 800 p99 6000`, `gamma mean 150 cv 1.2 max 2000`, `uniform 100 200`, `normal 480 240`,
 * `512`, `values 128: 0.3, 512: 0.7`.
 *
 * A family needs as many facts as it has parameters: quantiles (`p50`, `median`), `mean`, `cv`, `sd`, or parameters by
 * name. Two facts about one family of shape and scale: their ratio (or cv itself) does not depend on the scale and gives
 * the shape by root-finding; either fact then gives the scale.
 */
import { gammaln } from 'simple-statistics';
import { nearestWord } from '../../errors.js';
import type { Distribution, Params } from '../../stats/distribution.js';
import { familyOf } from '../../stats/families.js';
import { findPositiveRoot } from '../../stats/root.js';
import type { FamilyName } from '../../types.js';
import { badSpec, type Place, parseNumber } from './words.js';

/** What a text says, before it becomes a table or a family of tokens. */
export type Law =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'family'; readonly family: FamilyName; readonly params: Params; readonly bounds: Bounds }
  | { readonly kind: 'normal'; readonly mean: number; readonly sd: number; readonly bounds: Bounds }
  | { readonly kind: 'uniform'; readonly from: number; readonly to: number }
  | { readonly kind: 'values'; readonly values: readonly (readonly [number, number])[] };

export interface Bounds {
  readonly min: number | null;
  readonly max: number | null;
}

/** Families of shape and scale, with the shape's name and the coefficient of variation for it. */
const TWO_PARAMETER: Readonly<
  Record<
    string,
    { readonly name: FamilyName; readonly shape: string; cv(shape: number): number; readonly most?: number }
  >
> = {
  lognormal: { name: 'lognormal', shape: 's', cv: (s) => Math.sqrt(Math.expm1(s * s)) },
  gamma: { name: 'gamma', shape: 'a', cv: (a) => 1 / Math.sqrt(a) },
  weibull: {
    name: 'weibull',
    shape: 'c',
    cv: (c) => Math.sqrt(Math.expm1(gammaln(1 + 2 / c) - 2 * gammaln(1 + 1 / c))),
  },
  'inverse-gaussian': { name: 'inverse_gaussian', shape: 'mu', cv: Math.sqrt },
  'log-logistic': {
    name: 'log_logistic',
    shape: 'c',
    cv: (c) => (c > 2 ? Math.sqrt((c / Math.PI) * Math.tan(Math.PI / c) - 1) : Number.POSITIVE_INFINITY),
  },
  lomax: {
    name: 'lomax',
    shape: 'c',
    cv: (c) => (c < 0.5 ? 1 / Math.sqrt(1 - 2 * c) : Number.POSITIVE_INFINITY),
  },
};

export const LAW_WORDS = [
  'constant',
  'exponential',
  ...Object.keys(TWO_PARAMETER),
  'normal',
  'uniform',
  'values',
];
const EXAMPLE = 'write it like "lognormal p50 800 p99 6000", "gamma mean 150 cv 1.2" or 512';

/** Reads a law. `unit` time = its numbers are durations, in seconds. Throws BAD_MODEL that names the key. */
export function parseLaw(text: string, place: Place, unit: 'number' | 'time' = 'number'): Law {
  const words = text
    .replaceAll(/[,=]/g, ' ')
    .replaceAll(/\binverse[ _]gaussian\b/gi, 'inverse-gaussian')
    .replaceAll(/\blog[ _]?logistic\b/gi, 'log-logistic')
    .trim()
    .split(/\s+/);
  const head = words[0].toLowerCase();
  const number = (word: string | undefined): number => {
    if (word === undefined) throw badSpec(place, `'${text}' ends too early`, EXAMPLE);
    return parseNumber(word, place, unit);
  };
  if (/^[\d.]/.test(head) && words.length === 1)
    return { kind: 'constant', value: atLeastZero(number(head), place) };
  const rest = words.slice(1);
  switch (head) {
    case 'constant':
      return { kind: 'constant', value: atLeastZero(number(rest[0]), place) };
    case 'uniform':
      return uniform(rest.filter((word) => !/^(from|to)$/i.test(word)).map(number), place);
    case 'values':
      return { kind: 'values', values: pairs(rest.join(' '), place, number) };
    case 'normal':
      return normal(factsOf(rest, place, number), place);
    case 'exponential':
      return exponential(factsOf(rest, place, number), place);
  }
  const family = TWO_PARAMETER[head];
  if (family === undefined) {
    const near = nearestWord(head, LAW_WORDS);
    throw badSpec(
      place,
      `no law is called '${words[0]}'${near === null ? '' : ` (did you mean ${near}?)`}`,
      `laws: a number, ${LAW_WORDS.join(', ')}`,
    );
  }
  return { kind: 'family', family: family.name, ...solve(family, factsOf(rest, place, number), place) };
}

interface Facts {
  readonly quantiles: readonly { readonly p: number; readonly value: number }[];
  readonly named: Readonly<Record<string, number>>;
  /** Numbers without a word before them. */
  readonly bare: readonly number[];
}

const FACTS = ['median', 'mean', 'cv', 'sd', 's', 'a', 'c', 'mu', 'scale', 'shape', 'min', 'max'];

function factsOf(words: readonly string[], place: Place, number: (word?: string) => number): Facts {
  const quantiles: { p: number; value: number }[] = [];
  const named: Record<string, number> = {};
  const bare: number[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i].toLowerCase();
    const quantile = /^p(\d{1,2}(?:\.\d+)?)$/.exec(word);
    if (quantile) quantiles.push({ p: Number(quantile[1]) / 100, value: number(words[++i]) });
    else if (word === 'median') quantiles.push({ p: 0.5, value: number(words[++i]) });
    else if (word === 'cv') named['cv'] = parseNumber(words[++i] ?? '', place);
    else if (['s', 'a', 'c', 'mu', 'shape'].includes(word))
      named[word] = parseNumber(words[++i] ?? '', place);
    else if (FACTS.includes(word)) named[word] = number(words[++i]);
    else if (/^[\d.]/.test(word)) bare.push(number(word));
    else {
      const near = nearestWord(word, [...FACTS, 'p50', 'p90', 'p99']);
      throw badSpec(
        place,
        `unknown word '${words[i]}'${near === null ? '' : ` (did you mean ${near}?)`}`,
        `facts: p50, p90, p99, ${FACTS.join(', ')}`,
      );
    }
  }
  return { quantiles, named, bare };
}

const boundsOf = ({ named }: Facts): Bounds => ({ min: named['min'] ?? null, max: named['max'] ?? null });

interface Statistic {
  /** Target value. */
  readonly value: number;
  /** Value of the law with scale 1; null = it does not depend on the scale. */
  readonly of: (params: Params) => number;
  readonly scaleFree: boolean;
}

function solve(
  { name, shape, cv }: (typeof TWO_PARAMETER)[string],
  facts: Facts,
  place: Place,
): { readonly params: Params; readonly bounds: Bounds } {
  const family = familyOf(name);
  const { quantiles, named } = facts;
  const bounds = boundsOf(facts);
  const statistics: Statistic[] = quantiles.map(({ p, value }) => ({
    value,
    of: (params) => family.quantile(p, params),
    scaleFree: false,
  }));
  if (named['mean'] !== undefined)
    statistics.push({ value: named['mean'], of: family.mean, scaleFree: false });
  if (named['cv'] !== undefined)
    statistics.push({ value: named['cv'], of: (params) => cv(params[shape]), scaleFree: true });
  if (named['sd'] !== undefined)
    statistics.push({
      value: named['sd'],
      of: (params) => cv(params[shape]) * family.mean(params),
      scaleFree: false,
    });
  if (named['scale'] !== undefined)
    statistics.push({ value: named['scale'], of: (params) => params['scale'], scaleFree: false });
  const givenShape = named[shape] ?? named['shape'];
  if (givenShape !== undefined)
    statistics.push({ value: givenShape, of: (params) => params[shape], scaleFree: true });
  if (statistics.length !== 2 || facts.bare.length > 0) {
    throw badSpec(
      place,
      `${name.replaceAll('_', '-')} needs two facts, such as p50 and p99, or mean and cv; it has ${statistics.length + facts.bare.length}`,
      EXAMPLE,
    );
  }
  if (statistics.some(({ value }) => !(value > 0)))
    throw badSpec(place, 'facts about lengths and times must be above zero', EXAMPLE);
  const [first, second] = statistics;
  if (first.scaleFree && second.scaleFree)
    throw badSpec(
      place,
      'both facts are about the shape: one must be about the size',
      'add a mean or a quantile',
    );
  const atScaleOne = (value: number): Params => ({ [shape]: value, scale: 1 });
  const [shapeFact, sizeFact] = first.scaleFree ? [first, second] : [second, first];
  const target = Math.log(shapeFact.scaleFree ? shapeFact.value : shapeFact.value / sizeFact.value);
  const gap = (value: number): number => {
    const params = atScaleOne(value);
    const at = shapeFact.scaleFree ? shapeFact.of(params) : shapeFact.of(params) / sizeFact.of(params);
    return Math.max(-1e3, Math.min(1e3, Math.log(at))) - target;
  };
  const found = findPositiveRoot(gap, 1);
  if (found === null || !Number.isFinite(found) || Math.abs(gap(found)) > 1e-6)
    throw badSpec(
      place,
      `no ${name.replaceAll('_', '-')} law has these facts`,
      'check that they fit together: p99 above p50, cv not too small',
    );
  const params: Params = { [shape]: found, scale: sizeFact.value / sizeFact.of(atScaleOne(found)) };
  return { params, bounds };
}

function exponential(facts: Facts, place: Place): Law {
  const family: Distribution = familyOf('exponential');
  const { quantiles, named, bare } = facts;
  const size = named['mean'] ?? named['scale'] ?? bare[0];
  const [quantile] = quantiles;
  const scale = size ?? (quantile && quantile.value / family.quantile(quantile.p, { scale: 1 }));
  if (scale === undefined || !(scale > 0))
    throw badSpec(
      place,
      'exponential needs a mean or a quantile above zero',
      'write it like "exponential mean 150"',
    );
  return { kind: 'family', family: 'exponential', params: { scale }, bounds: boundsOf(facts) };
}

function normal(facts: Facts, place: Place): Law {
  const mean = facts.named['mean'] ?? facts.bare[0];
  const sd = facts.named['sd'] ?? facts.bare[1] ?? (facts.named['cv'] ?? Number.NaN) * (mean ?? Number.NaN);
  if (mean === undefined || !Number.isFinite(sd) || sd < 0)
    throw badSpec(place, 'normal needs a mean and a standard deviation', 'write it like "normal 480 240"');
  return { kind: 'normal', mean, sd, bounds: boundsOf(facts) };
}

function uniform([from, to]: readonly number[], place: Place): Law {
  if (from === undefined || to === undefined || to < from || from < 0)
    throw badSpec(
      place,
      'uniform needs its two ends, the lower one first',
      'write it like "uniform 100 200"',
    );
  return { kind: 'uniform', from, to };
}

function pairs(
  text: string,
  place: Place,
  number: (word: string) => number,
): readonly (readonly [number, number])[] {
  const found = [...text.matchAll(/(\S+?)\s*:\s*(\S+)/g)].map(
    ([, value, weight]) => [number(value), parseNumber(weight, place)] as const,
  );
  const isRight =
    found.every(([value, weight]) => value >= 0 && weight >= 0) && found.some(([, weight]) => weight > 0);
  if (found.length === 0 || !isRight)
    throw badSpec(place, 'values needs numbers with weights', 'write it like "values 128: 0.3, 512: 0.7"');
  return found;
}

function atLeastZero(value: number, place: Place): number {
  if (value >= 0) return value;
  throw badSpec(place, `expected a number from 0, got ${value}`);
}
