/**
 * DuckDB chunks → typed arrays, by flat copies. Chunks are gathered into batches of a
 * stated number of rows; strings become dictionary codes, decoded once per distinct value of a chunk.
 */
import type Bindings from '@duckdb/node-bindings';
import { ToolError } from '../errors.js';
import type { Column, ColumnBatch, Field } from './columns.js';
import type { DuckdbBindings } from './duckdb.js';

/** Gathers chunks; `take` gives the rows gathered so far and starts anew. */
export class BatchGatherer {
  readonly #columns: readonly ColumnGatherer[];
  readonly #bindings: DuckdbBindings;
  #rows = 0;

  constructor(bindings: DuckdbBindings, fields: readonly Field[], capacityRows: number) {
    this.#bindings = bindings;
    this.#columns = fields.map((field) => gathererFor(bindings, field, capacityRows));
  }

  get rowCount(): number {
    return this.#rows;
  }

  /** The chunk must fit in what is left of the capacity. */
  add(chunk: Bindings.DataChunk): void {
    const rowCount = this.#bindings.data_chunk_get_size(chunk);
    this.#columns.forEach((column, index) => {
      column.add(this.#bindings.data_chunk_get_vector(chunk, index), rowCount, this.#rows);
    });
    this.#rows += rowCount;
  }

  take(): ColumnBatch {
    const rowCount = this.#rows;
    this.#rows = 0;
    return { rowCount, columns: this.#columns.map((column) => column.take(rowCount)) };
  }
}

interface ColumnGatherer {
  add(vector: Bindings.Vector, rowCount: number, at: number): void;
  /** null when no row is known. */
  take(rowCount: number): Column | null;
}

function gathererFor(bindings: DuckdbBindings, field: Field, capacityRows: number): ColumnGatherer {
  switch (field.type) {
    case 'string':
      return new StringGatherer(bindings, capacityRows);
    case 'u64list':
    case 'i64list':
      return new ListGatherer(bindings, field.type, capacityRows);
    default:
      return new ValueGatherer(bindings, field.type, capacityRows);
  }
}

/** Known-ness of the gathered rows: null while every row is known. */
class KnownRows {
  readonly #bindings: DuckdbBindings;
  readonly #capacityRows: number;
  #valid: Uint8Array | null = null;
  #known = 0;

  constructor(bindings: DuckdbBindings, capacityRows: number) {
    this.#bindings = bindings;
    this.#capacityRows = capacityRows;
  }

  add(vector: Bindings.Vector, rowCount: number, at: number): Uint8Array | null {
    // The binding returns null when every row is known, whatever its type says.
    const mask = this.#bindings.vector_get_validity(
      vector,
      Math.ceil(rowCount / 64) * 8,
    ) as Uint8Array | null;
    if (mask === null) {
      this.#known += rowCount;
      this.#valid?.fill(1, at, at + rowCount);
      return null;
    }
    this.#valid ??= new Uint8Array(this.#capacityRows).fill(1, 0, at);
    // Rows start as unknown (0); eight at a time where all are alike.
    for (let first = 0; first < rowCount; first += 8) {
      const bits = mask[first >> 3];
      const last = Math.min(first + 8, rowCount);
      if (bits === 255) {
        this.#valid.fill(1, at + first, at + last);
        this.#known += last - first;
      } else if (bits !== 0) {
        for (let row = first; row < last; row++) {
          const flag = (bits >> (row & 7)) & 1;
          this.#valid[at + row] = flag;
          this.#known += flag;
        }
      }
    }
    return this.#valid;
  }

  /** `none` when no row is known. */
  take(rowCount: number): Uint8Array | null | 'none' {
    const known = this.#known;
    const valid = this.#valid;
    this.#valid = null;
    this.#known = 0;
    if (known === 0) return 'none';
    return known === rowCount ? null : (valid?.subarray(0, rowCount) ?? null);
  }
}

class ValueGatherer implements ColumnGatherer {
  readonly #bindings: DuckdbBindings;
  readonly #type: Field['type'];
  readonly #capacityRows: number;
  readonly #knownRows: KnownRows;
  #bytes: Uint8Array | null = null;
  readonly #width: number;

