/** Columns under construction: blocks of typed arrays that grow without copying, and come out in any order. */
import type { BoolColumn, Int32Column, Int64Column, StringColumn, U64ListColumn } from '../types.js';
import type { U64List } from './record.js';

type TraceColumn = Int32Column | Int64Column | BoolColumn | StringColumn | U64ListColumn;
type Value = number | bigint | boolean | string | U64List | null;

/** One column. Rows are set in rising order, once each. */
export interface ColumnStore {
  addBlock(): void;
  /** Sets row `at` of the last block. */
  set(at: number, value: Value): void;
  /** Block as a column; null when no row is known. */
  block(index: number, rowCount: number): TraceColumn | null;
  /** The given rows as a column; null when none is known. */
  gather(rows: Uint32Array): TraceColumn | null;
}

/** What fixed-width columns share: values and, once a row is unknown, validity. */
abstract class FixedStore<A extends Int32Array | BigInt64Array | Uint8Array> implements ColumnStore {
  protected readonly blockRows: number;
  protected readonly values: A[] = [];
  readonly #valid: (Uint8Array | null)[] = [];

  constructor(blockRows: number) {
    this.blockRows = blockRows;
  }

  protected abstract allocate(length: number): A;
  protected abstract write(values: A, at: number, value: Value): void;

  addBlock(): void {
    this.values.push(this.allocate(this.blockRows));
    this.#valid.push(null);
  }

  set(at: number, value: Value): void {
    const block = this.values.length - 1;
    if (value === null) {
      // Rows after this one are marked as they come.
      this.#valid[block] ??= new Uint8Array(this.blockRows).fill(1, 0, at);
      this.#valid[block][at] = 0;
      return;
    }
    this.write(this.values[block], at, value);
    const valid = this.#valid[block];
    if (valid !== null) valid[at] = 1;
  }

  block(index: number, rowCount: number): TraceColumn | null {
    const valid = this.#valid[index]?.subarray(0, rowCount) ?? null;
    if (valid !== null && !valid.includes(1)) return null;
    return { values: this.values[index].subarray(0, rowCount), valid } as TraceColumn;
  }

  gather(rows: Uint32Array): TraceColumn | null {
    const values = this.allocate(rows.length);
    const valid = new Uint8Array(rows.length);
    let known = 0;
    for (let i = 0; i < rows.length; i++) {
      const block = Math.floor(rows[i] / this.blockRows);
      const at = rows[i] % this.blockRows;
      values[i] = this.values[block][at] as never;
      const flags = this.#valid[block];
      valid[i] = flags === null ? 1 : flags[at];
      known += valid[i];
    }
    if (known === 0) return null;
    return { values, valid: known === rows.length ? null : valid } as TraceColumn;
  }
}

export class Int32Store extends FixedStore<Int32Array> {
  protected override allocate(length: number): Int32Array {
    return new Int32Array(length);
  }

  protected override write(values: Int32Array, at: number, value: Value): void {
    values[at] = value as number;
  }
}

export class Int64Store extends FixedStore<BigInt64Array> {
  protected override allocate(length: number): BigInt64Array {
    return new BigInt64Array(length);
  }

  protected override write(values: BigInt64Array, at: number, value: Value): void {
    values[at] = value as bigint;
  }
}

export class BoolStore extends FixedStore<Uint8Array> {
  protected override allocate(length: number): Uint8Array {
    return new Uint8Array(length);
  }

  protected override write(values: Uint8Array, at: number, value: Value): void {
    values[at] = value === true ? 1 : 0;
  }
}

/** Strings with a dictionary per block, so that columns of ever new values do not keep one giant table. */
export class StringStore implements ColumnStore {
  readonly #blockRows: number;
  readonly #codes: Int32Array[] = [];
  readonly #dictionaries: string[][] = [];
  #known = new Map<string, number>();

  constructor(blockRows: number) {
    this.#blockRows = blockRows;
  }

  addBlock(): void {
    this.#codes.push(new Int32Array(this.#blockRows));
    this.#dictionaries.push([]);
    this.#known = new Map();
  }

