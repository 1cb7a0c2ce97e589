/**
 * How far predicted pairs of input and output are from pairs that were held out, for several ways of making the output
 * depend on the input.
 *
 * Every candidate says the same sentence with other groups of rows: inside a group, input and output are independent.
 * One group is independence; groups by input bin are "output given input"; latent classes are a mixture. Source:
 * STATISTICS §2.3, total variation on the 20 × 20 grid of the sample's quantiles, mean of both directions of a random
 * 50/50 split. Correlation coefficients and copulas cannot express what azure_conv has (.50 against .11).
 */
import type { Rng } from '../random.js';
import { quantileEdges } from '../stats/quantile-grid.js';

const GRID_BINS = 20;

/** Pairs with known lengths, and a candidate's group of each. */
export interface Grouping {
  readonly name: string;
  readonly groupOf: ArrayLike<number>;
  readonly groups: number;
}

export interface HeldOut {
  readonly name: string;
  /** Mean total variation, 0–1. */
  readonly score: number;
}

/** Scores of all candidates on the same split. */
export function heldOutDistances(
  input: Int32Array,
  output: Int32Array,
  candidates: readonly Grouping[],
  rng: Rng,
): HeldOut[] {
  const x = binsOf(input);
  const y = binsOf(output);
  const half = new Uint8Array(input.length);
  for (let i = 0; i < half.length; i++) half[i] = rng.uniform() < 0.5 ? 1 : 0;
  return candidates.map((candidate) => {
    const both = [0, 1].map((train) => distance(x, y, half, train, candidate));
    return { name: candidate.name, score: (both[0] + both[1]) / 2 };
  });
}

interface Binned {
  readonly codes: Uint8Array;
  readonly bins: number;
}

function binsOf(values: Int32Array): Binned {
  const edges = quantileEdges(Float64Array.from(values).sort(), GRID_BINS);
  const codes = Uint8Array.from(values, (value) => {
    let bin = 0;
    while (bin < edges.length && edges[bin] < value) bin += 1;
    return bin;
  });
  return { codes, bins: edges.length + 1 };
}

/** Total variation between what the candidate learned on one half and the pairs of the other. */
function distance(
  x: Binned,
  y: Binned,
  half: Uint8Array,
  train: number,
  { groupOf, groups }: Grouping,
): number {
  const size = new Float64Array(groups);
  const ofX = new Float64Array(groups * x.bins);
  const ofY = new Float64Array(groups * y.bins);
  const seen = new Float64Array(x.bins * y.bins);
  let trained = 0;
  for (let i = 0; i < half.length; i++) {
    if (half[i] === train) {
      const group = groupOf[i];
      trained += 1;
      size[group] += 1;
      ofX[group * x.bins + x.codes[i]] += 1;
      ofY[group * y.bins + y.codes[i]] += 1;
    } else seen[x.codes[i] * y.bins + y.codes[i]] += 1;
  }
  const tested = half.length - trained;
  if (trained === 0 || tested === 0) return 1;
  const predicted = new Float64Array(seen.length);
  for (let group = 0; group < groups; group++) {
    if (size[group] === 0) continue;
    for (let a = 0; a < x.bins; a++) {
      const share = ofX[group * x.bins + a] / (trained * size[group]);
      if (share === 0) continue;
      for (let b = 0; b < y.bins; b++) predicted[a * y.bins + b] += share * ofY[group * y.bins + b];
    }
  }
  let sum = 0;
  for (let cell = 0; cell < seen.length; cell++) sum += Math.abs(predicted[cell] - seen[cell] / tested);
  return sum / 2;
}
