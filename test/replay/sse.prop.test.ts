/** The parser gives the same events however the bytes are cut, and the events that the standard says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SseOverflowError, SseParser } from '../../src/replay/sse.js';

type Event = readonly [data: string, type: string | null];

function parsePieces(pieces: readonly Uint8Array[], end = true): Event[] {
  const events: Event[] = [];
  const parser = new SseParser((data, type) => events.push([data, type]));
  for (const piece of pieces) parser.push(piece);
  if (end) parser.end();
  return events;
}

const parse = (text: string, end = true): Event[] => parsePieces([Buffer.from(text)], end);

/** Cuts bytes at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...[...places].sort((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((to, i) => bytes.slice(sorted[i], to));
}

const lineEnd = fc.constantFrom('\n', '\r', '\r\n');
const value = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, '.')),
  fc.constantFrom(
    '{"choices":[{"delta":{"content":"naïve 🙂 日本"}}]}',
    '[DONE]',
    '[DONE] ',
    '',
    ' leading blank',
    ':',
    'a:b',
  ),
);
const line = fc.oneof(
  value.map((text) => `data: ${text}`),
  value.map((text) => `data:${text}`),
  fc.constantFrom(
    'data',
    'event',
    ': ping',
    ':',
    'id: 1',
    'retry: 10',
    'event: error',
    'error: {"code":500}',
    'event:message',
    'database: x',
  ),
);
const stream = fc
  .tuple(
    fc.boolean(),
    fc.array(fc.tuple(fc.array(fc.tuple(line, lineEnd), { maxLength: 4 }), lineEnd), { maxLength: 6 }),
  )
  .map(([bom, events]) =>
    [
      bom ? '\ufeff' : '',
      ...events.map(([lines, end]) => lines.map(([text, lineEnding]) => text + lineEnding).join('') + end),
    ].join(''),
  );

test('any cut of a random stream gives the events of the whole', () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(400), { maxLength: 12 }), fc.boolean(), (text, places, end) => {
      const bytes = Buffer.from(text);
      const whole = parsePieces([bytes], end);
      assert.deepEqual(
        parsePieces(
          cut(
            bytes,
            places.map((place) => place % (bytes.length + 1)),
          ),
          end,
        ),
        whole,
      );
      assert.deepEqual(
        parsePieces(
          [...bytes].map((byte) => Uint8Array.of(byte)),
          end,
        ),
        whole,
      );
    }),
    { numRuns: 2_000, seed: 3 },
  );
});

test('every single cut of a stream with every feature gives the same events', () => {
  const text =
    '\ufeffid: 7\ndata: {"t":"naïve 🙂 日本"}\n\n: ping\r\n\r\ndata: one\r\ndata: two\r\n\r\nevent: error\rdata: x\r\rdata: [DONE]\n\n';
  const expected: Event[] = [
    ['{"t":"naïve 🙂 日本"}', null],
    ['one\ntwo', null],
    ['x', 'error'],
    ['[DONE]', null],
  ];
  const bytes = Buffer.from(text);
  for (let a = 0; a <= bytes.length; a++) {
    for (let b = a; b <= bytes.length; b += 7) assert.deepEqual(parsePieces(cut(bytes, [a, b])), expected);
  }
});

test('F02: several data lines are one event, and its type holds for the whole event', () => {
  assert.deepEqual(
    parse('data: {"a":\ndata: 1}\n\nevent: error\ndata: {"message":\ndata: "boom"}\n\ndata: b\n\n'),
    [
      ['{"a":\n1}', null],
      ['{"message":\n"boom"}', 'error'],
      ['b', null],
    ],
  );
});

test('F04: comments, ids and empty events call nothing', () => {
  assert.deepEqual(
    parse('id: 1\n\n: ping\n\n: ping\n\n:\n: OPENROUTER PROCESSING\n\ndata\n\ndata:\n\ndata: x\n\n'),
    [['x', null]],
  );
});

test('an error field is data of an event of type error', () => {
  assert.deepEqual(parse('data: a\n\nerror: {"m":1}\n\ndata: b\n\n'), [
    ['a', null],
    ['{"m":1}', 'error'],
    ['b', null],
  ]);
});

test('one blank after the colon is taken off, not more; unknown fields that begin with data are none', () => {
  assert.deepEqual(parse('data:  two\n\ndata:none\n\ndatax: no\n\nevent\ndata: y\n\n'), [
    [' two', null],
    ['none', null],
    ['y', null],
  ]);
});

test('an event at the end without its blank line comes with end(), and only then', () => {
  assert.deepEqual(parse('data: a\n\ndata: [DONE]', false), [['a', null]]);
  assert.deepEqual(parse('data: a\n\ndata: [DONE]'), [
    ['a', null],
    ['[DONE]', null],
  ]);
  assert.deepEqual(parse('data: [DONE]\n'), [['[DONE]', null]]);
});

test('an event beyond the limit is refused, whether it has line ends or not', () => {
  const push = (pieces: string[]) => (): void => {
    const parser = new SseParser(() => undefined, 1_000);
    for (const piece of pieces) parser.push(Buffer.from(piece));
  };
  const line = `data: ${'x'.repeat(400)}\n`;
  assert.throws(push(['data: ', 'x'.repeat(600), 'x'.repeat(600)]), SseOverflowError);
  assert.throws(push([line, line, line]), SseOverflowError);
  assert.doesNotThrow(push([line, '\n', line, '\n', line, '\n']));
});