  set(at: number, value: Value): void {
    this.#codes[this.#codes.length - 1][at] =
      value === null
        ? -1
        : codeOf(value as string, this.#known, this.#dictionaries[this.#dictionaries.length - 1]);
  }

  block(index: number, rowCount: number): StringColumn | null {
    if (this.#dictionaries[index].length === 0) return null;
    return { codes: this.#codes[index].subarray(0, rowCount), dictionary: this.#dictionaries[index] };
  }

  gather(rows: Uint32Array): StringColumn | null {
    const codes = new Int32Array(rows.length);
    const dictionary: string[] = [];
    const known = new Map<string, number>();
    for (let i = 0; i < rows.length; i++) {
      const block = Math.floor(rows[i] / this.#blockRows);
      const code = this.#codes[block][rows[i] % this.#blockRows];
      codes[i] = code < 0 ? -1 : codeOf(this.#dictionaries[block][code], known, dictionary);
    }
    return dictionary.length === 0 ? null : { codes, dictionary };
  }
}

function codeOf(text: string, known: Map<string, number>, dictionary: string[]): number {
  let code = known.get(text);
  if (code === undefined) {
    code = dictionary.push(text) - 1;
    known.set(text, code);
  }
  return code;
}

/** Lists of unsigned 64-bit integers. */
export class ListStore implements ColumnStore {
  readonly #blockRows: number;
  readonly #offsets: Uint32Array[] = [];
  readonly #valid: Uint8Array[] = [];
  readonly #values: BigUint64Array[] = [];
  #filled = 0;

  constructor(blockRows: number) {
    this.#blockRows = blockRows;
  }

  addBlock(): void {
    this.#trim();
    this.#offsets.push(new Uint32Array(this.#blockRows + 1));
    this.#valid.push(new Uint8Array(this.#blockRows));
    this.#values.push(new BigUint64Array(1_024));
    this.#filled = 0;
  }

  set(at: number, value: Value): void {
    const block = this.#offsets.length - 1;
    if (value !== null) {
      const list = (value as U64List).view();
      this.#reserve(block, list.length);
      this.#values[block].set(list, this.#filled);
      this.#filled += list.length;
      this.#valid[block][at] = 1;
    }
    this.#offsets[block][at + 1] = this.#filled;
  }

  block(index: number, rowCount: number): U64ListColumn | null {
    this.#trim();
    const valid = this.#valid[index].subarray(0, rowCount);
    if (!valid.includes(1)) return null;
    return {
      offsets: this.#offsets[index].subarray(0, rowCount + 1),
      values: this.#values[index],
      valid: valid.includes(0) ? valid : null,
    };
  }

  gather(rows: Uint32Array): U64ListColumn | null {
    const offsets = new Uint32Array(rows.length + 1);
    const valid = new Uint8Array(rows.length);
    const slices: BigUint64Array[] = [];
    for (let i = 0; i < rows.length; i++) {
      const block = Math.floor(rows[i] / this.#blockRows);
      const at = rows[i] % this.#blockRows;
      const slice = this.#values[block].subarray(this.#offsets[block][at], this.#offsets[block][at + 1]);
      slices.push(slice);
      valid[i] = this.#valid[block][at];
      offsets[i + 1] = offsets[i] + slice.length;
    }
    if (!valid.includes(1)) return null;
    const values = new BigUint64Array(offsets[rows.length]);
    slices.forEach((slice, i) => {
      values.set(slice, offsets[i]);
    });
    return { offsets, values, valid: valid.includes(0) ? valid : null };
  }

  #reserve(block: number, more: number): void {
    let capacity = this.#values[block].length;
    if (this.#filled + more <= capacity) return;
    while (capacity < this.#filled + more) capacity *= 2;
    const grown = new BigUint64Array(capacity);
    grown.set(this.#values[block].subarray(0, this.#filled));
    this.#values[block] = grown;
  }

  /** Gives back what the last block reserved and did not use. */
  #trim(): void {
    const block = this.#values.length - 1;
    if (block >= 0 && this.#values[block].length > this.#filled) {
      this.#values[block] = this.#values[block].slice(0, this.#filled);
    }
  }
}