  constructor(bindings: DuckdbBindings, type: Field['type'], capacityRows: number) {
    this.#bindings = bindings;
    this.#type = type;
    this.#capacityRows = capacityRows;
    this.#width = type === 'int32' ? 4 : type === 'bool' ? 1 : 8;
    this.#knownRows = new KnownRows(bindings, capacityRows);
  }

  add(vector: Bindings.Vector, rowCount: number, at: number): void {
    this.#knownRows.add(vector, rowCount, at);
    this.#bytes ??= new Uint8Array(this.#capacityRows * this.#width);
    this.#bytes.set(this.#bindings.vector_get_data(vector, rowCount * this.#width), at * this.#width);
  }

  take(rowCount: number): Column | null {
    const valid = this.#knownRows.take(rowCount);
    const bytes = this.#bytes;
    this.#bytes = null;
    if (valid === 'none' || bytes === null) return null;
    switch (this.#type) {
      case 'int32':
        return { values: new Int32Array(bytes.buffer, 0, rowCount), valid };
      case 'double':
        return { values: new Float64Array(bytes.buffer, 0, rowCount), valid };
      case 'bool':
        return { values: bytes.subarray(0, rowCount), valid };
      default:
        return { values: new BigInt64Array(bytes.buffer, 0, rowCount), valid };
    }
  }
}

class StringGatherer implements ColumnGatherer {
  readonly #bindings: DuckdbBindings;
  readonly #capacityRows: number;
  readonly #knownRows: KnownRows;
  #codes: Int32Array | null = null;
  #dictionary: string[] = [];
  #known = new Map<string, number>();
  /** Last row of the chunk whose 16 bytes fell into each slot of a small hash table. */
  readonly #slotRows = new Int32Array(STRING_SLOTS);

  constructor(bindings: DuckdbBindings, capacityRows: number) {
    this.#bindings = bindings;
    this.#capacityRows = capacityRows;
    this.#knownRows = new KnownRows(bindings, capacityRows);
  }

  add(vector: Bindings.Vector, rowCount: number, at: number): void {
    const valid = this.#knownRows.add(vector, rowCount, at);
    this.#codes ??= new Int32Array(this.#capacityRows);
    const data = this.#bindings.vector_get_data(vector, rowCount * 16);
    const words = new Uint32Array(data.buffer, data.byteOffset, rowCount * 4);
    // Equal 16 bytes in one chunk are the same text: the same inline bytes, or the same pointer.
    this.#slotRows.fill(-1);
    for (let row = 0; row < rowCount; row++) {
      if (valid !== null && valid[at + row] === 0) {
        this.#codes[at + row] = -1;
        continue;
      }
      const slot = slotOf(words, row);
      const seen = this.#slotRows[slot];
      if (seen >= 0 && isSameString(words, row, seen)) this.#codes[at + row] = this.#codes[at + seen];
      else {
        this.#codes[at + row] = this.#codeOf(this.#decode(data, row));
        this.#slotRows[slot] = row;
      }
    }
  }

  #decode(data: Uint8Array, row: number): string {
    const start = data.byteOffset + row * 16;
    const length = new DataView(data.buffer).getUint32(start, true);
    const bytes =
      length <= 12
        ? Buffer.from(data.buffer as ArrayBuffer, start + 4, length)
        : Buffer.from(this.#bindings.get_data_from_pointer(data.buffer as ArrayBuffer, start + 8, length));
    return bytes.toString('utf8');
  }

  #codeOf(text: string): number {
    let code = this.#known.get(text);
    if (code === undefined) {
      code = this.#dictionary.push(text) - 1;
      this.#known.set(text, code);
    }
    return code;
  }

  take(rowCount: number): Column | null {
    const valid = this.#knownRows.take(rowCount);
    const codes = this.#codes;
    const dictionary = this.#dictionary;
    this.#codes = null;
    this.#dictionary = [];
    this.#known = new Map();
    if (valid === 'none' || codes === null) return null;
    return { codes: codes.subarray(0, rowCount), dictionary };
  }
}

