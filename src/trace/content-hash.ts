/**
 * The content hash of a trace: SHA-256 over the values column by column, so that it depends neither on batch
 * boundaries nor on codec, row groups or the library that wrote the file.
 *
 * Canonical bytes of a column: (1) known-ness, one byte per row, or the word `all` / `none`; (2) the values,
 * little-endian, unknown ones as zero (lists: u32 lengths and values; strings: runs of equal values as u32 run
 * length, u32 byte length (0xFFFFFFFF = unknown) and UTF-8 bytes). The hash is SHA-256 of a text with one line per
 * column: name, type and the digests of its parts. Cost: about 0.1 s per million rows.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Int32Column, StringColumn, U64ListColumn } from '../types.js';
import type { Column, ColumnBatch, Field } from './columns.js';
import type { GroupColumn } from './row-groups.js';

/** Takes batches in row order; `digest` gives the hash of all rows so far. */
export class ContentHasher {
  readonly #fields: readonly Field[];
  readonly #columns: ColumnHashes;
  #rows = 0;

  constructor(fields: readonly Field[]) {
    this.#fields = fields;
    this.#columns = new ColumnHashes(fields);
  }

  update(batch: ColumnBatch): void {
    this.#columns.update(batch.columns, batch.rowCount);
    this.#rows += batch.rowCount;
  }

  /** Lower-case hex. Call once. */
  digest(): string {
    return contentHashOf(this.#fields, this.#rows, this.#columns.digests());
  }
}

/** The content hash of rows by the digests of their columns, in the order of the fields. */
export function contentHashOf(fields: readonly Field[], rows: number, digests: readonly string[]): string {
  const lines = fields.map((field, index) => `${field.name} ${field.type} ${digests[index]}`);
  return createHash('sha256')
    .update([`tokentide rows ${rows}`, ...lines, ''].join('\n'))
    .digest('hex');
}

/** The digests of some columns: each is made by one thread, and different ones may be made by several. */
export class ColumnHashes {
  readonly #hashers: readonly ColumnHasher[];

  constructor(fields: readonly Field[]) {
    this.#hashers = fields.map((field) => hasherFor(field.type));
  }

  /** Takes the next rows. */
  update(columns: readonly (GroupColumn | null)[], rowCount: number): void {
    this.#hashers.forEach((hasher, index) => {
      const column = columns[index];
      if (column !== null && 'text' in column) (hasher as StringHasher).extend(column.text, rowCount);
      else hasher.update(column, rowCount);
    });
  }

  /** Texts for `contentHashOf`. Call once. */
  digests(): string[] {
    return this.#hashers.map((hasher) => hasher.digest());
  }
}

interface ColumnHasher {
  update(column: Column | null, rowCount: number): void;
  digest(): string;
}

const ZEROS = Buffer.alloc(1 << 16);
const ONES = Buffer.alloc(1 << 16, 1);

function hasherFor(type: Field['type']): ColumnHasher {
  if (type === 'string') return new StringHasher();
  if (type === 'u64list' || type === 'i64list') return new ListHasher();
  return new ValueHasher(type === 'int32' ? 4 : type === 'bool' ? 1 : 8);
}

function validityOf(column: Column | null, rowCount: number): Uint8Array | null {
  if (column === null || 'codes' in column) return null;
  return column.valid?.subarray(0, rowCount) ?? null;
}

/** Known-ness and fixed-width values. A column pays nothing until its first known (or unknown) value. */
class ValueHasher implements ColumnHasher {
  protected readonly values = createHash('sha256');
  readonly #width: number;
  readonly #known = createHash('sha256');
  #rows = 0;
  #seenKnown = false;
  #seenUnknown = false;

  /** `width`: bytes of the fixed-width part of a row. */
  constructor(width: number) {
    this.#width = width;
  }

