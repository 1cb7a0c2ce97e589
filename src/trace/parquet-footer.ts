/** The footer of a Parquet file: schema, row groups with their column chunks, key-value metadata. Source: parquet.thrift. */
import type { Field, FieldType } from './columns.js';
import type { ChunkFacts } from './parquet-column.js';
import type { EncodedGroup } from './parquet-encode.js';
import { binary, i16, i32, i64, list, struct, type ThriftStruct, text, WIRE, writeThrift } from './thrift.js';

export const MAGIC = Buffer.from('PAR1');

/** A text of the file's metadata. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

const TYPE: Readonly<Record<FieldType, number>> = {
  bool: 0,
  int32: 1,
  int64: 2,
  double: 5,
  string: 6,
  u64list: 2,
  i64list: 2,
};
const CONVERTED = { utf8: 0, list: 3, uint64: 14 } as const;
const REQUIRED = 0;
const OPTIONAL = 1;
const REPEATED = 2;

const isList = ({ type }: Field): boolean => type === 'u64list' || type === 'i64list';

/** What the footer says about a row group that begins at byte `at` of the file, as bytes. */
export function groupFooter(
  fields: readonly Field[],
  group: EncodedGroup,
  at: number,
  ordinal: number,
): Uint8Array {
  const chunks = group.chunks.map((facts, index) => chunkFooter(fields[index], facts, at));
  const plainBytes = group.chunks.reduce((sum, chunk) => sum + chunk.plainBytes, 0);
  return writeThrift([
    list(1, WIRE.struct, chunks),
    i64(2, plainBytes),
    i64(3, group.rowCount),
    i64(5, at),
    i64(6, group.bytes.length),
    // The format gives it 16 bits; it is left out where they do not suffice.
    ...(ordinal < 1 << 15 ? [i16(7, ordinal)] : []),
  ]);
}

function chunkFooter(field: Field, facts: ChunkFacts, at: number): ThriftStruct {
  const path = isList(field) ? [field.name, 'list', 'element'] : [field.name];
  const { range, nullCount, dictionaryAt } = facts;
  const meta: ThriftStruct = [
    i32(1, TYPE[field.type]),
    list(2, WIRE.i32, facts.encodings),
    list(
      3,
      WIRE.binary,
      path.map((name) => Buffer.from(name)),
    ),
    i32(4, facts.codec),
    i64(5, facts.valueCount),
    i64(6, facts.plainBytes),
    i64(7, facts.bytes),
    i64(9, at + facts.dataAt),
    ...(dictionaryAt === null ? [] : [i64(11, at + dictionaryAt)]),
    struct(12, [
      ...(nullCount === null ? [] : [i64(3, nullCount)]),
      ...(range === null ? [] : [binary(5, range.most), binary(6, range.least)]),
    ]),
  ];
  return [i64(2, at + (dictionaryAt ?? facts.dataAt)), struct(3, meta)];
}

/** The end of the file, from the footer to the last byte. `groups`: what `groupFooter` gave. */
export function fileFooter(
  fields: readonly Field[],
  rowCount: number,
  groups: readonly Uint8Array[],
  keyValue: KeyValue | null,
  createdBy: string,
): Uint8Array {
  const footer = writeThrift([
    i32(1, 1),
    list(2, WIRE.struct, [[text(4, 'schema'), i32(5, fields.length)], ...fields.flatMap(schemaOf)]),
    i64(3, rowCount),
    list(4, WIRE.struct, groups),
    ...(keyValue === null ? [] : [list(5, WIRE.struct, [[text(1, keyValue.key), text(2, keyValue.value)]])]),
    text(6, createdBy),
    // Ranges follow the order of each column's type.
    list(
      7,
      WIRE.struct,
      fields.map(() => [struct(1, [])]),
    ),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([footer, length, MAGIC]);
}

function schemaOf(field: Field): ThriftStruct[] {
  const type = i32(1, TYPE[field.type]);
  const repetition = i32(3, field.nullable ? OPTIONAL : REQUIRED);
  if (isList(field)) {
    const element = [type, i32(3, OPTIONAL), text(4, 'element')];
    return [
      [repetition, text(4, field.name), i32(5, 1), i32(6, CONVERTED.list)],
      [i32(3, REPEATED), text(4, 'list'), i32(5, 1)],
      field.type === 'u64list' ? [...element, i32(6, CONVERTED.uint64)] : element,
    ];
  }
  const converted = field.type === 'string' ? [i32(6, CONVERTED.utf8)] : [];
  return [[type, repetition, text(4, field.name), ...converted]];
}
