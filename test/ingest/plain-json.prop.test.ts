/** The fast lane of JSON Lines gives the rows, the rejects and the counts of the record reader, whatever the lines are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mooncake } from '../../src/ingest/formats/mooncake.js';
import { PlainJson } from '../../src/ingest/plain-json.js';
import { readInChunks } from './lanes.js';

const NAMES = ['timestamp', 'input_length', 'output_length', 'hash_ids'];

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
          const sample = { fileName: 'log.jsonl', bytes, shape: 'jsonl', names: NAMES } as const;
          assert.deepEqual(
            readInChunks(mooncake, sample, chunk),
            readInChunks({ ...mooncake, plain: undefined }, sample, chunk),
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
