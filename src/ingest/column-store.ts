/** Columns under construction, one block at a time, and columns gathered from rows of several blocks. */
import type { StringColumn, U64ListColumn } from '../types.js';
import type { U64List } from './record.js';
import { BLOCK_BITS, PLACE_MASK, type RowBlock, type RowColumn } from './row-block.js';
import type { RowField } from './rows.js';

type Value = number | bigint | boolean | string | U64List | null;
type FixedArray = Int32Array | BigInt64Array | Uint8Array;

/** One column. Rows are set in rising order, once each. */
export interface ColumnStore {
  set(at: number, value: Value): void;
  /** Says that rows from `from` to `to` are unknown. */
  setUnknown(from: number, to: number): void;
  /** The block as a column, null when no row is known; begins the next block. */
  take(rowCount: number): RowColumn | null;
}

/** The first elements, without the memory of the others when they are few. */
export function trimmed<A extends FixedArray | Uint32Array | Float64Array | BigUint64Array>(
  array: A,
  length: number,
): A {
  const isNearlyFull = length * 4 > array.length * 3;
  return (isNearlyFull ? array.subarray(0, length) : array.slice(0, length)) as A;
}

/** Values of fixed width and, once a row is unknown, validity. */
export class FixedStore<A extends FixedArray> implements ColumnStore {
  readonly #allocate: (length: number) => A;
  readonly #blockRows: number;
  values: A;
  #valid: Uint8Array | null = null;
  #hasKnown = false;

  constructor(blockRows: number, allocate: (length: number) => A) {
    this.#blockRows = blockRows;
    this.#allocate = allocate;
    this.values = allocate(blockRows);
  }

  set(at: number, value: Value): void {
    if (value === null) {
      // Rows after this one are marked as they come.
      this.#valid ??= new Uint8Array(this.#blockRows).fill(1, 0, at);
      this.#valid[at] = 0;
      return;
    }
    this.#hasKnown = true;
    this.values[at] = (value === true ? 1 : value === false ? 0 : value) as never;
    if (this.#valid !== null) this.#valid[at] = 1;
  }

  /** Says that rows from `from` to `to` are known and already stand in `values`. */
  setKnown(from: number, to: number): void {
    if (to > from) this.#hasKnown = true;
    this.#valid?.fill(1, from, to);
  }

  setUnknown(from: number, to: number): void {
    this.#valid ??= new Uint8Array(this.#blockRows).fill(1, 0, from);
    this.#valid.fill(0, from, to);
  }

  take(rowCount: number): RowColumn | null {
    const column = {
      values: trimmed(this.values, rowCount),
      valid: this.#valid === null ? null : trimmed(this.#valid, rowCount),
    };
    const isKnown = this.#hasKnown;
    if (isKnown) this.values = this.#allocate(this.#blockRows);
    this.#valid = null;
    this.#hasKnown = false;
    return isKnown ? (column as RowColumn) : null;
  }
}

/** Strings with a dictionary per block, so that columns of ever new values do not keep one giant table. */
class StringStore implements ColumnStore {
  readonly #blockRows: number;
  #codes: Int32Array;
  #dictionary: string[] = [];
  #known = new Map<string, number>();

  constructor(blockRows: number) {
    this.#blockRows = blockRows;
    this.#codes = new Int32Array(blockRows);
  }

  set(at: number, value: Value): void {
    this.#codes[at] = value === null ? -1 : codeOf(value as string, this.#known, this.#dictionary);
  }

  setUnknown(from: number, to: number): void {
    this.#codes.fill(-1, from, to);
  }

