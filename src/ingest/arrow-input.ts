/**
 * Arrow IPC files (Feather 2) as an input: each row a JSON line, with integers exact and times to the nanosecond. A batch is
 * in memory at a time. `apache-arrow` is loaded only when such a file comes.
 */
import { open, stat } from 'node:fs/promises';
import type { Field, RecordBatch, Vector } from 'apache-arrow';
import { ToolError } from '../errors.js';
import { hashInput } from '../manifest.js';
import { TRACE_META_KEY } from '../trace/schema.js';
import { traceMetaOf } from './parquet-input.js';
import { RowsAsLines, type TableInput } from './table-input.js';
import { TRACE_BLOCK_FIELD, TRACE_START_FIELD } from './trace-format.js';

/** First bytes of the file format. */
export const ARROW_MAGIC = 'ARROW1';

/** Opens an Arrow file. Throws FILE_UNREADABLE when it is damaged. */
export async function openArrowInput(
  path: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<TableInput> {
  const fileBytes = (await stat(path)).size;
  const manifest = await hashInput(path);
  const names = await reading(path, name, async (reader) =>
    reader.schema.fields.map((field: Field) => field.name),
  );
  const rows = (): AsyncGenerator<string> => rowsOf(path, name, signal);
  return { source: new RowsAsLines({ path, name, fileBytes, manifest: { ...manifest, name }, rows }), names };
}

type Reader = Awaited<ReturnType<typeof openReader>>['reader'];

async function openReader(path: string) {
  const { RecordBatchReader } = await import('apache-arrow');
  const file = await open(path, 'r');
  const reader = await RecordBatchReader.from(file);
  await reader.open();
  return { reader, file };
}

async function reading<T>(path: string, name: string, work: (reader: Reader) => Promise<T>): Promise<T> {
  try {
    const { reader, file } = await openReader(path);
    try {
      return await work(reader);
    } finally {
      await reader.cancel();
      await file.close().catch(() => undefined);
    }
  } catch (cause) {
    throw damaged(name, cause);
  }
}

function damaged(name: string, cause: unknown): unknown {
  if (cause instanceof ToolError) return cause;
  return new ToolError({
    code: 'FILE_UNREADABLE',
    message: `${name} is an Arrow file that cannot be decoded: it is damaged or truncated`,
    hint: 'fetch the file again',
    cause,
  });
}

async function* rowsOf(path: string, name: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
  let batches: AsyncIterator<RecordBatch> | null = null;
  const { reader, file } = await openReader(path).catch((cause: unknown) => {
    throw damaged(name, cause);
  });
  try {
    const meta = traceMetaOf(reader.schema.metadata.get(TRACE_META_KEY));
    const extra: string[] = [];
    if (meta !== null) {
      extra.push(`"${TRACE_START_FIELD}":${meta.startNs}`);
      if (meta.blockSize !== null) extra.push(`"${TRACE_BLOCK_FIELD}":${meta.blockSize}`);
    }
    batches = (reader as AsyncIterable<RecordBatch>)[Symbol.asyncIterator]();
    for (;;) {
      signal?.throwIfAborted();
      const step = await batches.next().catch((cause: unknown) => {
        throw damaged(name, cause);
      });
      if (step.done === true) return;
      if (step.value.numRows > 0) yield linesOf(step.value, extra);
    }
  } finally {
    await reader.cancel();
    await file.close().catch(() => undefined);
  }
}

function linesOf(batch: RecordBatch, extra: readonly string[]): string {
  const cells = batch.schema.fields.map((field: Field, index) => {
    const column = batch.getChildAt(index) as Vector;
    const read = readerOf(column);
    const key = JSON.stringify(field.name);
    return (row: number): string | null => {
      const value = read(row);
      return value === null ? null : `${key}:${value}`;
    };
  });
  const lines: string[] = [];
  for (let row = 0; row < batch.numRows; row++) {
    const known = cells.map((cell) => cell(row)).filter((cell) => cell !== null);
    lines.push(`{${[...known, ...extra].join(',')}}`);
  }
  return lines.join('\n');
}

/** Digits of a second in each unit of timestamps: s, ms, µs, ns. */
const TIMESTAMP_PLACES = [0, 3, 6, 9];

/** Reads cells as JSON. Timestamps are taken from the column's memory: as numbers of JavaScript they would be rounded. */
function readerOf(column: Vector): (row: number) => string | null {
  const { type } = column as { type: { unit?: number; timezone?: string | null; typeId: number } };
  const [data] = column.data as unknown as { values: unknown; offset: number }[];
  const isTimestamp = type.timezone !== undefined && data.values instanceof BigInt64Array;
  if (!isTimestamp) return (row) => jsonOf(column.get(row));
  const values = data.values as BigInt64Array;
  const places = TIMESTAMP_PLACES[type.unit ?? 0];
  const suffix = type.timezone === null ? '' : 'Z';
  return (row) => (column.isValid(row) ? `"${timestampText(values[row], places)}${suffix}"` : null);
}

function timestampText(value: bigint, places: number): string {
  const scale = 10n ** BigInt(places);
  const fraction = ((value % scale) + scale) % scale;
  const sec = (value - fraction) / scale;
  const whole = new Date(Number(sec) * 1_000).toISOString().slice(0, 19);
  return places === 0 ? whole : `${whole}.${String(fraction).padStart(places, '0')}`;
}

function jsonOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : null;
    case 'string':
      return JSON.stringify(value);
    default:
      return jsonOfObject(value);
  }
}

function jsonOfObject(value: object): string {
  if (value instanceof Date) return JSON.stringify(value.toISOString());
  if (Symbol.iterator in value && !('toJSON' in value && !('length' in value))) {
    const items = [...(value as Iterable<unknown>)];
    return `[${items.map((item) => jsonOf(item) ?? 'null').join(',')}]`;
  }
  const plain = 'toJSON' in value ? (value as { toJSON(): object }).toJSON() : value;
  const parts = Object.entries(plain).map(
    ([key, item]) => `${JSON.stringify(key)}:${jsonOf(item) ?? 'null'}`,
  );
  return `{${parts.join(',')}}`;
}
