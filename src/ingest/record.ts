/**
 * One record of a source, CSV or JSON Lines alike: the bytes and, per declared column, the span of its value. The
 * accessors read digits straight from the bytes, so integers beyond 2^53 and long fractions stay exact.
 *
 * A value that is not what its column promises rejects the row: the accessor throws a `RowReject`, which the ingest
 * counts by reason. Nothing is guessed.
 */
import type { SourceColumn, TimeUnit } from './format.js';
import { scaleDecimal, type TimeReader } from './time.js';

/** Why a record was left out. Not an Error: thrown per bad line, it must cost nothing. */
export class RowReject {
  readonly reason: string;
  readonly example: string | null;

  constructor(reason: string, example: string | null = null) {
    this.reason = reason;
    this.example = example;
  }
}

/** How a value was quoted in its source. */
export const QUOTING = { bare: 0, plain: 1, jsonEscapes: 2, csvEscapes: 3 } as const;

const NULL_WORDS = ['', '-', 'null', 'NULL', 'None', 'nil', 'N/A', 'n/a', 'NA', 'NaN', 'nan'];
const ZERO = 48;
const OPEN = 91;
const CLOSE = 93;
const QUOTE = 34;
const COMMA = 44;
const INT32_MAX = 2_147_483_647;
const U64_LIMIT = 1n << 64n;

export class SourceRecord {
  bytes: Buffer = Buffer.alloc(0);
  /** Per declared column: where its value begins (−1 = missing) and ends, and how it is quoted. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly quoting: Uint8Array;

  readonly #columns: readonly SourceColumn[];
  readonly #nullWords: ReadonlySet<string>;
  readonly #times: TimeReader;

  constructor(columns: readonly SourceColumn[], nullWords: readonly string[], times: TimeReader) {
    this.#columns = columns;
    this.#nullWords = new Set([...NULL_WORDS, ...nullWords]);
    this.#times = times;
    this.starts = new Int32Array(columns.length);
    this.ends = new Int32Array(columns.length);
    this.quoting = new Uint8Array(columns.length);
  }

  /** Missing, empty, or one of the words for unknown. */
  isUnknown(column: number): boolean {
    const start = this.starts[column];
    if (start < 0) return true;
    const length = this.ends[column] - start;
    if (length === 0) return true;
    const first = this.bytes[start] - ZERO;
    if ((first >= 0 && first <= 9) || length > 16) return false;
    return this.#nullWords.has(this.bytes.toString('latin1', start, start + length).trim());
  }

  /** A count of 0 … 2^31 − 1; null = unknown. */
  count(column: number): number | null {
    if (this.isUnknown(column)) return null;
    const { bytes } = this;
    let at = this.starts[column];
    let end = this.ends[column];
    while (at < end && bytes[at] === 32) at += 1;
    while (end > at && bytes[end - 1] === 32) end -= 1;
    const first = at;
    let value = 0;
    for (; at < end; at++) {
      const digit = bytes[at] - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (at < end || at === first) value = this.#wholeNumber(column);
    if (value > INT32_MAX) throw this.reject(column, 'is too large');
    return value;
  }

  /** Numbers such as `12.0`; everything else is refused. */
  #wholeNumber(column: number): number {
    const text = this.#span(column).trim();
    if (/^-\d/.test(text)) throw this.reject(column, 'is negative');
    const match = /^(\d+)\.0*$/.exec(text);
    if (!match) throw this.reject(column, 'is no whole number');
    return Number(match[1]);
  }

  /** The same, refused when unknown. */
  requiredCount(column: number): number {
    const value = this.count(column);
    if (value === null) throw new RowReject(`${this.#columns[column].name} is missing`);
    return value;
  }

  /** Any text, as it is; null = unknown. */
  text(column: number): string | null {
    if (this.isUnknown(column)) return null;
    const raw = this.#span(column);
    switch (this.quoting[column]) {
      case QUOTING.jsonEscapes:
        return JSON.parse(`"${raw}"`) as string;
      case QUOTING.csvEscapes:
        return raw.replaceAll('""', '"');
      default:
        return raw;
    }
  }

  /** true, false, 1, 0, yes, no in any case; null = unknown. */
  flag(column: number): boolean | null {
    if (this.isUnknown(column)) return null;
    const word = this.#span(column).trim().toLowerCase();
    if (word === 'true' || word === '1' || word === 'yes') return true;
    if (word === 'false' || word === '0' || word === 'no') return false;
    throw this.reject(column, 'is neither true nor false');
  }

  /** Reads a time into the shared reader and returns it; null = unknown. */
  time(column: number, unit: TimeUnit): TimeReader | null {
    if (this.isUnknown(column)) return null;
    if (!this.#times.read(this.bytes, this.starts[column], this.ends[column], unit)) {
      throw this.reject(column, unit === 'iso' ? 'is no date and time' : `is no time in ${unit}`);
    }
    return this.#times;
  }

  /** The same for a part of the value: `length` bytes from its `offset`; null = it is no such time. */
  timePart(column: number, offset: number, length: number, unit: TimeUnit): TimeReader | null {
    const start = this.starts[column] + offset;
    const end = Math.min(start + length, this.ends[column]);
    return this.#times.read(this.bytes, start, end, unit) ? this.#times : null;
  }

