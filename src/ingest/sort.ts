/**
 * The order of arrival. Rows are named by their numbers in the blocks (block × BLOCK_ROWS + place). Runs that are
 * already in order are found first and then merged, so nearly sorted logs cost little: O(n log runs).
 */
import { BLOCK_BITS, BLOCK_ROWS, compareTimes, PLACE_MASK, type RowBlock } from './row-block.js';

/** Numbers of all rows in the order of the blocks. */
function rowNumbers(blocks: readonly RowBlock[]): Uint32Array {
  const rows = new Uint32Array(blocks.reduce((sum, block) => sum + block.rowCount, 0));
  let filled = 0;
  blocks.forEach((block, index) => {
    for (let at = 0; at < block.rowCount; at++) rows[filled++] = index * BLOCK_ROWS + at;
  });
  return rows;
}

/** Whether every row of the blocks arrives no earlier than the one before it. */
export function areOrdered(blocks: readonly RowBlock[]): boolean {
  return blocks.every((block, index) => {
    if (!block.isOrdered) return false;
    const before = blocks[index - 1];
    return before === undefined || compareTimes(before, before.rowCount - 1, block, 0) <= 0;
  });
}

/** Row numbers in order of arrival; equal times keep their order. */
export function sortedRows(blocks: readonly RowBlock[]): Uint32Array {
  const isBefore = (a: number, b: number): boolean => {
    const blockA = blocks[a >>> BLOCK_BITS];
    const blockB = blocks[b >>> BLOCK_BITS];
    return compareTimes(blockA, a & PLACE_MASK, blockB, b & PLACE_MASK) < 0;
  };
  let order: Uint32Array = rowNumbers(blocks);
  if (areOrdered(blocks)) return order;
  let target: Uint32Array = new Uint32Array(order.length);
  let runs = [0];
  for (let i = 1; i < order.length; i++) if (isBefore(order[i], order[i - 1])) runs.push(i);
  while (runs.length > 1) {
    const merged: number[] = [];
    for (let run = 0; run < runs.length; run += 2) {
      const from = runs[run];
      const middle = runs[run + 1] ?? order.length;
      const to = runs[run + 2] ?? order.length;
      merged.push(from);
      let left = from;
      let right = middle;
      for (let at = from; at < to; at++) {
        const takeRight = right < to && (left === middle || isBefore(order[right], order[left]));
        target[at] = takeRight ? order[right++] : order[left++];
      }
    }
    [order, target] = [target, order];
    runs = merged;
  }
  return order;
}
