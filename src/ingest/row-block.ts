/**
 * Rows in columns, at most 65 536 at a time: what a reader builds, a thread hands over, and a sorter keeps, spills or
 * gives out. Times are whole seconds and nanoseconds, so that nothing is lost before the first arrival is known.
 */
import type { BoolColumn, Int32Column, Int64Column, StringColumn, U64ListColumn } from '../types.js';
import { type ColumnStore, storeFor, trimmed } from './column-store.js';
import type { RowField, StagedRow } from './rows.js';

export type RowColumn = Int32Column | Int64Column | BoolColumn | StringColumn | U64ListColumn;

/** A row's number in all blocks is its block's, shifted, and its place in the block. */
export const BLOCK_BITS = 16;
export const PLACE_MASK = 0xffff;
/** Rows of a block. */
export const BLOCK_ROWS = 1 << BLOCK_BITS;

export interface RowBlock {
  readonly rowCount: number;
  readonly secs: Float64Array;
  readonly nanos: Int32Array;
  /** By the format's fields; null = unknown in every row. */
  readonly columns: readonly (RowColumn | null)[];
  /** No row arrives before the one above it. */
  readonly isOrdered: boolean;
  /**
   * By row: 1 = it arrives with the row above it, 2 = and has the same values, else 0; null = every row arrives alone.
   * Absent until the rows of one instant are in their order (tie-order.ts).
   */
  readonly marks?: Uint8Array | null;
}

/** Rows [from, to) of a block, without copying them. */
export function partOf(block: RowBlock, from: number, to: number): RowBlock {
  if (from === 0 && to === block.rowCount) return block;
  return {
    ...block,
    rowCount: to - from,
    secs: block.secs.subarray(from, to),
    nanos: block.nanos.subarray(from, to),
    columns: block.columns.map((column) => (column === null ? null : rowsOfColumn(column, from, to))),
    marks: block.marks?.subarray(from, to) ?? block.marks,
  };
}

function rowsOfColumn(column: RowColumn, from: number, to: number): RowColumn {
  if ('codes' in column) return { ...column, codes: column.codes.subarray(from, to) };
  const valid = column.valid?.subarray(from, to) ?? null;
  if ('offsets' in column) return { ...column, offsets: column.offsets.subarray(from, to + 1), valid };
  return { values: column.values.subarray(from, to), valid } as RowColumn;
}

/** Fills blocks row by row. */
export class BlockBuilder {
  readonly fields: readonly RowField[];
  readonly #stores: readonly ColumnStore[];
  readonly #blockRows: number;
  #secs: Float64Array;
  #nanos: Int32Array;
  #isOrdered = true;
  rowCount = 0;

  /** `blockRows`: rows of a block, at most BLOCK_ROWS. */
  constructor(fields: readonly RowField[], blockRows = BLOCK_ROWS) {
    this.fields = fields;
    this.#blockRows = blockRows;
    this.#stores = fields.map((field) => storeFor(field, blockRows));
    this.#secs = new Float64Array(blockRows);
    this.#nanos = new Int32Array(blockRows);
  }

  get isFull(): boolean {
    return this.rowCount === this.#blockRows;
  }

  /** Rows that the block can still take. */
  get room(): number {
    return this.#blockRows - this.rowCount;
  }

  /** Where whole columns may be written directly, from row `rowCount` on; `advance` afterwards. */
  get times(): { readonly secs: Float64Array; readonly nanos: Int32Array } {
    return { secs: this.#secs, nanos: this.#nanos };
  }

  store(field: RowField): ColumnStore {
    return this.#stores[this.fields.indexOf(field)];
  }

  /** Appends the staged row. */
  add(row: StagedRow): void {
    const at = this.rowCount;
    this.#secs[at] = row.sec;
    this.#nanos[at] = row.nanos;
    for (let i = 0; i < this.#stores.length; i++) this.#stores[i].set(at, row[this.fields[i]]);
    this.advance(at + 1);
  }

  /** Takes over rows up to `rowCount`, whose times and columns have been written; `areOrdered`: whether their times never
   * fall. */
  advance(rowCount: number, areOrdered = true): void {
    const at = this.rowCount;
    if (!areOrdered || (at > 0 && !this.#follows(at))) this.#isOrdered = false;
    this.rowCount = rowCount;
  }

  /** Whether a row does not arrive before the one above it. */
  #follows(at: number): boolean {
    const secs = this.#secs;
    const nanos = this.#nanos;
    return secs[at] > secs[at - 1] || (secs[at] === secs[at - 1] && nanos[at] >= nanos[at - 1]);
  }

  /** The rows so far; begins a new block. */
  take(): RowBlock {
    const { rowCount } = this;
    const block: RowBlock = {
      rowCount,
      secs: trimmed(this.#secs, rowCount),
      nanos: trimmed(this.#nanos, rowCount),
      columns: this.#stores.map((store) => store.take(rowCount)),
      isOrdered: this.#isOrdered,
    };
    this.#secs = new Float64Array(this.#blockRows);
    this.#nanos = new Int32Array(this.#blockRows);
    this.#isOrdered = true;
    this.rowCount = 0;
    return block;
  }
}

/** What a list takes beside its own bytes while rows are put in order: they are copied, many at a time. */
const LIST_WEIGHT = 1.5;

/** Bytes that a block keeps and will need, about. */
export function blockBytes(block: RowBlock): number {
  let bytes = block.secs.byteLength + block.nanos.byteLength;
  for (const column of block.columns) {
    if (column === null) continue;
    if ('codes' in column) {
      bytes += column.codes.byteLength;
      // A short text of V8 takes some 40 bytes beside its characters.
      for (const text of column.dictionary) bytes += 40 + text.length;
      continue;
    }
    const fixed = column.values.byteLength + (column.valid?.byteLength ?? 0);
    bytes += 'offsets' in column ? LIST_WEIGHT * (fixed + column.offsets.byteLength) : fixed;
  }
  return bytes;
}

/** Compares the times of two rows: below 0 when a comes first. */
export function compareTimes(a: RowBlock, atA: number, b: RowBlock, atB: number): number {
  return a.secs[atA] - b.secs[atB] || a.nanos[atA] - b.nanos[atB];
}
