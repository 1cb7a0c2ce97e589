/**
 * Reads traces: files of ours, and foreign Parquet that has our column names, whoever wrote it and however it is
 * compressed. Columns that a file lacks are unknown; integers may come in any width, as decimals, or as floats whose
 * values are whole (pandas writes nullable integers so). Nothing is rounded: what does not fit is refused by name.
 */
import { basename } from 'node:path';
import { ToolError } from '../errors.js';
import { createManifest, hashInput } from '../manifest.js';
import type { Int32Column, TraceBatch, TraceMeta, TraceRow } from '../types.js';
import { rowsOfBatch } from './batch.js';
import { columnsOfTraceBatch, type Field, TRACE_FIELDS, traceBatchOfColumns } from './columns.js';
import { ContentHasher } from './content-hash.js';
import { requireFile } from './files.js';
import { openParquet, type ParquetSource } from './parquet-read.js';
import { TRACE_COLUMNS, TRACE_META_KEY } from './schema.js';
import { ArrivalOrder } from './write.js';

export interface BatchOptions {
  /** Names in code (`inputTokens`, …) to read; default: all that the file has. `arrivalNs` always comes. */
  readonly columns?: readonly (keyof TraceRow)[];
  readonly signal?: AbortSignal;
}

/** An open trace. Close it. */
export interface TraceReader {
  readonly path: string;
  readonly meta: TraceMeta;
  readonly rowCount: number;
  /** Names in code of the columns that the file has. */
  readonly columns: readonly (keyof TraceRow)[];
  /** Rows in order, up to 65 536 a batch; throws BAD_TRACE when arrivals are negative, unknown or fall. */
  batches(options?: BatchOptions): AsyncIterable<TraceBatch>;
  rows(): AsyncIterable<TraceRow>;
  close(): void;
}

/**
 * Opens a trace. Throws FILE_NOT_FOUND, FILE_EMPTY, FILE_UNREADABLE (not Parquet), or BAD_TRACE (Parquet, but no trace:
 * names the missing columns). A foreign file is read once to hash its rows.
 */
export async function openTrace(path: string): Promise<TraceReader> {
  await requireFile(path, 'a trace');
  const source = await openParquet(path, 'a trace');
  try {
    const fields = traceFieldsOf(source);
    const reader = traceReader(path, source, fields);
    const own = metaOf(source);
    return { ...reader, meta: own ?? (await synthesizedMeta(path, reader)) };
  } catch (error) {
    source.close();
    throw error;
  }
}

/** All rows of a trace file, in memory: for small traces and tests. */
export async function readTraceRows(path: string): Promise<TraceRow[]> {
  const reader = await openTrace(path);
  try {
    const rows: TraceRow[] = [];
    for await (const row of reader.rows()) rows.push(row);
    return rows;
  } finally {
    reader.close();
  }
}

/** Content hash of the rows as they are read: equal to `meta.contentHash` unless the file was altered. */
export async function contentHashOf(reader: Pick<TraceReader, 'batches'>): Promise<string> {
  const hasher = new ContentHasher(TRACE_FIELDS);
  for await (const batch of reader.batches()) hasher.update(columnsOfTraceBatch(batch));
  return hasher.digest();
}

/** The columns that analysis needs, whole, in memory. */
export interface TraceColumns {
  readonly rowCount: number;
  /** ns from the trace's start; exact up to 2^53 (104 days). */
  readonly arrivalNs: Float64Array;
  /** null = unknown in every row. */
  readonly inputTokens: Int32Column | null;
  readonly outputTokens: Int32Column | null;
}

/** Reads arrivals and lengths of the whole trace. Memory: 16–18 bytes per row. */
export async function traceColumns(reader: TraceReader): Promise<TraceColumns> {
  const arrivalNs = new Float64Array(reader.rowCount);
  const lengths = {
    inputTokens: new LengthColumn(reader.rowCount),
    outputTokens: new LengthColumn(reader.rowCount),
  };
  let row = 0;
  for await (const batch of reader.batches({ columns: ['inputTokens', 'outputTokens'] })) {
    for (let i = 0; i < batch.rowCount; i++) arrivalNs[row + i] = Number(batch.arrivalNs[i]);
    lengths.inputTokens.add(batch.inputTokens, row, batch.rowCount);
    lengths.outputTokens.add(batch.outputTokens, row, batch.rowCount);
    row += batch.rowCount;
  }
  return {
    rowCount: row,
    arrivalNs,
    inputTokens: lengths.inputTokens.column(),
    outputTokens: lengths.outputTokens.column(),
  };
}

class LengthColumn {
  readonly #values: Int32Array;
  readonly #valid: Uint8Array;
  #known = 0;

