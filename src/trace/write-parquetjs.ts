/**
 * The trace writer on parquetjs-lite: for readers that only understand what parquetjs writes. About 30 000 rows per second.
 *
 * It passes 64-bit integers through JavaScript numbers, so values beyond 2^53 would change silently: they are refused.
 * Every row is awaited, because unawaited appends repeat rows (measured; MEASUREMENTS are summarised in src/README.md).
 */
import type { FieldDefinition, ParquetWriter } from 'parquetjs-lite';
import { ToolError } from '../errors.js';
import { type Column, type ColumnBatch, type Field, isKnown, TRACE_FIELDS } from './columns.js';
import { ContentHasher } from './content-hash.js';
import { TRACE_META_KEY } from './schema.js';
import type { TraceWriteJob } from './write.js';

/** Writes the trace's columns with Snappy pages; throws BAD_VALUE on integers beyond ±2^53. */
export async function writeWithParquetjs(job: TraceWriteJob): Promise<void> {
  const { default: parquet } = await import('parquetjs-lite');
  const definitions = Object.fromEntries(TRACE_FIELDS.map((field) => [field.name, definitionOf(field)]));
  let writer: ParquetWriter;
  try {
    writer = await parquet.ParquetWriter.openFile(new parquet.ParquetSchema(definitions), job.path, {
      rowGroupSize: job.rowGroupRows,
    });
  } catch (error) {
    throw asError(error);
  }
  let failure: unknown = null;
  try {
    let firstRow = 0;
    const hasher = new ContentHasher(TRACE_FIELDS);
    for await (const batch of job.batches) {
      hasher.update(batch);
      for (let row = 0; row < batch.rowCount; row++) await writer.appendRow(record(batch, row, firstRow));
      firstRow += batch.rowCount;
    }
    writer.setMetadata(TRACE_META_KEY, await job.metadata(hasher.digest()));
  } catch (error) {
    failure = asError(error);
  }
  try {
    await writer.close();
  } catch (error) {
    failure ??= asError(error);
  }
  if (failure !== null) throw failure;
}

function definitionOf(field: Field): FieldDefinition {
  const optional = field.nullable;
  const leaf = (type: string): FieldDefinition => ({ type, compression: 'SNAPPY', statistics: false });
  switch (field.type) {
    case 'int32':
      return { ...leaf('INT32'), optional };
    case 'int64':
      return { ...leaf('INT64'), optional };
    case 'bool':
      return { ...leaf('BOOLEAN'), optional };
    case 'string':
      return { ...leaf('UTF8'), optional };
    case 'u64list':
      return {
        type: 'LIST',
        optional,
        fields: { list: { repeated: true, fields: { element: leaf('UINT_64') } } },
      };
    default:
      throw new Error(`the trace has no column of type ${field.type}`);
  }
}

function record(batch: ColumnBatch, row: number, firstRow: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  batch.columns.forEach((column, index) => {
    if (column === null || !isKnown(column, row)) return;
    const { name, type } = TRACE_FIELDS[index];
    result[name] = plainValue(column, row, type, (value) => {
      throw new ToolError({
        code: 'BAD_VALUE',
        message: `parquetjs-lite holds integers up to 2^53 only, ${name} of row ${firstRow + row} is ${value}`,
        hint: 'write with the native engine (the default)',
      });
    });
  });
  return result;
}

function plainValue(
  column: Column,
  row: number,
  type: Field['type'],
  refuse: (value: bigint) => never,
): unknown {
  if ('codes' in column) return column.dictionary[column.codes[row]];
  if ('offsets' in column) {
    const elements = column.values.subarray(column.offsets[row], column.offsets[row + 1]);
    return {
      list: Array.from<bigint, unknown>(elements, (value) => ({ element: exactNumber(value, refuse) })),
    };
  }
  const value = column.values[row];
  if (typeof value === 'bigint') return exactNumber(value, refuse);
  return type === 'bool' ? value !== 0 : value;
}

function exactNumber(value: bigint, refuse: (value: bigint) => never): number {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : refuse(value);
}

/** parquetjs-lite throws texts. */
function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`parquetjs-lite: ${String(thrown)}`);
}
