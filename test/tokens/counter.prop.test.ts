/** The counter equals tiktoken on any text: random mixtures of pool words, other words, marks, blanks and scripts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { get_encoding } from 'tiktoken';
import { ToolError } from '../../src/errors.js';
import { createTokenCounter, TOKEN_ENCODINGS } from '../../src/tokens/counter.js';
import { loadWordPool } from '../../src/tokens/word-pool.js';

const pool = loadWordPool();
const poolWord = fc.nat(pool.words.length - 1).map((i) => pool.words[i]);
const poolRun = fc
  .array(poolWord, { minLength: 1, maxLength: 60 })
  .map((words) => words.map((word) => ` ${word}`).join(''));
const other = fc.oneof(
  fc.constantFrom(
    "'s",
    "'ll",
    "'",
    ' ',
    '  ',
    '   ',
    '\n',
    '\r\n',
    '\n\n  ',
    '\t',
    '.',
    ', ',
    '!?',
    '123',
    ' 4567',
    'ABC',
    ' Word',
    'é',
    ' naïve',
    '日本',
    '🙂',
    'e\u0301',
    '\u00a0',
    '<|endoftext|>',
    ' isn',
    "don't",
    'z',
    ' qx',
    ' the',
    'the',
    '/',
    ' {"a": [1, 2]}',
    '\u2028',
    '\ud83d',
  ),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ maxLength: 12 }),
);
const mixture = fc
  .array(fc.oneof({ weight: 2, arbitrary: poolRun }, { weight: 3, arbitrary: other }), { maxLength: 10 })
  .map((parts) => parts.join(''));

/** Token ends by decoding growing prefixes: slow and obvious. */
function referenceEnds(encoding: (typeof TOKEN_ENCODINGS)[number], text: string): number[] {
  const tokenizer = get_encoding(encoding);
  const ends: number[] = [];
  let bytes = 0;
  for (const token of tokenizer.encode_ordinary(text)) {
    bytes += tokenizer.decode_single_token_bytes(token).length;
    let end = 0;
    for (const character of text) {
      if (Buffer.byteLength(text.slice(0, end + character.length)) > bytes) break;
      end += character.length;
    }
    ends.push(end);
  }
  tokenizer.free();
  return ends;
}

for (const encoding of TOKEN_ENCODINGS) {
  const tokenizer = get_encoding(encoding);
  const counter = createTokenCounter(encoding);

  test(`${encoding}: counts equal tiktoken on random mixtures`, () => {
    fc.assert(
      fc.property(mixture, (text) => {
        const expected = tokenizer.encode_ordinary(text).length;
        assert.equal(counter.count(text), expected);
        const ends = counter.tokenEnds(text);
        assert.equal(ends.length, expected);
        for (let i = 1; i < ends.length; i++) assert.ok(ends[i] >= ends[i - 1]);
        if (text.length > 0) assert.equal(ends.at(-1), text.length);
      }),
      { numRuns: 1_500, seed: 5 },
    );
  });

  test(`${encoding}: token ends are where tiktoken cuts`, () => {
    const texts = [
      'hello world',
      ' naïve 🙂 日本 text, with 1234567 numbers!\n\nand lines',
      `${pool.firstWords[0]}${pool.words
        .slice(0, 40)
        .map((word) => ` ${word}`)
        .join('')}. The end 🙂${pool.words
        .slice(50, 90)
        .map((word) => ` ${word}`)
        .join('')}`,
      '👩‍👩‍👧‍👦 ꧁꧂ \u{1F9FF}',
    ];
    for (const text of texts) assert.deepEqual([...counter.tokenEnds(text)], referenceEnds(encoding, text));
  });

  test(`${encoding}: empty text, and pool words at the start with and without a blank`, () => {
    assert.equal(counter.count(''), 0);
    assert.deepEqual([...counter.tokenEnds('')], []);
    for (let i = 0; i < 2_000; i++) {
      const word = pool.words[(i * 7_919) % pool.words.length];
      for (const text of [word, ` ${word}`, `${word} `, ` ${word} ${word}`, `${word}s`, ` ${word}'s`]) {
        assert.equal(counter.count(text), tokenizer.encode_ordinary(text).length, JSON.stringify(text));
      }
    }
  });
}

test('an unknown encoding is refused with the nearest name', () => {
  assert.throws(
    () => createTokenCounter('cl100k-base'),
    (error) => error instanceof ToolError && error.code === 'BAD_VALUE' && error.hint.includes('cl100k_base'),
  );
});