  take(rowCount: number): StringColumn | null {
    const column = { codes: trimmed(this.#codes, rowCount), dictionary: this.#dictionary };
    if (column.dictionary.length === 0) return null;
    this.#codes = new Int32Array(this.#blockRows);
    this.#dictionary = [];
    this.#known = new Map();
    return column;
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

const LEAST_VALUES = 1_024;
/** Rows whose lists tell how long those of a block are, and the values that are believed of them: 8 MiB. */
const LEAST_TELLING_ROWS = 1_024;
const MOST_EXPECTED_VALUES = 1 << 20;

/** Lists of unsigned 64-bit integers. */
export class ListStore implements ColumnStore {
  readonly #blockRows: number;
  #offsets: Uint32Array;
  #valid: Uint8Array;
  #values = new BigUint64Array(0);
  #filled = 0;

  constructor(blockRows: number) {
    this.#blockRows = blockRows;
    this.#offsets = new Uint32Array(blockRows + 1);
    this.#valid = new Uint8Array(blockRows);
  }

  set(at: number, value: Value): void {
    if (value !== null) {
      const list = (value as U64List).view();
      this.#reserve(list.length, at + 1);
      this.#values.set(list, this.#filled);
      this.#filled += list.length;
      this.#valid[at] = 1;
    }
    this.#offsets[at + 1] = this.#filled;
  }

  /** Sets rows from `first` on: their values one after the other, and for each row how many there are with it. */
  setLists(first: number, values: BigUint64Array, ends: Uint32Array): void {
    const filled = this.#filled;
    this.#reserve(values.length, first + ends.length);
    this.#values.set(values, filled);
    this.#filled += values.length;
    for (let i = 0; i < ends.length; i++) this.#offsets[first + i + 1] = filled + ends[i];
    this.#valid.fill(1, first, first + ends.length);
  }

  setUnknown(from: number, to: number): void {
    this.#offsets.fill(this.#filled, from + 1, to + 1);
  }

  take(rowCount: number): U64ListColumn | null {
    const valid = trimmed(this.#valid, rowCount);
    const column = {
      offsets: trimmed(this.#offsets, rowCount + 1),
      values: trimmed(this.#values, this.#filled),
      valid: valid.includes(0) ? valid : null,
    };
    const isKnown = valid.includes(1);
    this.#offsets = new Uint32Array(this.#blockRows + 1);
    this.#valid = new Uint8Array(this.#blockRows);
    if (column.values.buffer === this.#values.buffer) this.#values = new BigUint64Array(0);
    this.#filled = 0;
    return isKnown ? column : null;
  }

  /** Makes room for more values, with which there are `rows` rows. */
  #reserve(more: number, rows: number): void {
    const wanted = this.#filled + more;
    if (wanted <= this.#values.length) return;
    // Once there are many rows, the others of the block will have lists as long as theirs, nearly.
    const expected =
      rows < LEAST_TELLING_ROWS
        ? 0
        : Math.min(MOST_EXPECTED_VALUES, ((wanted * this.#blockRows) / rows) * 1.05);
    const capacity = Math.ceil(Math.max(wanted, 2 * this.#values.length, LEAST_VALUES, expected));
    const grown = new BigUint64Array(capacity);
    grown.set(this.#values.subarray(0, this.#filled));
    this.#values = grown;
  }
}

type Kind = 'int32' | 'int64' | 'bool' | 'string' | 'u64list';

function kindOf(field: RowField): Kind {
  switch (field) {
    case 'thinkNs':
    case 'ttftNs':
    case 'durationNs':
      return 'int64';
    case 'requestId':
    case 'sessionId':
    case 'parentId':
    case 'clientId':
    case 'model':
    case 'adapter':
    case 'operation':
    case 'status':
      return 'string';
    case 'stream':
      return 'bool';
    case 'blockHashes':
      return 'u64list';
    default:
      return 'int32';
  }
}

const ALLOCATE = {
  int32: (length: number) => new Int32Array(length),
  int64: (length: number) => new BigInt64Array(length),
  bool: (length: number) => new Uint8Array(length),
} as const;

/** An empty store for a trace column. */
export function storeFor(field: RowField, blockRows: number): ColumnStore {
  const kind = kindOf(field);
  if (kind === 'string') return new StringStore(blockRows);
  if (kind === 'u64list') return new ListStore(blockRows);
  return new FixedStore<FixedArray>(blockRows, ALLOCATE[kind]);
}

/** The column of one field for rows by their numbers in the blocks; null when none is known. */
export function gatherColumn(
  blocks: readonly RowBlock[],
  index: number,
  field: RowField,
  rows: Uint32Array,
): RowColumn | null {
  const columns = blocks.map((block) => block.columns[index]);
  if (columns.every((column) => column === null)) return null;
  const kind = kindOf(field);
  if (kind === 'string') return gatherStrings(columns as (StringColumn | null)[], rows);
  if (kind === 'u64list') return gatherLists(columns as (U64ListColumn | null)[], rows);
  return gatherFixed(columns as never, rows, ALLOCATE[kind](rows.length));
}

interface FixedColumn {
  readonly values: FixedArray;
  readonly valid: Uint8Array | null;
}

function gatherFixed(
  columns: readonly (FixedColumn | null)[],
  rows: Uint32Array,
  values: FixedArray,
): RowColumn | null {
  const valid = new Uint8Array(rows.length);
  // 64-bit values move as halves: a BigInt per value would be an object each.
  const isWide = values instanceof BigInt64Array;
  const target = isWide ? wordsOf(values) : values;
  let known = 0;
  let present = -1;
  let source: Exclude<FixedArray, BigInt64Array> | Uint32Array | null = null;
  let sourceValid: Uint8Array | null = null;
  for (let i = 0; i < rows.length; i++) {
    const index = rows[i] >>> BLOCK_BITS;
    const at = rows[i] & PLACE_MASK;
    if (index !== present) {
      present = index;
      const column = columns[index];
      source =
        column === null
          ? null
          : column.values instanceof BigInt64Array
            ? wordsOf(column.values)
            : column.values;
      sourceValid = column?.valid ?? null;
    }
    if (source === null || (sourceValid !== null && sourceValid[at] === 0)) continue;
    if (isWide) {
      target[2 * i] = source[2 * at];
      target[2 * i + 1] = source[2 * at + 1];
    } else target[i] = source[at];
    valid[i] = 1;
    known += 1;
  }
  if (known === 0) return null;
  return { values, valid: known === rows.length ? null : valid } as RowColumn;
}

/** 64-bit values as halves, the lower one first. */
function wordsOf(values: BigInt64Array | BigUint64Array): Uint32Array<ArrayBuffer> {
  return new Uint32Array(values.buffer as ArrayBuffer, values.byteOffset, values.length * 2);
}

function gatherStrings(columns: readonly (StringColumn | null)[], rows: Uint32Array): StringColumn | null {
  const codes = new Int32Array(rows.length);
  const dictionary: string[] = [];
  const known = new Map<string, number>();
  for (let i = 0; i < rows.length; i++) {
    const column = columns[rows[i] >>> BLOCK_BITS];
    const code = column === null ? -1 : column.codes[rows[i] & PLACE_MASK];
    codes[i] = code < 0 ? -1 : codeOf(column!.dictionary[code], known, dictionary);
  }
  return dictionary.length === 0 ? null : { codes, dictionary };
}

function gatherLists(columns: readonly (U64ListColumn | null)[], rows: Uint32Array): U64ListColumn | null {
  const offsets = new Uint32Array(rows.length + 1);
  const valid = new Uint8Array(rows.length);
  let known = 0;
  for (let i = 0; i < rows.length; i++) {
    const column = columns[rows[i] >>> BLOCK_BITS];
    const at = rows[i] & PLACE_MASK;
    const isKnown = column !== null && (column.valid === null || column.valid[at] !== 0);
    offsets[i + 1] = offsets[i] + (isKnown ? column.offsets[at + 1] - column.offsets[at] : 0);
    if (!isKnown) continue;
    valid[i] = 1;
    known += 1;
  }
  if (known === 0) return null;
  const values = new BigUint64Array(offsets[rows.length]);
  const target = wordsOf(values);
  let present = -1;
  let column: U64ListColumn | null = null;
  let source = target;
  for (let i = 0; i < rows.length; i++) {
    if (valid[i] === 0) continue;
    if (rows[i] >>> BLOCK_BITS !== present) {
      present = rows[i] >>> BLOCK_BITS;
      column = columns[present];
      source = wordsOf(column!.values);
    }
    let from = column!.offsets[rows[i] & PLACE_MASK] * 2;
    for (let at = offsets[i] * 2; at < offsets[i + 1] * 2; at++) target[at] = source[from++];
  }
  return { offsets, values, valid: known === rows.length ? null : valid };
}
