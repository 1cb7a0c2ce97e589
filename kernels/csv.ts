/**
 * Lines of a CSV that hold nothing but a date and time in UTC and counts, as plain digits, from bytes into columns. Stops
 * at the first line that is anything else: that one is for a reader who knows all rules.
 */
import { digitCount, digitsValue, numberDigits, numberEnd, readNumber, ten, ZEROS } from './digits';

const COLON: u8 = 58;
const LF: u8 = 10;
const CR: u8 = 13;
const QUOTE: u8 = 34;
const DOT: u8 = 46;
const PLUS: u8 = 43;
const ZULU: u8 = 90;
const DASH: u8 = 45;
const TEE: u8 = 84;
const BLANK: u8 = 32;
/** What is done with a field; from 0 on: the number of a count. */
const SKIP: i32 = -1;
const TIME: i32 = -2;
/** Digits of a count that certainly fits 32 bits. */
const MAX_DIGITS: i32 = 9;
const MAX_PLACES: i32 = 9;
/** `+00:` and `0:00`, as words. */
const PLUS_ZERO: u32 = 0x3a30302b;
const ZERO_ZERO: u32 = 0x30303a30;

/** Place after the last line taken; most digits below the second; lines with their zone; whether times never fall. */
export let csvAt: usize = 0;
export let csvPlaces: i32 = 0;
export let csvZoned: i32 = 0;
export let csvIsOrdered: i32 = 1;

/** Date, hour and minute of the line before, as its 16 bytes and in seconds since 1970. */
let dateWord: u64 = 0;
let minuteWord: u64 = 0;
let minuteSec: i64 = 0;

let time: f64 = 0;
let nanos: i32 = 0;
let places: i32 = 0;
let isZoned: bool = false;
/** Seconds to take off times without a zone. */
let offset: f64 = 0;

/**
 * Takes at most `maxRows` lines of [from, end), which ends with LF and is followed by eight bytes that are no digits.
 * `plan`: by field, an i32. Row r is written to secs[r] (f64), nanosOut[r] (i32) and, for count c, to
 * counts[c · maxRows + r] (i32). Returns the rows.
 */
export function csvRows(
  plan: usize,
  fields: i32,
  separator: i32,
  offsetSec: f64,
  from: usize,
  end: usize,
  maxRows: i32,
  secs: usize,
  nanosOut: usize,
  counts: usize,
): i32 {
  let at = from;
  let row = 0;
  let lastSec: f64 = -Infinity;
  let lastNanos = 0;
  const last = plan + (<usize>(fields - 1) << 2);
  csvAt = from;
  csvPlaces = 0;
  csvZoned = 0;
  csvIsOrdered = 1;
  offset = offsetSec;
  for (; at < end && row < maxRows; row++) {
    let place = at;
    let isPlain = true;
    for (let step = plan; step <= last; step += 4) {
      const kind = load<i32>(step);
      if (kind >= 0) {
        const value = readNumber(place);
        if (<u32>(numberDigits - 1) >= <u32>MAX_DIGITS) {
          isPlain = false;
          break;
        }
        place = numberEnd;
        store<i32>(counts + (<usize>(kind * maxRows + row) << 2), <i32>value);
      } else if (kind == TIME) {
        place = readTime(place);
      } else place = skipField(place, separator);
      if (place == 0 || (step < last && i32(load<u8>(place++)) != separator)) {
        isPlain = false;
        break;
      }
    }
    if (!isPlain) break;
    if (load<u8>(place) == CR) place++;
    if (load<u8>(place) != LF) break;
    at = place + 1;
    if (time < lastSec || (time == lastSec && nanos < lastNanos)) csvIsOrdered = 0;
    lastSec = time;
    lastNanos = nanos;
    store<f64>(secs + (<usize>row << 3), time);
    store<i32>(nanosOut + (<usize>row << 2), nanos);
    if (places > csvPlaces) csvPlaces = places;
    csvZoned += i32(isZoned);
    csvAt = at;
  }
  return row;
}

