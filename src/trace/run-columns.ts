/**
 * Some rows of a run's log as columns: gathered from the batches that hold them, read as records one by one, or handed to
 * the Parquet writer as they are. No record lives longer than it is looked at.
 *
 * Cells are copied from Arrow's buffers directly: the batches are ours, so a column has one buffer of each kind, from its
 * start.
 */
import type * as Arrow from 'apache-arrow';
import type { RunRecord } from '../types.js';
import type { Column, ColumnBatch } from './columns.js';
import { RUN_COLUMNS, type RunColumn } from './run-records.js';

/** So many rows of records, filled batch by batch in any order. */
export class RunColumns {
  readonly rowCount: number;
  readonly #cells: readonly Cells[];

  constructor(rowCount: number) {
    this.rowCount = rowCount;
    this.#cells = RUN_COLUMNS.map(({ type }) => cellsOf(type, rowCount));
  }

  /** Copies rows of a batch: row `fromRows[i]` becomes row `toRows[i]`. */
  copy(batch: Arrow.RecordBatch, fromRows: readonly number[], toRows: readonly number[]): void {
    for (const [c, { name }] of RUN_COLUMNS.entries()) {
      const data = batch.getChild(name)?.data[0];
      if (data !== undefined) this.#cells[c].copy(data, fromRows, toRows);
    }
  }

  *records(): Generator<RunRecord> {
    for (let row = 0; row < this.rowCount; row++) {
      const record: Record<string, unknown> = {};
      for (let c = 0; c < RUN_COLUMNS.length; c++) record[RUN_COLUMNS[c].code] = this.#cells[c].at(row);
      yield record as unknown as RunRecord;
    }
  }

  /** In the order of RUN_COLUMNS. */
  batch(): ColumnBatch {
    return { rowCount: this.rowCount, columns: this.#cells.map((cells) => cells.column()) };
  }
}

/** One column under way. */
interface Cells {
  copy(data: Arrow.Data, fromRows: readonly number[], toRows: readonly number[]): void;
  at(row: number): unknown;
  column(): Column | null;
}

function cellsOf(type: RunColumn['type'], rowCount: number): Cells {
  switch (type) {
    case 'int32':
      return new Int32Cells(rowCount);
    case 'int64':
      return new Int64Cells(rowCount);
    case 'bool':
      return new BoolCells(rowCount);
    case 'string':
      return new TextCells(rowCount);
    case 'list<int64>':
      return new ListCells(rowCount);
    default:
      throw new Error(`run records have no columns of type ${type}`);
  }
}

/** Which rows are known, and how many. */
class Validity {
  readonly flags: Uint8Array;
  known = 0;

  constructor(rowCount: number) {
    this.flags = new Uint8Array(rowCount);
  }

  /** The places in `fromRows` whose cells are known; marks their rows. */
  *take(data: Arrow.Data, fromRows: readonly number[], toRows: readonly number[]): Generator<number> {
    const { nullBitmap, nullCount } = data;
    for (let i = 0; i < fromRows.length; i++) {
      const from = fromRows[i];
      if (nullCount !== 0 && (nullBitmap[from >> 3] & (1 << (from & 7))) === 0) continue;
      this.flags[toRows[i]] = 1;
      this.known += 1;
      yield i;
    }
  }

  /** null = all known. */
  column(): Uint8Array | null {
    return this.known === this.flags.length ? null : this.flags;
  }
}

class Int32Cells implements Cells {
  readonly #values: Int32Array;
  readonly #valid: Validity;

  constructor(rowCount: number) {
    this.#values = new Int32Array(rowCount);
    this.#valid = new Validity(rowCount);
  }

  copy(data: Arrow.Data, fromRows: readonly number[], toRows: readonly number[]): void {
    const values = data.values as Int32Array;
    for (const i of this.#valid.take(data, fromRows, toRows)) this.#values[toRows[i]] = values[fromRows[i]];
  }

  at(row: number): number | null {
    return this.#valid.flags[row] === 0 ? null : this.#values[row];
  }

  column(): Column | null {
    return this.#valid.known === 0 ? null : { values: this.#values, valid: this.#valid.column() };
  }
}

const TWO_TO_32 = 2 ** 32;

/** A 64-bit integer within 2^53 from its halves, low one first, without a BigInt. */
export function int64At(halves: Int32Array, place: number): number {
  return halves[2 * place + 1] * TWO_TO_32 + (halves[2 * place] >>> 0);
}

/** The same buffer as 32-bit halves. */
export function halvesOf({ buffer, byteOffset, length }: BigInt64Array): Int32Array {
  return new Int32Array(buffer, byteOffset, 2 * length);
}

class Int64Cells implements Cells {
  readonly #values: BigInt64Array;
  readonly #halves: Int32Array;
  readonly #valid: Validity;

  constructor(rowCount: number) {
    this.#values = new BigInt64Array(rowCount);
    this.#halves = halvesOf(this.#values);
    this.#valid = new Validity(rowCount);
  }

