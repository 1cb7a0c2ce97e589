/** Reading traces: foreign Parquet, whoever wrote it, and clear refusals. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { contentHashOf, openTrace, readTraceRows, traceColumns } from '../../src/trace/read.js';
import { writeTrace } from '../../src/trace/write.js';
import type { TraceBatch } from '../../src/types.js';
import { META, runSql, temporaryFolder } from './traces.js';

const copy = (select: string, path: string, options = ''): Promise<unknown> =>
  runSql(`COPY (${select}) TO '${path}' (FORMAT parquet${options})`);

test('foreign files are read whatever their codec, version and integer widths; absent columns are unknown', async (context) => {
  const folder = temporaryFolder(context);
  const select = `SELECT * FROM (VALUES
    (0::UINTEGER, 7::SMALLINT, 3.0::DOUBLE, 'm1', [1, 18446744073709551615]::UBIGINT[]),
    (400::UINTEGER, NULL, NULL, NULL, NULL),
    (400::UINTEGER, 9::SMALLINT, 'nan'::DOUBLE, 'm2', []))
    AS t(arrival_ns, input_tokens, output_tokens, model, block_hashes)`;
  const expected = [
    emptyRow({ inputTokens: 7, outputTokens: 3, model: 'm1', blockHashes: [1n, 18446744073709551615n] }),
    emptyRow({ arrivalNs: 400n }),
    emptyRow({ arrivalNs: 400n, inputTokens: 9, model: 'm2', blockHashes: [] }),
  ];
  const profiles = [
    '',
    ', COMPRESSION gzip',
    ', COMPRESSION snappy',
    ', COMPRESSION zstd, PARQUET_VERSION v2',
    ', COMPRESSION lz4',
  ];
  for (const [i, options] of profiles.entries()) {
    const path = join(folder, `foreign-${i}.parquet`);
    await copy(select, path, options);
    assert.deepEqual(await readTraceRows(path), expected);
    const reader = await openTrace(path);
    assert.equal(reader.meta.name, `foreign-${i}`);
    assert.equal(reader.meta.arrivalBasis, 'unknown');
    assert.equal(reader.meta.contentHash, await contentHashOf(reader));
    assert.deepEqual(reader.columns, ['arrivalNs', 'inputTokens', 'outputTokens', 'model', 'blockHashes']);
    reader.close();
  }
});

test('a foreign file and its copy in our format have the same content hash', async (context) => {
  const folder = temporaryFolder(context);
  const foreign = join(folder, 'foreign.parquet');
  await copy(
    'SELECT range * 10 AS arrival_ns, (range % 7)::INTEGER AS input_tokens FROM range(5000)',
    foreign,
  );
  const reader = await openTrace(foreign);
  const written = await writeTrace({
    path: join(folder, 'own.parquet'),
    meta: META,
    batches: reader.batches(),
  });
  assert.equal(written.contentHash, reader.meta.contentHash);
  reader.close();
});

test('columns are read by choice, and long files keep their order', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  const rows = 300_000;
  await copy(
    `SELECT range::BIGINT AS arrival_ns, (range * 31 % 1009)::INTEGER AS input_tokens, 'x' AS model FROM range(${rows})`,
    path,
    ', ROW_GROUP_SIZE 10240',
  );
  const reader = await openTrace(path);
  let row = 0;
  for await (const batch of reader.batches({ columns: ['inputTokens'] })) {
    assert.equal(batch.model, undefined);
    assert.equal(batch.outputTokens, undefined);
    for (let i = 0; i < batch.rowCount; i++, row++) {
      if (batch.arrivalNs[i] !== BigInt(row) || batch.inputTokens!.values[i] !== (row * 31) % 1009) {
        assert.fail(`row ${row} is not where it was written`);
      }
    }
  }
  assert.equal(row, rows);
  const columns = await traceColumns(reader);
  assert.equal(columns.rowCount, rows);
  assert.equal(columns.arrivalNs[rows - 1], rows - 1);
  assert.equal(columns.inputTokens!.valid, null);
  assert.equal(columns.inputTokens!.values[299_999], (299_999 * 31) % 1009);
  assert.equal(columns.outputTokens, null);
  reader.close();
});

test('a column that is unknown in whole batches and known in others keeps its rows', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  const rows = Array.from({ length: 200_000 }, (_, i) => i);
  function* batches(): Generator<TraceBatch> {
    for (let from = 0; from < rows.length; from += 50_000) {
      const part = rows.slice(from, from + 50_000);
      const known = from === 100_000;
      yield {
        rowCount: part.length,
        arrivalNs: BigInt64Array.from(part, BigInt),
        ...(known ? { outputTokens: { values: Int32Array.from(part), valid: null } } : {}),
      };
    }
  }
  await writeTrace({ path, meta: META, batches: batches() });
  const reader = await openTrace(path);
  const { outputTokens } = await traceColumns(reader);
  reader.close();
  const known = rows.filter((row) => outputTokens!.valid![row] === 1);
  assert.equal(known.length, 50_000);
  assert.equal(known[0], 100_000);
  assert.ok(known.every((row) => outputTokens!.values[row] === row));
});

test('several passes over one reader may run side by side, and one may be left early', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  await copy('SELECT range::BIGINT AS arrival_ns FROM range(200000)', path);
  const reader = await openTrace(path);
  const passes = [reader.batches(), reader.batches()].map((pass) => pass[Symbol.asyncIterator]());
  for await (const batch of reader.batches()) {
    assert.equal(batch.arrivalNs[0], 0n);
    break;
  }
  const starts: bigint[][] = [[], []];
  for (let step = 0; step < 4; step++) {
    for (const [i, pass] of passes.entries()) {
      const next = await pass.next();
      if (!next.done) starts[i].push(next.value.arrivalNs[0]);
    }
  }
  assert.deepEqual(starts[0], [0n, 65_536n, 131_072n, 196_608n]);
  assert.deepEqual(starts[1], starts[0]);
  reader.close();
});

test('what is no trace is refused in one line', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 't.parquet');
  await assert.rejects(openTrace(join(folder, 'missing.parquet')), { code: 'FILE_NOT_FOUND' });
  writeFileSync(path, '');
  await assert.rejects(openTrace(path), { code: 'FILE_EMPTY' });
  writeFileSync(path, 'arrival_ns,input_tokens\n0,5\n');
  await assert.rejects(openTrace(path), {
    code: 'FILE_UNREADABLE',
    message: /t\.parquet is not readable as Parquet/,
  });
  await copy("SELECT 1 AS ts, 'x' AS prompt", path);
  await assert.rejects(openTrace(path), {
    code: 'BAD_TRACE',
    message: 't.parquet is no trace: it lacks arrival_ns, input_tokens, output_tokens; it has ts, prompt',
  });
  await assert.rejects(openTrace(folder), { code: 'FILE_UNREADABLE', message: /folder/ });
});

test('values that do not fit are refused by name, not rounded', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      'SELECT 0::BIGINT AS arrival_ns, 12.7::DOUBLE AS input_tokens',
      /input_tokens must hold whole numbers, got 12\.7/,
    ],
    ['SELECT 0::BIGINT AS arrival_ns, 3000000000 AS input_tokens', /3000000000/],
    [
      "SELECT 0::BIGINT AS arrival_ns, '5' AS input_tokens",
      /input_tokens in t\.parquet must be INTEGER, it is VARCHAR/,
    ],
    ['SELECT 0::BIGINT AS arrival_ns, [-1]::BIGINT[] AS block_hashes', /-1/],
    ['SELECT 0::BIGINT AS arrival_ns, [1, NULL]::UBIGINT[] AS block_hashes', /null element/],
    ['SELECT now() AS arrival_ns', /arrival_ns in t\.parquet must be BIGINT, it is TIMESTAMP/],
    ['SELECT unnest([5, NULL])::BIGINT AS arrival_ns', /row 1 .* has none/],
    ['SELECT unnest([5, 3])::BIGINT AS arrival_ns', /must not fall, row 1/],
    ['SELECT unnest([-5, 3])::BIGINT AS arrival_ns', /0 or more, row 0/],
  ];
  for (const [select, message] of cases) {
    await copy(select, path);
    await assert.rejects(readTraceRows(path), { name: 'ToolError', message }, select);
  }
});

test('a damaged file is refused, not half read', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  const rows = Array.from({ length: 5_000 }, (_, i) =>
    emptyRow({ arrivalNs: BigInt(i * i), inputTokens: (i * 7919) % 4_096 }),
  );
  await writeTrace({ path, meta: META, batches: [batchFromRows(rows)] });
  const { readFileSync } = await import('node:fs');
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.subarray(0, bytes.length - 100));
  await assert.rejects(openTrace(path), { code: 'FILE_UNREADABLE' });
  const damaged = Buffer.from(bytes);
  damaged.fill(0xff, 20, 1_000);
  writeFileSync(path, damaged);
  await assert.rejects(readTraceRows(path), { name: 'ToolError' });
});

test('names with characters that are patterns to the engine are plain names', async (context) => {
  const folder = temporaryFolder(context);
  for (const name of ['a[1].parquet', "it's *.parquet", 'q?.parquet', 'ü {x}.parquet']) {
    const path = join(folder, name);
    await writeTrace({ path, meta: META, batches: [batchFromRows([emptyRow({ arrivalNs: 3n })])] });
    assert.deepEqual(await readTraceRows(path), [emptyRow({ arrivalNs: 3n })], name);
  }
});
