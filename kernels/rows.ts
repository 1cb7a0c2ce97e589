/** Rows taken out of columns by their places, the order of rows of one instant, and the hash that decides it. */

/** out[i] = values[places[i]], of 1, 4 and 8 bytes. */
export function gather8(values: usize, places: usize, rows: i32, out: usize): void {
  for (let i: usize = 0; i < <usize>rows; i++)
    store<u8>(out + i, load<u8>(values + <usize>load<u32>(places + (i << 2))));
}

export function gather32(values: usize, places: usize, rows: i32, out: usize): void {
  for (let i: usize = 0; i < <usize>rows; i++)
    store<u32>(out + (i << 2), load<u32>(values + (<usize>load<u32>(places + (i << 2)) << 2)));
}

export function gather64(values: usize, places: usize, rows: i32, out: usize): void {
  for (let i: usize = 0; i < <usize>rows; i++)
    store<u64>(out + (i << 3), load<u64>(values + (<usize>load<u32>(places + (i << 2)) << 3)));
}

/**
 * Lists: row r of the source is values[starts[r], ends[r]) (u64, places as u32). Writes where each row's list ends
 * (outEnds) and the values, one list after the other; returns their number.
 */
export function gatherLists(
  starts: usize,
  ends: usize,
  values: usize,
  places: usize,
  rows: i32,
  outEnds: usize,
  out: usize,
): i32 {
  let filled = out;
  for (let i: usize = 0; i < <usize>rows; i++) {
    const place = <usize>load<u32>(places + (i << 2)) << 2;
    const end = values + (<usize>load<u32>(ends + place) << 3);
    for (let at = values + (<usize>load<u32>(starts + place) << 3); at < end; at += 8) {
      store<u64>(filled, load<u64>(at));
      filled += 8;
    }
    store<u32>(outEnds + (i << 2), <u32>((filled - out) >> 3));
  }
  return <i32>((filled - out) >> 3);
}

/** Where the lists of rows begin and end (u32 places), by their offsets (rows + 1 u32), moved by `shift`. */
export function listPlaces(offsets: usize, rows: i32, shift: i32, starts: usize, ends: usize): void {
  for (let i: usize = 0; i < <usize>rows << 2; i += 4) {
    store<i32>(starts + i, load<i32>(offsets + i) + shift);
    store<i32>(ends + i, load<i32>(offsets + i + 4) + shift);
  }
}

/** By row: 1 = it arrives with the row before it, else 0. Returns how many do. */
export function markFurther(secs: usize, nanos: usize, rows: i32, marks: usize): i32 {
  let tied = 0;
  store<u8>(marks, 0);
  for (let row = 1; row < rows; row++) {
    const n = nanos + (<usize>row << 2);
    const s = secs + (<usize>row << 3);
    const isTied = load<i32>(n) == load<i32>(n - 4) && load<f64>(s) == load<f64>(s - 8);
    store<u8>(marks + row, u8(isTied));
    tied += i32(isTied);
  }
  return tied;
}

/** Marks of 2 that the last call of `countTies` found. */
export let alike: i32 = 0;

/** How many rows are marked. */
export function countTies(marks: usize, rows: i32): i32 {
  let tied = 0;
  let twos = 0;
  for (let row = 0; row < rows; row++) {
    const mark = i32(load<u8>(marks + row));
    tied += i32(mark != 0);
    twos += mark >> 1;
  }
  alike = twos;
  return tied;
}

/** Turns (i32, nowhere (0) = there are none) and hashes (f64) by row: what `isBefore` goes by. */
let turnsOf: usize = 0;
let hashesOf: usize = 0;

/**
 * Writes the rows' numbers (u32) in order: rows of one instant by turn, then by hash. A row that has the hash of the one
 * before it is marked 2. Returns how many rows change places.
 */
export function sortTies(marks: usize, rows: i32, turns: usize, hashes: usize, numbers: usize): i32 {
  turnsOf = turns;
  hashesOf = hashes;
  let moved = 0;
  for (let from = 0; from < rows; ) {
    store<u32>(numbers + (<usize>from << 2), from);
    let to = from + 1;
    for (; to < rows && load<u8>(marks + to) != 0; to++) store<u32>(numbers + (<usize>to << 2), to);
    if (to - from > 1) {
      sortRows(numbers + (<usize>from << 2), to - from);
      let last: f64 = 0;
      for (let at = from; at < to; at++) {
        const number = load<u32>(numbers + (<usize>at << 2));
        const hash = load<f64>(hashes + (<usize>number << 3));
        moved += i32(number != at);
        // The turn is one of the values.
        if (at > from && hash == last) store<u8>(marks + at, 2);
        last = hash;
      }
    }
    from = to;
  }
  return moved;
}

