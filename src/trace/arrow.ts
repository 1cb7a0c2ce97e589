/**
 * Traces as Apache Arrow: tables in memory for library users, and the IPC file format ("Feather 2") that pyarrow,
 * Polars and R read without conversion. `apache-arrow` is loaded only when a function here is called.
 *
 * Types are those of the Parquet file; the schema's metadata holds the trace's metadata under the same key.
 */
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type * as Arrow from 'apache-arrow';
import type { StringColumn, TraceBatch } from '../types.js';
import { type Column, columnsOfTraceBatch, type Field, isKnown, TRACE_FIELDS } from './columns.js';
import { makeFolder, stringifyStrict, temporaryName } from './files.js';
import type { TraceReader } from './read.js';
import { TRACE_META_KEY } from './schema.js';

type ArrowLibrary = typeof Arrow;

/** The whole trace as an Arrow table, one record batch per batch read. */
export async function traceToArrow(reader: TraceReader, signal?: AbortSignal): Promise<Arrow.Table> {
  const arrow = await import('apache-arrow');
  const schema = schemaOf(arrow, reader);
  const batches: Arrow.RecordBatch[] = [];
  for await (const batch of reader.batches({ signal })) batches.push(recordBatch(arrow, schema, batch));
  return new arrow.Table(schema, batches);
}

/** Streams the trace into an Arrow IPC file, written under a temporary name and renamed. */
export async function writeArrowIpc(
  reader: TraceReader,
  path: string,
  signal?: AbortSignal,
): Promise<{ rows: number; bytes: number }> {
  const arrow = await import('apache-arrow');
  const schema = schemaOf(arrow, reader);
  const temporary = temporaryName(path);
  let rows = 0;
  async function* recordBatches(): AsyncGenerator<Arrow.RecordBatch> {
    for await (const batch of reader.batches({ signal })) {
      rows += batch.rowCount;
      yield recordBatch(arrow, schema, batch);
    }
    if (rows === 0) yield recordBatch(arrow, schema, { rowCount: 0, arrivalNs: new BigInt64Array(0) });
  }
  try {
    makeFolder(dirname(path));
    const encoder = arrow.RecordBatchFileWriter.throughNode({ autoDestroy: true });
    await pipeline(Readable.from(recordBatches()), encoder, createWriteStream(temporary));
    const { size } = await stat(temporary);
    await rename(temporary, path);
    return { rows, bytes: size };
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

function schemaOf(arrow: ArrowLibrary, reader: TraceReader): Arrow.Schema {
  const fields = TRACE_FIELDS.map(
    (field) => new arrow.Field(field.name, typeOf(arrow, field), field.nullable),
  );
  return new arrow.Schema(fields, new Map([[TRACE_META_KEY, stringifyStrict(reader.meta)]]));
}

function typeOf(arrow: ArrowLibrary, field: Field): Arrow.DataType {
  switch (field.type) {
    case 'int32':
      return new arrow.Int32();
    case 'int64':
      return new arrow.Int64();
    case 'bool':
      return new arrow.Bool();
    case 'string':
      return new arrow.Utf8();
    case 'u64list':
      return new arrow.List(new arrow.Field('element', new arrow.Uint64(), true));
    default:
      throw new Error(`the trace has no column of type ${field.type}`);
  }
}

function recordBatch(arrow: ArrowLibrary, schema: Arrow.Schema, batch: TraceBatch): Arrow.RecordBatch {
  const { rowCount, columns } = columnsOfTraceBatch(batch);
  const children = TRACE_FIELDS.map((field, index) => dataOf(arrow, field, columns[index], rowCount));
  const type = new arrow.Struct(schema.fields);
  return new arrow.RecordBatch(schema, arrow.makeData({ type, length: rowCount, nullCount: 0, children }));
}

function dataOf(arrow: ArrowLibrary, field: Field, column: Column | null, length: number): Arrow.Data {
  const known = knownRows(column, length);
  const shape = { length, nullCount: length - known.count, nullBitmap: known.bits };
  switch (field.type) {
    case 'int32': {
      const data = column === null ? new Int32Array(length) : (column as { values: Int32Array }).values;
      return arrow.makeData({ type: new arrow.Int32(), ...shape, data: data.subarray(0, length) });
    }
    case 'int64': {
      const data = column === null ? new BigInt64Array(length) : (column as { values: BigInt64Array }).values;
      return arrow.makeData({ type: new arrow.Int64(), ...shape, data: data.subarray(0, length) });
    }
    case 'bool': {
      const values = (column as { values: Uint8Array } | null)?.values;
      const data = packBits(length, (row) => values !== undefined && values[row] !== 0);
      return arrow.makeData({ type: new arrow.Bool(), ...shape, data });
    }
    case 'string': {
      const { valueOffsets, data } = textOf(column as StringColumn | null, length);
      return arrow.makeData({ type: new arrow.Utf8(), ...shape, valueOffsets, data });
    }
    default: {
      const { valueOffsets, data } = listOf(column, length);
      const child = arrow.makeData({ type: new arrow.Uint64(), length: data.length, nullCount: 0, data });
      const type = typeOf(arrow, field) as Arrow.List<Arrow.Uint64>;
      return arrow.makeData({ type, ...shape, valueOffsets, child });
    }
  }
}

function knownRows(column: Column | null, length: number): { count: number; bits: Uint8Array | null } {
  if (column === null) return { count: 0, bits: new Uint8Array(Math.ceil(length / 8)) };
  let count = 0;
  const bits = packBits(length, (row) => {
    const known = isKnown(column, row);
    if (known) count += 1;
    return known;
  });
  return { count, bits: count === length ? null : bits };
}

function packBits(length: number, isSet: (row: number) => boolean): Uint8Array {
  const bits = new Uint8Array(Math.ceil(length / 8));
  for (let row = 0; row < length; row++) if (isSet(row)) bits[row >> 3] |= 1 << (row & 7);
  return bits;
}

function textOf(column: StringColumn | null, length: number): { valueOffsets: Int32Array; data: Uint8Array } {
  const valueOffsets = new Int32Array(length + 1);
  if (column === null) return { valueOffsets, data: new Uint8Array(0) };
  const encoded = column.dictionary.map((text) => Buffer.from(text));
  for (let row = 0; row < length; row++) {
    const code = column.codes[row];
    valueOffsets[row + 1] = valueOffsets[row] + (code < 0 ? 0 : encoded[code].length);
  }
  const data = new Uint8Array(valueOffsets[length]);
  for (let row = 0; row < length; row++) {
    if (column.codes[row] >= 0) data.set(encoded[column.codes[row]], valueOffsets[row]);
  }
  return { valueOffsets, data };
}

function listOf(column: Column | null, length: number): { valueOffsets: Int32Array; data: BigUint64Array } {
  if (column === null || !('offsets' in column)) {
    return { valueOffsets: new Int32Array(length + 1), data: new BigUint64Array(0) };
  }
  const first = column.offsets[0];
  const valueOffsets = Int32Array.from(column.offsets.subarray(0, length + 1), (offset) => offset - first);
  return { valueOffsets, data: (column.values as BigUint64Array).subarray(first, column.offsets[length]) };
}
