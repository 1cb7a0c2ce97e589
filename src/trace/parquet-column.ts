/**
 * One column of one row group → the pages of its column chunk: levels, then values in the encoding that suits them
 * (dictionary numbers, steps, or plain), in one data page. The bytes depend on the values alone.
 * Source: parquet-format, "Data Pages", "Encodings", "Nested Encoding".
 */
import { kernels } from '../kernels/kernels.js';
import type { BoolColumn, Int32Column, StringColumn } from '../types.js';
import { bitWidthOf, packBooleans, packHybrid, packRun } from './bit-packing.js';
import { ByteSink, bytesOf } from './byte-sink.js';
import type { DoubleColumn, Field, I64ListColumn } from './columns.js';
import { packDeltas } from './delta-packing.js';
import { bytesOfTexts, numbersOfInts, numbersOfTexts, numbersOfWords } from './dictionaries.js';
import type { GroupColumn } from './row-groups.js';
import { compressSnappy } from './snappy.js';
import { int32Range, int64Range, type Range, textRange } from './statistics.js';
import { i32, struct, writeThrift } from './thrift.js';

/** Numbers of parquet.thrift. */
export const ENCODING = { plain: 0, dictionary: 2, rle: 3, delta: 5 } as const;
export const CODEC = { none: 0, snappy: 1 } as const;
const PAGE = { data: 0, dictionary: 2 } as const;

/** Which readers must understand the file: `parquetjs` = parquetjs-lite, which knows no steps. */
export type Profile = 'standard' | 'parquetjs';

/** What the footer says about a column chunk; places count from the beginning of the row group. */
export interface ChunkFacts {
  readonly encodings: readonly number[];
  readonly codec: number;
  /** Values with the unknown ones; for lists, entries. */
  readonly valueCount: number;
  readonly dictionaryAt: number | null;
  readonly dataAt: number;
  readonly bytes: number;
  readonly plainBytes: number;
  readonly range: Range | null;
  /** null = not told. */
  readonly nullCount: number | null;
}

/** Values ready for a page. */
interface Encoded {
  readonly encoding: number;
  /** Entries of the dictionary and their PLAIN bytes. */
  readonly dictionary: { readonly count: number; readonly bytes: Uint8Array } | null;
  readonly range: Range | null;
}

/** Encodes columns into a buffer of the caller, reusing its own. */
export class ColumnEncoder {
  readonly #profile: Profile;
  /** Body of the data page. */
  readonly #body = new ByteSink(1 << 20);
  readonly #compressed = new ByteSink();

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  /** Appends a column chunk. `column` null = unknown in every row. Throws when a column that has no nulls has one. */
  encode(field: Field, column: GroupColumn | null, rowCount: number, out: ByteSink): ChunkFacts {
    const isList = field.type === 'u64list' || field.type === 'i64list';
    const body = this.#body;
    body.clear();
    const levels = isList
      ? listLevels(field, column as I64ListColumn | null, rowCount, body)
      : levelsOf(field, column, rowCount, body);
    const values = this.#values(field, column, rowCount, levels.nullCount ?? 0);
    return this.#pages(field, levels.count, levels.nullCount, values, out);
  }

  /** Appends the known values to the body. */
  #values(field: Field, column: GroupColumn | null, rowCount: number, nullCount: number): Encoded {
    if (column === null || (nullCount > 0 && nullCount === rowCount)) return PLAIN_NOTHING;
    switch (field.type) {
      case 'int32':
        return this.#int32(knownOf(column as Int32Column, rowCount, nullCount) as Int32Array);
      case 'int64': {
        const values: BigInt64Array = knownOf(column as FixedColumn, rowCount, nullCount) as never;
        return this.#int64(values, int64Range(values));
      }
      case 'double':
        this.#body.append(bytesOf(knownOf(column as DoubleColumn, rowCount, nullCount)));
        return PLAIN_NOTHING;
      case 'bool':
        packBooleans(knownOf(column as BoolColumn, rowCount, nullCount) as Uint8Array, this.#body);
        return PLAIN_NOTHING;
      case 'string':
        return 'text' in column
          ? this.#constant(column.text, rowCount)
          : this.#strings(column as StringColumn, rowCount, nullCount);
      default:
        // Nobody looks for a range of list elements.
        return this.#int64(elementsOf(column as I64ListColumn, rowCount), null);
    }
  }

