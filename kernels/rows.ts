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

/** By row: 0 = alone in its instant, 1 = first of its instant, 2 = a further one. Returns the rows that are not alone. */
export function markTies(secs: usize, nanos: usize, rows: i32, marks: usize): i32 {
  let tied = 0;
  store<u8>(marks, 0);
  for (let row = 1; row < rows; row++) {
    const n = nanos + (<usize>row << 2);
    const s = secs + (<usize>row << 3);
    const mark = marks + row;
    if (load<i32>(n) != load<i32>(n - 4) || load<f64>(s) != load<f64>(s - 8)) {
      store<u8>(mark, 0);
      continue;
    }
    if (load<u8>(mark - 1) == 0) {
      store<u8>(mark - 1, 1);
      tied++;
    }
    store<u8>(mark, 2);
    tied++;
  }
  return tied;
}

/** Rows that the last call of `orderTies` found equal to the one before them in turn and hash. */
export let alike: i32 = 0;

/**
 * Orders rows (u32) of one instant by turn, then by hash (f64 both; `turns` nowhere (0) = there are none), all three in
 * place. Instants of more than `most` rows are left as they are.
 */
export function orderTies(marks: usize, rows: i32, most: i32, turns: usize, hashes: usize, numbers: usize): void {
  alike = 0;
  for (let from = 0; from < rows; ) {
    let to = from + 1;
    if (load<u8>(marks + from) == 1) while (to < rows && load<u8>(marks + to) == 2) to++;
    if (to - from > 1 && to - from <= most) insert(from, to, turns, hashes, numbers);
    from = to;
  }
}

function insert(from: i32, to: i32, turns: usize, hashes: usize, numbers: usize): void {
  for (let i = from + 1; i < to; i++) {
    const hash = load<f64>(hashes + (<usize>i << 3));
    const turn = turns == 0 ? 0 : load<f64>(turns + (<usize>i << 3));
    const number = load<u32>(numbers + (<usize>i << 2));
    let at = i;
    for (; at > from; at--) {
      const before = <usize>(at - 1);
      const beforeTurn = turns == 0 ? 0 : load<f64>(turns + (before << 3));
      const beforeHash = load<f64>(hashes + (before << 3));
      if (beforeTurn < turn || (beforeTurn == turn && beforeHash <= hash)) break;
      store<f64>(hashes + (<usize>at << 3), beforeHash);
      if (turns != 0) store<f64>(turns + (<usize>at << 3), beforeTurn);
      store<u32>(numbers + (<usize>at << 2), load<u32>(numbers + (before << 2)));
    }
    store<f64>(hashes + (<usize>at << 3), hash);
    if (turns != 0) store<f64>(turns + (<usize>at << 3), turn);
    store<u32>(numbers + (<usize>at << 2), number);
  }
  for (let i = from + 1; i < to; i++)
    alike += i32(load<f64>(hashes + (<usize>i << 3)) == load<f64>(hashes + (<usize>(i - 1) << 3)));
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