  copy(data: Arrow.Data, fromRows: readonly number[], toRows: readonly number[]): void {
    const halves = halvesOf(data.values as BigInt64Array);
    for (const i of this.#valid.take(data, fromRows, toRows)) {
      const from = 2 * fromRows[i];
      const to = 2 * toRows[i];
      this.#halves[to] = halves[from];
      this.#halves[to + 1] = halves[from + 1];
    }
  }

  at(row: number): number | null {
    return this.#valid.flags[row] === 0 ? null : int64At(this.#halves, row);
  }

  column(): Column | null {
    return this.#valid.known === 0 ? null : { values: this.#values, valid: this.#valid.column() };
  }
}

class BoolCells implements Cells {
  readonly #values: Uint8Array;
  readonly #valid: Validity;

  constructor(rowCount: number) {
    this.#values = new Uint8Array(rowCount);
    this.#valid = new Validity(rowCount);
  }

  copy(data: Arrow.Data, fromRows: readonly number[], toRows: readonly number[]): void {
    const bits = data.values as Uint8Array;
    for (const i of this.#valid.take(data, fromRows, toRows)) {
      const from = fromRows[i];
      this.#values[toRows[i]] = (bits[from >> 3] >> (from & 7)) & 1;
    }
  }

  at(row: number): boolean | null {
    return this.#valid.flags[row] === 0 ? null : this.#values[row] === 1;
  }

  column(): Column | null {
    return this.#valid.known === 0 ? null : { values: this.#values, valid: this.#valid.column() };
  }
}

class TextCells implements Cells {
  readonly #codes: Int32Array;
  readonly #texts: string[] = [];
  readonly #codeOf = new Map<string, number>();

  constructor(rowCount: number) {
    this.#codes = new Int32Array(rowCount).fill(-1);
  }

  copy(data: Arrow.Data, fromRows: readonly number[], toRows: readonly number[]): void {
    const { values, valueOffsets: offsets, nullBitmap, nullCount } = data;
    const bytes = values as Uint8Array;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i < fromRows.length; i++) {
      const from = fromRows[i];
      if (nullCount !== 0 && (nullBitmap[from >> 3] & (1 << (from & 7))) === 0) continue;
      this.#codes[toRows[i]] = this.#code(text.toString('utf8', offsets[from], offsets[from + 1]));
    }
  }

  at(row: number): string | null {
    return this.#codes[row] < 0 ? null : this.#texts[this.#codes[row]];
  }

  column(): Column | null {
    return this.#texts.length === 0 ? null : { codes: this.#codes, dictionary: this.#texts };
  }

  #code(text: string): number {
    let code = this.#codeOf.get(text);
    if (code === undefined) {
      code = this.#texts.push(text) - 1;
      this.#codeOf.set(text, code);
    }
    return code;
  }
}

class ListCells implements Cells {
  /** Items in the order of copying: row r has `#lengths[r]` of them from `#starts[r]`. */
  #items = new BigInt64Array(0);
  #halves: Int32Array = new Int32Array(0);
  #count = 0;
  readonly #starts: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #valid: Validity;

  constructor(rowCount: number) {
    this.#starts = new Uint32Array(rowCount);
    this.#lengths = new Uint32Array(rowCount);
    this.#valid = new Validity(rowCount);
  }

  copy(data: Arrow.Data, fromRows: readonly number[], toRows: readonly number[]): void {
    const offsets = data.valueOffsets as Int32Array;
    // Without an item in any row the child may be left out.
    const items = (data.children[0]?.values ?? new BigInt64Array(0)) as BigInt64Array;
    for (const i of this.#valid.take(data, fromRows, toRows)) {
      const list = items.subarray(offsets[fromRows[i]], offsets[fromRows[i] + 1]);
      this.#reserve(list.length);
      this.#items.set(list, this.#count);
      this.#starts[toRows[i]] = this.#count;
      this.#lengths[toRows[i]] = list.length;
      this.#count += list.length;
    }
  }

  at(row: number): number[] | null {
    if (this.#valid.flags[row] === 0) return null;
    const list = new Array<number>(this.#lengths[row]);
    for (let i = 0; i < list.length; i++) list[i] = int64At(this.#halves, this.#starts[row] + i);
    return list;
  }

  column(): Column | null {
    if (this.#valid.known === 0) return null;
    const rowCount = this.#starts.length;
    const offsets = new Uint32Array(rowCount + 1);
    const values = new BigInt64Array(this.#count);
    for (let row = 0; row < rowCount; row++) {
      const start = this.#starts[row];
      values.set(this.#items.subarray(start, start + this.#lengths[row]), offsets[row]);
      offsets[row + 1] = offsets[row] + this.#lengths[row];
    }
    return { offsets, values, valid: this.#valid.column() };
  }

  #reserve(more: number): void {
    if (this.#count + more <= this.#items.length) return;
    const larger = new BigInt64Array(Math.max(4_096, 2 * this.#items.length, this.#count + more));
    larger.set(this.#items.subarray(0, this.#count));
    this.#items = larger;
    this.#halves = halvesOf(larger);
  }
}