const STRING_SLOTS = 256;

function slotOf(words: Uint32Array, row: number): number {
  const i = row * 4;
  const mixed = words[i] ^ Math.imul(words[i + 1], 0x9e3779b1) ^ Math.imul(words[i + 2], 0x85ebca6b);
  return (Math.imul(mixed, 0xc2b2ae35) >>> 24) & (STRING_SLOTS - 1);
}

function isSameString(words: Uint32Array, a: number, b: number): boolean {
  const i = a * 4;
  const j = b * 4;
  return (
    words[i] === words[j] &&
    words[i + 1] === words[j + 1] &&
    words[i + 2] === words[j + 2] &&
    words[i + 3] === words[j + 3]
  );
}

class ListGatherer implements ColumnGatherer {
  readonly #bindings: DuckdbBindings;
  readonly #type: 'u64list' | 'i64list';
  readonly #capacityRows: number;
  readonly #knownRows: KnownRows;
  #lengths: Uint32Array | null = null;
  #parts: BigUint64Array[] = [];

  constructor(bindings: DuckdbBindings, type: 'u64list' | 'i64list', capacityRows: number) {
    this.#bindings = bindings;
    this.#type = type;
    this.#capacityRows = capacityRows;
    this.#knownRows = new KnownRows(bindings, capacityRows);
  }

  add(vector: Bindings.Vector, rowCount: number, at: number): void {
    const bindings = this.#bindings;
    const valid = this.#knownRows.add(vector, rowCount, at);
    this.#lengths ??= new Uint32Array(this.#capacityRows);
    const data = bindings.vector_get_data(vector, rowCount * 16);
    /** Offset and length of each row's list, 64 bits each, as 32-bit words. */
    const entries = new Uint32Array(data.buffer, data.byteOffset, rowCount * 4);
    const size = bindings.list_vector_get_size(vector);
    const child = bindings.list_vector_get_child(vector);
    const childData = bindings.vector_get_data(child, size * 8);
    const elements = new BigUint64Array(childData.buffer, childData.byteOffset, size);
    const holes =
      size === 0
        ? null
        : (bindings.vector_get_validity(child, Math.ceil(size / 64) * 8) as Uint8Array | null);
    // Lists that lie one behind the other are copied together.
    let from = 0;
    let to = 0;
    for (let row = 0; row < rowCount; row++) {
      const isKnown = valid === null || valid[at + row] !== 0;
      const length = isKnown ? entries[row * 4 + 2] : 0;
      this.#lengths[at + row] = length;
      if (length === 0) continue;
      const start = entries[row * 4];
      if (holes !== null) refuseHoles(holes, start, length);
      if (start !== to) {
        if (to > from) this.#parts.push(elements.slice(from, to));
        from = start;
      }
      to = start + length;
    }
    if (to > from) this.#parts.push(elements.slice(from, to));
  }

  take(rowCount: number): Column | null {
    const valid = this.#knownRows.take(rowCount);
    const lengths = this.#lengths;
    const parts = this.#parts;
    this.#lengths = null;
    this.#parts = [];
    if (valid === 'none' || lengths === null) return null;
    const offsets = new Uint32Array(rowCount + 1);
    for (let row = 0; row < rowCount; row++) offsets[row + 1] = offsets[row] + lengths[row];
    const values = new BigUint64Array(offsets[rowCount]);
    let at = 0;
    for (const part of parts) {
      values.set(part, at);
      at += part.length;
    }
    return this.#type === 'u64list'
      ? { offsets, values, valid }
      : { offsets, values: new BigInt64Array(values.buffer), valid };
  }
}

/** A list element that is null has no meaning in our schema. */
function refuseHoles(mask: Uint8Array, start: number, length: number): void {
  for (let i = start; i < start + length; i++) {
    if (((mask[i >> 3] >> (i & 7)) & 1) !== 0) continue;
    throw new ToolError({
      code: 'BAD_TRACE',
      message: 'a list in the file has a null element',
      hint: 'remove the null elements, or make the whole list null',
    });
  }
}
