/** The crash-safe log and requests.parquet: what goes in comes out, and a cut log gives every whole batch. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { main } from '../../src/cli/main.js';
import { EXIT } from '../../src/errors.js';
import { inspectFile } from '../../src/inspect/inspect.js';
import { createManifest } from '../../src/manifest.js';
import { readRun } from '../../src/replay/run-folder.js';
import type { RunHeader } from '../../src/replay/summary.js';
import { readReportInput } from '../../src/report/read.js';
import { createRunLog, RUN_LOG_NAME } from '../../src/trace/run-log.js';
import { openSortedRunLog, type SortedRunLog } from '../../src/trace/run-log-sorted.js';
import { RUN_COLUMNS, readRunRecords, writeRunRecords } from '../../src/trace/run-records.js';
import { readRunViews } from '../../src/trace/run-views.js';
import { writeTable } from '../../src/trace/table.js';
import type { RunRecord } from '../../src/types.js';
import { record } from './records.js';

let dir = '';
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tokentide-log-'));
});
after(() => rm(dir, { recursive: true }));

const ns = fc.integer({ min: -1e15, max: 9e15 });
const anyRecord: fc.Arbitrary<RunRecord> = fc
  .record({
    index: fc.nat(2_000_000_000),
    requestId: fc.option(fc.string({ unit: 'grapheme', maxLength: 12 })),
    intendedNs: ns,
    sentNs: fc.option(ns),
    endNs: fc.option(ns),
    releasedNs: fc.option(ns),
    chunkNs: fc.option(fc.array(ns, { maxLength: 20 })),
    outputTokens: fc.option(fc.nat(1_000_000)),
    stream: fc.boolean(),
    error: fc.option(fc.string({ unit: 'binary', maxLength: 20 })),
    status: fc.constantFrom('ok', 'empty', 'unsent', 'timeout_total'),
    phase: fc.constantFrom('warmup', 'measure'),
  })
  .map((fields) => record(0, fields as Partial<RunRecord>));

/** Text that UTF-8 can hold: a lone surrogate becomes U+FFFD. */
const wellFormed = (one: RunRecord): RunRecord => ({
  ...one,
  error: one.error === null ? null : Buffer.from(one.error).toString(),
});

/** The order of the schedule. */
const sortRecords = (records: readonly RunRecord[]): RunRecord[] =>
  [...records].sort((a, b) => a.intendedNs - b.intendedNs || a.index - b.index || a.attempt - b.attempt);

/** What `read` makes of the log at a path. */
async function reading<T>(path: string, read: (log: SortedRunLog) => T | Promise<T>): Promise<T> {
  const log = await openSortedRunLog(path);
  try {
    return await read(log);
  } finally {
    log.close();
  }
}

test('every column of a record has a place in the file', () => {
  assert.deepEqual(new Set(RUN_COLUMNS.map((column) => column.code)), new Set(Object.keys(record(0))));
});

test('log: what was written comes out in the order of the schedule, again and again, as records and as columns', async () => {
  const path = join(dir, 'sorted.arrows');
  const parquet = join(dir, 'sorted.parquet');
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(anyRecord, { maxLength: 30 }), { maxLength: 6 }), async (batches) => {
      const log = await createRunLog(path, '{"what":"a run"}');
      for (const batch of batches) await log.append(batch);
      await log.close();
      await reading(path, async (sorted) => {
        const expected = sortRecords(batches.flat().map(wellFormed));
        assert.deepEqual([...sorted], expected);
        assert.deepEqual([...sorted], expected);
        assert.deepEqual(
          [sorted.count, sorted.header, sorted.lostBytes],
          [expected.length, '{"what":"a run"}', 0],
        );
        if (runs++ % 5 !== 0) return;
        await writeRunRecords(parquet, sorted, '{}');
        const bytes = await readFile(parquet);
        await writeRunRecords(parquet, expected, '{}');
        assert.ok(bytes.equals(await readFile(parquet)), 'columns and records give the same file');
      });
    }),
    { numRuns: 60, seed: 3 },
  );
});

test('log: cut anywhere it gives the whole batches before the cut', async () => {
  const path = join(dir, 'cut.arrows');
  const log = await createRunLog(path, '{}');
  const sizes = [(await stat(path)).size];
  const all: RunRecord[] = [];
  for (let batch = 0; batch < 6; batch++) {
    const records = Array.from({ length: 3 }, (_, i) =>
      record(batch * 3 + i, { index: batch * 3 + i, chunkNs: [1, 2, 3] }),
    );
    await log.append(records);
    all.push(...records);
    sizes.push((await stat(path)).size);
  }
  await log.close();
  const bytes = await readFile(path);
  for (let size = sizes[0]; size <= bytes.length; size += 61) {
    await writeFile(path, bytes.subarray(0, size));
    const whole = sizes.filter((end) => end <= size).length - 1;
    await reading(path, (sorted) => {
      assert.deepEqual([...sorted], all.slice(0, whole * 3));
      assert.equal(sorted.lostBytes, size - sizes[whole]);
    });
  }
  await writeFile(path, bytes.subarray(0, 20));
  await assert.rejects(openSortedRunLog(path), { code: 'BAD_RUN' });
});

