/**
 * Typed arrays → DuckDB vectors, by flat copies. A source of column batches of any size is cut into chunks of
 * exactly 2 048 rows, so that the file's bytes do not depend on where the batches ended.
 *
 * Strings: DuckDB keeps 16 bytes per row (length and text, or length and pointer). Each distinct value of a chunk is
 * handed over once and its 16 bytes are then repeated, so dictionary columns cost a copy instead of a call per row.
 */
import type * as NodeApi from '@duckdb/node-api';
import type Bindings from '@duckdb/node-bindings';
import type { StringColumn } from '../types.js';
import type { Column, ColumnBatch, Field } from './columns.js';
import type { DuckdbApi, DuckdbBindings } from './duckdb.js';

/** Rows of a DuckDB chunk. */
export const CHUNK_ROWS = 2_048;

/** Part of a batch that lands in the chunk at row `at`. */
interface Segment {
  readonly batch: ColumnBatch;
  readonly from: number;
  readonly at: number;
  readonly length: number;
}

/** The DuckDB type of a field. */
export function duckdbType(api: DuckdbApi, field: Field): NodeApi.DuckDBType {
  switch (field.type) {
    case 'int32':
      return api.INTEGER;
    case 'int64':
      return api.BIGINT;
    case 'double':
      return api.DOUBLE;
    case 'bool':
      return api.BOOLEAN;
    case 'string':
      return api.VARCHAR;
    case 'u64list':
      return api.LIST(api.UBIGINT);
    case 'i64list':
      return api.LIST(api.BIGINT);
  }
}

/** Pulls batches and fills one output chunk per call. */
export class ChunkFiller {
  readonly #bindings: DuckdbBindings;
  readonly #fields: readonly Field[];
  readonly #batches: Iterator<ColumnBatch>;
  readonly #scratch: readonly Scratch[];
  readonly #encoded = new WeakMap<readonly string[], (Buffer | undefined)[]>();
  #current: ColumnBatch | null = null;
  #next = 0;

  constructor(bindings: DuckdbBindings, fields: readonly Field[], batches: Iterator<ColumnBatch>) {
    this.#bindings = bindings;
    this.#fields = fields;
    this.#batches = batches;
    this.#scratch = fields.map((field) => scratchFor(field.type));
  }

