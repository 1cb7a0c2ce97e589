/** Other libraries and our files: parquetjs-lite both ways, pyarrow, Apache Arrow. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import parquetjs from 'parquetjs-lite';
import { traceToArrow, writeArrowIpc } from '../../src/trace/arrow.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { openTrace, readTraceRows } from '../../src/trace/read.js';
import { TRACE_COLUMNS } from '../../src/trace/schema.js';
import { writeTrace } from '../../src/trace/write.js';
import type { TraceRow } from '../../src/types.js';
import { META, runSql, temporaryFolder, traceRows } from './traces.js';

/** Rows whose integers fit JavaScript numbers, as parquetjs-lite needs. */
const SMALL_ROWS: readonly TraceRow[] = Array.from({ length: 500 }, (_, i) =>
  emptyRow({
    arrivalNs: BigInt(i) * 1_000_000_007n,
    inputTokens: i % 5 === 0 ? null : i * 3,
    outputTokens: i,
    requestId: `request-${i}`,
    model: i % 2 === 0 ? 'größe 🙂' : null,
    stream: i % 3 === 0 ? null : i % 3 === 1,
    blockHashes: i % 4 === 0 ? null : Array.from({ length: i % 4 }, (_, j) => BigInt(i * 1_000 + j)),
    ttftNs: i % 7 === 0 ? null : BigInt(i) * 1_000n,
    status: i % 2 === 0 ? 'ok' : 'timeout',
  }),
);

test('parquetjs-lite opens our files of its profile, value by value', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  await writeTrace({ path, meta: META, batches: [batchFromRows(SMALL_ROWS)], compat: 'parquetjs' });
  const reader = await parquetjs.ParquetReader.openFile(path);
  assert.equal(JSON.parse(reader.getMetadata()['tokentide']).kind, 'trace');
  const cursor = reader.getCursor();
  for (const row of SMALL_ROWS) {
    const found: Record<string, unknown> | null = await cursor.next();
    assert.ok(found);
    for (const { disk, code, type } of TRACE_COLUMNS) {
      const value: unknown = found[disk] ?? null;
      const expected: unknown = row[code];
      if (type === 'u64list') {
        const elements: ParquetjsList | null = value === null ? null : (value as ParquetjsList);
        assert.deepEqual(elements?.list.map(({ element }) => BigInt(element)) ?? null, expected);
      } else if (type === 'int64') assert.equal(value === null ? null : BigInt(value as number), expected);
      else assert.equal(value, expected, disk);
    }
  }
  assert.equal(await cursor.next(), null);
  await reader.close();
});

interface ParquetjsList {
  readonly list: readonly { readonly element: number }[];
}

test('our reader (DuckDB) opens files of the parquetjs-lite backend, with equal values and hash', async (context) => {
  const folder = temporaryFolder(context);
  const batches = [batchFromRows(SMALL_ROWS.slice(0, 133)), batchFromRows(SMALL_ROWS.slice(133))];
  const path = join(folder, 'lite.parquet');
  const lite = await writeTrace({ path, meta: META, batches, engine: 'parquetjs-lite', rowGroupSize: 100 });
  const main = await writeTrace({ path: join(folder, 'main.parquet'), meta: META, batches });
  assert.equal(lite.rows, SMALL_ROWS.length);
  assert.equal(lite.contentHash, main.contentHash);
  assert.deepEqual(await readTraceRows(path), SMALL_ROWS);
  const reader = await openTrace(path);
  assert.equal(reader.meta.contentHash, main.contentHash);
  reader.close();
});

test('the parquetjs-lite backend refuses what it would change silently', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  for (const row of [
    emptyRow({ arrivalNs: 1700158623979960001n }),
    emptyRow({ blockHashes: [(1n << 53n) + 1n] }),
    emptyRow({ thinkNs: -(1n << 60n) }),
  ]) {
    const batches = [batchFromRows([row])];
    await assert.rejects(writeTrace({ path, meta: META, batches, engine: 'parquetjs-lite' }), {
      code: 'BAD_VALUE',
      message: /2\^53 only, (arrival_ns|block_hashes|think_ns) of row 0/,
    });
    assert.equal(existsSync(path), false);
  }
});

