/** Properties of trace files: what is written is read back, and the bytes depend on the rows alone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { sha256Hex } from '../../src/manifest.js';
import { batchFromRows, rowsOfBatch } from '../../src/trace/batch.js';
import { contentHashOf, openTrace, readTraceRows } from '../../src/trace/read.js';
import { writeTrace } from '../../src/trace/write.js';
import { cut, META, temporaryFolder, traceRows } from './traces.js';

const CUTS = fc.array(fc.nat(), { maxLength: 5 });

test('rows → batch → rows is the identity', () => {
  fc.assert(
    fc.property(traceRows(30), (rows) => {
      assert.deepEqual([...rowsOfBatch(batchFromRows(rows))], rows);
    }),
  );
});

test('write → read is the identity, and the stored hash is the hash of what is read', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  await fc.assert(
    fc.asyncProperty(
      traceRows(40),
      CUTS,
      fc.constantFrom('parquetjs' as const, null),
      async (rows, cuts, compat) => {
        const batches = cut(rows, cuts).map(batchFromRows);
        const written = await writeTrace({ path, meta: META, batches, compat });
        assert.equal(written.rows, rows.length);
        assert.deepEqual(await readTraceRows(path), rows);
        const reader = await openTrace(path);
        assert.equal(reader.meta.contentHash, written.contentHash);
        assert.equal(await contentHashOf(reader), written.contentHash);
        reader.close();
      },
    ),
    { numRuns: 60 },
  );
});

test('bytes depend on neither batch boundaries nor threads; the content hash also not on encodings and row groups', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  // Longer than a chunk of the engine, so that batches end inside, at and across chunk borders.
  const [long] = fc.sample(traceRows(60, 60), { numRuns: 1, seed: 5 });
  const rows = Array.from({ length: 5_000 }, (_, i) => ({ ...long[i % long.length], arrivalNs: BigInt(i) }));
  const write = async (
    cuts: readonly number[],
    options: { threads?: number; compat?: 'parquetjs'; rowGroupSize?: number } = {},
  ): Promise<{ bytes: string; hash: string }> => {
    const batches = cut(rows, cuts).map(batchFromRows);
    const { contentHash } = await writeTrace({ path, meta: META, batches, ...options });
    return { bytes: sha256Hex(readFileSync(path)), hash: contentHash };
  };
  const whole = await write([]);
  assert.deepEqual(await write([], { threads: 1 }), whole);
  await fc.assert(
    fc.asyncProperty(CUTS, fc.constantFrom(0, 1, 2, 4), async (cuts, threads) => {
      assert.deepEqual(await write(cuts, { threads }), whole);
    }),
    {
      numRuns: 15,
      examples: [
        [[2_048, 4_096], 2],
        [[1, 2_047, 2_049], 1],
      ],
    },
  );
  for (const options of [{ compat: 'parquetjs' as const }, { rowGroupSize: 2_048 }]) {
    const other = await write([77], options);
    assert.equal(other.hash, whole.hash);
    assert.notEqual(other.bytes, whole.bytes);
  }
});

test('the content hash tells rows apart that differ in one value', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  const hashOf = async (rows: Parameters<typeof batchFromRows>[0]): Promise<string> =>
    (await writeTrace({ path, meta: META, batches: [batchFromRows(rows)] })).contentHash;
  await fc.assert(
    fc.asyncProperty(traceRows(8, 1), fc.nat(), async (rows, pick) => {
      const at = pick % rows.length;
      const base = await hashOf(rows);
      const changed = (change: object): typeof rows =>
        rows.map((row, i) => (i === at ? { ...row, ...change } : row));
      const row = rows[at];
      assert.notEqual(await hashOf(changed({ inputTokens: row.inputTokens === null ? 0 : null })), base);
      assert.notEqual(await hashOf(changed({ requestId: row.requestId === null ? '' : null })), base);
      assert.notEqual(await hashOf(changed({ blockHashes: row.blockHashes === null ? [] : null })), base);
      assert.notEqual(await hashOf(changed({ stream: row.stream === null ? false : null })), base);
    }),
    { numRuns: 10 },
  );
});
