/**
 * A column of lengths → atoms plus a sketch whose tails are finer than its body.
 *
 * Source: STATISTICS §2.2. Lengths of LLM traffic pile up on single values (templates, caps, floors) that no smooth
 * curve can follow; these become atoms. The rest is kept as order statistics at B equal probabilities, with both tails
 * halved until one value remains (four in the source: a straight line to the maximum then overstates the mean of the
 * heaviest column by 1 %). Measured on the eight columns of the public traces: KS ≤ 0.008, W1/mean ≤ 1 %, mean within
 * 0.5 %, with at most 39 atoms.
 */
import type { GroupedSample } from '../stats/sample.js';
import type { QuantileTable } from '../types.js';

const ATOM_LEAST_ROWS = 5;
const ATOM_LEAST_SHARE = 0.002;
/** Up to here a frequent value is an atom without further test: neighbours are too few to compare with. */
const ATOM_SMALL_VALUE = 32;
const ATOM_EXCESS_SIGMA = 6;
/** Values that stay in the last step of a tail. */
const TAIL_VALUES = 1;

/** A cap lies within this much of the largest value. */
const CAP_REACH = 0.001;

/** Table of a sample of whole numbers ≥ 0 with at least one value. */
export function buildQuantileTable(sample: GroupedSample): QuantileTable {
  const { atoms, rest } = splitAtoms(sample);
  if (rest.n === 0) return { n: sample.n, atoms, probs: [], values: [] };
  const probs = knotProbabilities(sketchBins(sample.n), rest.n);
  return { n: sample.n, atoms, probs, values: orderStatistics(rest, probs), ...endsOf(sample, atoms) };
}

/** Values that stand alone, and the smooth rest. */
export interface AtomsAndRest {
  readonly atoms: readonly (readonly [number, number])[];
  readonly rest: GroupedSample;
}

export function splitAtoms(sample: GroupedSample): AtomsAndRest {
  const bins = sketchBins(sample.n);
  const isAtom =
    sample.values.length <= bins ? new Uint8Array(sample.values.length).fill(1) : findAtoms(sample);
  const atoms: [number, number][] = [];
  const restValues: number[] = [];
  const restCounts: number[] = [];
  sample.values.forEach((value, i) => {
    if (isAtom[i] === 1) atoms.push([value, sample.counts[i]]);
    else {
      restValues.push(value);
      restCounts.push(sample.counts[i]);
    }
  });
  return {
    atoms,
    rest: {
      values: Float64Array.from(restValues),
      counts: Float64Array.from(restCounts),
      n: restCounts.reduce((sum, count) => sum + count, 0),
    },
  };
}

/** Atoms at the ends of a column that has other values: what was cut off, and what cannot be shorter. */
function endsOf(sample: GroupedSample, atoms: AtomsAndRest['atoms']): Pick<QuantileTable, 'caps' | 'floor'> {
  const [smallest] = sample.values;
  const largest = sample.values[sample.values.length - 1];
  const isFrequent = (count: number): boolean =>
    count >= Math.max(ATOM_LEAST_ROWS, ATOM_LEAST_SHARE * sample.n);
  const frequent = atoms.filter(([, count]) => isFrequent(count)).map(([value]) => value);
  const caps = frequent.filter((value) => value >= largest * (1 - CAP_REACH) && value > smallest);
  return {
    ...(caps.length > 0 ? { caps } : {}),
    ...(frequent.includes(smallest) ? { floor: smallest } : {}),
  };
}

/** Number of equal-probability steps of the body, by sample size: about ten values a step, at most 128. */
export function sketchBins(n: number): number {
  if (n >= 10_000) return 128;
  if (n >= 3_000) return 64;
  return Math.min(32, Math.max(4, 2 ** Math.floor(Math.log2(n / 10))));
}

/** Marks values that occur far more often than the other whole numbers within ±5 % of them. */
function findAtoms(sample: GroupedSample): Uint8Array {
  const { values, counts, n } = sample;
  const before = new Float64Array(counts.length + 1);
  for (let i = 0; i < counts.length; i++) before[i + 1] = before[i] + counts[i];
  const leastRows = Math.max(ATOM_LEAST_ROWS, ATOM_LEAST_SHARE * n);
  const marks = new Uint8Array(values.length);
  let low = 0;
  let high = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const reach = Math.max(3, Math.floor(0.05 * value));
    const from = Math.max(0, value - reach);
    while (values[low] < from) low += 1;
    while (high < values.length && values[high] <= value + reach) high += 1;
    if (counts[i] < leastRows) continue;
    const others = value + reach - from;
    const expected = (before[high] - before[low] - counts[i]) / others;
    const excess = counts[i] - expected;
    if (value <= ATOM_SMALL_VALUE || excess > ATOM_EXCESS_SIGMA * Math.sqrt(Math.max(expected, 1)))
      marks[i] = 1;
  }
  return marks;
}

/** 0, then halving steps up to 1/B, equal steps, halving steps towards 1, and 1. */
export function knotProbabilities(bins: number, m: number): number[] {
  const lower: number[] = [];
  for (let p = 0.5 / bins; p * m >= TAIL_VALUES; p /= 2) lower.push(p);
  const body = Array.from({ length: bins - 1 }, (_, k) => (k + 1) / bins);
  return [0, ...lower.toReversed(), ...body, ...lower.map((p) => 1 - p), 1];
}

/** Value number ⌈p·n⌉ (counted from 1; the first for p = 0) of the sorted sample. */
function orderStatistics({ values, counts, n }: GroupedSample, probs: readonly number[]): number[] {
  let i = 0;
  let upTo = counts[0];
  return probs.map((p) => {
    const rank = Math.max(1, Math.ceil(p * n));
    // Weighted samples have counts that are no whole numbers: rounding must not lead past the last value.
    while (upTo < rank && i < values.length - 1) upTo += counts[++i];
    return values[i];
  });
}