  /** Fills the chunk; returns its rows, 0 at the end. */
  fill(chunk: Bindings.DataChunk): number {
    const segments: Segment[] = [];
    let filled = 0;
    while (filled < CHUNK_ROWS) {
      if (this.#current === null || this.#next === this.#current.rowCount) {
        const step = this.#batches.next();
        if (step.done) break;
        this.#current = step.value;
        this.#next = 0;
        continue;
      }
      const length = Math.min(CHUNK_ROWS - filled, this.#current.rowCount - this.#next);
      segments.push({ batch: this.#current, from: this.#next, at: filled, length });
      filled += length;
      this.#next += length;
    }
    this.#bindings.data_chunk_set_size(chunk, filled);
    if (filled === 0) return 0;
    this.#fields.forEach((field, index) => {
      const vector = this.#bindings.data_chunk_get_vector(chunk, index);
      const parts = segments.map((segment) => ({ ...segment, column: segment.batch.columns[index] }));
      if (field.type === 'string') this.#fillStrings(vector, parts, filled);
      else if (field.type === 'u64list' || field.type === 'i64list')
        this.#fillLists(vector, parts, filled, field.type);
      else this.#fillValues(vector, parts, this.#scratch[index]);
      this.#fillValidity(vector, parts, filled);
    });
    return filled;
  }

  #fillValues(vector: Bindings.Vector, parts: readonly Part[], scratch: Scratch): void {
    let end = 0;
    for (const { column, from, at, length } of parts) {
      if (column === null) {
        scratch.fill((typeof scratch[0] === 'bigint' ? 0n : 0) as never, at, at + length);
        continue;
      }
      scratch.set(
        (column as unknown as { values: Scratch }).values.subarray(from, from + length) as never,
        at,
      );
      end = at + length;
    }
    if (end > 0)
      this.#bindings.copy_data_to_vector(
        vector,
        0,
        scratch.buffer as ArrayBuffer,
        0,
        end * scratch.BYTES_PER_ELEMENT,
      );
  }

  #fillLists(
    vector: Bindings.Vector,
    parts: readonly Part[],
    rowCount: number,
    type: 'u64list' | 'i64list',
  ): void {
    /** Offset and length of each row's list, 64 bits each, as 32-bit words. */
    const entries = new Uint32Array(rowCount * 4);
    let total = 0;
    for (const { column, from, length } of parts) {
      if (column === null || !('offsets' in column)) continue;
      total += column.offsets[from + length] - column.offsets[from];
    }
    const elements = type === 'u64list' ? new BigUint64Array(total) : new BigInt64Array(total);
    let filled = 0;
    for (const { column, from, at, length } of parts) {
      if (column === null || !('offsets' in column)) continue;
      for (let row = 0; row < length; row++) {
        const start = column.offsets[from + row];
        entries[(at + row) * 4] = filled + start - column.offsets[from];
        entries[(at + row) * 4 + 2] = column.offsets[from + row + 1] - start;
      }
      const slice = column.values.subarray(column.offsets[from], column.offsets[from + length]);
      elements.set(slice as never, filled);
      filled += slice.length;
    }
    const bindings = this.#bindings;
    bindings.list_vector_reserve(vector, total);
    bindings.list_vector_set_size(vector, total);
    bindings.copy_data_to_vector(vector, 0, entries.buffer, 0, entries.byteLength);
    if (total > 0)
      bindings.copy_data_to_vector(
        bindings.list_vector_get_child(vector),
        0,
        elements.buffer as ArrayBuffer,
        0,
        elements.byteLength,
      );
  }

  #fillStrings(vector: Bindings.Vector, parts: readonly Part[], rowCount: number): void {
    if (parts.every(({ column }) => column === null)) return;
    const bindings = this.#bindings;
    /** Row whose 16 bytes each row shares. */
    const owner = new Int32Array(rowCount).fill(-1);
    let repeats = false;
    for (const { column, from, at, length } of parts) {
      if (column === null) continue;
      const { codes, dictionary } = column as StringColumn;
      const bytes = this.#encodedOf(dictionary);
      const firstRow = new Map<number, number>();
      let lastCode = -1;
      let lastOwner = -1;
      for (let row = 0; row < length; row++) {
        const code = codes[from + row];
        if (code < 0) continue;
        if (code !== lastCode) {
          const seen = firstRow.get(code);
          lastCode = code;
          lastOwner = seen ?? at + row;
          if (seen === undefined) {
            firstRow.set(code, at + row);
            bytes[code] ??= Buffer.from(dictionary[code]);
            bindings.vector_assign_string_element_len(vector, at + row, bytes[code]);
          }
        }
        owner[at + row] = lastOwner;
        if (lastOwner !== at + row) repeats = true;
      }
    }
    if (!repeats) return;
    const data = bindings.vector_get_data(vector, rowCount * 16);
    const words = new Uint32Array(rowCount * 4);
    new Uint8Array(words.buffer).set(data);
    for (let row = 0; row < rowCount; row++) {
      const from = owner[row];
      if (from < 0 || from === row) continue;
      for (let word = 0; word < 4; word++) words[row * 4 + word] = words[from * 4 + word];
    }
    bindings.copy_data_to_vector(vector, 0, words.buffer, 0, words.byteLength);
  }

  #encodedOf(dictionary: readonly string[]): (Buffer | undefined)[] {
    let encoded = this.#encoded.get(dictionary);
    if (encoded === undefined) {
      encoded = [];
      this.#encoded.set(dictionary, encoded);
    }
    return encoded;
  }

  #fillValidity(vector: Bindings.Vector, parts: readonly Part[], rowCount: number): void {
    if (parts.every(({ column }) => column === null)) {
      this.#writeMask(vector, NONE_KNOWN, rowCount);
      return;
    }
    let mask: Uint8Array | null = null;
    for (const { column, from, at, length } of parts) {
      if (column !== null && !('codes' in column) && column.valid === null) continue;
      for (let row = 0; row < length; row++) {
        if (column !== null) {
          if ('codes' in column ? column.codes[from + row] >= 0 : column.valid![from + row] !== 0) continue;
        }
        mask ??= new Uint8Array(CHUNK_ROWS / 8).fill(255);
        mask[(at + row) >> 3] &= ~(1 << ((at + row) & 7));
      }
    }
    if (mask !== null) this.#writeMask(vector, mask, rowCount);
  }

  #writeMask(vector: Bindings.Vector, mask: Uint8Array, rowCount: number): void {
    this.#bindings.vector_ensure_validity_writable(vector);
    const bytes = Math.ceil(rowCount / 64) * 8;
    this.#bindings.copy_data_to_vector_validity(vector, 0, mask.buffer as ArrayBuffer, 0, bytes);
  }
}

const NONE_KNOWN = new Uint8Array(CHUNK_ROWS / 8);

type Part = Segment & { readonly column: Column | null };

type Scratch = Int32Array | BigInt64Array | Float64Array | Uint8Array;

function scratchFor(type: Field['type']): Scratch {
  switch (type) {
    case 'int32':
      return new Int32Array(CHUNK_ROWS);
    case 'double':
      return new Float64Array(CHUNK_ROWS);
    case 'bool':
      return new Uint8Array(CHUNK_ROWS);
    default:
      return new BigInt64Array(CHUNK_ROWS);
  }
}
