/**
 * Lines of JSON of one form, whose values are an arrival in ms, counts and block ids, all as plain digits, from bytes
 * into columns. Stops at the first line that is anything else: that one is for a reader who knows all rules.
 */
import { numberDigits, numberEnd, readNumber } from './digits';

const LF: u8 = 10;
const CR: u8 = 13;
const ZERO: u8 = 48;
const COMMA: u8 = 44;
const OPEN: u8 = 91;
const CLOSE: u8 = 93;
/** What is done with a slot; from 0 on: the number of a count. */
const TIME: i32 = -1;
const BLOCKS: i32 = -2;
/** Digits of a count that certainly fits 32 bits, and of a whole number that a double holds. */
const COUNT_DIGITS: i32 = 9;
const MAX_DIGITS: i32 = 15;
/** ±292 years: what 64-bit nanoseconds hold. */
const MAX_SEC: u64 = 9223372036;

/** Place after the last line taken; ids written; whether times never fall. */
export let jsonAt: usize = 0;
export let jsonIds: i32 = 0;
export let jsonIsOrdered: i32 = 1;

/** Place after the last list; ids written so far, those of the line under way among them. */
let ids: usize = 0;

/**
 * Takes at most `maxRows` lines of [from, end), which ends with LF and is followed by eight bytes that are no digits.
 * `plan`: by slot, two i32: the step, and the bytes of the literal before it; then −3 and the bytes of the last literal.
 * `literals`: their bytes, one after the other. `blockSize`: tokens per block, checked against count `inputCount`; 0 =
 * any number of ids will do. Row r is written to secs[r] (f64), nanosOut[r] (i32), for count c to counts[c · maxRows + r]
 * (i32), its ids to `idsOut` (u64), with their number up to row r in ends[r] (u32). Returns the rows.
 */
export function jsonRows(
  plan: usize,
  literals: usize,
  blockSize: i32,
  inputCount: i32,
  from: usize,
  end: usize,
  maxRows: i32,
  secs: usize,
  nanosOut: usize,
  counts: usize,
  idsOut: usize,
  ends: usize,
): i32 {
  let at = from;
  let row = 0;
  let lastMs: u64 = 0;
  let taken = idsOut;
  jsonAt = from;
  jsonIsOrdered = 1;
  for (; at < end && row < maxRows; row++) {
    let place = at;
    let literal = literals;
    let ms: u64 = 0;
    let input: u64 = 0;
    let idsOfLine: i32 = -1;
    let isPlain = false;
    ids = taken;
    for (let slot = plan; ; slot += 8) {
      const step = load<i32>(slot);
      const length = <usize>load<i32>(slot + 4);
      if (!isEqual(place, literal, length)) break;
      place += length;
      literal += length;
      if (step == -3) {
        isPlain = true;
        break;
      }
      if (step == BLOCKS) {
        place = readList(place);
        if (place == 0) break;
        idsOfLine = i32((ids - taken) >> 3);
        continue;
      }
      const value = readNumber(place);
      const digits = numberDigits;
      if (digits == 0 || digits > MAX_DIGITS || (digits > 1 && load<u8>(place) == ZERO)) break;
      place = numberEnd;
      if (step == TIME) {
        if (value / 1000 >= MAX_SEC) break;
        ms = value;
      } else {
        if (digits > COUNT_DIGITS) break;
        if (step == inputCount) input = value;
        store<i32>(counts + (<usize>(step * maxRows + row) << 2), <i32>value);
      }
    }
    if (!isPlain) break;
    if (load<u8>(place) == CR) place++;
    if (load<u8>(place) != LF) break;
    if (blockSize > 0 && idsOfLine >= 0 && <u64>idsOfLine != (input + blockSize - 1) / <u64>blockSize) break;
    at = place + 1;
    taken = ids;
    if (ms < lastMs) jsonIsOrdered = 0;
    lastMs = ms;
    const sec = ms / 1000;
    store<f64>(secs + (<usize>row << 3), <f64>sec);
    store<i32>(nanosOut + (<usize>row << 2), <i32>(ms - sec * 1000) * 1000000);
    store<u32>(ends + (<usize>row << 2), <u32>((taken - idsOut) >> 3));
    jsonAt = at;
  }
  jsonIds = i32((taken - idsOut) >> 3);
  return row;
}

function isEqual(a: usize, b: usize, length: usize): bool {
  let i: usize = 0;
  for (; i + 8 <= length; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return false;
  for (; i < length; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}

/** A list of whole numbers, written to `ids`; the place after it, 0 when it is none or not plain. */
function readList(from: usize): usize {
  if (load<u8>(from) != OPEN) return 0;
  let at = skipBlanks(from + 1);
  let out = ids;
  if (load<u8>(at) != CLOSE) {
    for (;;) {
      const value = readNumber(at);
      const digits = numberDigits;
      if (digits == 0 || digits > MAX_DIGITS || (digits > 1 && load<u8>(at) == ZERO)) return 0;
      store<u64>(out, value);
      out += 8;
      at = numberEnd;
      if (load<u8>(at) != COMMA) {
        at = skipBlanks(at);
        if (load<u8>(at) == CLOSE) break;
        if (load<u8>(at) != COMMA) return 0;
      }
      at = skipBlanks(at + 1);
    }
  }
  ids = out;
  return at + 1;
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function skipBlanks(from: usize): usize {
  let at = from;
  while (load<u8>(at) == 32 || load<u8>(at) == 9) at++;
  return at;
}
