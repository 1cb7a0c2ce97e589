/**
 * Batches of any size → row groups of a fixed one, each copied into arrays of its own, so that they can move to another
 * thread and the bytes of a file do not depend on how its rows were cut.
 */
import type { StringColumn } from '../types.js';
import type { Column, ColumnBatch, Field, I64ListColumn } from './columns.js';

/** Rows of a row group: two batches of those who make many. */
export const ROW_GROUP_ROWS = 131_072;
/** Elements of lists from which on a row group is full, whatever its rows: 32 MiB. */
const MAX_ELEMENTS = 1 << 22;

/** A column that has one text in all rows: nothing to copy, to hand over or to count. */
export interface ConstantText {
  readonly text: string;
}

export type GroupColumn = Column | ConstantText;

/** The columns of a row group, in the order of the fields; null = unknown in every row. */
export interface RowGroup {
  readonly rowCount: number;
  readonly columns: readonly (GroupColumn | null)[];
}

/** Consecutive rows of one batch. */
interface Part {
  readonly batch: ColumnBatch;
  readonly from: number;
  readonly to: number;
}

export class RowGroups {
  readonly #fields: readonly Field[];
  readonly #groupRows: number;
  readonly #lists: readonly number[];
  #parts: Part[] = [];
  #rows = 0;
  #elements = 0;

  constructor(fields: readonly Field[], groupRows: number) {
    this.#fields = fields;
    this.#groupRows = groupRows;
    this.#lists = fields.flatMap(({ type }, index) => (type.endsWith('list') ? [index] : []));
  }

  /** Takes a batch; the row groups that it completes come out. */
  *add(batch: ColumnBatch): Generator<RowGroup> {
    for (let from = 0; from < batch.rowCount; ) {
      const to = this.#endOf(batch, from);
      this.#parts.push({ batch, from, to });
      this.#rows += to - from;
      from = to;
      if (this.#rows === this.#groupRows || this.#elements >= MAX_ELEMENTS) yield this.#take();
    }
  }

  /** The last rows; null when none are left. */
  finish(): RowGroup | null {
    return this.#rows === 0 ? null : this.#take();
  }

  /** How far a batch belongs to the row group under way. */
  #endOf({ rowCount, columns }: ColumnBatch, from: number): number {
    const end = Math.min(rowCount, from + this.#groupRows - this.#rows);
    const lists = this.#lists.flatMap((index) => (columns[index] as I64ListColumn | null)?.offsets ?? []);
    const elements = (to: number): number =>
      lists.reduce((sum, offsets) => sum + offsets[to] - offsets[from], 0);
    if (this.#elements + elements(end) < MAX_ELEMENTS) {
      this.#elements += elements(end);
      return end;
    }
    // The first row that fills the group is its last.
    let low = from + 1;
    let high = end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#elements + elements(middle) >= MAX_ELEMENTS) high = middle;
      else low = middle + 1;
    }
    this.#elements += elements(low);
    return low;
  }

  #take(): RowGroup {
    const parts = this.#parts;
    const rowCount = this.#rows;
    this.#parts = [];
    this.#rows = 0;
    this.#elements = 0;
    const columns = this.#fields.map((field, index) => joined(field, index, parts, rowCount));
    return { rowCount, columns };
  }
}

/** The arrays of a row group, to be moved. */
export function buffersOf({ columns }: RowGroup): ArrayBuffer[] {
  const arrays = columns.flatMap((column): (ArrayBufferView | null)[] => {
    if (column === null || 'text' in column) return [];
    if ('codes' in column) return [column.codes];
    return 'offsets' in column
      ? [column.offsets, column.values, column.valid]
      : [column.values, column.valid];
  });
  return arrays.flatMap((array) => (array === null ? [] : [array.buffer as ArrayBuffer]));
}

