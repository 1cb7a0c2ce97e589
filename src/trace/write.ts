/**
 * Writes a trace: any stream of batches → Parquet with its metadata and content hash, whole or not at all.
 *
 * Synchronous sources are pulled by DuckDB directly. Asynchronous ones cannot be (DuckDB asks for rows and needs them
 * at once), so DuckDB runs in a worker thread that may wait for the next batch; a few batches are in flight at most,
 * so memory stays flat, nothing is staged on disk, and the bytes are those of the synchronous path. Asynchronous
 * sources that end within 131 072 rows are gathered and written without a worker.
 */
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ToolError } from '../errors.js';
import type { ProgressListener, TraceBatch, TraceMeta, TraceMetaDraft } from '../types.js';
import { type ColumnBatch, columnsOfTraceBatch, TRACE_FALLBACK, TRACE_FIELDS } from './columns.js';
import { ContentHasher } from './content-hash.js';
import { stringifyStrict, temporaryName } from './files.js';
import { addConstantColumns } from './parquet-absent.js';
import { replaceMetadataPlaceholder } from './parquet-footer.js';
import { type Compression, ROW_GROUP_ROWS, writeParquet } from './parquet-write.js';
import { TRACE_COLUMNS, TRACE_META_KEY } from './schema.js';
import { writeThroughWorker } from './write-bridge.js';
import { writeWithParquetjs } from './write-parquetjs.js';

export type TraceEngine = 'duckdb' | 'parquetjs-lite';

export interface WriteTraceOptions {
  readonly path: string;
  /** A function is called after the last row, for metadata that counts the rows. */
  readonly meta: TraceMetaDraft | (() => TraceMetaDraft);
  readonly batches: Iterable<TraceBatch> | AsyncIterable<TraceBatch>;
  /**
   * Columns that the batches may have, beside the arrival; default all. The others are unknown in every row, and cost
   * nothing; the rows of the file are the same, its bytes are not.
   */
  readonly columns?: readonly (keyof TraceBatch)[];
  /** Default zstd. */
  readonly compression?: Compression;
  /** `parquetjs`: readable by parquetjs-lite (Snappy pages). */
  readonly compat?: 'parquetjs' | null;
  /** Default duckdb, which is some 40 times faster. */
  readonly engine?: TraceEngine;
  readonly rowGroupSize?: number;
  /** Threads of the engine; the bytes do not depend on it. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

export interface WrittenTrace {
  readonly rows: number;
  readonly bytes: number;
  /** Content hash of the rows, lower-case hex. */
  readonly contentHash: string;
}

/** What a backend is asked to do: put these rows in this file, with the metadata placeholder under our key. */
export interface TraceWriteJob {
  readonly path: string;
  readonly batches: Iterable<ColumnBatch>;
  readonly compression: Compression;
  readonly rowGroupRows: number;
  /** Names of the columns that are the same in every row; default none. */
  readonly constant?: readonly string[];
  readonly threads?: number;
}

/** A library that can write the trace's columns. */
export interface TraceWriter {
  readonly engine: TraceEngine;
  write(job: TraceWriteJob): Promise<void>;
}

const DUCKDB_WRITER: TraceWriter = {
  engine: 'duckdb',
  async write(job) {
    const constant = new Set(job.constant ?? []);
    const places = TRACE_FIELDS.flatMap(({ name }, place) => (constant.has(name) ? [] : [place]));
    await writeParquet({
      ...job,
      batches: constant.size === 0 ? job.batches : picked(job.batches, places),
      fields: places.map((place) => TRACE_FIELDS[place]),
      metadataKey: TRACE_META_KEY,
    });
    if (constant.size === 0) return;
    const added = TRACE_FIELDS.filter(({ name }) => constant.has(name));
    await addConstantColumns(
      job.path,
      TRACE_FIELDS,
      added.map((field) => ({ field, word: TRACE_FALLBACK[field.name] ?? null })),
    );
  },
};

function* picked(batches: Iterable<ColumnBatch>, places: readonly number[]): Generator<ColumnBatch> {
  for (const { rowCount, columns } of batches) {
    yield { rowCount, columns: places.map((place) => columns[place]) };
  }
}

const PARQUETJS_WRITER: TraceWriter = { engine: 'parquetjs-lite', write: writeWithParquetjs };

/** The backends by name. */
export const TRACE_WRITERS: Readonly<Record<TraceEngine, TraceWriter>> = {
  duckdb: DUCKDB_WRITER,
  'parquetjs-lite': PARQUETJS_WRITER,
};

/**
 * Writes a trace under a temporary name and renames it when complete.
 * Throws BAD_TRACE when arrivals are negative or not sorted (naming the row), OUTPUT_UNWRITABLE when the file cannot be
 * written, the signal's reason when aborted, and whatever the source throws.
 */
