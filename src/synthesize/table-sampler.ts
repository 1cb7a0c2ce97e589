/**
 * Draws from a quantile table: one uniform → one whole number, by inversion.
 *
 * Atoms and sketch steps form one cumulative table; a guide of 256 entries finds the step in about two comparisons, so
 * a draw costs some 20 ns whatever the table's size. One uniform per draw, always: streams stay aligned when a table
 * changes.
 */
import type { QuantileTable } from '../types.js';

const GUIDE_SIZE = 256;

/** Maps a uniform on [0, 1) to a draw. */
export function tableSampler(table: QuantileTable): (u: number) => number {
  const atomRows = table.atoms.reduce((sum, [, count]) => sum + count, 0);
  const atomShare = table.probs.length === 0 ? 1 : atomRows / table.n;
  const upTo: number[] = [];
  const low: number[] = [];
  const high: number[] = [];
  let rows = 0;
  for (const [value, count] of table.atoms) {
    rows += count;
    upTo.push((rows / atomRows) * atomShare);
    low.push(value);
    high.push(value);
  }
  for (let k = 1; k < table.probs.length; k++) {
    upTo.push(atomShare + table.probs[k] * (1 - atomShare));
    low.push(table.values[k - 1]);
    high.push(table.values[k]);
  }
  const last = upTo.length - 1;
  upTo[last] = 1;
  const guide = new Uint16Array(GUIDE_SIZE);
  for (let g = 0, k = 0; g < GUIDE_SIZE; g++) {
    while (k < last && upTo[k] <= g / GUIDE_SIZE) k += 1;
    guide[g] = k;
  }
  return (u) => {
    let k = guide[Math.floor(u * GUIDE_SIZE)];
    while (k < last && upTo[k] <= u) k += 1;
    const from = k === 0 ? 0 : upTo[k - 1];
    return Math.round(low[k] + ((high[k] - low[k]) * (u - from)) / (upTo[k] - from));
  };
}