  update(column: Column | null, rowCount: number): void {
    if (rowCount === 0) return;
    const valid = validityOf(column, rowCount);
    const hasUnknown = column === null || (valid?.includes(0) ?? false);
    const hasKnown = column !== null && (valid === null || valid.some((flag) => flag !== 0));
    // What no row has is not hashed at all.
    if (!hasKnown && !this.#seenKnown) {
      this.#rows += rowCount;
      return;
    }
    if (hasKnown && !this.#seenKnown) {
      this.#seenKnown = true;
      repeat(this.values, ZEROS, this.#rows * this.#width);
      if (this.#rows > 0) {
        this.#seenUnknown = true;
        repeat(this.#known, ZEROS, this.#rows);
      }
    }
    if (hasUnknown && !this.#seenUnknown) {
      this.#seenUnknown = true;
      repeat(this.#known, ONES, this.#rows);
    }
    if (this.#seenUnknown) {
      if (column === null) repeat(this.#known, ZEROS, rowCount);
      else if (valid === null) repeat(this.#known, ONES, rowCount);
      else this.#known.update(valid.map((flag) => (flag === 0 ? 0 : 1)));
    }
    if (column !== null && hasKnown) this.updateValues(column, hasUnknown ? valid : null, rowCount);
    else if (this.#seenKnown) repeat(this.values, ZEROS, rowCount * this.#width);
    this.#rows += rowCount;
  }

  digest(): string {
    if (!this.#seenKnown) return 'none';
    return `${this.#seenUnknown ? this.#known.digest('hex') : 'all'} ${this.values.digest('hex')}`;
  }

  protected updateValues(column: Column, valid: Uint8Array | null, rowCount: number): void {
    const values = (column as Int32Column).values.subarray(0, rowCount);
    if (valid === null) {
      this.values.update(bytesOf(values));
      return;
    }
    const cleared = values.slice();
    const zero = typeof cleared[0] === 'bigint' ? 0n : 0;
    for (let row = 0; row < rowCount; row++) if (valid[row] === 0) cleared.fill(zero as never, row, row + 1);
    this.values.update(bytesOf(cleared));
  }
}

/** Lists of 64-bit values: the fixed-width part of a row is its length, the elements have a digest of their own. */
class ListHasher extends ValueHasher {
  readonly #elements = createHash('sha256');

  constructor() {
    super(4);
  }

  protected override updateValues(column: Column, valid: Uint8Array | null, rowCount: number): void {
    const { offsets, values } = column as U64ListColumn;
    const lengths = new Uint32Array(rowCount);
    for (let row = 0; row < rowCount; row++) {
      if (valid !== null && valid[row] === 0) continue;
      lengths[row] = offsets[row + 1] - offsets[row];
      if (valid !== null) this.#elements.update(bytesOf(values.subarray(offsets[row], offsets[row + 1])));
    }
    if (valid === null) this.#elements.update(bytesOf(values.subarray(offsets[0], offsets[rowCount])));
    this.values.update(bytesOf(lengths));
  }

  override digest(): string {
    return `${super.digest()} ${this.#elements.digest('hex')}`;
  }
}

/** Strings as maximal runs, so that a constant column costs nothing. */
class StringHasher implements ColumnHasher {
  readonly #hash = createHash('sha256');
  #value: string | null = null;
  #run = 0;
  #buffer = Buffer.alloc(1 << 16);
  #filled = 0;

  update(column: Column | null, rowCount: number): void {
    if (rowCount === 0) return;
    if (column === null) {
      this.extend(null, rowCount);
      return;
    }
    const { codes, dictionary } = column as StringColumn;
    for (let row = 0; row < rowCount; ) {
      const code = codes[row];
      let end = row + 1;
      while (end < rowCount && codes[end] === code) end += 1;
      this.extend(code < 0 ? null : dictionary[code], end - row);
      row = end;
    }
  }

  /** Takes rows that have one value. */
  extend(value: string | null, count: number): void {
    if (this.#run > 0 && value === this.#value) {
      this.#run += count;
      return;
    }
    this.#flushRun();
    this.#value = value;
    this.#run = count;
  }

  #flushRun(): void {
    if (this.#run === 0) return;
    const bytes = this.#value === null ? 0 : Buffer.byteLength(this.#value);
    if (this.#filled + 8 + bytes > this.#buffer.length) {
      this.#hash.update(this.#buffer.subarray(0, this.#filled));
      this.#filled = 0;
      if (8 + bytes > this.#buffer.length) this.#buffer = Buffer.alloc(8 + bytes);
    }
    this.#buffer.writeUInt32LE(this.#run, this.#filled);
    this.#buffer.writeUInt32LE(this.#value === null ? 0xffffffff : bytes, this.#filled + 4);
    if (this.#value !== null) this.#buffer.write(this.#value, this.#filled + 8);
    this.#filled += 8 + bytes;
  }

  digest(): string {
    this.#flushRun();
    this.#hash.update(this.#buffer.subarray(0, this.#filled));
    return this.#hash.digest('hex');
  }
}

function repeat(hash: Hash, block: Buffer, bytes: number): void {
  let left = bytes;
  for (; left >= block.length; left -= block.length) hash.update(block);
  if (left > 0) hash.update(block.subarray(0, left));
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
