/**
 * Parquet as an input: DuckDB turns each row into a JSON line, with integers exact and times to the nanosecond, so that
 * every JSON format, every CSV format by its column names, and every mapping can read it.
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { ToolError } from '../errors.js';
import { hashInput } from '../manifest.js';
import { openDuckdb, sqlName, sqlPath } from '../trace/duckdb.js';
import { openParquet, refuseCutParquet } from '../trace/parquet-read.js';
import { TRACE_META_KEY } from '../trace/schema.js';
import type { TraceMeta } from '../types.js';
import { RowsAsLines, type TableInput } from './table-input.js';
import { TimeReader } from './time.js';
import { TRACE_BLOCK_FIELD, TRACE_START_FIELD } from './trace-format.js';
import { parseZone } from './zone.js';

/** Opens a Parquet file. Throws FILE_UNREADABLE when it is not readable as Parquet. */
export async function openParquetInput(
  path: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<TableInput> {
  await refuseCutParquet(path, name);
  const parquet = await openParquet(path, 'a log');
  const { columnTypes, keyValue } = parquet;
  parquet.close();
  const expressions = [...columnTypes].map(
    ([column, type]) => `${sqlName(column)} := ${exactly(sqlName(column), type)}`,
  );
  const meta = traceMetaOf(keyValue.get(TRACE_META_KEY));
  if (meta !== null) {
    expressions.push(`${TRACE_START_FIELD} := ${meta.startNs}::BIGINT`);
    if (meta.blockSize !== null) expressions.push(`${TRACE_BLOCK_FIELD} := ${meta.blockSize}`);
  }
  const sql = `SELECT to_json(struct_pack(${expressions.join(', ')})) FROM read_parquet(${sqlPath(path)})`;
  const fileBytes = (await stat(path)).size;
  const manifest = await hashInput(path);
  return {
    source: new RowsAsLines({
      path,
      name,
      fileBytes,
      manifest: { ...manifest, name },
      rows: () => rowsOf(path, sql, signal),
    }),
    names: [...columnTypes.keys()],
  };
}

/** Times as text with all their digits; everything else as JSON has it. */
function exactly(column: string, type: string): string {
  if (type === 'TIMESTAMP_NS') return `strftime(${column}, '%Y-%m-%d %H:%M:%S.%n')`;
  if (type === 'TIMESTAMP WITH TIME ZONE')
    return `(CAST(make_timestamp(epoch_us(${column})) AS VARCHAR) || 'Z')`;
  return /^(TIMESTAMP|DATE|TIME|BLOB|UUID|DECIMAL)/.test(type) ? `CAST(${column} AS VARCHAR)` : column;
}

/** What our own traces say of themselves; null = it is none of ours. */
export function traceMetaOf(text: string | undefined): { startNs: bigint; blockSize: number | null } | null {
  if (text === undefined) return null;
  try {
    const { kind, startUtc, blockSize } = JSON.parse(text) as TraceMeta;
    if (kind !== 'trace') return null;
    const time = new TimeReader(parseZone('UTC'));
    const bytes = Buffer.from(startUtc ?? '');
    const isKnown = time.read(bytes, 0, bytes.length, 'iso');
    return { startNs: isKnown ? BigInt(time.sec) * 1_000_000_000n + BigInt(time.nanos) : 0n, blockSize };
  } catch {
    return null;
  }
}

/** Rows as JSON texts, a chunk of the engine at a time. */
async function* rowsOf(path: string, sql: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
  const session = await openDuckdb();
  try {
    const result = await session.connection.stream(sql);
    for (;;) {
      signal?.throwIfAborted();
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) return;
      yield chunk.getColumnValues(0).join('\n');
    }
  } catch (cause) {
    if (signal?.aborted || cause instanceof ToolError) throw cause;
    throw new ToolError({
      code: 'FILE_UNREADABLE',
      message: `${basename(path)} is damaged: ${(cause as Error).message.split('\n')[0]}`,
      hint: 'fetch the file again',
      cause,
    });
  } finally {
    session.close();
  }
}
