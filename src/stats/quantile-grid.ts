/**
 * Two columns on a grid of one sample's quantiles: what their dependence looks like, whatever its shape.
 *
 * Why: azure_conv's outputs by input decile go 162, 76, 95, 99, 395, 406, 407, 396, 98, 58; Spearman calls that
 * independent (0.07), a 20 × 20 grid finds 1.03 bits. Source: statistics page §2.3 and §3.1 (20 quantile bins per
 * axis, duplicate edges merged). A value on an edge belongs to the lower bin. Cost: linear after sorting.
 */
import { percentileSorted } from '../metrics.js';

/** Inner edges of at most `bins` quantile bins (type 7), duplicates merged. `sorted` rises. */
export function quantileEdges(sorted: ArrayLike<number>, bins: number): Float64Array {
  const edges: number[] = [];
  for (let k = 1; k < bins; k++) {
    const edge = percentileSorted(sorted, k / bins);
    // An edge at the maximum would leave an empty bin above it.
    if (edge === null || edge === edges.at(-1) || edge >= sorted[sorted.length - 1]) continue;
    edges.push(edge);
  }
  return Float64Array.from(edges);
}

export interface Grid {
  readonly xEdges: Float64Array;
  readonly yEdges: Float64Array;
}

/** Share of the pairs in each cell, row by row (x major), (xEdges + 1) × (yEdges + 1) cells; they sum to 1. */
export function gridShares(grid: Grid, x: ArrayLike<number>, y: ArrayLike<number>): Float64Array {
  const columns = grid.yEdges.length + 1;
  const shares = new Float64Array((grid.xEdges.length + 1) * columns);
  const share = 1 / x.length;
  for (let i = 0; i < x.length; i++)
    shares[binOf(grid.xEdges, x[i]) * columns + binOf(grid.yEdges, y[i])] += share;
  return shares;
}

/** Total variation distance of two sets of shares, 0–1: ½ Σ|p − q|. */
export function totalVariation(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += Math.abs(p[i] - q[i]);
  return sum / 2;
}

/** Mutual information of the two axes, bits, as the grid shows it (biased up by about cells ÷ (2 n ln 2)). */
export function gridMutualInformation(grid: Grid, shares: Float64Array): number {
  const rows = grid.xEdges.length + 1;
  const columns = grid.yEdges.length + 1;
  const rowShare = new Float64Array(rows);
  const columnShare = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      rowShare[i] += shares[i * columns + j];
      columnShare[j] += shares[i * columns + j];
    }
  }
  let bits = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const share = shares[i * columns + j];
      if (share > 0) bits += share * Math.log2(share / (rowShare[i] * columnShare[j]));
    }
  }
  return Math.max(0, bits);
}

/** Number of edges below the value. */
function binOf(edges: Float64Array, value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
