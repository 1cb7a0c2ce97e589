/** Tables of other records: write → read is the identity; values outside their column's type are refused. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTable, type TableColumn, type TableRow, writeTable } from '../../src/trace/table.js';
import { temporaryFolder } from './traces.js';

const COLUMNS: readonly TableColumn[] = [
  { name: 'index', type: 'int32', nullable: false },
  { name: 'at_ns', type: 'int64', nullable: true },
  { name: 'ratio', type: 'double', nullable: true },
  { name: 'good', type: 'bool', nullable: true },
  { name: 'note', type: 'string', nullable: true },
  { name: 'chunk_ns', type: 'list<int64>', nullable: true },
  { name: 'ids', type: 'list<uint64>', nullable: true },
];

const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.option(arbitrary, { nil: null });
const INT64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
const ROW = fc.record(
  {
    index: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    at_ns: nullable(INT64),
    ratio: nullable(fc.double({ noNaN: true, noDefaultInfinity: true })),
    good: nullable(fc.boolean()),
    note: nullable(fc.string({ unit: 'binary' })),
    chunk_ns: nullable(fc.array(INT64, { maxLength: 5 })),
    ids: nullable(fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { maxLength: 5 })),
  },
  { noNullPrototype: true },
);

test('write → read is the identity', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  await fc.assert(
    fc.asyncProperty(fc.array(ROW, { maxLength: 50 }), fc.string({ unit: 'binary' }), async (rows, text) => {
      const keyValue = { key: 'tokentide', value: text };
      assert.equal((await writeTable({ path, columns: COLUMNS, rows, keyValue })).rows, rows.length);
      const reader = await readTable(path, { columns: COLUMNS });
      const found: unknown[] = [];
      for await (const row of reader.rows()) found.push(row);
      assert.deepEqual(found, rows);
      assert.equal(reader.keyValue.get('tokentide'), text);
      reader.close();
    }),
    { numRuns: 40 },
  );
});

test('columns are found by name, may be absent, and integers come as numbers on request', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  const rows: TableRow[] = Array.from({ length: 40_000 }, (_, i) => ({
    index: i,
    at_ns: i * 2,
    chunk_ns: [i, i + 1],
  }));
  await writeTable({ path, columns: COLUMNS, rows });
  const wanted: TableColumn[] = [
    { name: 'added_later', type: 'string', nullable: true },
    { name: 'chunk_ns', type: 'list<int64>', nullable: true },
    { name: 'at_ns', type: 'int64', nullable: true },
  ];
  const reader = await readTable(path, { columns: wanted, int64As: 'number' });
  let i = 0;
  for await (const row of reader.rows()) {
    assert.deepEqual(row, { added_later: null, chunk_ns: [i, i + 1], at_ns: i * 2 });
    i += 1;
  }
  assert.equal(i, 40_000);
  reader.close();
  const asFound = await readTable(path);
  assert.deepEqual(
    asFound.columns.map(({ name, type }) => [name, type]),
    COLUMNS.map(({ name, type }) => [name, type]),
  );
  asFound.close();
});

test('values that do not fit are refused and nothing is written', async (context) => {
  const folder = temporaryFolder(context);
  const bad: TableRow[] = [
    { index: 1.5 },
    { index: 2 ** 31 },
    { index: null },
    { index: 1, at_ns: 2 ** 53 },
    { index: 1, at_ns: 1n << 63n },
    { index: 1, ratio: Number.NaN },
    { index: 1, note: 5 },
    { index: 1, ids: [-1n] },
  ];
  for (const row of bad) {
    const written = writeTable({ path: join(folder, 't.parquet'), columns: COLUMNS, rows: [row] });
    await assert.rejects(
      written,
      { code: 'BAD_VALUE' },
      JSON.stringify(row, (_, value) => String(value)),
    );
  }
  assert.deepEqual(readdirSync(folder), []);
});
