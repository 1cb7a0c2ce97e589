/** Properties of the readers: any chunking gives the same records, JSON is judged as JSON.parse judges it, the sort is stable. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CsvReader } from '../../src/ingest/csv.js';
import { JsonScanner, pathTree } from '../../src/ingest/json-scan.js';
import { JsonLinesReader } from '../../src/ingest/jsonl.js';
import { SourceRecord } from '../../src/ingest/record.js';
import type { RecordReader } from '../../src/ingest/record-reader.js';
import { BLOCK_ROWS, type RowBlock } from '../../src/ingest/row-block.js';
import { sortedRows } from '../../src/ingest/sort.js';
import { TimeReader } from '../../src/ingest/time.js';
import { parseZone } from '../../src/ingest/zone.js';

const recordOf = (names: readonly string[]): SourceRecord =>
  new SourceRecord(
    names.map((name) => ({ name, required: false, meaning: '' })),
    [],
    new TimeReader(parseZone('UTC')),
  );

/** Feeds the bytes in pieces cut at the given places and collects what `take` gives per record. */
function readAll<T>(
  reader: RecordReader,
  bytes: Buffer,
  cuts: readonly number[],
  record: SourceRecord,
  take: () => T,
): (T | string)[] {
  const borders = [0, ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const found: (T | string)[] = [];
  const drain = (): void => {
    for (;;) {
      const step = reader.next(record);
      if (step === 'more' || step === 'end') return;
      found.push(step === 'row' ? take() : `line ${reader.line}: ${reader.problem!.reason}`);
    }
  };
  borders.slice(1).forEach((to, i) => {
    reader.feed(Buffer.from(bytes.subarray(borders[i], to)));
    drain();
  });
  reader.finish();
  drain();
  return found;
}

const CELL = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'ü', '7'), maxLength: 8 }),
  fc.constantFrom('', '12'),
);
const CUTS = fc.array(fc.nat(), { maxLength: 12 });

test('CSV: what is written by the rules is read back, in any chunks', () => {
  const quote = (cell: string, always: boolean): string =>
    always || /[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  const table = fc.integer({ min: 2, max: 4 }).chain((width) =>
    fc.array(fc.array(fc.tuple(CELL, fc.boolean()), { minLength: width, maxLength: width }), {
      minLength: 1,
      maxLength: 8,
    }),
  );
  fc.assert(
    fc.property(
      table,
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      CUTS,
      (rows, newline, hasLastNewline, cuts) => {
        const text = rows
          .map((row) => row.map(([cell, always]) => quote(cell, always)).join(','))
          .join(newline);
        const names = rows[0].map((_, i) => String(i));
        const record = recordOf(names);
        const reader = new CsvReader();
        reader.bind(
          names.map((_, i) => i),
          names.length,
        );
        const cells = (): (string | null)[] => names.map((_, i) => record.text(i));
        const found = readAll(
          reader,
          Buffer.from(text + (hasLastNewline ? newline : '')),
          cuts,
          record,
          cells,
        );
        const nullIfEmpty = (cell: string): string | null => (cell.trim() === '' ? null : cell);
        // Words for unknown (here only the empty one) come as null; a cell of blanks counts as empty.
        const expected = rows.map((row) =>
          row.map(([cell]) => (cell.length > 16 ? cell : nullIfEmpty(cell))),
        );
        assert.deepEqual(found, expected);
      },
    ),
    { numRuns: 500 },
  );
});

test('CSV: any bytes give the same records, however they come in chunks', () => {
  const noise = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', '1'), maxLength: 60 });
  fc.assert(
    fc.property(noise, CUTS, (text, cuts) => {
      const read = (at: readonly number[]): unknown[] => {
        const record = recordOf(['a', 'b']);
        const reader = new CsvReader();
        reader.bind([0, 1], 2);
        return readAll(reader, Buffer.from(text), at, record, () => [
          reader.line,
          record.text(0),
          record.text(1),
        ]);
      };
      assert.deepEqual(read(cuts), read([]));
    }),
    { numRuns: 1_000 },
  );
});

test('JSON Lines: values of wanted paths are those of JSON.parse, in any chunks', () => {
  const line = fc.record(
    {
      a: fc.jsonValue(),
      b: fc.record({ c: fc.oneof(fc.string(), fc.integer(), fc.constant(null)), 'd"e': fc.jsonValue() }),
      z: fc.jsonValue(),
    },
    { noNullPrototype: true, requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 6 }),
      fc.constantFrom('\n', '\r\n', '\n\n'),
      CUTS,
      (lines, newline, cuts) => {
        const names = ['b.c', 'b', 'a'];
        const record = recordOf(names);
        const reader = new JsonLinesReader(pathTree(names.map((name) => [name])));
        const take = (): unknown[] =>
          names.map((_, i) => {
            if (record.starts[i] < 0) return null;
            const raw = record.bytes.toString('utf8', record.starts[i], record.ends[i]);
            return JSON.parse(record.quoting[i] === 0 ? raw : `"${raw}"`) as unknown;
          });
        const found = readAll(
          reader,
          Buffer.from(lines.map((value) => JSON.stringify(value)).join(newline)),
          cuts,
          record,
          take,
        );
        const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));
        assert.deepEqual(
          found,
          lines.map((value) => [plain(value.b?.c), plain(value.b), plain(value.a)]),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test('JSON Lines of few forms: lines like ones before are read as the scanner reads them', () => {
  const value = fc.constantFrom(
    '0',
    '7',
    '-3',
    '01',
    '1.5',
    '1.',
    '1e3',
    '-',
    '12345678901234567890',
    '"x"',
    '""',
    '"a\\n"',
    '"a\nb"',
    '"',
    'null',
    'true',
    '[1, 2,3]',
    '[]',
    '[ ]',
    '[1,]',
    '[1 2]',
    '[01]',
    '[-1.5]',
    '["x"]',
    '{"c": 1}',
    '{}',
    '',
  );
  const line = fc
    .tuple(fc.constantFrom(0, 1, 2, 3), value, value, fc.constantFrom('', '', '', ' ', '\r', '}', 'x'))
    .map(([form, a, b, after]) =>
      [
        `{"a": ${a}, "b": {"c":${b}}, "d": "k"}`,
        `{"b":{"c":${b}},"a":${a}}`,
        `{"a": ${a}, "x": ${b}, "a": null}`,
        `{"x": [${a}, ${b}], "b": ${b}}`,
      ][form].concat(after),
    );
  const names = ['a', 'b.c', 'd', 'x'];
  const root = pathTree(names.map((name) => [name]));
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 30 }), (lines) => {
      const spans = (record: SourceRecord): unknown[] =>
        names.map((_, i) =>
          record.starts[i] < 0
            ? null
            : [record.bytes.toString('utf8', record.starts[i], record.ends[i]), record.quoting[i]],
        );
      const record = recordOf(names);
      const text = lines.map((each) => `${each}\n`).join('');
      const found = readAll(new JsonLinesReader(root), Buffer.from(text), [], record, () => spans(record));
      const scanner = new JsonScanner(root);
      const expected = text
        .split('\n')
        .slice(0, -1)
        .map((each, i) => ({ bytes: Buffer.from(each), number: i + 1 }))
        .filter(({ bytes }) => bytes.toString().trim() !== '')
        .map(({ bytes, number }) =>
          scanner.scan(bytes, 0, bytes.length, record) ? spans(record) : `line ${number}: ${scanner.problem}`,
        );
      assert.deepEqual(found, expected);
    }),
    { numRuns: 3_000 },
  );
});

