/** The fast lane of JSON Lines gives the rows, the rejects and the counts of the record reader, whatever the lines are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KnownFormat, Sample } from '../../src/ingest/format.js';
import { mooncake } from '../../src/ingest/formats/mooncake.js';
import { openFormat } from '../../src/ingest/handler.js';
import { PlainJson } from '../../src/ingest/plain-json.js';
import { Pseudonyms } from '../../src/ingest/pseudonyms.js';
import { RecordPump } from '../../src/ingest/read-records.js';
import { RejectTable } from '../../src/ingest/rejects.js';
import type { RowBlock } from '../../src/ingest/row-block.js';
import { RowTally } from '../../src/ingest/tally.js';
import { TimeReader } from '../../src/ingest/time.js';
import { parseZone } from '../../src/ingest/zone.js';

/** What a reader makes of the bytes, fed in chunks of a size. */
function read(format: KnownFormat, bytes: Buffer, chunkBytes: number): unknown {
  const blocks: RowBlock[] = [];
  const rejects = new RejectTable(false);
  const tally = new RowTally();
  const pump = new RecordPump(
    format,
    openFormat(format, new Pseudonyms(null), null),
    { rows: { add: (block) => blocks.push(block) }, rejects, tally, times: new TimeReader(parseZone('UTC')) },
    7,
  );
  const names = ['timestamp', 'input_length', 'output_length', 'hash_ids'];
  const sample: Sample = { fileName: 'log.jsonl', bytes, shape: 'jsonl', names };
  pump.begin(sample);
  for (let at = 0; at < bytes.length; at += chunkBytes)
    pump.feed(Buffer.from(bytes.subarray(at, at + chunkBytes)));
  pump.endInput(false);
  pump.finish();
  const rows = blocks.flatMap((block) =>
    Array.from({ length: block.rowCount }, (_, at) => [
      block.secs[at],
      block.nanos[at],
      ...block.columns.map((column) => {
        if (column === null) return null;
        if ('codes' in column) return column.codes[at] < 0 ? null : column.dictionary[column.codes[at]];
        if (column.valid !== null && column.valid[at] === 0) return null;
        if ('offsets' in column) return [...column.values.slice(column.offsets[at], column.offsets[at + 1])];
        return column.values[at];
      }),
    ]),
  );
  return { rows, rejects: rejects.list(), tally: { ...tally }, lines: pump.linesRead };
}

const COUNT = fc.oneof(
  { weight: 20, arbitrary: fc.nat({ max: 2_000 }).map(String) },
  fc.constantFrom(
    '007',
    '-1',
    '12.0',
    '1e3',
    'null',
    '"5"',
    '2147483648',
    '999999999',
    '1000000000',
    '',
    '0',
    'true',
  ),
);
const TIME = fc.oneof(
  { weight: 20, arbitrary: fc.nat({ max: 1e9 }).map(String) },
  fc.constantFrom(
    '1.5',
    '-3',
    '00',
    '123456789012345',
    '1234567890123456',
    '9223372035999',
    '9223372036000',
    'null',
    '1e2',
  ),
);
const ID = fc.oneof(
  { weight: 40, arbitrary: fc.nat().map(String) },
  fc.constantFrom(
    '01',
    '4294967296',
    '999999999999999',
    '18446744073709551615',
    '18446744073709551616',
    '-1',
    '1.0',
    '"7"',
    'null',
  ),
);
const SEPARATOR = fc.oneof(
  { weight: 12, arbitrary: fc.constant(', ') },
  fc.constantFrom(',', ' , ', ',\t', ' ', ',,', ',  '),
);
const LIST = fc.oneof(
  {
    weight: 20,
    arbitrary: fc
      .tuple(fc.array(ID, { maxLength: 5 }), SEPARATOR, fc.constantFrom('', '', '', ' '))
      .map(([ids, separator, blank]) => `[${blank}${ids.join(separator)}${blank}]`),
  },
  fc.constantFrom('null', '[', '{}', '[1,]', '[[1]]', '"[1]"'),
);
const LINE = fc
  .tuple(
    TIME,
    COUNT,
    COUNT,
    LIST,
    fc.oneof(
      { weight: 12, arbitrary: fc.constant('') },
      fc.constantFrom(', "x": 1', ', "session_id": "s"', ' '),
    ),
    fc.constantFrom(true, true, true, false),
  )
  .map(([time, input, output, list, more, isRight]) => {
    // Most lines have as many ids as their length asks for.
    const ids = isRight && list.startsWith('[') && list.endsWith(']') ? list.split(',').length : 0;
    const length = ids > 0 ? String(ids * 512 - 3) : input;
    return `{"timestamp": ${time}, "input_length": ${length}, "output_length": ${output}, "hash_ids": ${list}${more}}`;
  });
const LINES = fc.array(
  fc.oneof({ weight: 20, arbitrary: LINE }, fc.constantFrom('', '  ', 'x', '{}', '{"timestamp": 1')),
  {
    minLength: 1,
    maxLength: 40,
  },
);

test('rows, rejects and counts are those of the record reader', () => {
  let taken = 0;
  const { take } = PlainJson.prototype;
  PlainJson.prototype.take = function (...args) {
    take.apply(this, args);
    taken += this.rows;
  };
  try {
    fc.assert(
      fc.property(
        LINES,
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.integer({ min: 1, max: 4_000 }),
        (lines, newline, isEnded, chunk) => {
          const bytes = Buffer.from(lines.join(newline) + (isEnded ? newline : ''));
          assert.deepEqual(
            read(mooncake, bytes, chunk),
            read({ ...mooncake, plain: undefined }, bytes, chunk),
          );
        },
      ),
      { numRuns: 400 },
    );
  } finally {
    PlainJson.prototype.take = take;
  }
  assert.ok(taken > 500, `${taken} lines went through the fast lane`);
});
