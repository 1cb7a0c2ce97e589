/** Facts about columns of counts (i32). */

/** Rows that the last call of `sum` found known. */
export let summed: i32 = 0;

/** The sum of the known values; `valid`: a byte per row, 0 = unknown, or nowhere (0) when all are known. */
export function sum(values: usize, valid: usize, rows: i32): f64 {
  let total: i64 = 0;
  let known = 0;
  for (let row = 0; row < rows; row++) {
    const isKnown = valid == 0 || load<u8>(valid + row) != 0;
    total += isKnown ? <i64>load<i32>(values + (<usize>row << 2)) : 0;
    known += i32(isKnown);
  }
  summed = known;
  return <f64>total;
}