test('traces become Arrow tables with the same names, types and values', async (context) => {
  const folder = temporaryFolder(context);
  const [rows] = fc.sample(traceRows(50, 50), { numRuns: 1, seed: 11 });
  const path = join(folder, 't.parquet');
  await writeTrace({ path, meta: META, batches: [batchFromRows(rows)] });
  const reader = await openTrace(path);
  const { tableFromIPC } = await import('apache-arrow');
  const { readFileSync } = await import('node:fs');
  await writeArrowIpc(reader, join(folder, 't.arrow'));
  for (const table of [await traceToArrow(reader), tableFromIPC(readFileSync(join(folder, 't.arrow')))]) {
    assert.equal(table.numRows, rows.length);
    assert.deepEqual(
      table.schema.fields.map((field) => `${field.name} ${field.type}${field.nullable ? '' : ' required'}`),
      TRACE_COLUMNS.map(
        ({ disk, type, nullable }) => `${disk} ${ARROW_TYPES[type]}${nullable ? '' : ' required'}`,
      ),
    );
    assert.equal(JSON.parse(table.schema.metadata.get('tokentide')!).contentHash, reader.meta.contentHash);
    for (const { disk, code } of TRACE_COLUMNS) {
      const vector = table.getChild(disk)!;
      rows.forEach((row, i) => {
        const value: unknown = vector.get(i);
        const plain = code === 'blockHashes' && value !== null ? [...(value as Iterable<bigint>)] : value;
        assert.deepEqual(plain, row[code], `${disk} of row ${i}`);
      });
    }
  }
  reader.close();
});

const ARROW_TYPES: Readonly<Record<string, string>> = {
  int32: 'Int32',
  int64: 'Int64',
  bool: 'Bool',
  string: 'Utf8',
  u64list: 'List<Uint64>',
};

/** A Python with pyarrow, or null. */
function pythonWithPyarrow(): string | null {
  const local = fileURLToPath(new URL('../../../.venv/bin/python', import.meta.url));
  const candidates = [process.env['TOKENTIDE_PYTHON'], existsSync(local) ? local : undefined, 'python3'];
  for (const python of candidates) {
    if (python && spawnSync(python, ['-c', 'import pyarrow.parquet']).status === 0) return python;
  }
  return null;
}

const PYTHON = pythonWithPyarrow();

