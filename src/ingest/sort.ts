/** The order of arrival: a stable sort of row numbers. */

/**
 * Row numbers in order of (sec, nanos); equal times keep their order. Rows live in blocks of `blockRows`.
 * Runs that are already in order are found first and then merged, so nearly sorted logs cost little: O(n log runs).
 */
export function sortedOrder(
  rowCount: number,
  secs: readonly Float64Array[],
  nanos: readonly Int32Array[],
  blockRows: number,
): Uint32Array {
  const isBefore = (a: number, b: number): boolean => {
    const blockA = Math.floor(a / blockRows);
    const blockB = Math.floor(b / blockRows);
    const atA = a % blockRows;
    const atB = b % blockRows;
    const secA = secs[blockA][atA];
    const secB = secs[blockB][atB];
    return secA < secB || (secA === secB && nanos[blockA][atA] < nanos[blockB][atB]);
  };
  let order: Uint32Array = Uint32Array.from({ length: rowCount }, (_, row) => row);
  let target: Uint32Array = new Uint32Array(rowCount);
  let runs = [0];
  for (let row = 1; row < rowCount; row++) if (isBefore(row, row - 1)) runs.push(row);
  while (runs.length > 1) {
    const merged: number[] = [];
    for (let run = 0; run < runs.length; run += 2) {
      const from = runs[run];
      const middle = runs[run + 1] ?? rowCount;
      const to = runs[run + 2] ?? rowCount;
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