test('JSON: exactly the objects that JSON.parse accepts are accepted, whatever was done to them', () => {
  const scanner = new JsonScanner(pathTree([['a']]));
  const record = recordOf(['a']);
  const isObject = (text: string): boolean => {
    try {
      const value: unknown = JSON.parse(text);
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    } catch {
      return false;
    }
  };
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    'a',
    '\\',
    '\\u00e9',
    '0',
    '1',
    '-',
    '.',
    'e',
    '+',
    'true',
    'null',
    ' ',
    '\t',
  );
  const mutated = fc
    .tuple(fc.record({ a: fc.jsonValue(), b: fc.jsonValue() }), fc.nat(), fc.nat({ max: 3 }), pieces)
    .map(([value, at, remove, insert]) => {
      const text = JSON.stringify(value);
      const place = at % (text.length + 1);
      return text.slice(0, place) + insert + text.slice(place + remove);
    });
  fc.assert(
    fc.property(
      fc.oneof(
        mutated,
        fc.string({ unit: pieces, maxLength: 12 }).map((text) => `{${text}}`),
      ),
      (text) => {
        const bytes = Buffer.from(text);
        assert.equal(scanner.scan(bytes, 0, bytes.length, record), isObject(bytes.toString()), text);
      },
    ),
    { numRuns: 20_000 },
  );
});

test('the sort is that of a stable sort by time', () => {
  const times = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom(0, 1, 999_999_999)), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 7 }), (rows, blockRows) => {
      const blocks: RowBlock[] = [];
      for (let from = 0; from < rows.length; from += blockRows) {
        const part = rows.slice(from, from + blockRows);
        const secs = Float64Array.from(part, ([sec]) => sec);
        const nanos = Int32Array.from(part, ([, nano]) => nano);
        const isOrdered = part.every(
          ([sec, nano], i) => i === 0 || sec > secs[i - 1] || (sec === secs[i - 1] && nano >= nanos[i - 1]),
        );
        blocks.push({ rowCount: part.length, secs, nanos, columns: [], isOrdered });
      }
      const expected = rows
        .map((_, i) => i)
        .sort((a, b) => rows[a][0] - rows[b][0] || rows[a][1] - rows[b][1] || a - b)
        .map((i) => Math.floor(i / blockRows) * BLOCK_ROWS + (i % blockRows));
      assert.deepEqual([...sortedRows(blocks)], expected);
    }),
    { numRuns: 500 },
  );
});
