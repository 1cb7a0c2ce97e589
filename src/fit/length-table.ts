/**
 * A whole column of lengths → its table: order statistics in large samples, a lognormal mixture in small ones where it
 * predicts held-out values better.
 *
 * Source: STATISTICS §2.2: below some 3 000 values a table of order statistics repeats its own noise. Both candidates keep
 * the column's atoms; the score is bits per value, two-fold, each law mixed with 2 % of a lognormal so that no value is
 * impossible.
 */
import { type Rng, randomOf } from '../random.js';
import { discreteLogPmf } from '../stats/discretised.js';
import { quantileByRoot } from '../stats/inverse-quantile.js';
import { lognormal } from '../stats/lognormal.js';
import { type DiscreteMixture, fitDiscreteMixture } from '../stats/lognormal-mixture-discrete.js';
import { normalCdf } from '../stats/normal-cdf.js';
import { type GroupedSample, groupSorted, weightedSum } from '../stats/sample.js';
import type { QuantileTable } from '../types.js';
import { buildQuantileTable, knotProbabilities, splitAtoms } from './quantile-table.js';

const LARGE_SAMPLE = 3_000;
const LEAST_SAMPLE = 100;
const MOST_PARTS = 8;
/** Steps of the body of a mixture's table; its tails are cut where one value in twenty thousand lies. */
const MIXTURE_BINS = 64;
const MIXTURE_TAIL_VALUES = 20_000;
const BACKGROUND_SHARE = 0.02;

export interface LengthTableOptions {
  readonly seed: string;
  /** Names the random halves: class and column. */
  readonly keys: readonly string[];
}

/** Table of a sample of whole numbers ≥ 0 with at least one value. */
export function lengthTable(sample: GroupedSample, { seed, keys }: LengthTableOptions): QuantileTable {
  const table = buildQuantileTable(sample);
  if (sample.n >= LARGE_SAMPLE || sample.n < LEAST_SAMPLE || table.probs.length === 0) return table;
  const { rest } = splitAtoms(sample);
  if (rest.values[0] < 1) return table;
  const rng = randomOf(seed, 'bootstrap', 'length-table', ...keys);
  const mixture = fitDiscreteMixture(rest, { rng, mostParts: MOST_PARTS });
  if (mixture === null || mixture.parts.length < 1) return table;
  const scores = heldOutBits(sample, mixture.parts.length, rng);
  if (scores === null || scores.mixture >= scores.table) return table;
  return {
    ...table,
    ...mixtureKnots(mixture, rest),
    mixture: {
      parts: mixture.parts.map(({ weight, params }) => ({
        weight: digits(weight),
        s: digits(params['s']),
        scale: digits(params['scale']),
      })),
      heldOutBits: digits(scores.mixture),
      tableHeldOutBits: digits(scores.table),
    },
  };
}

const digits = (value: number): number => Number(value.toPrecision(5));

type Parts = DiscreteMixture['parts'];

function mixtureCdf(parts: Parts, x: number): number {
  let sum = 0;
  for (const { weight, params } of parts)
    sum += weight * normalCdf(Math.log(x / params['scale']) / params['s']);
  return sum;
}

function mixtureSurvival(parts: Parts, x: number): number {
  let sum = 0;
  for (const { weight, params } of parts)
    sum += weight * normalCdf(-Math.log(x / params['scale']) / params['s']);
  return sum;
}

/** Quantiles of the mixture within the range of the sample, which is declared as its end. */
function mixtureKnots(
  { parts }: DiscreteMixture,
  rest: GroupedSample,
): Pick<QuantileTable, 'probs' | 'values'> {
  const smallest = rest.values[0];
  const largest = rest.values[rest.values.length - 1];
  const start = mixtureCdf(parts, smallest - 0.5);
  const mass = 1 - start - mixtureSurvival(parts, largest + 0.5);
  const probs = knotProbabilities(MIXTURE_BINS, MIXTURE_TAIL_VALUES);
  const values = probs.map((p) => {
    if (p === 0) return smallest;
    if (p === 1) return largest;
    const value = quantileByRoot(
      start + p * mass,
      smallest + 1,
      (x) => mixtureCdf(parts, x),
      (x) => mixtureSurvival(parts, x),
    );
    return digits(Math.min(largest, Math.max(smallest, value)));
  });
  return { probs, values };
}

