/** Writing traces: refusals, whole or not at all, asynchronous sources, metadata. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { sha256Hex } from '../../src/manifest.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { openTrace, readTraceRows } from '../../src/trace/read.js';
import { writeTrace } from '../../src/trace/write.js';
import type { TraceBatch, TraceRow } from '../../src/types.js';
import { META, runSql, temporaryFolder } from './traces.js';

const rowAt = (arrivalNs: bigint, more: Partial<TraceRow> = {}): TraceRow => emptyRow({ arrivalNs, ...more });

function* manyRows(rows: number, perBatch: number): Generator<TraceBatch> {
  for (let from = 0; from < rows; from += perBatch) {
    const rowCount = Math.min(perBatch, rows - from);
    const values = Int32Array.from({ length: rowCount }, (_, i) => (from + i) % 997);
    const arrivalNs = BigInt64Array.from({ length: rowCount }, (_, i) => BigInt(from + i) * 1_000n);
    const codes = Int32Array.from({ length: rowCount }, (_, i) => ((from + i) % 3) - 1);
    const dictionary = ['a model with a long name', 'b'];
    yield { rowCount, arrivalNs, inputTokens: { values, valid: null }, model: { codes, dictionary } };
  }
}

async function* asynchronous(batches: Iterable<TraceBatch>): AsyncGenerator<TraceBatch> {
  for (const batch of batches) {
    await Promise.resolve();
    yield batch;
  }
}

test('arrivals that fall or are negative are refused by row, and nothing is left behind', async (context) => {
  const folder = temporaryFolder(context);
  const write = (...batches: TraceRow[][]): Promise<unknown> =>
    writeTrace({ path: join(folder, 't.parquet'), meta: META, batches: batches.map(batchFromRows) });
  await assert.rejects(write([rowAt(0n), rowAt(5n)], [rowAt(7n), rowAt(6n)]), {
    code: 'BAD_TRACE',
    message: /arrival_ns must not fall, row 3 .* has 6 after 7/,
  });
  await assert.rejects(write([rowAt(0n)], [rowAt(-1n)]), { code: 'BAD_TRACE', message: /row 1 .* has -1/ });
  // Halves of 64 bits: a larger low half with a smaller high half is still a fall.
  await assert.rejects(write([rowAt(1n << 32n), rowAt((1n << 32n) - 1n)]), {
    code: 'BAD_TRACE',
    message: /row 1/,
  });
  await write([
    rowAt(0n),
    rowAt((1n << 32n) - 1n),
    rowAt(1n << 32n),
    rowAt(1n << 32n),
    rowAt((1n << 63n) - 1n),
  ]);
  assert.deepEqual(readdirSync(folder), ['t.parquet']);
});

test('a failing source leaves the earlier file as it was and no temporary file', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 't.parquet');
  await writeTrace({ path, meta: META, batches: [batchFromRows([rowAt(1n)])] });
  const before = sha256Hex(readFileSync(path));
  function* failing(): Generator<TraceBatch> {
    yield* manyRows(5_000, 1_000);
    throw new RangeError('the source broke');
  }
  await assert.rejects(writeTrace({ path, meta: META, batches: failing() }), {
    name: 'RangeError',
    message: 'the source broke',
  });
  await assert.rejects(writeTrace({ path, meta: META, batches: asynchronous(failing()) }), {
    message: 'the source broke',
  });
  assert.equal(sha256Hex(readFileSync(path)), before);
  assert.deepEqual(readdirSync(folder), ['t.parquet']);
});

test('an aborted write ends with the reason of the signal', async (context) => {
  const folder = temporaryFolder(context);
  const abort = new AbortController();
  const reason = new ToolError({ code: 'INTERRUPTED', message: 'interrupted', hint: 'again' });
  function* aborting(): Generator<TraceBatch> {
    for (const batch of manyRows(20_000, 1_000)) {
      if (batch.arrivalNs[0] === 10_000_000n) abort.abort(reason);
      yield batch;
    }
  }
  const options = { path: join(folder, 't.parquet'), meta: META, signal: abort.signal };
  await assert.rejects(writeTrace({ ...options, batches: aborting() }), { code: 'INTERRUPTED' });
  assert.deepEqual(readdirSync(folder), []);
});

test('asynchronous sources, short and long, give the bytes of synchronous ones', async (context) => {
  const folder = temporaryFolder(context);
  for (const rows of [3_000, 300_000]) {
    const files = [
      manyRows(rows, 7_000),
      asynchronous(manyRows(rows, 999)),
      asynchronous(manyRows(rows, 50_000)),
    ];
    const sums = new Set<string>();
    for (const batches of files) {
      const path = join(folder, 't.parquet');
      const written = await writeTrace({ path, meta: META, batches });
      assert.equal(written.rows, rows);
      sums.add(sha256Hex(readFileSync(path)));
    }
    assert.equal(sums.size, 1);
  }
});

test('a long asynchronous source that fails, is unsorted or is aborted ends cleanly', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 't.parquet');
  let returned = 0;
  async function* ending(
    how: 'throw' | 'unsorted' | 'abort',
    abort?: AbortController,
  ): AsyncGenerator<TraceBatch> {
    try {
      yield* manyRows(200_000, 20_000);
      if (how === 'throw') throw new RangeError('the source broke');
      if (how === 'unsorted') yield batchFromRows([rowAt(0n)]);
      abort?.abort(new Error('stop'));
      // Longer than what may be in flight, so that a refusal by the worker is noticed before the end.
      yield* manyRows(0, 1);
      for (let i = 0; i < 50; i++) yield batchFromRows([rowAt(1n << 60n)]);
    } finally {
      returned += 1;
    }
  }
  await assert.rejects(writeTrace({ path, meta: META, batches: ending('throw') }), {
    message: 'the source broke',
  });
  await assert.rejects(writeTrace({ path, meta: META, batches: ending('unsorted') }), {
    code: 'BAD_TRACE',
    message: /row 200000 .* has 0/,
  });
  const abort = new AbortController();
  await assert.rejects(
    writeTrace({ path, meta: META, batches: ending('abort', abort), signal: abort.signal }),
    {
      message: 'stop',
    },
  );
  assert.equal(returned, 3);
  assert.deepEqual(readdirSync(folder), []);
});

test('metadata may be computed after the last row, whatever its length', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  for (const length of [0, 1, 100, 20_000]) {
    let seen = 0;
    function* counted(): Generator<TraceBatch> {
      for (const batch of manyRows(3_000, 500)) {
        seen += batch.rowCount;
        yield batch;
      }
    }
    const name = 'ü'.repeat(length);
    await writeTrace({ path, meta: () => ({ ...META, name, droppedRows: { seen } }), batches: counted() });
    const reader = await openTrace(path);
    assert.equal(reader.meta.name, name);
    assert.deepEqual(reader.meta.droppedRows, { seen: 3_000 });
    assert.equal(reader.rowCount, 3_000);
    reader.close();
  }
});

test('an empty trace is a file with all columns and no rows', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  assert.equal((await writeTrace({ path, meta: META, batches: [] })).rows, 0);
  assert.deepEqual(await readTraceRows(path), []);
});

test('the file has the columns and types of the schema, in its order', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  await writeTrace({ path, meta: META, batches: [batchFromRows([rowAt(0n)])] });
  const columns = await runSql(
    `SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet('${path}'))`,
  );
  const int32 = 'input output cached reasoning max_output'
    .split(' ')
    .map((name) => [`${name}_tokens`, 'INTEGER']);
  const text = (name: string): string[] => [name, 'VARCHAR'];
  assert.deepEqual(columns, [
    ['arrival_ns', 'BIGINT'],
    ...int32,
    ...['request_id', 'session_id', 'parent_id'].map(text),
    ['turn', 'INTEGER'],
    ['think_ns', 'BIGINT'],
    ...['client_id', 'model', 'adapter', 'operation'].map(text),
    ['stream', 'BOOLEAN'],
    ['images', 'INTEGER'],
    ['block_hashes', 'UBIGINT[]'],
    ['status', 'VARCHAR'],
    ['http_status', 'INTEGER'],
    ['ttft_ns', 'BIGINT'],
    ['duration_ns', 'BIGINT'],
  ]);
});

test('a place that cannot be written is refused', async () => {
  await assert.rejects(writeTrace({ path: '/dev/null/t.parquet', meta: META, batches: [] }), {
    code: 'OUTPUT_UNWRITABLE',
    message: /could not write \/dev\/null\/t\.parquet/,
  });
});

test('the content hash of known rows is the one that earlier versions wrote', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  const rows = [
    rowAt(0n),
    rowAt(5n, {
      inputTokens: 7,
      requestId: 'abcdefghijklmnopqrstuvwxyz😀',
      blockHashes: [1n, (1n << 64n) - 1n],
      stream: true,
      thinkNs: -(1n << 63n),
    }),
    rowAt(5n, { blockHashes: [], model: 'm', status: 'ok' }),
  ];
  const { contentHash } = await writeTrace({ path, meta: META, batches: [batchFromRows(rows)] });
  assert.equal(contentHash, '7718566517811649b3d6732f2bde5daab076c65fdeca7a8ebef5070059e39215');
});
