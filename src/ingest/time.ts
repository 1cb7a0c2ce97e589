/**
 * Log times, from bytes to whole seconds and nanoseconds since 1970 (or since the trace's start), exact to the digit:
 * no Date, no float seconds, no host zone. Digits beyond the ninth are rounded (float noise of the writer).
 */
import type { TimeUnit } from './format.js';
import type { LocalKind, Zone } from './zone.js';

/** Decimal places between a unit and the second. */
const UNIT_PLACES: Readonly<Record<Exclude<TimeUnit, 'iso'>, number>> = {
  s: 0,
  ms: 3,
  us: 6,
  ns: 9,
  'dotnet-ticks': 7,
};

/** Seconds from 0001-01-01 to 1970-01-01. */
const DOTNET_EPOCH_SEC = 62_135_596_800;

const ZERO = 48;
const MAX_SAFE_DIGITS = 15;

/** Reads one time at a time; the result stands in the fields. */
export class TimeReader {
  /** Whole seconds, and nanoseconds 0 … 999 999 999 on top. */
  sec = 0;
  nanos = 0;
  /** Decimal places of a second that the text resolves, 0–9. */
  places = 0;
  /** Whether the text named its offset (numbers count from a fixed instant and need none). */
  hasZone = true;
  localKind: LocalKind = 'plain';
  /** Whether it was a date and time, not a number. */
  isDate = false;

  readonly zone: Zone;
  #previousSec: number | null = null;
  #dayKey = -1;
  #daySec = 0;

  constructor(zone: Zone) {
    this.zone = zone;
  }

  /** Returns false when bytes[start, end) is no time in this unit. */
  read(bytes: Uint8Array, start: number, end: number, unit: TimeUnit): boolean {
    let from = start;
    let to = end;
    while (from < to && bytes[from] === 32) from += 1;
    while (to > from && bytes[to - 1] === 32) to -= 1;
    this.isDate = unit === 'iso';
    if (unit === 'iso') return this.#readIso(bytes, from, to);
    this.hasZone = true;
    this.localKind = 'plain';
    if (!this.#readDecimal(bytes, from, to, UNIT_PLACES[unit])) return false;
    if (unit === 'dotnet-ticks') this.sec -= DOTNET_EPOCH_SEC;
    return Math.abs(this.sec) < MAX_SEC;
  }

  /** Tells the reader where the log stands: later zone-less times run forward from there. */
  acceptAsArrival(sec: number): void {
    this.#previousSec = sec;
  }

  #readIso(bytes: Uint8Array, from: number, to: number): boolean {
    // YYYY-MM-DD?HH:MM is the least.
    if (to - from < 16) return false;
    const year = digits(bytes, from, 4);
    const month = digits(bytes, from + 5, 2);
    const day = digits(bytes, from + 8, 2);
    const hour = digits(bytes, from + 11, 2);
    const minute = digits(bytes, from + 14, 2);
    if (year < 0 || month < 1 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59) return false;
    if (bytes[from + 4] !== DASH || bytes[from + 7] !== DASH || bytes[from + 13] !== COLON) return false;
    const between = bytes[from + 10];
    if (between !== 32 && between !== 84 && between !== 116) return false;
    const daySec = this.#secondsOfDay(year, month, day);
    if (Number.isNaN(daySec)) return false;
    let at = from + 16;
    let second = 0;
    this.nanos = 0;
    this.places = 0;
    if (at < to && bytes[at] === COLON) {
      second = digits(bytes, at + 1, 2);
      // 60 is a leap second: it continues into the next minute.
      if (at + 3 > to || second < 0 || second > 60) return false;
      at += 3;
      if (at < to && (bytes[at] === DOT || bytes[at] === COMMA)) {
        at = this.#readFraction(bytes, at + 1, to);
        if (at < 0) return false;
      }
    }
    const local = daySec + hour * 3_600 + minute * 60 + second + (this.nanos === 1e9 ? 1 : 0);
    if (this.nanos === 1e9) this.nanos = 0;
    const offsetSec = readOffset(bytes, at, to);
    if (offsetSec === BAD_OFFSET) return false;
    this.hasZone = offsetSec !== NO_OFFSET;
    this.localKind = 'plain';
    if (offsetSec !== NO_OFFSET) this.sec = local - offsetSec;
    else {
      const placed = this.zone.toUtc(local, this.#previousSec);
      this.sec = placed.sec;
      this.localKind = placed.kind;
    }
    return Math.abs(this.sec) < MAX_SEC;
  }

  /** Midnight UTC of a date in seconds; NaN when there is no such day. */
  #secondsOfDay(year: number, month: number, day: number): number {
    const key = (year * 13 + month) * 32 + day;
    if (key !== this.#dayKey) {
      const date = new Date(0);
      date.setUTCFullYear(year, month - 1, day);
      const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && month <= 12;
      this.#daySec = isReal ? date.getTime() / 1_000 : Number.NaN;
      this.#dayKey = key;
    }
    return this.#daySec;
  }