/** By insertion, from afar first where there are many (Shell's order). */
function sortRows(numbers: usize, count: i32): void {
  let gap = 1;
  while (gap * 9 < count) gap = gap * 3 + 1;
  for (; gap > 0; gap = (gap - 1) / 3) {
    for (let i = gap; i < count; i++) {
      const number = load<u32>(numbers + (<usize>i << 2));
      let at = i;
      for (; at >= gap; at -= gap) {
        const before = load<u32>(numbers + (<usize>(at - gap) << 2));
        if (isBefore(before, number)) break;
        store<u32>(numbers + (<usize>at << 2), before);
      }
      store<u32>(numbers + (<usize>at << 2), number);
    }
  }
}

function isBefore(a: u32, b: u32): bool {
  if (turnsOf != 0) {
    const turnA = load<i32>(turnsOf + (<usize>a << 2));
    const turnB = load<i32>(turnsOf + (<usize>b << 2));
    if (turnA != turnB) return turnA < turnB;
  }
  const hashA = load<f64>(hashesOf + (<usize>a << 3));
  const hashB = load<f64>(hashesOf + (<usize>b << 3));
  return hashA != hashB ? hashA < hashB : a < b;
}

/** Begins the hashes of rows, two u32 each. */
export function beginHashes(states: usize, rows: i32): void {
  for (let row: usize = 0; row < <usize>rows; row++) store<u64>(states + (row << 3), 0x85ebca6b9e3779b9);
}

/** Replaces the hashes by numbers of 52 bits (f64). */
export function endHashes(states: usize, rows: i32): void {
  for (let row: usize = 0; row < <usize>rows; row++) {
    const state = states + (row << 3);
    const low = load<u32>(state) & 0xfffff;
    store<f64>(state, <f64>load<u32>(state + 4) * 1048576 + <f64>low);
  }
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function mixLow(low: u32, word: u32): u32 {
  const mixed = (low ^ word) * 0x01000193;
  return mixed ^ (mixed >> 15);
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function mixHigh(high: u32, word: u32): u32 {
  const mixed = (high ^ (word + 0x7f4a7c15)) * 0xc2b2ae35;
  return mixed ^ (mixed >> 13);
}

/**
 * Adds a column to the hashes of rows, kept as two u32 each (`states`): `words` u32 words a row, 1 or 2, from `values`.
 * `valid`: a byte per row, 0 = unknown, or nowhere (0).
 */
export function hashFixed(states: usize, rows: i32, column: u32, values: usize, words: i32, valid: usize): void {
  for (let row: usize = 0; row < <usize>rows; row++) {
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    const state = states + (row << 3);
    let low = (load<u32>(state) ^ (column + 1)) * 0x01000193;
    let high = load<u32>(state + 4);
    for (let i: usize = 0; i < <usize>words; i++) {
      const word = load<u32>(values + ((row * <usize>words + i) << 2));
      low = mixLow(low, word);
      high = mixHigh(high, word);
    }
    store<u32>(state, low);
    store<u32>(state + 4, high);
  }
}

/** The same for lists of u64: row r has values[offsets[r] − offsets[0], offsets[r + 1] − offsets[0]). */
export function hashLists(
  states: usize,
  rows: i32,
  column: u32,
  offsets: usize,
  values: usize,
  valid: usize,
): void {
  const base = load<u32>(offsets);
  for (let row: usize = 0; row < <usize>rows; row++) {
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    const state = states + (row << 3);
    let low = (load<u32>(state) ^ (column + 1)) * 0x01000193;
    let high = load<u32>(state + 4);
    const end = values + (<usize>(load<u32>(offsets + (row << 2) + 4) - base) << 3);
    for (let at = values + (<usize>(load<u32>(offsets + (row << 2)) - base) << 3); at < end; at += 4) {
      const word = load<u32>(at);
      low = mixLow(low, word);
      high = mixHigh(high, word);
    }
    store<u32>(state, low);
    store<u32>(state + 4, high);
  }
}

/**
 * First and last place of the wanted rows in each of their blocks: `ranges` has two i32 a block, [from, to), which begin
 * as (most, 0). `numbers`: the rows, u32: their block's number shifted by `bits`, and their place in it.
 */
export function rangesOf(numbers: usize, rows: i32, bits: i32, ranges: usize): void {
  const mask = (1 << bits) - 1;
  for (let i: usize = 0; i < <usize>rows; i++) {
    const number = load<u32>(numbers + (i << 2));
    const range = ranges + (<usize>(number >> bits) << 3);
    const at = <i32>(number & mask);
    if (at < load<i32>(range)) store<i32>(range, at);
    if (at >= load<i32>(range + 4)) store<i32>(range + 4, at + 1);
  }
}

/** Places of the rows when what `shifts` (i32 a block) says is added to their place in the block. */
export function placesOf(numbers: usize, rows: i32, bits: i32, shifts: usize, out: usize): void {
  const mask = (1 << bits) - 1;
  for (let i: usize = 0; i < <usize>rows; i++) {
    const number = load<u32>(numbers + (i << 2));
    store<u32>(out + (i << 2), (number & mask) + load<i32>(shifts + (<usize>(number >> bits) << 2)));
  }
}
