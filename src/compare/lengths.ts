/** Statistics of lengths and of their dependence, computed once per sample; definitions: statistics page §3.1. */

import { kendallTau } from '../stats/kendall-tau.js';
import { meanOf } from '../stats/moments.js';
import { type Grid, gridMutualInformation, gridShares, quantileEdges } from '../stats/quantile-grid.js';
import { type GroupedSample, groupSample } from '../stats/sample.js';
import { spearman } from '../stats/spearman.js';
import type { Sample } from './sample.js';

/** One token column over usable rows. */
export interface LengthColumn {
  readonly sorted: Int32Array;
  readonly grouped: GroupedSample;
  readonly mean: number;
}

export interface LengthStatistics {
  /** Usable rows, in order of time. */
  readonly inputValues: Int32Array;
  readonly outputValues: Int32Array;
  readonly input: LengthColumn;
  readonly output: LengthColumn;
  readonly spearman: number | null;
  readonly kendall: number | null;
  /** On the sample's own 20 × 20 grid, bits. */
  readonly mutualInformation: number;
  readonly grid: Grid;
  readonly gridShares: Float64Array;
  /** Share of rows whose input length is exactly that of one of the 50 before; null for 50 rows or fewer. */
  readonly tie50: number | null;
}

const GRID_BINS = 20;
const LOCALITY_ROWS = 50;

/** null when no row has known lengths. */
export function lengthStatistics(sample: Sample): LengthStatistics | null {
  const usable = sample.inputTokens.map((tokens, i) => (tokens >= 1 && sample.outputTokens[i] >= 1 ? 1 : 0));
  const inputValues = sample.inputTokens.filter((_, i) => usable[i] === 1);
  const outputValues = sample.outputTokens.filter((_, i) => usable[i] === 1);
  if (inputValues.length === 0) return null;
  const input = columnOf(inputValues);
  const output = columnOf(outputValues);
  const grid = {
    xEdges: quantileEdges(input.sorted, GRID_BINS),
    yEdges: quantileEdges(output.sorted, GRID_BINS),
  };
  const shares = gridShares(grid, inputValues, outputValues);
  return {
    inputValues,
    outputValues,
    input,
    output,
    spearman: spearman(inputValues, outputValues),
    kendall: kendallTau(inputValues, outputValues),
    mutualInformation: gridMutualInformation(grid, shares),
    grid,
    gridShares: shares,
    tie50: repeatShare(inputValues, LOCALITY_ROWS),
  };
}

function columnOf(values: Int32Array): LengthColumn {
  return { sorted: values.slice().sort(), grouped: groupSample(values), mean: meanOf(values)! };
}

/** Σ |p_a − p_b| over a's ten most frequent values. */
export function atomDistance(a: GroupedSample, b: GroupedSample): number {
  const order = Array.from(a.values.keys()).sort((i, j) => a.counts[j] - a.counts[i] || i - j);
  const countInB = new Map<number, number>();
  b.values.forEach((value, i) => {
    countInB.set(value, b.counts[i]);
  });
  return order
    .slice(0, 10)
    .reduce((sum, i) => sum + Math.abs(a.counts[i] / a.n - (countInB.get(a.values[i]) ?? 0) / b.n), 0);
}

/** Share of values that occur among the `rows` values before them; the first `rows` are not asked. */
function repeatShare(values: Int32Array, rows: number): number | null {
  if (values.length <= rows) return null;
  const last = new Map<number, number>();
  let repeats = 0;
  values.forEach((value, i) => {
    const seen = last.get(value);
    if (i >= rows && seen !== undefined && i - seen <= rows) repeats += 1;
    last.set(value, i);
  });
  return repeats / (values.length - rows);
}
