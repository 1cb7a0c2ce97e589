/**
 * Columns as Parquet packs them: the range of the values, their numbers in a dictionary, numbers side by side or in runs,
 * and steps from one value to the next. Everything is appended at a place in memory, and the place after it returned.
 * Source: parquet-format, "Run Length Encoding / Bit-Packing Hybrid" and "Delta Encoding".
 */

/** Equal values from which on a run is shorter than what it replaces, whatever the width. */
const LEAST_RUN: i32 = 24;
const BLOCK_VALUES: i32 = 128;
const MINIBLOCKS: i32 = 4;
const MINIBLOCK_VALUES: i32 = 32;
const MAX_STEP: i64 = 1 << 51;

/** Least and greatest value of the last call. */
export let least32: i32 = 0;
export let most32: i32 = 0;
export let least64: i64 = 0;
export let most64: i64 = 0;

/** Range of i32 values, of which there is at least one. */
export function range32(values: usize, count: i32): void {
  let least = load<i32>(values);
  let most = least;
  for (let i = 1; i < count; i++) {
    const value = load<i32>(values + (<usize>i << 2));
    least = min(least, value);
    most = max(most, value);
  }
  least32 = least;
  most32 = most;
}

/** Range of i64 values, of which there is at least one. */
export function range64(values: usize, count: i32): void {
  let least = load<i64>(values);
  let most = least;
  for (let i = 1; i < count; i++) {
    const value = load<i64>(values + (<usize>i << 3));
    least = min(least, value);
    most = max(most, value);
  }
  least64 = least;
  most64 = most;
}

/**
 * Numbers the distinct values in order of first appearance: each value's number to `numbers`, the values to `entries`
 * (i32 all). `table` has an i32, −1, for each value from `least` on. Returns the number of entries.
 */