test('log: another Arrow reader opens it', async () => {
  const path = join(dir, 'foreign.arrows');
  const log = await createRunLog(path, '{}');
  await log.append([record(0), record(5, { chunkNs: [7, 8] })]);
  await log.append([record(9)]);
  await log.close();
  const table = tableFromIPC(await readFile(path));
  assert.equal(table.numRows, 3);
  assert.deepEqual(
    table.schema.fields.map((field) => field.name),
    RUN_COLUMNS.map((column) => column.name),
  );
  assert.deepEqual([...table.getChild('intended_ns')!], [0n, 5_000_000n, 9_000_000n]);
});

test('requests.parquet: write → read is identity', async () => {
  const path = join(dir, 'requests.parquet');
  await fc.assert(
    fc.asyncProperty(fc.array(anyRecord, { maxLength: 20 }), async (records) => {
      const clean = records.map((one) => ({
        ...one,
        error: wellFormed(one).error?.replaceAll('\0', '') ?? null,
      }));
      await writeRunRecords(path, clean, '{}');
      assert.deepEqual(await readRunRecords(path), clean);
    }),
    { numRuns: 15, seed: 4 },
  );
});

test('records that are read where they are looked at say what the objects say, member by member', async () => {
  const path = join(dir, 'views.parquet');
  const other = join(dir, 'other.parquet');
  await fc.assert(
    fc.asyncProperty(fc.array(anyRecord, { maxLength: 40 }), async (records) => {
      await writeRunRecords(path, records.map(wellFormed), '{}');
      const objects = await readRunRecords(path);
      const views = await readRunViews(path);
      assert.equal(views.length, objects.length);
      for (const [i, object] of objects.entries()) {
        for (const { code } of RUN_COLUMNS) assert.deepEqual(views[i][code], object[code], code);
        assert.ok(Object.keys(views[i]).length < 4, 'a place, not a copy');
      }
    }),
    { numRuns: 30, seed: 5 },
  );
  await writeTable({
    path: other,
    columns: [{ name: 'a', type: 'int32', nullable: false }],
    rows: [{ a: 1 }],
  });
  await assert.rejects(readRunViews(other), { code: 'BAD_RUN' });
});

test('a killed run is read from its log, as interrupted and invalid, and can be made whole', async () => {
  const header: RunHeader = {
    manifest: createManifest({ command: 'replay', options: {}, timestamp: false }),
    target: { url: 'http://h/v1', protocol: 'openai-chat', model: 'm' },
    load: {
      traceName: 't',
      traceHash: '0',
      rows: 100,
      durationSec: 9,
      speed: 1,
      rate: null,
      window: null,
      concurrency: null,
      warmupRequests: 0,
      salt: null,
      plannedRatePerSec: 2,
    },
    startedUtc: '2026-01-01T00:00:00Z',
    slo: ['p99(ttft) < 1s'],
    senders: 1,
    measured: 100,
    notes: [],
  };
  const log = await createRunLog(join(dir, RUN_LOG_NAME), JSON.stringify(header));
  await log.append([record(2_000, { index: 2 }), record(0)]);
  await log.append([record(1_000, { index: 1 })]);
  await log.close();
  const { summary, records } = await readRun(dir);
  assert.deepEqual(
    records.map((one) => one.index),
    [0, 1, 2],
  );
  assert.deepEqual(
    [summary.interrupted, summary.validity.verdict, summary.metrics.ttft?.n, summary.slo[0].met],
    [true, 'invalid', 3, true],
  );
  assert.match(summary.validity.because, /3 of 100 requests are on record/);
  assert.ok(summary.notes.some((note) => /killed: 3 of 100 requests had ended/.test(note)));
  // What a person does: inspect and report name the way, recover goes it, a log that is being written is left alone.
  await assert.rejects(inspectFile(dir), { code: 'BAD_RUN' });
  await assert.rejects(readReportInput(dir), { code: 'BAD_RUN' });
  assert.equal(await main(['recover', dir, '--quiet', '--json']), EXIT.badInput);
  await utimes(join(dir, RUN_LOG_NAME), 1, 1);
  assert.equal(await main(['recover', dir, '--quiet', '--json']), EXIT.ok);
  assert.equal(
    await main(['recover', dir, '--quiet', '--json']),
    EXIT.badInput,
    'nothing is left to recover',
  );
  const again = await readRun(dir);
  assert.deepEqual(again.records, records);
  assert.deepEqual(again.summary, JSON.parse(JSON.stringify(summary)));
  await assert.rejects(stat(join(dir, RUN_LOG_NAME)));
});

test('windows of the sorted log: more records than one holds, ends in another order than sends', async () => {
  const path = join(dir, 'long.arrows');
  const log = await createRunLog(path, '{}');
  const count = 40_000;
  // A stride without a common factor with the count gives every place once.
  const places = Array.from({ length: count }, (_, i) => (i * 7_919) % count);
  for (let from = 0; from < count; from += 500) {
    await log.append(places.slice(from, from + 500).map((place) => record(place, { index: place })));
  }
  await log.close();
  const sorted = await openSortedRunLog(path);
  let next = 0;
  for (const { index } of sorted) {
    assert.equal(index, next);
    next += 1;
  }
  assert.equal(next, count);
  sorted.close();
  await writeFile(path, (await readFile(path)).subarray(0, -300));
  const cut = await openSortedRunLog(path);
  assert.equal(cut.count, count - 500);
  assert.ok(cut.lostBytes > 0);
  cut.close();
  await assert.rejects(openSortedRunLog(join(dir, 'nothing.arrows')), { code: 'ENOENT' });
});