  constructor(rowCount: number) {
    this.#values = new Int32Array(rowCount);
    this.#valid = new Uint8Array(rowCount);
  }

  add(column: Int32Column | undefined, row: number, rowCount: number): void {
    if (column === undefined) return;
    this.#values.set(column.values.subarray(0, rowCount), row);
    for (let i = 0; i < rowCount; i++) {
      if (column.valid !== null && column.valid[i] === 0) continue;
      this.#valid[row + i] = 1;
      this.#known += 1;
    }
  }

  column(): Int32Column | null {
    if (this.#known === 0) return null;
    return { values: this.#values, valid: this.#known === this.#values.length ? null : this.#valid };
  }
}

function traceFieldsOf(source: ParquetSource): readonly Field[] {
  const found = TRACE_FIELDS.filter((field) => source.columnTypes.has(field.name));
  if (found.some((field) => field.name === 'arrival_ns')) return found;
  const lengths = ['input_tokens', 'output_tokens'].filter((name) => !source.columnTypes.has(name));
  const missing = ['arrival_ns', ...lengths];
  throw new ToolError({
    code: 'BAD_TRACE',
    message: `${basename(source.path)} is no trace: it lacks ${missing.join(', ')}; it has ${list([...source.columnTypes.keys()])}`,
    hint: `\`tokentide ingest\` turns logs into traces; --map says which column is what`,
  });
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}

function traceReader(
  path: string,
  source: ParquetSource,
  fields: readonly Field[],
): Omit<TraceReader, 'meta'> {
  const codeOf = (field: Field): keyof TraceRow =>
    TRACE_COLUMNS.find((column) => column.disk === field.name)!.code;
  async function* batches(options: BatchOptions = {}): AsyncGenerator<TraceBatch> {
    const wanted = fields.filter(
      (field) => field.name === 'arrival_ns' || (options.columns?.includes(codeOf(field)) ?? true),
    );
    const order = new ArrivalOrder();
    let row = 0;
    for await (const columns of source.batches(wanted, options.signal)) {
      const arrival = columns.columns[wanted.findIndex((field) => field.name === 'arrival_ns')];
      requireKnownArrivals(arrival as { valid: Uint8Array | null } | null, row, path);
      const batch = traceBatchOfColumns(wanted, columns);
      order.check(batch.arrivalNs, batch.rowCount);
      row += batch.rowCount;
      yield batch;
    }
  }
  async function* rows(): AsyncGenerator<TraceRow> {
    for await (const batch of batches()) yield* rowsOfBatch(batch);
  }
  return {
    path,
    rowCount: source.rowCount,
    columns: fields.map(codeOf),
    batches,
    rows,
    close: () => source.close(),
  };
}

function requireKnownArrivals(
  arrival: { valid: Uint8Array | null } | null,
  firstRow: number,
  path: string,
): void {
  if (arrival !== null && arrival.valid === null) return;
  const row = firstRow + (arrival === null ? 0 : arrival.valid!.indexOf(0));
  throw new ToolError({
    code: 'BAD_TRACE',
    message: `arrival_ns must be known in every row, row ${row} (counted from 0) of ${basename(path)} has none`,
    hint: 'drop such rows or give them a time before reading the file as a trace',
  });
}

function metaOf(source: ParquetSource): TraceMeta | null {
  const text = source.keyValue.get(TRACE_META_KEY);
  if (text === undefined) return null;
  try {
    const meta = JSON.parse(text) as TraceMeta;
    if (meta.kind !== 'trace') return null;
    if (meta.schemaVersion !== 1) {
      throw new ToolError({
        code: 'BAD_TRACE',
        message: `${basename(source.path)} has trace schema version ${String(meta.schemaVersion)}, this tokentide reads 1`,
        hint: 'use the tokentide that wrote it, or make it again',
      });
    }
    return meta;
  } catch (error) {
    if (error instanceof ToolError) throw error;
    throw new ToolError({
      code: 'BAD_TRACE',
      message: `the metadata of ${basename(source.path)} is not JSON: ${(error as Error).message}`,
      hint: 'the file was altered after tokentide wrote it; make it again',
      cause: error,
    });
  }
}

async function synthesizedMeta(path: string, reader: Omit<TraceReader, 'meta'>): Promise<TraceMeta> {
  return {
    schemaVersion: 1,
    kind: 'trace',
    name: basename(path).replace(/\.parquet$/i, ''),
    startUtc: null,
    timeResolutionNs: null,
    arrivalBasis: 'unknown',
    blockSize: null,
    droppedRows: {},
    quality: null,
    manifest: createManifest({
      command: 'open',
      options: {},
      inputs: [await hashInput(path)],
      timestamp: false,
    }),
    contentHash: await contentHashOf(reader),
  };
}