export function numberValues(
  values: usize,
  count: i32,
  least: i32,
  table: usize,
  numbers: usize,
  entries: usize,
): i32 {
  let found = 0;
  for (let i = 0; i < count; i++) {
    const value = load<i32>(values + (<usize>i << 2));
    const slot = table + (<usize>(value - least) << 2);
    let number = load<i32>(slot);
    if (number < 0) {
      number = found++;
      store<i32>(slot, number);
      store<i32>(entries + (<usize>number << 2), value);
    }
    store<i32>(numbers + (<usize>i << 2), number);
  }
  return found;
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function at32(values: usize, index: i32, isBytes: bool): u32 {
  return isBytes ? u32(load<u8>(values + index)) : load<u32>(values + (<usize>index << 2));
}

/** Appends numbers of at most 24 bits: bytes, or i32. */
export function packHybrid(values: usize, count: i32, isBytes: bool, width: i32, out: usize): usize {
  let place = out;
  let literal = 0;
  let at = 0;
  while (at < count) {
    const value = at32(values, at, isBytes);
    let end = at + 1;
    while (end < count && at32(values, end, isBytes) == value) end++;
    if (end - at >= LEAST_RUN || (at == 0 && end == count)) {
      place = packLiterals(values, literal, at, isBytes, width, place);
      place = packRun(value, end - at, width, place);
      at = end;
      literal = at;
    } else {
      // Literals come in groups of eight: a run begins where a group does.
      at += 8;
    }
  }
  return packLiterals(values, literal, count, isBytes, width, place);
}

/** Appends one value so many times. */
function packRun(value: u32, count: i32, width: i32, out: usize): usize {
  let place = varint(<u64>count * 2, out);
  for (let bits = 0; bits < width; bits += 8) store<u8>(place++, <u8>(value >> bits));
  return place;
}

/** values[from, to) as one stretch of groups; only the last stretch may end inside a group, which is filled with 0. */
function packLiterals(
  values: usize,
  from: i32,
  to: i32,
  isBytes: bool,
  width: i32,
  out: usize,
): usize {
  if (to <= from) return out;
  const groups = (to - from + 7) / 8;
  let place = varint(<u64>groups * 2 + 1, out);
  const end = place + groups * width;
  let waiting: u64 = 0;
  let waitingBits = 0;
  for (let at = from; at < to; at++) {
    waiting |= <u64>at32(values, at, isBytes) << waitingBits;
    waitingBits += width;
    if (waitingBits >= 32) {
      store<u32>(place, <u32>waiting);
      place += 4;
      waiting >>= 32;
      waitingBits -= 32;
    }
  }
  for (; waitingBits > 0; waitingBits -= 8) {
    store<u8>(place++, <u8>waiting);
    waiting >>= 8;
  }
  while (place < end) store<u8>(place++, 0);
  return end;
}

/** ULEB128. */
function varint(value: u64, out: usize): usize {
  let place = out;
  let rest = value;
  for (; rest >= 128; rest >>= 7) store<u8>(place++, <u8>rest | 128);
  store<u8>(place, <u8>rest);
  return place + 1;
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function zigzag(value: i64): u64 {
  return <u64>((value << 1) ^ (value >> 63));
}

/**
 * Appends the steps between i64 or u64 values: to each of `count` values from the one before it, which for the first lies
 * in front of `values`. 0 when a step is 2^51 or larger. `steps` has room for 128 i64.
 */
export function packSteps(values: usize, count: i32, steps: usize, out: usize): usize {
  let place = out;
  for (let from = 0; from < count; from += BLOCK_VALUES) {
    const length = min(BLOCK_VALUES, count - from);
    let least: i64 = i64.MAX_VALUE;
    let most: i64 = i64.MIN_VALUE;
    for (let i = 0; i < length; i++) {
      const at = values + (<usize>(from + i) << 3);
      const step = load<i64>(at) - load<i64>(at - 8);
      store<i64>(steps + (<usize>i << 3), step);
      least = min(least, step);
      most = max(most, step);
    }
    if (least <= -MAX_STEP || most >= MAX_STEP) return 0;
    place = packBlock(steps, length, least, place);
  }
  return place;
}

function packBlock(steps: usize, length: i32, least: i64, out: usize): usize {
  const widths = varint(zigzag(least), out);
  let place = widths + MINIBLOCKS;
  for (let block = 0; block < MINIBLOCKS; block++) {
    const from = block * MINIBLOCK_VALUES;
    const to = min(from + MINIBLOCK_VALUES, length);
    let all: u64 = 0;
    for (let i = from; i < to; i++) {
      const at = steps + (<usize>i << 3);
      const more = load<i64>(at) - least;
      store<i64>(at, more);
      all |= <u64>more;
    }
    const width = 64 - i32(clz(all));
    store<u8>(widths + block, <u8>width);
    if (width > 0) place = packMiniblock(steps, from, to, width, place);
  }
  return place;
}

/** 32 values of one width, at most 52 bits; those that the block lacks are 0. */
function packMiniblock(steps: usize, from: i32, to: i32, width: i32, out: usize): usize {
  const end = out + 4 * width;
  let place = out;
  let waiting: u64 = 0;
  let waitingBits = 0;
  for (let i = from; i < to; i++) {
    const step = load<u64>(steps + (<usize>i << 3));
    waiting |= step << waitingBits;
    waitingBits += width;
    if (waitingBits >= 64) {
      store<u64>(place, waiting);
      place += 8;
      waitingBits -= 64;
      waiting = waitingBits == 0 ? 0 : step >> (width - waitingBits);
    }
  }
  for (; waitingBits > 0; waitingBits -= 8) {
    store<u8>(place++, <u8>waiting);
    waiting >>= 8;
  }
  while (place < end) store<u8>(place++, 0);
  return end;
}

/**
 * Levels of a list column, a byte each: repetition (1 = a further element of the row) and definition (0 = unknown list,
 * `empty` = empty list, empty + 2 = element). `offsets`: rows + 1 u32; `valid`: a byte a row, or nowhere (0). Returns the
 * number of levels; −1 when a list is unknown and `empty` is 0, as that cannot be told from an empty one.
 */
export function listLevels(
  offsets: usize,
  valid: usize,
  rows: i32,
  empty: i32,
  repetitions: usize,
  definitions: usize,
): i32 {
  let count: usize = 0;
  for (let row: usize = 0; row < <usize>rows; row++) {
    const isKnown = valid == 0 || load<u8>(valid + row) != 0;
    if (!isKnown && empty == 0) return -1;
    const at = offsets + (row << 2);
    const length = isKnown ? load<u32>(at + 4) - load<u32>(at) : 0;
    if (length == 0) {
      store<u8>(repetitions + count, 0);
      store<u8>(definitions + count, isKnown ? <u8>empty : 0);
      count++;
      continue;
    }
    memory.fill(repetitions + count, 1, length);
    store<u8>(repetitions + count, 0);
    memory.fill(definitions + count, <u8>(empty + 2), length);
    count += length;
  }
  return <i32>count;
}
