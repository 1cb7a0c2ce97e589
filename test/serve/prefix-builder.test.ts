import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PrefixBuilder } from '../../src/serve/prefix-builder.js';

const token = fc.string({ unit: 'binary', minLength: 0, maxLength: 5 });

function build(blockSize: number, calls: readonly (readonly string[])[]): PrefixBuilder {
  const builder = new PrefixBuilder(blockSize);
  for (const tokens of calls) {
    let end = 0;
    builder.addText(
      tokens.join(''),
      tokens.map((text) => (end += text.length)),
    );
  }
  return builder;
}

test('how a text is cut into calls is no matter; block ids stand for everything up to their end', () => {
  fc.assert(
    fc.property(
      fc.array(token, { maxLength: 60 }),
      fc.nat(60),
      fc.integer({ min: 1, max: 9 }),
      (tokens, at, blockSize) => {
        const whole = build(blockSize, [tokens]);
        const parts = build(blockSize, [tokens.slice(0, at), tokens.slice(at)]);
        assert.deepEqual(parts.hashes(), whole.hashes());
        assert.equal(parts.key(), whole.key());
        assert.equal(whole.tokens, tokens.length);
        assert.equal(whole.hashes().length, Math.floor(tokens.length / blockSize));
        const head = build(blockSize, [tokens.slice(0, at)]).hashes();
        assert.deepEqual(whole.hashes().subarray(0, head.length), head);
      },
    ),
    { seed: 2 },
  );
});

test('another text, another boundary, another role or other ids give other blocks', () => {
  const base = build(2, [['ab', 'cd']]).hashes()[0];
  assert.notEqual(build(2, [['ab', 'ce']]).hashes()[0], base);
  const marked = new PrefixBuilder(2);
  marked.addMarker(3);
  marked.addText('abcd', [2, 4]);
  assert.notEqual(marked.hashes()[0], base);
  const ids = new PrefixBuilder(2);
  ids.addIds([7, 8]);
  const others = new PrefixBuilder(2);
  others.addIds([8, 7]);
  assert.notEqual(ids.hashes()[0], others.hashes()[0]);
});
