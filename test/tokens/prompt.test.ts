import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get_encoding } from 'tiktoken';
import { ToolError } from '../../src/errors.js';
import { randomOf } from '../../src/random.js';
import { buildPrompt, createPromptWriter, MAX_BYTES_PER_TOKEN } from '../../src/tokens/prompt.js';
import { loadWordPool } from '../../src/tokens/word-pool.js';

const encodings = (['cl100k_base', 'o200k_base'] as const).map((name) => get_encoding(name));

function tokensOf(text: string): number[] {
  return encodings.map((encoding) => encoding.encode_ordinary(text).length);
}

/** The first n tokens of a text under cl100k_base. */
function firstTokens(text: string, n: number): number[] {
  return [...encodings[0].encode_ordinary(text).slice(0, n)];
}

test('every pool word is one token after a blank, and a first word without one too', () => {
  const pool = loadWordPool();
  assert.ok(pool.words.length > 20_000, `${pool.words.length} words`);
  assert.ok(pool.firstWords.length > 6_000, `${pool.firstWords.length} first words`);
  assert.equal(new Set(pool.words).size, pool.words.length);
  for (const encoding of encodings) {
    assert.deepEqual(
      pool.words.filter((word) => encoding.encode_ordinary(` ${word}`).length !== 1),
      [],
    );
    assert.deepEqual(
      pool.firstWords.filter((word) => encoding.encode_ordinary(word).length !== 1),
      [],
    );
  }
  assert.ok(pool.words.every((word) => /^[a-z]{2,15}$/.test(word)));
});

test('F17: the prompt has the asked length in every encoding, trimmed or after a blank or a newline', () => {
  for (const tokens of [1, 2, 7, 89, 512, 4_096]) {
    for (let seed = 0; seed < 50; seed++) {
      const text = buildPrompt({ tokens, rng: randomOf(seed, 'prompts') });
      assert.deepEqual(tokensOf(text), [tokens, tokens]);
      assert.equal(text, text.trim());
      assert.deepEqual(tokensOf(` ${text}`), [tokens, tokens]);
      assert.ok(text.length <= tokens * MAX_BYTES_PER_TOKEN);
      if (seed > 4) continue;
      const [newline] = tokensOf('\n\n');
      assert.deepEqual(tokensOf(`\n\n${text}`), [tokens + newline, tokens + newline]);
    }
  }
});

test('no tokens is an empty prompt; different draws give different prompts', () => {
  assert.equal(buildPrompt({ tokens: 0, rng: randomOf(1, 'prompts') }), '');
  const rng = randomOf(1, 'prompts');
  const texts = new Set(Array.from({ length: 2_000 }, () => buildPrompt({ tokens: 8, rng })));
  assert.equal(texts.size, 2_000);
  assert.equal(
    buildPrompt({ tokens: 40, rng: randomOf(7, 'prompts') }),
    buildPrompt({ tokens: 40, rng: randomOf(7, 'prompts') }),
  );
});

test('F59: rows that share the first block share exactly its tokens', () => {
  const rng = randomOf(3, 'prompts');
  const first = 12_345_678_901_234_567_891n;
  const blockSize = 512;
  const a = buildPrompt({ tokens: 1_300, blockHashes: [first, 7n, 8n], blockSize, rng });
  const b = buildPrompt({ tokens: 756, blockHashes: [first, 9n], blockSize, rng });
  assert.deepEqual(tokensOf(a), [1_300, 1_300]);
  assert.deepEqual(tokensOf(b), [756, 756]);
  assert.deepEqual(firstTokens(a, 512), firstTokens(b, 512));
  assert.notDeepEqual(firstTokens(a, 513), firstTokens(b, 513));
});

test('hashes that differ beyond 2^53 stay different', () => {
  const rng = randomOf(3, 'prompts');
  const text = (hash: bigint): string => buildPrompt({ tokens: 16, blockHashes: [hash], blockSize: 16, rng });
  assert.notEqual(text(12_345_678_901_234_567_891n), text(12_345_678_901_234_567_890n));
  assert.notEqual(text(0n), text(1n << 63n));
  const many = new Set(Array.from({ length: 20_000 }, (_, i) => text(BigInt(i))));
  assert.equal(many.size, 20_000);
});