  #int32(values: Int32Array): Encoded {
    const range = int32Range(values);
    const numbered = numbersOfInts(values, range.least, range.most);
    if (numbered === null) {
      this.#body.append(bytesOf(values));
      return { encoding: ENCODING.plain, dictionary: null, range: range.range };
    }
    return this.#numbers(numbered.numbers, numbered.entries, range.range);
  }

  #int64(values: BigInt64Array | BigUint64Array, range: Range | null): Encoded {
    if (values.length === 0) return PLAIN_NOTHING;
    if (this.#profile === 'standard' && packDeltas(values, this.#body)) {
      return { encoding: ENCODING.delta, dictionary: null, range };
    }
    const numbered = numbersOfWords(values);
    if (numbered !== null) return this.#numbers(numbered.numbers, numbered.entries, range);
    this.#body.append(bytesOf(values));
    return { encoding: ENCODING.plain, dictionary: null, range };
  }

  #numbers(numbers: Int32Array, entries: Int32Array | BigInt64Array, range: Range | null): Encoded {
    const count = entries.length;
    this.#packNumbers(numbers, numbers.length, count);
    return { encoding: ENCODING.dictionary, dictionary: { count, bytes: bytesOf(entries) }, range };
  }

  #packNumbers(numbers: Int32Array, length: number, entries: number): void {
    const width = bitWidthOf(entries - 1);
    // A width of 0 is what some readers do not expect.
    this.#body.byte(Math.max(1, width));
    packHybrid(numbers, length, Math.max(1, width), this.#body);
  }

  #constant(text: string, rowCount: number): Encoded {
    const texts = [Buffer.from(text)];
    this.#body.byte(1);
    packRun(0, rowCount, 1, this.#body);
    const dictionary = { count: 1, bytes: bytesOfTexts(texts) };
    return { encoding: ENCODING.dictionary, dictionary, range: textRange(texts) };
  }

  #strings(column: StringColumn, rowCount: number, nullCount: number): Encoded {
    const { numbers, texts } = numbersOfTexts(column, rowCount, nullCount);
    const range = textRange(texts);
    if (texts.length * 2 <= numbers.length || texts.length === 1) {
      this.#packNumbers(numbers, numbers.length, texts.length);
      const bytes = bytesOfTexts(texts);
      return { encoding: ENCODING.dictionary, dictionary: { count: texts.length, bytes }, range };
    }
    this.#body.append(bytesOfTexts(Array.from(numbers, (number) => texts[number])));
    return { encoding: ENCODING.plain, dictionary: null, range };
  }

  #pages(
    field: Field,
    valueCount: number,
    nullCount: number | null,
    { encoding, dictionary, range }: Encoded,
    out: ByteSink,
  ): ChunkFacts {
    const start = out.length;
    const codec = field.type === 'string' ? CODEC.snappy : CODEC.none;
    let plainBytes = 0;
    const page = (body: Uint8Array, kind: number, more: ReturnType<typeof struct>): number => {
      const at = out.length;
      const stored = codec === CODEC.none ? body : this.#snappy(body);
      const head = writeThrift([i32(1, kind), i32(2, body.length), i32(3, stored.length), more]);
      out.append(head);
      out.append(stored);
      plainBytes += head.length + body.length;
      return at;
    };
    const dictionaryAt =
      dictionary === null
        ? null
        : page(
            dictionary.bytes,
            PAGE.dictionary,
            struct(7, [i32(1, dictionary.count), i32(2, ENCODING.dictionary)]),
          );
    const dataAt = page(
      this.#body.view(),
      PAGE.data,
      struct(5, [i32(1, valueCount), i32(2, encoding), i32(3, ENCODING.rle), i32(4, ENCODING.rle)]),
    );
    return {
      encodings: dictionary === null ? [encoding, ENCODING.rle] : [ENCODING.dictionary, ENCODING.rle],
      codec,
      valueCount,
      dictionaryAt,
      dataAt,
      bytes: out.length - start,
      plainBytes,
      range,
      nullCount,
    };
  }

  #snappy(body: Uint8Array): Uint8Array {
    this.#compressed.clear();
    compressSnappy(body, this.#compressed);
    return this.#compressed.view();
  }
}

const PLAIN_NOTHING: Encoded = { encoding: ENCODING.plain, dictionary: null, range: null };

/** Appends the levels of a flat column: whether each row is known. */
function levelsOf(
  field: Field,
  column: GroupColumn | null,
  rowCount: number,
  body: ByteSink,
): { count: number; nullCount: number } {
  const known = knownFlags(column, rowCount);
  let nullCount = 0;
  if (known === null) nullCount = column === null ? rowCount : 0;
  else for (let row = 0; row < rowCount; row++) if (known[row] === 0) nullCount += 1;
  if (!field.nullable) {
    if (nullCount > 0) throw unknownRow(field);
  } else if (known === null) packEqualLevels(column === null ? 0 : 1, rowCount, 1, body);
  else packLevels(known, rowCount, 1, body);
  return { count: rowCount, nullCount };
}