/** The end of a field that is not wanted; 0 when it is quoted. */
function skipField(from: usize, separator: i32): usize {
  let place = from;
  for (;;) {
    const byte = load<u8>(place);
    if (i32(byte) == separator || byte == LF) break;
    if (byte == QUOTE) return 0;
    place++;
  }
  return load<u8>(place) == LF && place > from && load<u8>(place - 1) == CR ? place - 1 : place;
}

/** Reads a time; the place after it, 0 when it is not plain. */
function readTime(from: usize): usize {
  const isSameMinute =
    load<u64>(from) == dateWord && load<u64>(from + 8) == minuteWord && load<u8>(from + 16) == COLON;
  if (!isSameMinute && !setMinute(from)) return 0;
  const tens = i32(load<u8>(from + 17)) - 48;
  const ones = i32(load<u8>(from + 18)) - 48;
  // The sign bit is set as soon as one of the terms is negative.
  if ((tens | ones | (5 - tens) | (9 - ones)) < 0) return 0;
  let place = from + 19;
  let fraction: i32 = 0;
  places = 0;
  if (load<u8>(place) == DOT) {
    place++;
    const word = load<u64>(place) ^ ZEROS;
    const count = digitCount(word);
    if (count == 0) return 0;
    fraction = <i32>digitsValue(word, count);
    places = count;
    place += count;
    if (count == 8) {
      const digit = i32(load<u8>(place)) - 48;
      if (<u32>digit <= 9) {
        fraction = fraction * 10 + digit;
        places = MAX_PLACES;
        place++;
        if (<u32>(i32(load<u8>(place)) - 48) <= 9) return 0;
      }
    }
  }
  const byte = load<u8>(place);
  isZoned = byte == PLUS || byte == ZULU;
  let shift = offset;
  if (isZoned) {
    // +00:00 or Z: every other offset is left to the reader.
    if (byte == PLUS && (load<u32>(place) != PLUS_ZERO || load<u32>(place + 2) != ZERO_ZERO)) return 0;
    place += byte == ZULU ? 1 : 6;
    shift = 0;
  }
  time = <f64>(minuteSec + tens * 10 + ones) - shift;
  nanos = fraction * ten(MAX_PLACES - places);
  return place;
}

/** Two digits as a number; a number above 99 when they are none. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function pair(at: usize): u32 {
  const tens = u32(load<u8>(at)) - 48;
  const ones = u32(load<u8>(at + 1)) - 48;
  return tens > 9 || ones > 9 ? 1000 : tens * 10 + ones;
}

/** Reads `YYYY-MM-DD HH:MM:` and keeps it for the lines after; false when there is no such minute in 1900 … 2200. */
function setMinute(at: usize): bool {
  const century = pair(at);
  const yearOfCentury = pair(at + 2);
  const month = pair(at + 5);
  const day = pair(at + 8);
  const hour = pair(at + 11);
  const minute = pair(at + 14);
  const between = load<u8>(at + 10);
  if (load<u8>(at + 4) != DASH || load<u8>(at + 7) != DASH || load<u8>(at + 13) != COLON) return false;
  if (load<u8>(at + 16) != COLON || (between != TEE && between != BLANK)) return false;
  if (century > 99 || yearOfCentury > 99 || hour > 23 || minute > 59) return false;
  const year = century * 100 + yearOfCentury;
  // Times far from ours may not be ones: the reader knows.
  if (year < 1900 || year > 2200) return false;
  if (month < 1 || month > 12 || day < 1 || day > daysOf(month, year)) return false;
  minuteSec = daysSince1970(year, month, day) * 86400 + hour * 3600 + minute * 60;
  dateWord = load<u64>(at);
  minuteWord = load<u64>(at + 8);
  return true;
}

function daysOf(month: u32, year: u32): u32 {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/** Days of the Gregorian calendar, counted in years that begin in March so that the leap day is the last. */
function daysSince1970(year: u32, month: u32, day: u32): i64 {
  const y = <i64>year - (month <= 2 ? 1 : 0);
  const era = y / 400;
  const yearOfEra = y - era * 400;
  const dayOfYear = (153 * (<i64>month + (month > 2 ? -3 : 9)) + 2) / 5 + <i64>day - 1;
  const dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}
