/**
 * Column batches → Parquet by DuckDB: a table function hands over chunks, `COPY` encodes them. Long files are written in
 * slices of two row groups, a few at a time, each by a `COPY` of its own, so that encoding uses more than one core and
 * goes on while the next rows are made; the slices are then joined. Memory stays flat whatever the number of rows.
 *
 * The same batches give the same bytes, however they were cut and however many threads DuckDB uses: chunks, row groups
 * and slices have fixed sizes, one thread pulls each slice, and insertion order is kept.
 */
import { rm } from 'node:fs/promises';
import type { StringColumn } from '../types.js';
import type { Column, ColumnBatch, Field } from './columns.js';
import { type DuckdbSession, openDuckdb, sqlText } from './duckdb.js';
import { METADATA_PLACEHOLDER } from './parquet-footer.js';
import { joinParquet } from './parquet-join.js';
import { ChunkFiller, duckdbType } from './vectors-write.js';

export type Compression = 'zstd' | 'snappy';

/** Rows of a row group: DuckDB's default, a multiple of its chunk. */
export const ROW_GROUP_ROWS = 122_880;
/** Row groups of a slice. */
const SLICE_GROUPS = 2;
const SLICES_IN_FLIGHT = 2;

export interface ParquetJob {
  readonly path: string;
  readonly fields: readonly Field[];
  readonly batches: Iterable<ColumnBatch>;
  readonly compression: Compression;
  readonly rowGroupRows: number;
  /** Key under which the metadata placeholder is stored; null = no metadata. */
  readonly metadataKey: string | null;
  readonly threads?: number;
}

/** Writes the file. An error that the batches throw comes out as it is. */
export async function writeParquet(job: ParquetJob): Promise<void> {
  const session = await openDuckdb({ threads: job.threads });
  const parts: string[] = [];
  const inFlight = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | null = null;
  try {
    for await (const slice of slices(job.batches, SLICE_GROUPS * job.rowGroupRows)) {
      const path = parts.length === 0 ? job.path : `${job.path}.${parts.length}`;
      const write = writeSlice(session, { ...job, path, batches: slice }, parts.length).catch(
        (error: unknown) => {
          failure ??= { error };
        },
      );
      parts.push(path);
      inFlight.add(write);
      write.finally(() => inFlight.delete(write));
      if (inFlight.size >= SLICES_IN_FLIGHT) await Promise.race(inFlight);
      if (failure !== null) break;
    }
    await Promise.all(inFlight);
    if (failure !== null) throw (failure as { readonly error: unknown }).error;
    if (parts.length > 1) await joinParquet(job.path, parts.slice(1));
  } finally {
    await Promise.all(inFlight);
    session.close();
    await Promise.all(parts.slice(1).map((part) => rm(part, { force: true })));
  }
}

/** Batches of up to so many rows in all; at least one slice, which may be empty. */
async function* slices(batches: Iterable<ColumnBatch>, sliceRows: number): AsyncGenerator<ColumnBatch[]> {
  let slice: ColumnBatch[] = [];
  let rows = 0;
  let count = 0;
  for (const batch of batches) {
    // Lets the requests of slices under way for rows come in while the next one is made.
    await new Promise(setImmediate);
    for (let from = 0; from < batch.rowCount; ) {
      const to = Math.min(batch.rowCount, from + sliceRows - rows);
      slice.push(from === 0 && to === batch.rowCount ? batch : partOf(batch, from, to));
      rows += to - from;
      from = to;
      if (rows < sliceRows) continue;
      yield slice;
      count += 1;
      slice = [];
      rows = 0;
    }
  }
  if (rows > 0 || count === 0) yield slice;
}

function partOf(batch: ColumnBatch, from: number, to: number): ColumnBatch {
  return { rowCount: to - from, columns: batch.columns.map((column) => columnPart(column, from, to)) };
}

function columnPart(column: Column | null, from: number, to: number): Column | null {
  if (column === null) return null;
  if ('codes' in column) {
    const { codes, dictionary } = column as StringColumn;
    return { codes: codes.subarray(from, to), dictionary };
  }
  const valid = column.valid?.subarray(from, to) ?? null;
  if ('offsets' in column) {
    return { ...column, offsets: column.offsets.subarray(from, to + 1), valid } as Column;
  }
  return { values: column.values.subarray(from, to), valid } as Column;
}

/** One `COPY`. */
async function writeSlice(session: DuckdbSession, job: ParquetJob, index: number): Promise<void> {
  const { api, bindings } = session;
  const filler = new ChunkFiller(bindings, job.fields, job.batches[Symbol.iterator]());
  const name = `rows_${index}`;
  let failure: unknown = null;
  const source = api.DuckDBTableFunction.create({
    name,
    bindFunction(info) {
      for (const field of job.fields) info.addResultColumn(field.name, duckdbType(api, field));
    },
    initFunction(info) {
      info.setMaxThreads(1);
    },
    mainFunction(info, output) {
      try {
        filler.fill(output.chunk);
      } catch (error) {
        failure = error;
        info.setError('the source of rows failed');
      }
    },
  });
  const connection = await session.connect();
  try {
    connection.registerTableFunction(source);
    const options = [
      'FORMAT parquet',
      `COMPRESSION ${job.compression}`,
      'PARQUET_VERSION v1',
      `ROW_GROUP_SIZE ${job.rowGroupRows}`,
      'USE_TMP_FILE false',
      ...(job.metadataKey === null
        ? []
        : [`KV_METADATA {${sqlText(job.metadataKey)}: ${sqlText(METADATA_PLACEHOLDER)}}`]),
    ];
    await connection.run(`COPY (SELECT * FROM ${name}()) TO ${sqlText(job.path)} (${options.join(', ')})`);
  } catch (error) {
    throw failure ?? error;
  } finally {
    connection.closeSync();
    source.destroySync();
  }
}