test('a block has the same text at every place; a partial one is a prefix of it', () => {
  const rng = randomOf(4, 'prompts');
  const alone = buildPrompt({ tokens: 16, blockHashes: [5n], blockSize: 16, rng });
  const after = buildPrompt({ tokens: 32, blockHashes: [6n, 5n], blockSize: 16, rng });
  assert.ok(after.endsWith(` ${alone}`));
  for (let tokens = 1; tokens < 16; tokens++) {
    const part = buildPrompt({ tokens, blockHashes: [5n], blockSize: 16, rng });
    assert.ok(alone.startsWith(`${part} `), `${tokens} tokens`);
  }
});

test('another salt changes every block, keeps lengths, and leaves sharing inside the run', () => {
  const blockSize = 16;
  const prompts = (salt: string | null): string[] =>
    [
      [1n, 2n, 3n],
      [1n, 2n, 4n],
    ].map((blockHashes) =>
      buildPrompt({ tokens: 48, blockHashes, blockSize, salt, rng: randomOf(1, 'prompts') }),
    );
  const words = (text: string): string[] => text.split(' ');
  const [a1, a2] = prompts('a').map(words);
  const [b1] = prompts('b').map(words);
  const [none] = prompts(null).map(words);
  assert.deepEqual(a1.slice(0, 32), a2.slice(0, 32));
  assert.notDeepEqual(a1.slice(32), a2.slice(32));
  for (const other of [b1, none]) {
    assert.equal(other.length, 48);
    const equal = other.filter((word, i) => word === a1[i]).length;
    assert.ok(equal <= 2, `${equal} of 48 words survive the salt`);
  }
  const own = (salt: string): string => buildPrompt({ tokens: 48, salt, rng: randomOf(1, 'prompts') });
  assert.notEqual(own('a'), own('b'));
});

test('F59: hashes and length must agree', () => {
  const rng = randomOf(1, 'prompts');
  const build = (tokens: number, hashes: number, blockSize: number | null): string =>
    buildPrompt({ tokens, blockHashes: Array.from({ length: hashes }, (_, i) => BigInt(i)), blockSize, rng });
  assert.equal(build(756, 2, 512).split(' ').length, 756);
  assert.equal(build(521, 33, 16).split(' ').length, 521);
  for (const [tokens, hashes, blockSize] of [
    [513, 1, 512],
    [10, 2, 512],
    [10, 1, null],
    [10, 1, 0],
  ] as const) {
    assert.throws(
      () => build(tokens, hashes, blockSize),
      (error) => error instanceof ToolError && error.code === 'BAD_TRACE',
      `${tokens} ${hashes} ${blockSize}`,
    );
  }
});

test('words are drawn evenly', () => {
  const pool = loadWordPool();
  const text = buildPrompt({ tokens: 200_001, rng: randomOf(11, 'prompts') });
  const counts = new Map<string, number>();
  for (const word of text.split(' ').slice(1)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const expected = 200_000 / pool.words.length;
  let chi2 = 0;
  for (const word of pool.words) chi2 += ((counts.get(word) ?? 0) - expected) ** 2 / expected;
  // Chi-square with n − 1 degrees of freedom: mean n − 1, sd sqrt(2(n − 1)); five standard deviations.
  const freedom = pool.words.length - 1;
  assert.ok(Math.abs(chi2 - freedom) < 5 * Math.sqrt(2 * freedom), `chi2 ${chi2} on ${freedom}`);
});

test('the writer appends at an offset and reports where it ended', () => {
  const writer = createPromptWriter({ salt: null });
  const target = Buffer.alloc(400, '.');
  const end = writer.write(target, 3, { tokens: 5, rng: randomOf(1, 'prompts') });
  const text = target.toString('latin1');
  assert.equal(text.slice(0, 3), '...');
  assert.match(text.slice(3, end), /^[a-z]+( [a-z]+){4}$/);
  assert.equal(text[end], '.');
});
