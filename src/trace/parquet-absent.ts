/**
 * Columns in which every row is the same, unknown or one word, added to a Parquet file after it was written. A writer
 * spends on such a column what it spends on any other (three quarters of the time of a trace of lengths); yet all that
 * the file holds of it is one run per row group. So the writer gets the other columns only, and the pages and the
 * metadata of these are put in here, in the places that the schema gives them. Source: parquet-format, "Data Pages",
 * "Run Length Encoding", parquet.thrift.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { Field } from './columns.js';
import { readFooter, writeFooter } from './parquet-footer.js';
import {
  fieldOf,
  readThrift,
  setField,
  type ThriftList,
  type ThriftStruct,
  type ThriftValue,
  WIRE,
  writeThrift,
} from './thrift.js';

/** A column to add: `word` in every row, or null = unknown in every row. */
export interface ConstantColumn {
  readonly field: Field;
  readonly word: string | null;
}

/** Adds columns to a file that holds the other fields of `fields`, so that it has all of them in their order. */
export async function addConstantColumns(
  path: string,
  fields: readonly Field[],
  constants: readonly ConstantColumn[],
): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const { footer, startByte } = await readFooter(handle);
    const meta = readThrift(footer);
    const byName = new Map(constants.map((constant) => [constant.field.name, constant]));
    extendSchema(meta, fields, byName);
    const pages: Buffer[] = [];
    let at = startByte;
    for (const group of listOf(meta, FILE.rowGroups).items as ThriftStruct[]) {
      at = extendRowGroup(group, fields, byName, at, pages);
    }
    await writeAt(handle, Buffer.concat(pages), startByte);
    await writeFooter(handle, writeThrift(meta), at);
  } finally {
    await handle.close();
  }
}

/** Field ids of parquet.thrift. */
const FILE = { schema: 2, rowGroups: 4, columnOrders: 7 };
const GROUP = { columns: 1, totalByteSize: 2, rows: 3, totalCompressedSize: 6 };
const PARQUET_TYPE = { bool: 0, int32: 1, int64: 2, double: 5, string: 6, u64list: 2, i64list: 2 };
const CONVERTED = { utf8: 0, list: 3, uint64: 14, int32: 17, int64: 18 };
const OPTIONAL = 1;
const REPEATED = 2;
const PLAIN = 0;
const PLAIN_DICTIONARY = 2;
const RLE = 3;

function listOf(struct: ThriftStruct, id: number): ThriftList {
  return fieldOf(struct, id) as ThriftList;
}

async function writeAt(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  if (bytes.length > 0) await handle.write(bytes, 0, bytes.length, position);
}

const i32 = (id: number, value: number) => ({ id, type: WIRE.i32, value });
const i64 = (id: number, value: number) => ({ id, type: WIRE.i64, value });
const text = (id: number, value: string) => ({ id, type: WIRE.binary, value: Buffer.from(value) });
const struct = (id: number, value: ThriftStruct) => ({ id, type: WIRE.struct, value });
const list = (id: number, elementType: number, items: ThriftValue[]) => ({
  id,
  type: WIRE.list,
  value: { elementType, items },
});

function extendSchema(
  meta: ThriftStruct,
  fields: readonly Field[],
  constants: ReadonlyMap<string, ConstantColumn>,
): void {
  const schema = listOf(meta, FILE.schema).items as ThriftStruct[];
  const [root, ...written] = schema;
  setField(root, 5, fields.length);
  const next = [root];
  let at = 0;
  for (const field of fields) {
    if (constants.has(field.name)) next.push(...schemaOf(field));
    else {
      const isList = field.type.endsWith('list');
      next.push(...written.slice(at, at + (isList ? 3 : 1)));
      at += isList ? 3 : 1;
    }
  }
  schema.splice(0, schema.length, ...next);
  const orders = fieldOf(meta, FILE.columnOrders) as ThriftList | undefined;
  if (orders !== undefined) {
    // TYPE_ORDER for each leaf.
    orders.items.splice(0, orders.items.length, ...fields.map(() => [struct(1, [])]));
  }
}

function schemaOf(field: Field): ThriftStruct[] {
  const type = PARQUET_TYPE[field.type];
  if (field.type.endsWith('list')) {
    const converted = field.type === 'u64list' ? CONVERTED.uint64 : CONVERTED.int64;
    return [
      [i32(3, OPTIONAL), text(4, field.name), i32(5, 1), i32(6, CONVERTED.list)],
      [i32(3, REPEATED), text(4, 'list'), i32(5, 1)],
      [i32(1, type), i32(3, OPTIONAL), text(4, 'element'), i32(6, converted)],
    ];
  }
  const converted = { int32: CONVERTED.int32, int64: CONVERTED.int64, string: CONVERTED.utf8 }[
    field.type as string
  ];
  return [
    [
      i32(1, type),
      i32(3, OPTIONAL),
      text(4, field.name),
      ...(converted === undefined ? [] : [i32(6, converted)]),
    ],
  ];
}

