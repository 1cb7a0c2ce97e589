/** Golden test over traces/samples: `<name>.<ext>` with `<name>.expected.json` (and `<name>.map.yaml`) is a test. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LOG_FORMATS } from '../../src/ingest/formats/index.js';
import type { IngestOptions } from '../../src/ingest/ingest.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { emptyRow } from '../../src/trace/batch.js';
import { TRACE_COLUMNS } from '../../src/trace/schema.js';
import type { RejectCount, TraceRow } from '../../src/types.js';
import { ingestFiles } from './logs.js';

const SAMPLES = fileURLToPath(new URL('traces/samples/', PACKAGE_ROOT));

interface Expected {
  readonly format: string;
  readonly options?: Partial<IngestOptions>;
  readonly startUtc: string | null;
  readonly blockSize?: number;
  readonly timeResolutionNs: number;
  /** Known values only; 64-bit integers as text. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly rejects: readonly Pick<RejectCount, 'reason' | 'rows' | 'firstLine' | 'example'>[];
  readonly droppedRows?: Readonly<Record<string, number>>;
  readonly outOfOrderRows: number;
  readonly zeroOutputRows: number;
}

function rowOf(expected: Readonly<Record<string, unknown>>): TraceRow {
  const values = Object.entries(expected).map(([key, value]) => {
    const type = TRACE_COLUMNS.find((column) => column.code === key)?.type;
    assert.ok(type, `${key} is no trace column`);
    if (type === 'int64') return [key, BigInt(value as string)];
    return [key, type === 'u64list' ? (value as string[]).map(BigInt) : value];
  });
  return emptyRow(Object.fromEntries(values) as Partial<TraceRow>);
}

const files = readdirSync(SAMPLES);
const names = files
  .filter((file) => file.endsWith('.expected.json'))
  .map((file) => file.slice(0, -'.expected.json'.length));

for (const name of names) {
  test(`sample ${name}`, async (context) => {
    const expected = JSON.parse(readFileSync(join(SAMPLES, `${name}.expected.json`), 'utf8')) as Expected;
    const logs = files
      .filter((file) => file.startsWith(`${name}.`) && !/\.(expected\.json|map\.yaml)$/.test(file))
      .sort();
    assert.notEqual(logs.length, 0, 'no log beside the expectation');
    const map = join(SAMPLES, `${name}.map.yaml`);
    const { result, rows } = await ingestFiles(
      context,
      logs.map((log) => join(SAMPLES, log)),
      { ...expected.options, ...(existsSync(map) ? { map } : {}) },
    );
    assert.equal(result.format.name, expected.format);
    assert.deepEqual(rows, expected.rows.map(rowOf));
    assert.deepEqual(
      result.quality.rejects.map(({ reason, rows: count, firstLine, example }) => ({
        reason,
        rows: count,
        firstLine,
        example,
      })),
      expected.rejects,
    );
    const { meta, quality } = result;
    assert.equal(meta.startUtc, expected.startUtc);
    assert.equal(meta.blockSize, expected.blockSize ?? null);
    assert.equal(meta.timeResolutionNs, expected.timeResolutionNs);
    const dropped = Object.fromEntries(expected.rejects.map(({ reason, rows: count }) => [reason, count]));
    assert.deepEqual(meta.droppedRows, expected.droppedRows ?? dropped);
    assert.equal(quality.outOfOrderRows, expected.outOfOrderRows);
    assert.equal(quality.zeroOutputRows, expected.zeroOutputRows);
    const droppedTotal = Object.values(meta.droppedRows).reduce((sum, count) => sum + count, 0);
    assert.equal(quality.rowsIn, quality.rowsOut + droppedTotal);
  });
}

test('every format has a sample', () => {
  const missing = LOG_FORMATS.filter(({ name }) => !names.includes(name)).map(({ name }) => name);
  assert.deepEqual(missing, []);
});
