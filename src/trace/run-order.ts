/**
 * The order of rows by several keys, for millions of rows in 8 bytes each beside the keys: a stable radix sort by 16-bit
 * digits, least first (Knuth, TAOCP vol. 3, §5.2.5). Typed arrays sort with a comparison through boxed copies instead.
 */

const DIGITS = 1 << 16;

/**
 * Row numbers in rising order of the keys, the most significant key first; rows with equal keys stay as they were. Signed
 * arrays sort as signed. Cost: two passes per key, none for a digit that all rows share.
 */
export function orderOfRows(rowCount: number, keys: readonly (Int32Array | Uint32Array)[]): Uint32Array {
  let order = new Uint32Array(rowCount);
  let other = new Uint32Array(rowCount);
  for (let row = 0; row < rowCount; row++) order[row] = row;
  const starts = new Uint32Array(DIGITS);
  for (const key of keys.toReversed()) {
    // Flips the sign, so that negative values come first.
    const flip = key instanceof Int32Array ? 0x8000_0000 : 0;
    for (const shift of [0, 16]) {
      starts.fill(0);
      for (let row = 0; row < rowCount; row++) starts[((key[row] ^ flip) >>> shift) & 0xffff] += 1;
      if (rowCount === 0 || starts[((key[0] ^ flip) >>> shift) & 0xffff] === rowCount) continue;
      for (let digit = 0, next = 0; digit < DIGITS; digit++) {
        const rows = starts[digit];
        starts[digit] = next;
        next += rows;
      }
      for (let i = 0; i < rowCount; i++) {
        const row = order[i];
        other[starts[((key[row] ^ flip) >>> shift) & 0xffff]++] = row;
      }
      [order, other] = [other, order];
    }
  }
  return order;
}