export async function writeTrace(options: WriteTraceOptions): Promise<WrittenTrace> {
  const { path, batches } = options;
  const engine = options.engine ?? 'duckdb';
  const temporary = temporaryName(path);
  const job = {
    path: temporary,
    compression:
      options.compression ??
      (options.compat === 'parquetjs' || engine === 'parquetjs-lite' ? 'snappy' : 'zstd'),
    rowGroupRows: options.rowGroupSize ?? ROW_GROUP_ROWS,
    constant: options.columns === undefined ? [] : absentColumns(options.columns),
    threads: options.threads,
  };
  try {
    await mkdir(dirname(path), { recursive: true });
    const result = await writeRows(engine, job, batches, options);
    const draft = typeof options.meta === 'function' ? options.meta() : options.meta;
    const meta: TraceMeta = { ...draft, contentHash: result.contentHash };
    await replaceMetadataPlaceholder(temporary, stringifyStrict(meta));
    const { size } = await stat(temporary);
    await rename(temporary, path);
    return { ...result, bytes: size };
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeFailure(error, path);
  }
}

/** Names of the trace's columns that no batch has. */
function absentColumns(columns: readonly (keyof TraceBatch)[]): string[] {
  return TRACE_COLUMNS.filter(({ code }) => code !== 'arrivalNs' && !columns.includes(code)).map(
    ({ disk }) => disk,
  );
}

async function writeRows(
  engine: TraceEngine,
  job: Omit<TraceWriteJob, 'batches'>,
  batches: Iterable<TraceBatch> | AsyncIterable<TraceBatch>,
  options: WriteTraceOptions,
): Promise<{ rows: number; contentHash: string }> {
  if (Symbol.iterator in batches) return writeTraceRows(engine, job, batches, options);
  const iterator = batches[Symbol.asyncIterator]();
  const { first, ended } = await gather(iterator, IN_PROCESS_ROWS, options.signal);
  if (ended) return writeTraceRows(engine, job, first, options);
  return writeThroughWorker({
    engine,
    job,
    first,
    rest: iterator,
    signal: options.signal,
    progress: options.progress,
  });
}

/** Writes rows from a synchronous source in this thread: checked, hashed and counted on the way. */
export async function writeTraceRows(
  engine: TraceEngine,
  job: Omit<TraceWriteJob, 'batches'>,
  batches: Iterable<TraceBatch>,
  options: { readonly signal?: AbortSignal; readonly progress?: ProgressListener } = {},
): Promise<{ rows: number; contentHash: string }> {
  const hasher = new ContentHasher(TRACE_FIELDS);
  const order = new ArrivalOrder();
  let rows = 0;
  function* prepared(): Generator<ColumnBatch> {
    for (const batch of batches) {
      options.signal?.throwIfAborted();
      order.check(batch.arrivalNs, batch.rowCount);
      const columns = columnsOfTraceBatch(batch);
      hasher.update(columns);
      rows += batch.rowCount;
      yield columns;
      options.progress?.({ stage: 'write trace', done: rows, total: null, unit: 'rows' });
    }
  }
  await TRACE_WRITERS[engine].write({ ...job, batches: prepared() });
  return { rows, contentHash: hasher.digest() };
}

/** Async sources up to this many rows are written without a worker thread. */
const IN_PROCESS_ROWS = 131_072;

async function gather(
  iterator: AsyncIterator<TraceBatch>,
  limitRows: number,
  signal: AbortSignal | undefined,
): Promise<{ first: TraceBatch[]; ended: boolean }> {
  const first: TraceBatch[] = [];
  for (let rows = 0; rows < limitRows; ) {
    signal?.throwIfAborted();
    const step = await iterator.next();
    if (step.done) return { first, ended: true };
    first.push(step.value);
    rows += step.value.rowCount;
  }
  return { first, ended: false };
}

/** Arrivals must be ≥ 0 and never fall. Compared as exact halves, because BigInt compares are ten times slower. */
export class ArrivalOrder {
  #lastHigh = 0;
  #lastLow = 0;
  #row = 0;

  /** Throws BAD_TRACE naming the row. */
  check(arrivalNs: BigInt64Array, rowCount: number): void {
    const words = new Uint32Array(arrivalNs.buffer, arrivalNs.byteOffset, rowCount * 2);
    for (let row = 0; row < rowCount; row++) {
      const low = words[row * 2];
      const high = words[row * 2 + 1] | 0;
      if (high < this.#lastHigh || (high === this.#lastHigh && low < this.#lastLow)) {
        const at = this.#row + row;
        const previous = (BigInt(this.#lastHigh) << 32n) | BigInt(this.#lastLow);
        throw new ToolError({
          code: 'BAD_TRACE',
          message:
            high < 0
              ? `arrival_ns must be 0 or more, row ${at} (counted from 0) has ${arrivalNs[row]}`
              : `arrival_ns must not fall, row ${at} (counted from 0) has ${arrivalNs[row]} after ${previous}`,
          hint: 'sort the rows by arrival_ns and count it from the first arrival',
        });
      }
      this.#lastHigh = high;
      this.#lastLow = low;
    }
    this.#row += rowCount;
  }
}

/** Refusals of the file system as OUTPUT_UNWRITABLE; everything else as it is. */
function writeFailure(error: unknown, path: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  const isOurs = error instanceof ToolError;
  const isFileSystem = !isOurs && (/^E[A-Z]+$/.test(code ?? '') || /^IO Error/.test(message ?? ''));
  if (!isFileSystem) return error;
  return new ToolError({
    code: 'OUTPUT_UNWRITABLE',
    message: `could not write ${path}: ${message.split('\n')[0]}`,
    hint: 'choose another place with -o, or check that the folder is writable and has room',
    cause: error,
  });
}