/** Adds the columns' pages to `pages`, which begin at byte `at` of the file; returns where they end. */
function extendRowGroup(
  group: ThriftStruct,
  fields: readonly Field[],
  constants: ReadonlyMap<string, ConstantColumn>,
  at: number,
  pages: Buffer[],
): number {
  const rows = fieldOf(group, GROUP.rows) as number;
  const written = listOf(group, GROUP.columns).items;
  const next: ThriftValue[] = [];
  let from = 0;
  let place = at;
  let added = 0;
  for (const field of fields) {
    const constant = constants.get(field.name);
    if (constant === undefined) {
      next.push(written[from++]);
      continue;
    }
    const { dictionary, data } = pagesOf(constant, rows);
    pages.push(dictionary, data);
    next.push(columnChunk(constant, rows, place, dictionary.length, data.length));
    place += dictionary.length + data.length;
    added += dictionary.length + data.length;
  }
  written.splice(0, written.length, ...next);
  for (const id of [GROUP.totalByteSize, GROUP.totalCompressedSize]) {
    const size = fieldOf(group, id);
    if (typeof size === 'number') setField(group, id, size + added);
  }
  return place;
}

function columnChunk(
  { field, word }: ConstantColumn,
  rows: number,
  at: number,
  dictionaryBytes: number,
  dataBytes: number,
): ThriftStruct {
  const path = field.type.endsWith('list') ? [field.name, 'list', 'element'] : [field.name];
  const bytes = dictionaryBytes + dataBytes;
  const known =
    word === null
      ? [i64(3, rows)]
      : [
          text(1, word),
          text(2, word),
          i64(3, 0),
          i64(4, 1),
          text(5, word),
          text(6, word),
          { id: 7, type: WIRE.true, value: true },
          { id: 8, type: WIRE.true, value: true },
        ];
  const meta: ThriftStruct = [
    i32(1, PARQUET_TYPE[field.type]),
    list(2, WIRE.i32, [word === null ? PLAIN : PLAIN_DICTIONARY]),
    list(
      3,
      WIRE.binary,
      path.map((name) => Buffer.from(name)),
    ),
    i32(4, 0),
    i64(5, rows),
    i64(6, bytes),
    i64(7, bytes),
    i64(9, at + dictionaryBytes),
    ...(word === null ? [] : [i64(11, at)]),
    struct(12, known),
  ];
  return [i64(2, 0), struct(3, meta)];
}

/** A run of one value of at most 8 bits, repeated `rows` times. */
function run(rows: number, value: number): Buffer {
  const bytes: number[] = [];
  let rest = rows * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest, value);
  return Buffer.from(bytes);
}

/** Levels as data pages hold them: their length, then one run. */
function levels(rows: number, value: number): Buffer {
  const bytes = run(rows, value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Uncompressed pages. */
function pagesOf({ field, word }: ConstantColumn, rows: number): { dictionary: Buffer; data: Buffer } {
  if (word === null) {
    const parts = field.type.endsWith('list') ? [levels(rows, 0), levels(rows, 0)] : [levels(rows, 0)];
    return { dictionary: Buffer.alloc(0), data: dataPage(Buffer.concat(parts), rows, PLAIN) };
  }
  const letters = Buffer.from(word);
  const entry = Buffer.alloc(4 + letters.length);
  entry.writeUInt32LE(letters.length);
  letters.copy(entry, 4);
  const header = writeThrift([
    i32(1, 2),
    i32(2, entry.length),
    i32(3, entry.length),
    struct(7, [i32(1, 1), i32(2, PLAIN_DICTIONARY)]),
  ]);
  // Every row is known and has the word number 0, in 1 bit.
  const body = Buffer.concat([levels(rows, 1), Buffer.of(1), run(rows, 0)]);
  return { dictionary: Buffer.concat([header, entry]), data: dataPage(body, rows, PLAIN_DICTIONARY) };
}

function dataPage(body: Buffer, rows: number, encoding: number): Buffer {
  const header = writeThrift([
    i32(1, 0),
    i32(2, body.length),
    i32(3, body.length),
    struct(5, [i32(1, rows), i32(2, encoding), i32(3, RLE), i32(4, RLE)]),
  ]);
  return Buffer.concat([header, body]);
}
