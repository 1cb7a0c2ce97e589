/** The same rows in any order, split in any way, read in any lane and sorted in memory or on disk: the same trace. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { ingest } from '../../src/ingest/ingest.js';
import { readTraceRows } from '../../src/trace/read.js';
import type { TraceRow } from '../../src/types.js';
import { temporaryFolder } from '../trace/traces.js';
import { ingestText } from './logs.js';

interface Line {
  readonly at: number;
  readonly input: number | null;
  readonly output: number;
  readonly id: string | null;
  readonly session: string | null;
}

/** Few instants, so that most rows tie; ids may repeat, as in deliveries that came twice. */
const LINES = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 4 }),
    input: fc.option(fc.integer({ min: 0, max: 3 })),
    output: fc.integer({ min: 0, max: 2 }),
    id: fc.option(fc.constantFrom('a', 'b', 'c', 'd')),
    session: fc.option(fc.constantFrom('s', 't')),
  }),
  { minLength: 1, maxLength: 25 },
);

const MAP = {
  format: 'jsonl',
  columns: {
    arrival: { from: 'at', unit: 's' },
    input_tokens: 'input',
    output_tokens: 'output',
    request_id: 'id',
    session_id: 'session',
  },
};

const textOf = (lines: readonly Line[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');

test('any order of the same rows, in one file or in several, gives the same rows and the same content', async (context) => {
  const folder = temporaryFolder(context);
  const output = join(folder, 'out.parquet');
  const run = async (parts: readonly (readonly Line[])[], sortBudgetBytes?: number) => {
    const inputs = parts.map((part, index) => {
      const path = join(folder, `part-${index}.jsonl`);
      writeFileSync(path, textOf(part));
      return path;
    });
    const result = await ingest({ inputs, output, map: MAP, pseudonymKey: 'k', sortBudgetBytes });
    return { rows: await readTraceRows(output), result };
  };
  await fc.assert(
    fc.asyncProperty(
      LINES.chain((lines) =>
        fc.tuple(
          fc.constant(lines),
          fc.shuffledSubarray(lines, { minLength: lines.length, maxLength: lines.length }),
          fc.integer({ min: 1, max: 4 }),
        ),
      ),
      async ([lines, shuffled, pieces]) => {
        const whole = await run([lines]);
        const size = Math.ceil(shuffled.length / pieces);
        const parts = Array.from({ length: pieces }, (_, i) =>
          shuffled.slice(i * size, (i + 1) * size),
        ).filter((part) => part.length > 0);
        const split = await run(parts);
        assert.deepEqual(split.rows, whole.rows);
        assert.equal(split.result.contentHash, whole.result.contentHash);
        // All rows go through the disk.
        const spilled = await run(parts, 1);
        assert.deepEqual(spilled.rows, whole.rows);
        const found = whole.result.quality;
        assert.equal(found.rowsIn, lines.length);
        assert.equal(found.duplicateRows, lines.length - distinct(lines));
      },
    ),
    { numRuns: 12 },
  );
});

/** Rows with one id and arrival are one request. */
function distinct(lines: readonly Line[]): number {
  const keys = new Set<string>();
  lines.forEach(({ at, id }, index) => {
    keys.add(id === null ? `row ${index}` : `${at} ${id}`);
  });
  return keys.size;
}

test('shuffled files give the same bytes, but for what they say of their source', async (context) => {
  const lines = Array.from({ length: 300 }, (_, i) => ({
    at: i % 7,
    input: (i * 31) % 97,
    output: i % 5,
    id: null,
    session: null,
  }));
  const one = await ingestText(context, 'log.jsonl', textOf(lines), { map: MAP });
  const other = await ingestText(context, 'log.jsonl', textOf([...lines].reverse()), { map: MAP });
  const data = (path: string): Buffer => {
    const bytes = readFileSync(path);
    return bytes.subarray(0, bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8));
  };
  assert.deepEqual(data(other.output), data(one.output));
});

test('a request delivered twice is one row, the most complete; others with its id stay', async (context) => {
  const lines = [
    { at: 5, input: null, output: 3, id: 'a', session: null },
    { at: 5, input: 9, output: 3, id: 'a', session: 's' },
    { at: 5, input: 9, output: 7, id: 'b', session: 's' },
    { at: 5, input: 9, output: 8, id: 'b', session: 's' },
    { at: 6, input: 9, output: 8, id: 'b', session: 's' },
  ];
  const { rows, result } = await ingestText(context, 'log.jsonl', textOf(lines), { map: MAP, keepIds: true });
  const seen = (row: TraceRow) => [
    Number(row.arrivalNs) / 1e9,
    row.requestId,
    row.inputTokens,
    row.outputTokens,
  ];
  assert.deepEqual(rows.map(seen).sort(), [
    [0, 'a', 9, 3],
    [0, 'b', 9, 8],
    [1, 'b', 9, 8],
  ]);
  assert.equal(result.quality.duplicateRows, 2);
  assert.equal(result.quality.rowsIn, 5);
  assert.deepEqual(result.meta.droppedRows, {
    'delivered more than once (same request id and arrival)': 2,
  });
});

/** Cells that the fast lane takes, and cells that it must leave to the record reader. */
const TIMES = fc.constantFrom(
  '2023-11-16 18:17:03.9799600',
  '2023-11-16 18:17:03',
  '2023-11-16T18:17:04.1',
  '2024-02-29 23:59:59.999999999',
  '2023-02-29 00:00:00',
  '2023-11-16 18:17:60',
  '2023-11-16 24:00:00',
  '2023-11-16 18:60:00',
  '2023-11-16 18:18:07',
  '2023-11-16 18:17-07',
  '2023-11-16x18:17:07',
  '2023-11-16 18:17:7x',
  '2023-11-16 18:17:05Z',
  '2023-11-16 18:17:05.25+00:00',
  '2023-11-16 18:17:05+05:30',
  '2023-11-16 18:17:05.',
  '2023-11-16 18:17',
  '2023/11/16 18:17:05',
  '"2023-11-16 18:17:06"',
  '1700158623',
  '',
);
const COUNTS = fc.constantFrom(
  '0',
  '7',
  '4294',
  '2147483647',
  '2147483648',
  '007',
  '-1',
  '1.0',
  '1.5',
  '"8"',
  '',
  ' 5',
  'x',
);
const ROWS = fc.array(fc.tuple(TIMES, COUNTS, COUNTS, fc.constantFrom('', 'a', '"q,\n"')), {
  minLength: 1,
  maxLength: 12,
});

test('the fast lane of CSV gives the rows and rejects of the record reader', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'log.csv');
  const output = join(folder, 'out.parquet');
  const columns = { arrival: { from: 't', unit: 'iso' }, input_tokens: 'i', output_tokens: 'o' };
  const outcome = async (map: object, tz: string): Promise<unknown> => {
    try {
      const { quality } = await ingest({ inputs: [path], output, map, tz });
      const rows = await readTraceRows(output);
      // Rows of one instant are ordered by their values, of which the constant is one.
      const texts = rows.map((row) => [row.arrivalNs, row.inputTokens, row.outputTokens].join(' ')).sort();
      return [texts, quality.rejects, quality.zoneRule, quality.clock];
    } catch (error) {
      return (error as Error).message;
    }
  };
  await fc.assert(
    fc.asyncProperty(ROWS, fc.constantFrom('\n', '\r\n'), fc.boolean(), async (rows, newline, isEnded) => {
      const lines = ['t,i,x,o', ...rows.map(([t, i, o, x]) => [t, i, x, o].join(','))];
      writeFileSync(path, lines.join(newline) + (isEnded ? newline : ''));
      for (const tz of ['UTC', '+05:30']) {
        const plain = await outcome({ format: 'csv', columns }, tz);
        // A constant keeps the mapping out of the fast lane.
        const slow = await outcome({ format: 'csv', columns: { ...columns, model: { constant: 'm' } } }, tz);
        assert.deepEqual(plain, slow);
      }
    }),
    { numRuns: 60 },
  );
});