  /** Fraction digits into `nanos` (1e9 when they round up) and `places`; the next position, −1 when there are none. */
  #readFraction(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    let nanos = 0;
    let places = 0;
    let roundUp = 0;
    for (; at < to; at++) {
      const digit = bytes[at] - ZERO;
      if (digit < 0 || digit > 9) break;
      if (places < 9) nanos = nanos * 10 + digit;
      else if (places === 9 && digit >= 5) roundUp = 1;
      places += 1;
    }
    if (places === 0) return -1;
    this.places = Math.min(places, 9);
    for (let place = places; place < 9; place++) nanos *= 10;
    this.nanos = nanos + roundUp;
    return at;
  }

  /** A decimal number of units of 10^-places seconds. */
  #readDecimal(bytes: Uint8Array, from: number, to: number, places: number): boolean {
    let at = from;
    const isNegative = bytes[at] === DASH;
    if (isNegative) at += 1;
    const first = at;
    let whole = 0;
    for (; at < to; at++) {
      const digit = bytes[at] - ZERO;
      if (digit < 0 || digit > 9) break;
      whole = whole * 10 + digit;
    }
    if (at === first) return false;
    const isPlain = at === to && at - first <= MAX_SAFE_DIGITS && !isNegative;
    if (isPlain) {
      const scale = POWERS[places];
      this.sec = Math.floor(whole / scale);
      this.nanos = (whole - this.sec * scale) * POWERS[9 - places];
      this.places = places;
      return true;
    }
    const wholeDigits = at - first - places;
    if (at === to && !isNegative && wholeDigits > 0 && wholeDigits <= MAX_SAFE_DIGITS) {
      this.sec = digits(bytes, first, wholeDigits);
      this.nanos = digits(bytes, first + wholeDigits, places) * POWERS[9 - places];
      this.places = places;
      return true;
    }
    const isSecondsWithFraction =
      places === 0 && !isNegative && at < to && bytes[at] === DOT && at - first <= MAX_SAFE_DIGITS;
    if (isSecondsWithFraction) {
      const next = this.#readFraction(bytes, at + 1, to);
      if (next === to) {
        this.sec = whole + (this.nanos === 1e9 ? 1 : 0);
        if (this.nanos === 1e9) this.nanos = 0;
        return true;
      }
    }
    return this.#readAnyDecimal(bytes, from, to, places);
  }

  /** The rare shapes: signs, fractions of small units, exponents, more than 15 digits. */
  #readAnyDecimal(bytes: Uint8Array, from: number, to: number, places: number): boolean {
    if (to - from > 60) return false;
    const text = String.fromCharCode(...bytes.subarray(from, to));
    const scaled = scaleDecimal(text, 9 - places);
    if (scaled === null || scaled.value > MAX_NS || scaled.value < -MAX_NS) return false;
    this.sec = Number(floorDivide(scaled.value, 1_000_000_000n));
    this.nanos = Number(scaled.value - BigInt(this.sec) * 1_000_000_000n);
    this.places = Math.max(0, Math.min(9, places + scaled.decimals));
    return true;
  }
}

/** ±292 years, the range of 64-bit nanoseconds. */
const MAX_SEC = 9_223_372_036;
/** Beyond every unit's range; numbers with large exponents would not even fit a double. */
const MAX_NS = 10n ** 24n;
const DASH = 45;
const COLON = 58;
const DOT = 46;
const COMMA = 44;
const PLUS = 43;
const POWERS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const NO_OFFSET = Number.POSITIVE_INFINITY;
const BAD_OFFSET = Number.NEGATIVE_INFINITY;

/** The text's value × 10^shift as a whole number, half away from zero; null when it is no number. */
export function scaleDecimal(text: string, shift: number): { value: bigint; decimals: number } | null {
  const match = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (!match) return null;
  const fraction = match[3] ?? '';
  const exponent = Number(match[4] ?? 0);
  const magnitude = BigInt(match[2] + fraction);
  const power = shift + exponent - fraction.length;
  let value: bigint;
  if (power >= 0) value = magnitude * 10n ** BigInt(power);
  else {
    const divisor = 10n ** BigInt(-power);
    value = (magnitude + divisor / 2n) / divisor;
  }
  return { value: match[1] === '-' ? -value : value, decimals: fraction.length - exponent };
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

/** `count` digits as a number; −1 when one is missing. */
function digits(bytes: Uint8Array, from: number, count: number): number {
  let value = 0;
  for (let at = from; at < from + count; at++) {
    const digit = bytes[at] - ZERO;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Seconds east of UTC after a time of day: nothing, `Z`, ` UTC`, `+05:30`, `+0530`, `+05`. */
function readOffset(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  if (at === to) return NO_OFFSET;
  if (bytes[at] === 32) at += 1;
  const length = to - at;
  const lead = bytes[at];
  if (length === 1 && (lead === 90 || lead === 122)) return 0;
  if (length === 3 && /^(UTC|GMT)$/i.test(String.fromCharCode(lead, bytes[at + 1], bytes[at + 2]))) return 0;
  if (lead !== PLUS && lead !== DASH) return BAD_OFFSET;
  const hours = digits(bytes, at + 1, 2);
  const minutesAt = length === 6 && bytes[at + 3] === COLON ? at + 4 : at + 3;
  const minutes = length === 3 ? 0 : digits(bytes, minutesAt, 2);
  const isWellFormed = length === 3 || length === 5 || (length === 6 && minutesAt === at + 4);
  if (!isWellFormed || hours < 0 || hours > 18 || minutes < 0 || minutes > 59) return BAD_OFFSET;
  return (lead === DASH ? -1 : 1) * (hours * 3_600 + minutes * 60);
}