  /** A length of time in ns, ≥ 0, from a number in the given unit; null = unknown. */
  durationNs(column: number, unit: Exclude<TimeUnit, 'iso'>): bigint | null {
    if (this.isUnknown(column)) return null;
    const shift = { s: 9, ms: 6, us: 3, ns: 0, 'dotnet-ticks': 2 }[unit];
    const text = this.#span(column).trim();
    const scaled = text.length <= 60 ? scaleDecimal(text, shift) : null;
    if (scaled === null) throw this.reject(column, `is no number of ${unit}`);
    if (scaled.value < 0n) throw this.reject(column, 'is negative');
    if (scaled.value >= 1n << 63n) throw this.reject(column, 'is too large');
    return scaled.value;
  }

  /** Whole numbers 0 … 2^64 − 1 in brackets, exact, into `target`; false = unknown. */
  u64List(column: number, target: U64List): boolean {
    if (this.isUnknown(column)) return false;
    const { bytes } = this;
    const end = this.ends[column];
    let at = this.starts[column];
    target.clear();
    const fail = (): RowReject => this.reject(column, 'is no list of unsigned 64-bit integers');
    /** The next byte that is no blank; −1 at the end of the value. */
    const peek = (): number => {
      while (at < end && bytes[at] <= 32) at += 1;
      return at < end ? bytes[at] : -1;
    };
    const finish = (): true => {
      at += 1;
      if (peek() !== -1) throw fail();
      return true;
    };
    if (peek() !== OPEN) throw fail();
    at += 1;
    if (peek() === CLOSE) return finish();
    for (;;) {
      const isQuoted = peek() === QUOTE;
      if (isQuoted) at += 1;
      const first = at;
      let value = 0;
      for (; at < end; at++) {
        const digit = bytes[at] - ZERO;
        if (digit < 0 || digit > 9) break;
        value = value * 10 + digit;
      }
      if (at === first) throw fail();
      if (at - first <= 15) target.push(value);
      else {
        const big = at - first <= 20 ? BigInt(bytes.toString('latin1', first, at)) : U64_LIMIT;
        if (big >= U64_LIMIT) throw fail();
        target.pushBig(big);
      }
      if (isQuoted) {
        if (bytes[at] !== QUOTE) throw fail();
        at += 1;
      }
      const next = peek();
      if (next === CLOSE) return finish();
      if (next !== COMMA) throw fail();
      at += 1;
    }
  }

  /** A reject that names the column and, shortened, what was found. */
  reject(column: number, complaint: string): RowReject {
    return new RowReject(`${this.#columns[column].name} ${complaint}`, shorten(this.#span(column)));
  }

  #span(column: number): string {
    return this.bytes.toString('utf8', this.starts[column], this.ends[column]);
  }
}

const EXAMPLE_CHARACTERS = 40;
const LETTERS_SHOWN = 3;
/** A number, perhaps with its unit; a date, perhaps with a time and zone. */
const NUMBER_LIKE = /^[+-]?[\d.,_]{1,20}(?:e[+-]?\d{1,3})?(?:\s?[\p{L}%]{1,3})?$/iu;
const DATE_LIKE =
  /^(?:\p{L}{3},? )?\d{1,4}[-/. ](?:\d{1,2}|\p{L}{3})[-/. ]\d{1,4}(?:[T :][\d:.,+\- ]*(?:\p{L}{1,3})?[\d:+-]*)?$/u;
const ADDRESS_LIKE = /^\d+\.\d+\.\d+\.\d+$/;

/**
 * What may be shown of a bad number or time: what looks like one, and the shortest of words. Everything else by its
 * length only, for it may be somebody's name or words that slipped into the wrong column.
 */
export function shorten(text: string): string {
  const trimmed = text.trim();
  const isHarmless =
    text.length <= EXAMPLE_CHARACTERS &&
    !ADDRESS_LIKE.test(trimmed) &&
    (trimmed.length <= LETTERS_SHOWN || NUMBER_LIKE.test(trimmed) || DATE_LIKE.test(trimmed));
  return isHarmless ? text : `${text.length} characters`;
}

/** The same of a column that the user's mapping says holds categories: single plain words are shown too. */
export function shortenWord(text: string): string {
  return /^[\p{L}_-]{1,24}$/u.test(text.trim()) ? text : shorten(text);
}

/** A growing list of unsigned 64-bit integers, reused from row to row. */
export class U64List {
  #words = new Uint32Array(256);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  /** A whole number up to 2^53. */
  push(value: number): void {
    this.#reserve();
    this.#words[this.length * 2] = value >>> 0;
    this.#words[this.length * 2 + 1] = Math.floor(value / 4_294_967_296);
    this.length += 1;
  }

  pushBig(value: bigint): void {
    this.#reserve();
    this.#words[this.length * 2] = Number(value & 0xffffffffn);
    this.#words[this.length * 2 + 1] = Number(value >> 32n);
    this.length += 1;
  }

  /** A view of the elements, valid until the next change. */
  view(): BigUint64Array {
    return new BigUint64Array(this.#words.buffer, 0, this.length);
  }

  #reserve(): void {
    if (this.length * 2 < this.#words.length) return;
    const grown = new Uint32Array(this.#words.length * 2);
    grown.set(this.#words);
    this.#words = grown;
  }
}
