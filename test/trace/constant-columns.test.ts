/** Columns that no row knows, and row groups encoded side by side: read back by us, parquetjs-lite and DuckDB. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import parquetjs from 'parquetjs-lite';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { openDuckdb, sqlText } from '../../src/trace/duckdb.js';
import { readTraceRows } from '../../src/trace/read.js';
import { TRACE_COLUMNS } from '../../src/trace/schema.js';
import { writeTrace } from '../../src/trace/write.js';
import type { TraceRow } from '../../src/types.js';
import { cut, META, temporaryFolder } from './traces.js';

const ROWS: readonly TraceRow[] = Array.from({ length: 40_000 }, (_, i) =>
  emptyRow({
    arrivalNs: BigInt(i) * 1_000_003n,
    inputTokens: i % 5 === 0 ? null : i,
    blockHashes: i % 3 === 0 ? null : [BigInt(i), 2n ** 63n + BigInt(i)],
  }),
);
const COLUMNS = ['inputTokens', 'blockHashes'] as const;
/** Twenty row groups, the last one cut short. */
const ROW_GROUP = 1_024 * 2;

test('absent columns are unknown in every row, or other and unknown by name; the content is the same', async (context) => {
  const folder = temporaryFolder(context);
  const [full, lean] = [join(folder, 'full.parquet'), join(folder, 'lean.parquet')];
  const batches = [batchFromRows(ROWS)];
  const all = await writeTrace({ path: full, meta: META, batches });
  const some = await writeTrace({ path: lean, meta: META, batches, columns: COLUMNS });
  assert.equal(some.contentHash, all.contentHash);
  assert.deepEqual(await readTraceRows(lean), await readTraceRows(full));
  assert.deepEqual(readFileSync(lean), readFileSync(full));
  const duckdb = await openDuckdb();
  const schema = async (path: string): Promise<unknown> =>
    (
      await duckdb.connection.runAndReadAll(
        `SELECT name, type, repetition_type, converted_type, num_children FROM parquet_schema(${sqlText(path)})`,
      )
    ).getRowsJS();
  assert.deepEqual(await schema(lean), await schema(full));
  const counted = await duckdb.connection.runAndReadAll(
    `SELECT count(*), count(cached_tokens), count(request_id), count(*) FILTER (status = 'unknown' AND operation = 'other'), count(block_hashes) FROM ${sqlText(lean)}`,
  );
  assert.deepEqual(counted.getRowsJS(), [[40_000n, 0n, 0n, 40_000n, 26_666n]]);
  // The statistics of a constant column are right: a filter on another word finds nothing.
  const other = await duckdb.connection.runAndReadAll(
    `SELECT count(*) FROM ${sqlText(lean)} WHERE status = 'ok' OR cached_tokens > 0`,
  );
  assert.deepEqual(other.getRowsJS(), [[0n]]);
  duckdb.close();
});

test('parquetjs-lite opens absent columns and many row groups', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  const rows = ROWS.slice(0, 20_000).map((row) => ({ ...row, blockHashes: null }));
  const batches = [batchFromRows(rows)];
  await writeTrace({
    path,
    meta: META,
    batches,
    columns: ['inputTokens'],
    compat: 'parquetjs',
    rowGroupSize: ROW_GROUP,
  });
  const reader = await parquetjs.ParquetReader.openFile(path);
  const cursor = reader.getCursor();
  for (const row of rows) {
    const found: Record<string, unknown> | null = await cursor.next();
    assert.ok(found);
    assert.equal(BigInt(found['arrival_ns'] as number), row.arrivalNs);
    for (const { disk, code } of TRACE_COLUMNS) {
      if (code !== 'arrivalNs') assert.equal(found[disk] ?? null, row[code], disk);
    }
  }
  assert.equal(await cursor.next(), null);
  await reader.close();
});

test('row groups of several threads make one file: its rows, and its bytes whatever the batches and threads', async (context) => {
  const folder = temporaryFolder(context);
  const files = await Promise.all(
    [
      { threads: 0, cuts: [] },
      { threads: 1, cuts: [7_777] },
      { threads: 2, cuts: [20_000] },
      { threads: 4, cuts: [1, 5_000, 16_384, 16_385, 39_999] },
    ].map(async ({ threads, cuts }, index) => {
      const path = join(folder, `${index}.parquet`);
      const batches = cut(ROWS, cuts).map(batchFromRows);
      await writeTrace({ path, meta: META, batches, columns: COLUMNS, rowGroupSize: ROW_GROUP, threads });
      return path;
    }),
  );
  for (const file of files) assert.deepEqual(readFileSync(file), readFileSync(files[0]));
  assert.deepEqual(await readTraceRows(files[0]), ROWS);
});

test('a source that fails in a later row group leaves nothing behind', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 't.parquet');
  function* batches() {
    yield batchFromRows(ROWS);
    throw new Error('the source broke');
  }
  await assert.rejects(writeTrace({ path, meta: META, batches: batches(), rowGroupSize: ROW_GROUP }), {
    message: 'the source broke',
  });
  const { readdirSync } = await import('node:fs');
  assert.deepEqual(readdirSync(folder), []);
});