/** null when a half is too poor for either. */
function heldOutBits(
  sample: GroupedSample,
  parts: number,
  rng: Rng,
): { readonly mixture: number; readonly table: number } | null {
  const halves = randomHalves(sample, rng);
  let mixtureBits = 0;
  let tableBits = 0;
  for (const [train, test] of [halves, halves.toReversed()]) {
    const background = lognormal.fit(positive(train));
    const { atoms, rest } = splitAtoms(train);
    const fitted = rest.n === 0 ? null : fitDiscreteMixture(rest, { rng, mostParts: parts });
    if (background === null || fitted === null) return null;
    const table = buildQuantileTable(train);
    const countOf = new Map(atoms);
    const above = mixtureSurvival(fitted.parts, 0.5);
    const share = rest.n / train.n;
    const score = (probability: (k: number) => number): number =>
      -weightedSum(test, (k) => {
        const base = Math.exp(discreteLogPmf(lognormal, Math.max(1, k), background));
        return Math.log2((1 - BACKGROUND_SHARE) * probability(k) + BACKGROUND_SHARE * base);
      });
    mixtureBits += score(
      (k) =>
        (countOf.get(k) ?? 0) / train.n +
        (k < 1
          ? 0
          : (share * (mixtureSurvival(fitted.parts, k - 0.5) - mixtureSurvival(fitted.parts, k + 0.5))) /
            above),
    );
    tableBits += score((k) => tableProbability(table, k));
  }
  return { mixture: mixtureBits / sample.n, table: tableBits / sample.n };
}

/** Probability that a draw from the table is k. */
export function tableProbability(table: QuantileTable, k: number): number {
  const atomRows = table.atoms.reduce((sum, [, count]) => sum + count, 0);
  const own = table.atoms.find(([value]) => value === k)?.[1] ?? 0;
  const inSketch = sketchCdf(table, k + 0.5) - sketchCdf(table, k - 0.5);
  return own / table.n + (1 - atomRows / table.n) * inSketch;
}

/** Smallest whole number that at least half of the draws do not exceed. */
export function tableMedian(table: QuantileTable): number {
  const atomRows = table.atoms.reduce((sum, [, count]) => sum + count, 0);
  const below = (x: number): number =>
    table.atoms.reduce((sum, [value, count]) => (value <= x ? sum + count : sum), 0) / table.n +
    (1 - atomRows / table.n) * sketchCdf(table, x + 0.5);
  let low = -1;
  let high = Math.max(...table.atoms.map(([value]) => value), ...table.values.slice(-1).map(Math.ceil));
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (below(middle) >= 0.5) high = middle;
    else low = middle;
  }
  return high;
}

/** Linear between knots; a jump where neighbouring knots have one value. */
function sketchCdf({ probs, values }: QuantileTable, x: number): number {
  const last = values.length - 1;
  if (last < 0 || x < values[0]) return 0;
  if (x >= values[last]) return 1;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] <= x) low = middle;
    else high = middle;
  }
  return probs[low] + ((probs[high] - probs[low]) * (x - values[low])) / (values[high] - values[low]);
}

function positive(sample: GroupedSample): GroupedSample {
  return sample.values[0] >= 1
    ? sample
    : { ...sample, values: sample.values.map((value) => Math.max(1, value)) };
}

function randomHalves(sample: GroupedSample, rng: Rng): readonly [GroupedSample, GroupedSample] {
  const halves: [number[], number[]] = [[], []];
  sample.values.forEach((value, i) => {
    for (let k = 0; k < sample.counts[i]; k++) halves[rng.uniform() < 0.5 ? 0 : 1].push(value);
  });
  return [groupSorted(halves[0]), groupSorted(halves[1])];
}
