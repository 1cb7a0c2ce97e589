/** The fast lane of CSV gives the rows, the rejects and the counts of the record reader, whatever the lines are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { azureLlm } from '../../src/ingest/formats/azure-llm.js';
import { PlainRows } from '../../src/ingest/plain-rows.js';
import { readInChunks } from './lanes.js';

const two = (most: number) => fc.nat({ max: most }).map((value) => String(value).padStart(2, '0'));
const TIME = fc.oneof(
  {
    weight: 25,
    arbitrary: fc
      .tuple(
        fc.oneof(
          { weight: 8, arbitrary: fc.constantFrom('2023-11-16', '2024-02-29', '2000-02-29') },
          // Days that are none, and years far from ours.
          fc.constantFrom('2023-02-29', '1900-02-29', '2024-04-31', '1812-01-01', '2300-01-01'),
        ),
        fc.oneof({ weight: 8, arbitrary: fc.constant(' ') }, fc.constantFrom('T', '_')),
        fc.oneof(
          { weight: 8, arbitrary: fc.constantFrom('18:17', '00:00', '23:59') },
          fc.constantFrom('24:00', '12:60'),
        ),
        two(61),
        fc.oneof(
          { weight: 4, arbitrary: fc.stringMatching(/^\.[0-9]{1,9}$/) },
          fc.constantFrom('', '.', '.12x', '.1234567890'),
        ),
        fc.oneof(
          { weight: 8, arbitrary: fc.constantFrom('', 'Z', '+00:00') },
          fc.constantFrom('+0:00', '+02:00', '-00:00', 'z'),
        ),
      )
      .map(([date, between, minute, second, fraction, zone]) =>
        [date, between, minute, ':', second, fraction, zone].join(''),
      ),
  },
  fc.constantFrom(
    '',
    '2023-11-16',
    '1700158623',
    '0001-01-01 00:00:00',
    '9999-12-31 23:59:59.9999999',
    '"x"',
  ),
);
const COUNT = fc.oneof(
  { weight: 25, arbitrary: fc.nat({ max: 200_000 }).map(String) },
  fc.constantFrom('', '007', '-1', '12.0', ' 5', '5 ', '12345678', '123456789', '1234567890', '"5"', 'null'),
);
const LINE = fc
  .tuple(TIME, COUNT, COUNT, fc.constantFrom('', '', '', '', ',1', ','))
  .map(([time, input, output, more]) => `${time},${input},${output}${more}`);
const LINES = fc.array(
  fc.oneof({ weight: 20, arbitrary: LINE }, fc.constantFrom('', ' ', ',,', '"', 'x', ',')),
  { minLength: 1, maxLength: 40 },
);
const HEADERS = [
  { names: ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'] },
  // Fields in another order, one that nobody asked for.
  { names: ['other', 'GeneratedTokens', 'TIMESTAMP', 'ContextTokens'], fields: [-1, 2, 0, 1] },
];

/** A line's fields where another header has them. */
function arranged(line: string, fields: readonly number[] | undefined): string {
  if (fields === undefined) return line;
  const parts = line.split(',');
  return fields.map((field) => (field < 0 ? 'any thing' : (parts[field] ?? ''))).join(',');
}

test('rows, rejects and counts are those of the record reader', () => {
  let taken = 0;
  const { take } = PlainRows.prototype;
  PlainRows.prototype.take = function (...args) {
    take.apply(this, args);
    taken += this.rows;
  };
  try {
    fc.assert(
      fc.property(
        LINES,
        fc.constantFrom(...HEADERS),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.integer({ min: 1, max: 4_000 }),
        (lines, { names, fields }, newline, isEnded, chunk) => {
          const written = [names.join(','), ...lines.map((line) => arranged(line, fields))];
          const bytes = Buffer.from(written.join(newline) + (isEnded ? newline : ''));
          const sample = { fileName: 'log.csv', bytes, shape: 'csv', names } as const;
          assert.deepEqual(
            readInChunks(azureLlm, sample, chunk),
            readInChunks({ ...azureLlm, plain: undefined }, sample, chunk),
          );
        },
      ),
      { numRuns: 600 },
    );
  } finally {
    PlainRows.prototype.take = take;
  }
  assert.ok(taken > 500, `${taken} lines went through the fast lane`);
});

test('a file larger than a slice, with lines longer than one', () => {
  const lines = Array.from(
    { length: 30_000 },
    (_, i) => `2023-11-16 18:${String(i % 60).padStart(2, '0')}:03.0121193,${i},${i % 700}`,
  );
  lines[20_000] = `2023-11-16 18:17:03,5,${'7'.repeat(300_000)}`;
  const names = ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'];
  const bytes = Buffer.from([names.join(','), ...lines, ''].join('\n'));
  const sample = { fileName: 'log.csv', bytes, shape: 'csv', names } as const;
  assert.deepEqual(
    readInChunks(azureLlm, sample, 1 << 20),
    readInChunks({ ...azureLlm, plain: undefined }, sample, 1 << 20),
  );
});
