/**
 * Writes a trace: any stream of batches → Parquet with its metadata and content hash, whole or not at all. Rows are
 * checked and counted on the way to the backend, which hashes them; memory stays flat whatever their number.
 */
import { rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { ToolError } from '../errors.js';
import { kernels } from '../kernels/kernels.js';
import type { ProgressListener, TraceBatch, TraceMeta, TraceMetaDraft } from '../types.js';
import { type ColumnBatch, columnsOfTraceBatch, TRACE_FIELDS } from './columns.js';
import { makeFolder, stringifyStrict, temporaryName } from './files.js';
import type { Profile } from './parquet-column.js';
import { writeParquet } from './parquet-write.js';
import { ROW_GROUP_ROWS } from './row-groups.js';
import { TRACE_COLUMNS, TRACE_META_KEY } from './schema.js';
import { writeWithParquetjs } from './write-parquetjs.js';

export type TraceEngine = 'native' | 'parquetjs-lite';

export interface WriteTraceOptions {
  readonly path: string;
  /** A function is called after the last row, for metadata that counts the rows. */
  readonly meta: TraceMetaDraft | (() => TraceMetaDraft | Promise<TraceMetaDraft>);
  readonly batches: Iterable<TraceBatch> | AsyncIterable<TraceBatch>;
  /** Columns to write, beside the arrival; default all. The others are unknown in every row. */
  readonly columns?: readonly (keyof TraceBatch)[];
  /** `parquetjs`: no encoding that parquetjs-lite does not read; the file is larger. */
  readonly compat?: 'parquetjs' | null;
  /** Default native, which is some 100 times faster. */
  readonly engine?: TraceEngine;
  readonly rowGroupSize?: number;
  /** Threads that encode beside this one; the bytes do not depend on it. */
  readonly threads?: number;
  /** Threads that have nothing else to do, to encode with (EncodePool); who lends them ends them. */
  readonly lent?: readonly Worker[];
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

export interface WrittenTrace {
  readonly rows: number;
  readonly bytes: number;
  /** Content hash of the rows, lower-case hex. */
  readonly contentHash: string;
}

/** What a backend is asked to do: put these rows in this file, with the metadata under our key. */
export interface TraceWriteJob {
  readonly path: string;
  readonly batches: AsyncIterable<ColumnBatch>;
  readonly rowGroupRows: number;
  readonly profile: Profile;
  /** JSON text; asked for after the last batch, with the content hash of the rows. */
  readonly metadata: (contentHash: string) => Promise<string>;
  readonly threads?: number;
  readonly lent?: readonly Worker[];
}

/** A library that can write the trace's columns. */
export interface TraceWriter {
  readonly engine: TraceEngine;
  write(job: TraceWriteJob): Promise<void>;
}

const NATIVE_WRITER: TraceWriter = {
  engine: 'native',
  write: ({ metadata, ...job }) =>
    writeParquet({
      ...job,
      fields: TRACE_FIELDS,
      isHashed: true,
      keyValue: async (contentHash) => ({ key: TRACE_META_KEY, value: await metadata(contentHash) }),
    }),
};

const PARQUETJS_WRITER: TraceWriter = { engine: 'parquetjs-lite', write: writeWithParquetjs };

/** The backends by name. */
export const TRACE_WRITERS: Readonly<Record<TraceEngine, TraceWriter>> = {
  native: NATIVE_WRITER,
  'parquetjs-lite': PARQUETJS_WRITER,
};

/**
 * Writes a trace under a temporary name and renames it when complete.
 * Throws BAD_TRACE when arrivals are negative or not sorted (naming the row), OUTPUT_UNWRITABLE when the file cannot be
 * written, the signal's reason when aborted, and whatever the source throws.
 */
export async function writeTrace(options: WriteTraceOptions): Promise<WrittenTrace> {
  const { path } = options;
  const temporary = temporaryName(path);
  const order = new ArrivalOrder();
  let rows = 0;
  let contentHash = '';
  async function* prepared(): AsyncGenerator<ColumnBatch> {
    for await (const batch of options.batches) {
      options.signal?.throwIfAborted();
      order.check(batch.arrivalNs, batch.rowCount);
      const columns = columnsOfTraceBatch(chosen(batch, options.columns));
      rows += batch.rowCount;
      yield columns;
      options.progress?.({ stage: 'write trace', done: rows, total: null, unit: 'rows' });
    }
  }
  try {
    makeFolder(dirname(path));
    await TRACE_WRITERS[options.engine ?? 'native'].write({
      path: temporary,
      batches: prepared(),
      rowGroupRows: options.rowGroupSize ?? ROW_GROUP_ROWS,
      profile: options.compat === 'parquetjs' ? 'parquetjs' : 'standard',
      metadata: async (hash) => {
        contentHash = hash;
        const draft = typeof options.meta === 'function' ? await options.meta() : options.meta;
        const meta: TraceMeta = { ...draft, contentHash };
        return stringifyStrict(meta);
      },
      threads: options.threads,
      lent: options.lent,
    });
    const { size } = await stat(temporary);
    await rename(temporary, path);
    return { rows, bytes: size, contentHash };
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeFailure(error, path);
  }
}

/** The batch with the wanted columns only. */
function chosen(batch: TraceBatch, columns: readonly (keyof TraceBatch)[] | undefined): TraceBatch {
  if (columns === undefined) return batch;
  const kept: Record<string, unknown> = { rowCount: batch.rowCount, arrivalNs: batch.arrivalNs };
  for (const { code } of TRACE_COLUMNS) if (columns.includes(code)) kept[code] = batch[code];
  return kept as unknown as TraceBatch;
}

/** Arrivals must be ≥ 0 and never fall. */
export class ArrivalOrder {
  #last = 0n;
  #row = 0;

  /** Throws BAD_TRACE naming the row. */
  check(arrivalNs: BigInt64Array, rowCount: number): void {
    if (rowCount === 0) return;
    const memory = kernels();
    const [arrivals] = memory.regions(rowCount * 8);
    memory.put(arrivals, arrivalNs.subarray(0, rowCount));
    const row = memory.run.firstFall(arrivals, rowCount, this.#last);
    if (row >= 0) {
      const at = this.#row + row;
      const arrival = arrivalNs[row];
      throw new ToolError({
        code: 'BAD_TRACE',
        message:
          arrival < 0n
            ? `arrival_ns must be 0 or more, row ${at} (counted from 0) has ${arrival}`
            : `arrival_ns must not fall, row ${at} (counted from 0) has ${arrival} after ${row === 0 ? this.#last : arrivalNs[row - 1]}`,
        hint: 'sort the rows by arrival_ns and count it from the first arrival',
      });
    }
    this.#last = arrivalNs[rowCount - 1];
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