test('pyarrow reads names, types and values', {
  skip: PYTHON === null ? 'no Python with pyarrow (set TOKENTIDE_PYTHON)' : false,
}, async (context) => {
  const folder = temporaryFolder(context);
  const [rows] = fc.sample(traceRows(300, 300), { numRuns: 1, seed: 3 });
  const files = { main: 'main.parquet', compat: 'compat.parquet', arrow: 'main.arrow' };
  const batches = [batchFromRows(rows)];
  await writeTrace({ path: join(folder, files.main), meta: META, batches });
  await writeTrace({ path: join(folder, files.compat), meta: META, batches, compat: 'parquetjs' });
  const reader = await openTrace(join(folder, files.main));
  await writeArrowIpc(reader, join(folder, files.arrow));
  reader.close();
  const script = `
import json, sys, pyarrow as pa, pyarrow.parquet as pq
folder = sys.argv[1]
out = {}
for name, file in json.loads(sys.argv[2]).items():
    path = folder + '/' + file
    table = pa.ipc.open_file(path).read_all() if file.endswith('.arrow') else pq.read_table(path)
    table.validate(full=True)
    plain = lambda v: [str(x) for x in v] if isinstance(v, list) else str(v) if isinstance(v, int) and not isinstance(v, bool) else v
    out[name] = {
        'types': [[f.name, str(f.type)] for f in table.schema],
        'required': [f.name for f in table.schema if not f.nullable],
        'kind': json.loads(table.schema.metadata[b'tokentide'])['kind'],
        'rows': [[plain(v) for v in row.values()] for row in table.to_pylist()],
    }
print(json.dumps(out))
`;
  const run = spawnSync(PYTHON!, ['-c', script, folder, JSON.stringify(files)], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  assert.equal(run.status, 0, run.stderr);
  const plain = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(String)
      : typeof value === 'bigint' || typeof value === 'number'
        ? String(value)
        : value;
  const expectedRows = rows.map((row) => TRACE_COLUMNS.map(({ code }) => plain(row[code])));
  const expectedTypes = TRACE_COLUMNS.map(({ disk, type }) => [disk, PYARROW_TYPES[type]]);
  for (const [name, found] of Object.entries(JSON.parse(run.stdout) as Record<string, PyarrowFile>)) {
    assert.deepEqual(found.types, expectedTypes, name);
    assert.deepEqual(found.required, ['arrival_ns', 'operation', 'status'], name);
    assert.equal(found.kind, 'trace');
    assert.deepEqual(found.rows, expectedRows, name);
  }
});

interface PyarrowFile {
  readonly types: string[][];
  readonly required: string[];
  readonly kind: string;
  readonly rows: unknown[][];
}

const PYARROW_TYPES: Readonly<Record<string, string>> = {
  int32: 'int32',
  int64: 'int64',
  bool: 'bool',
  string: 'string',
  u64list: 'list<element: uint64>',
};

test('pyarrow reads many row groups, steps and dictionaries, and our ranges and counts of unknown values', {
  skip: PYTHON === null ? 'no Python with pyarrow (set TOKENTIDE_PYTHON)' : false,
}, async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  await writeTrace({ path, meta: META, batches: [batchFromRows(SMALL_ROWS)], rowGroupSize: 64, threads: 2 });
  const script = `
import json, sys, pyarrow.compute as pc, pyarrow.parquet as pq
file = pq.ParquetFile(sys.argv[1])
groups, told = [], 0
for g in range(file.num_row_groups):
    table = file.read_row_group(g)
    table.validate(full=True)
    meta = file.metadata.row_group(g)
    assert meta.num_rows == table.num_rows
    for c in range(meta.num_columns):
        chunk = meta.column(c)
        column = table.column(chunk.path_in_schema.split('.')[0])
        stats = chunk.statistics
        if '.' in chunk.path_in_schema or stats is None: continue
        assert stats.null_count == column.null_count, chunk.path_in_schema
        if not stats.has_min_max: continue
        told += 1
        least, most = pc.min_max(column).as_py().values()
        assert (stats.min, stats.max) == (least, most), (chunk.path_in_schema, stats, least, most)
    groups += table.to_pylist()
encodings = sorted({e for g in range(file.num_row_groups) for c in range(file.metadata.num_columns) for e in file.metadata.row_group(g).column(c).encodings})
print(json.dumps({'groups': file.num_row_groups, 'told': told, 'encodings': encodings, 'rows': [[r['arrival_ns'], r['input_tokens'], r['model'], r['block_hashes'], r['ttft_ns'], r['stream'], r['status']] for r in groups]}))
`;
  const run = spawnSync(PYTHON!, ['-c', script, path], { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(run.status, 0, run.stderr);
  const found = JSON.parse(run.stdout);
  assert.equal(found.groups, 8);
  assert.ok(found.told >= 8 * 5, `${found.told} ranges`);
  assert.deepEqual(found.encodings, ['DELTA_BINARY_PACKED', 'PLAIN', 'PLAIN_DICTIONARY', 'RLE']);
  assert.deepEqual(
    found.rows,
    SMALL_ROWS.map((row) => [
      Number(row.arrivalNs),
      row.inputTokens,
      row.model,
      row.blockHashes?.map(Number) ?? null,
      row.ttftNs === null ? null : Number(row.ttftNs),
      row.stream,
      row.status,
    ]),
  );
});

test('DuckDB reads the columns that are never unknown as such, and its filters use our ranges rightly', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  await writeTrace({ path, meta: META, batches: [batchFromRows(SMALL_ROWS)], rowGroupSize: 64 });
  const required = await runSql(
    `SELECT name FROM parquet_schema('${path}') WHERE repetition_type = 'REQUIRED' ORDER BY name`,
  );
  assert.deepEqual(required.flat(), ['arrival_ns', 'operation', 'status']);
  const count = async (where: string): Promise<unknown> =>
    Number((await runSql(`SELECT count(*) FROM '${path}' WHERE ${where}`))[0][0]);
  const rows = (test: (row: TraceRow) => boolean): number => SMALL_ROWS.filter(test).length;
  assert.equal(
    await count('arrival_ns > 400000002800 AND input_tokens < 1400'),
    rows(({ arrivalNs, inputTokens }) => arrivalNs > 400n * 1_000_000_007n && (inputTokens ?? 1e9) < 1_400),
  );
  assert.equal(
    await count("model >= 'größe 🙂'"),
    rows(({ model }) => model !== null),
  );
  assert.equal(await count("request_id = 'request-77'"), 1);
  assert.equal(await count('list_contains(block_hashes, 302001)'), 1);
  assert.equal(
    await count("status = 'timeout' AND ttft_ns IS NULL"),
    rows((row) => row.status === 'timeout' && row.ttftNs === null),
  );
});
