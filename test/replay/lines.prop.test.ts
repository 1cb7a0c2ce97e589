/** Streams of one JSON document a line: any cut of the bytes gives the same lines. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineParser } from '../../src/replay/lines.js';
import { SseOverflowError } from '../../src/replay/sse.js';

function parse(pieces: readonly Uint8Array[], end = true): string[] {
  const lines: string[] = [];
  const parser = new LineParser((line) => lines.push(line));
  for (const piece of pieces) parser.push(piece);
  if (end) parser.end();
  return lines;
}

const document = fc
  .record({ response: fc.string({ unit: 'grapheme', maxLength: 12 }), done: fc.boolean() })
  .map((value) => JSON.stringify(value));
const stream = fc.tuple(
  fc.boolean(),
  fc.array(fc.tuple(document, fc.constantFrom('\n', '\r\n', '\0', '\n\n', ' \n')), { maxLength: 8 }),
  fc.option(document, { nil: '' }),
);

test('any cut gives the lines of the whole, and the lines are what was written', () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(500), { maxLength: 10 }), ([marked, parts, rest], places) => {
      const text = (marked ? '\ufeff' : '') + parts.map(([line, end]) => line + end).join('') + rest;
      const bytes = Buffer.from(text);
      const written = [...parts.map(([line]) => line), ...(rest === '' ? [] : [rest])];
      const cuts = [
        0,
        ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b),
        bytes.length,
      ];
      const pieces = cuts.slice(1).map((to, i) => bytes.subarray(cuts[i], to));
      assert.deepEqual(parse([bytes]), written);
      assert.deepEqual(parse(pieces), written);
      assert.deepEqual(parse([...bytes].map((byte) => Uint8Array.of(byte))), written);
      assert.deepEqual(
        parse(pieces, false),
        parts.map(([line]) => line),
      );
    }),
    { numRuns: 1_000, seed: 5 },
  );
});

test('a line beyond the limit is refused', () => {
  const parser = new LineParser(() => undefined, 1_000);
  parser.push(Buffer.from(`${'x'.repeat(900)}\n`));
  parser.push(Buffer.from('y'.repeat(900)));
  assert.throws(() => parser.push(Buffer.from('z'.repeat(200))), SseOverflowError);
});
