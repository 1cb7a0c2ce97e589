import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { createTextMeasurer, poolTokenEnds } from '../../src/serve/token-ends.js';
import { createTokenCounter, TOKEN_ENCODINGS } from '../../src/tokens/counter.js';
import { loadWordPool } from '../../src/tokens/word-pool.js';

const { words, firstWords } = loadWordPool();
const measurer = createTextMeasurer('cl100k_base');
after(() => measurer.close());

test('text of pool words: the same boundaries as the tokenizer, at once', () => {
  const text = fc
    .tuple(
      fc.boolean(),
      fc.constantFrom(...firstWords.slice(0, 500)),
      fc.array(fc.constantFrom(...words), { maxLength: 40 }),
    )
    .map(([blank, first, rest]) => (blank ? ' ' : '') + [first, ...rest].join(' '));
  const counters = TOKEN_ENCODINGS.map((encoding) => createTokenCounter(encoding));
  fc.assert(
    fc.property(text, (t) => {
      const ends = poolTokenEnds(t);
      for (const counter of counters) assert.deepEqual(ends, counter.tokenEnds(t));
      assert.deepEqual(measurer.measure([t, t]), [ends, ends]);
    }),
    { seed: 1 },
  );
});

test('every word of the pool is recognised, with a blank and as first word exactly where it is one token', () => {
  const firsts = new Set(firstWords);
  for (const word of words) {
    assert.deepEqual([...poolTokenEnds(` ${word}`)!], [word.length + 1]);
    assert.equal(poolTokenEnds(word) !== null, firsts.has(word), word);
  }
});

test('anything else is not taken for pool words', () => {
  const [first, second] = firstWords;
  const others = [
    `${first}  ${second}`,
    `${first} `,
    `${first}\n${second}`,
    `${first}, ${second}`,
    `${first} ${second.toUpperCase()}`,
    `${first} zzqxv`,
    `${first} ${second}é`,
    '  ',
  ];
  for (const text of others) assert.equal(poolTokenEnds(text), null, JSON.stringify(text));
  assert.deepEqual(poolTokenEnds(''), new Uint32Array(0));
});

test('other text is measured in the worker, exactly, several texts in order', async () => {
  const texts = ['Größe: 42 ≠ 43', `${firstWords[0]} ${words[5]}`, 'done.'];
  const counter = createTokenCounter('cl100k_base');
  assert.deepEqual(
    await measurer.measure(texts),
    texts.map((text) => counter.tokenEnds(text)),
  );
});

test('closing rejects what is pending', async () => {
  const other = createTextMeasurer('o200k_base');
  const pending = other.measure(['¿?']);
  assert.ok(pending instanceof Promise);
  const rejected = assert.rejects(pending, /worker ended/);
  await other.close();
  await rejected;
});