let flags = new Uint8Array(0);

/** One byte per row: 1 = known; valid until the next call. null = all rows are as one. */
function knownFlags(column: GroupColumn | null, rowCount: number): Uint8Array | null {
  if (column === null || 'text' in column) return null;
  if ('codes' in column) {
    if (!column.codes.subarray(0, rowCount).includes(-1)) return null;
  } else if (column.valid === null) return null;
  if (flags.length < rowCount) flags = new Uint8Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    const isUnknown = 'codes' in column ? column.codes[row] < 0 : column.valid![row] === 0;
    flags[row] = isUnknown ? 0 : 1;
  }
  return flags;
}

function packLevels(levels: Uint8Array, count: number, bitWidth: number, body: ByteSink): void {
  const at = body.length;
  body.u32(0);
  packHybrid(levels, count, bitWidth, body);
  body.setLengthAt(at);
}

/** One run. */
function packEqualLevels(level: number, count: number, bitWidth: number, body: ByteSink): void {
  const at = body.length;
  body.u32(0);
  packRun(level, count, bitWidth, body);
  body.setLengthAt(at);
}

/** Appends the levels of a list: which entries begin a row; and null list, empty list or element. */
function listLevels(
  field: Field,
  column: I64ListColumn | null,
  rowCount: number,
  body: ByteSink,
): { count: number; nullCount: null } {
  if (column === null && field.nullable) {
    packEqualLevels(0, rowCount, 1, body);
    packEqualLevels(0, rowCount, 2, body);
    return { count: rowCount, nullCount: null };
  }
  if (column === null) throw unknownRow(field);
  const { offsets, valid } = column;
  const most = offsets[rowCount] - offsets[0] + rowCount;
  const memory = kernels();
  const [givenOffsets, givenValid, repetitions, definitions] = memory.regions(
    (rowCount + 1) * 4,
    rowCount,
    most,
    most,
  );
  memory.put(givenOffsets, offsets.subarray(0, rowCount + 1));
  if (valid !== null) memory.put(givenValid, valid.subarray(0, rowCount));
  // An element is optional, as all writers of lists have it, though none is ever unknown.
  const count = memory.run.listLevels(
    givenOffsets,
    valid === null ? 0 : givenValid,
    rowCount,
    field.nullable ? 1 : 0,
    repetitions,
    definitions,
  );
  if (count < 0) throw unknownRow(field);
  const levels = memory.bytes.slice(repetitions, definitions + count);
  packLevels(levels.subarray(0, count), count, 1, body);
  packLevels(levels.subarray(definitions - repetitions), count, 2, body);
  return { count, nullCount: null };
}

function unknownRow({ name }: Field): Error {
  return new Error(`${name} must be known in every row`);
}

interface FixedColumn {
  readonly values: Int32Array | BigInt64Array | Float64Array | Uint8Array;
  readonly valid: Uint8Array | null;
}

/** The known values, one after the other. */
function knownOf(column: FixedColumn, rowCount: number, nullCount: number): FixedColumn['values'] {
  const { values, valid } = column;
  if (nullCount === 0) return values.subarray(0, rowCount);
  const known = new (values.constructor as new (length: number) => Int32Array)(rowCount - nullCount);
  let filled = 0;
  for (let row = 0; row < rowCount; row++) {
    if (valid![row] !== 0) known[filled++] = values[row] as number;
  }
  return known;
}

/** The elements of the known lists. */
function elementsOf(column: I64ListColumn, rowCount: number): BigInt64Array {
  const { offsets, values, valid } = column;
  if (valid === null) return values.subarray(offsets[0], offsets[rowCount]);
  let length = 0;
  for (let row = 0; row < rowCount; row++) if (valid[row] !== 0) length += offsets[row + 1] - offsets[row];
  if (length === offsets[rowCount] - offsets[0]) return values.subarray(offsets[0], offsets[rowCount]);
  const known = new (values.constructor as new (length: number) => BigInt64Array)(length);
  let filled = 0;
  for (let row = 0; row < rowCount; row++) {
    if (valid[row] === 0) continue;
    known.set(values.subarray(offsets[row], offsets[row + 1]), filled);
    filled += offsets[row + 1] - offsets[row];
  }
  return known;
}