function joined(field: Field, index: number, parts: readonly Part[], rowCount: number): GroupColumn | null {
  if (parts.every(({ batch }) => batch.columns[index] === null)) return null;
  if (field.type === 'string') {
    const text = constantText(index, parts);
    return text === null ? joinedTexts(index, parts, rowCount) : { text };
  }
  const valid = joinedValidity(index, parts, rowCount);
  if (field.type.endsWith('list')) return joinedLists(field, index, parts, rowCount, valid);
  const values = arrayOf(field, rowCount);
  let at = 0;
  for (const { batch, from, to } of parts) {
    const column = batch.columns[index] as { readonly values: Int32Array } | null;
    if (column !== null) values.set(column.values.subarray(from, to), at);
    at += to - from;
  }
  return { values, valid } as Column;
}

function arrayOf({ type }: Field, length: number): Int32Array {
  switch (type) {
    case 'int32':
      return new Int32Array(length);
    case 'double':
      return new Float64Array(length) as never;
    case 'bool':
      return new Uint8Array(length) as never;
    case 'u64list':
      return new BigUint64Array(length) as never;
    default:
      return new BigInt64Array(length) as never;
  }
}

/** null = all known. */
function joinedValidity(index: number, parts: readonly Part[], rowCount: number): Uint8Array | null {
  let valid: Uint8Array | null = null;
  let at = 0;
  for (const { batch, from, to } of parts) {
    const column = batch.columns[index] as { readonly valid: Uint8Array | null } | null;
    const flags = column === null ? null : (column.valid?.subarray(from, to) ?? null);
    if (column === null || flags?.includes(0)) {
      valid ??= new Uint8Array(rowCount).fill(1);
      if (flags === null) valid.fill(0, at, at + to - from);
      else valid.set(flags, at);
    }
    at += to - from;
  }
  return valid;
}

function joinedLists(
  field: Field,
  index: number,
  parts: readonly Part[],
  rowCount: number,
  valid: Uint8Array | null,
): Column {
  const offsets = new Uint32Array(rowCount + 1);
  let elements = 0;
  for (const { batch, from, to } of parts) {
    const column = batch.columns[index] as I64ListColumn | null;
    if (column !== null) elements += column.offsets[to] - column.offsets[from];
  }
  const values = arrayOf(field, elements);
  let row = 0;
  let filled = 0;
  for (const { batch, from, to } of parts) {
    const column = batch.columns[index] as I64ListColumn | null;
    const shift = column === null ? 0 : filled - column.offsets[from];
    for (let at = from; at < to; at++) {
      row += 1;
      offsets[row] = column === null ? filled : column.offsets[at + 1] + shift;
    }
    if (column === null) continue;
    values.set(column.values.subarray(column.offsets[from], column.offsets[to]) as never, filled);
    filled = offsets[row];
  }
  return { offsets, values, valid } as never;
}

/** The text that all rows have; null when there is more to say. */
function constantText(index: number, parts: readonly Part[]): string | null {
  let text: string | null = null;
  for (const { batch, from, to } of parts) {
    const column = batch.columns[index] as StringColumn | null;
    if (column === null) return null;
    const { codes, dictionary } = column;
    const code = codes[from];
    if (code < 0 || (text !== null && text !== dictionary[code])) return null;
    text = dictionary[code];
    for (let row = from + 1; row < to; row++) if (codes[row] !== code) return null;
  }
  return text;
}

/** Codes and those texts that the rows have; a text that several parts have may come more than once. */
function joinedTexts(index: number, parts: readonly Part[], rowCount: number): StringColumn {
  const codes = new Int32Array(rowCount).fill(-1);
  const dictionary: string[] = [];
  let known: readonly string[] | null = null;
  let codeOf = new Int32Array(0);
  let at = 0;
  for (const { batch, from, to } of parts) {
    const column = batch.columns[index] as StringColumn | null;
    if (column === null) {
      at += to - from;
      continue;
    }
    if (column.dictionary !== known) {
      known = column.dictionary;
      codeOf = new Int32Array(known.length).fill(-1);
    }
    for (let row = from; row < to; row++, at++) {
      const code = column.codes[row];
      if (code < 0) continue;
      if (codeOf[code] < 0) codeOf[code] = dictionary.push(known[code]) - 1;
      codes[at] = codeOf[code];
    }
  }
  return { codes, dictionary };
}
