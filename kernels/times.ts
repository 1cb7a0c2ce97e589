/** Arrivals as whole seconds and nanoseconds, and what follows from them. */

/** Writes arrivals counted from a start: ns as i64, and as f64. */
export function arrivals(
  secs: usize,
  nanos: usize,
  rows: i32,
  startSec: f64,
  startNanos: i32,
  out: usize,
  offsets: usize,
): void {
  for (let row = 0; row < rows; row++) {
    const sec = load<f64>(secs + (<usize>row << 3)) - startSec;
    const part = load<i32>(nanos + (<usize>row << 2)) - startNanos;
    store<i64>(out + (<usize>row << 3), <i64>sec * 1000000000 + part);
    store<f64>(offsets + (<usize>row << 3), sec * 1e9 + <f64>part);
  }
}

/** Gaps of 0 that the last call of `scanGaps` found. */
export let zeroGaps: i32 = 0;

/**
 * Looks at the gap before each of the offsets (f64, ns); `last`: the offset before the first, NaN = there is none. Writes
 * the numbers of those rows whose gap is longer than `longNs` (i32) and returns how many they are.
 */
export function scanGaps(offsets: usize, rows: i32, last: f64, longNs: f64, out: usize): i32 {
  let before = last;
  let found = 0;
  let zero = 0;
  for (let row = 0; row < rows; row++) {
    const offset = load<f64>(offsets + (<usize>row << 3));
    const gap = offset - before;
    zero += i32(gap == 0);
    if (gap > longNs) {
      store<i32>(out + (<usize>found << 2), row);
      found++;
    }
    before = offset;
  }
  zeroGaps = zero;
  return found;
}

/** The first row whose arrival (i64) is below the one before it, which is `last` for the first row; −1 = there is none. */
export function firstFall(arrivals: usize, rows: i32, last: i64): i32 {
  let before = last;
  for (let row = 0; row < rows; row++) {
    const arrival = load<i64>(arrivals + (<usize>row << 3));
    if (arrival < before) return row;
    before = arrival;
  }
  return -1;
}
