/** Vocabularies of the user: a tokenizer.json counts as its source does, and prompts have the asked length in it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { get_encoding } from 'tiktoken';
import { randomOf } from '../../src/random.js';
import { isTokenizerFile, openTokenizer, poolOf, promptPoolOf } from '../../src/tokens/open.js';
import { buildPrompt } from '../../src/tokens/prompt.js';
import { parseTokenizerJson } from '../../src/tokens/tokenizer-json.js';
import { loadWordPool } from '../../src/tokens/word-pool.js';

const ROOT = mkdtempSync(join(tmpdir(), 'tokentide-tokenizer-'));
after(() => rmSync(ROOT, { recursive: true }));

/** Byte-level BPE that has exactly the given words as tokens: each grows letter by letter from its blank. */
function vocabularyOf(words: readonly string[], ignoreMerges = false): string {
  const vocab: Record<string, number> = {};
  const merges: string[] = [];
  const add = (token: string): void => {
    vocab[token] ??= Object.keys(vocab).length;
  };
  for (const letter of 'Ġabcdefghijklmnopqrstuvwxyz') add(letter);
  for (const word of words) {
    for (let to = 2; to <= word.length; to++) {
      const token = word.slice(0, to);
      if (token in vocab) continue;
      merges.push(`${word.slice(0, to - 1)} ${word[to - 1]}`);
      add(token);
    }
  }
  return JSON.stringify({
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    model: { type: 'BPE', vocab, merges, ignore_merges: ignoreMerges },
  });
}

const POOL = loadWordPool();
const KNOWN = POOL.firstWords.slice(0, 1_400);
const DOCUMENT = vocabularyOf([...KNOWN.map((word) => `Ġ${word}`), ...KNOWN.slice(0, 300)]);

test('F17: prompts of every length are exact in the vocabulary of a tokenizer.json', () => {
  const path = join(ROOT, 'tokenizer.json');
  writeFileSync(path, DOCUMENT);
  const tokenizer = openTokenizer(path);
  const pool = promptPoolOf(path);
  assert.ok(pool.words.length >= 1_000 && pool.words.length < POOL.words.length, `${pool.words.length}`);
  assert.ok(pool.firstWords.length >= 100);
  const spread = POOL.words.filter((word) => !pool.has(word));
  assert.ok(spread.length > 0 && spread.every((word) => tokenizer.count(` ${word}`) > 1));
  for (const tokens of [1, 2, 7, 89, 512, 4_096]) {
    for (let seed = 0; seed < 20; seed++) {
      const rng = randomOf(String(seed), 'prompts');
      assert.equal(tokenizer.count(buildPrompt({ tokens, rng, pool })), tokens);
    }
  }
  // The whole pool would not have done.
  const rng = randomOf('1', 'prompts');
  assert.notEqual(tokenizer.count(buildPrompt({ tokens: 512, rng })), 512);
});

test('F59: shared blocks share exactly their tokens in that vocabulary too', () => {
  const tokenizer = parseTokenizerJson(DOCUMENT, 't');
  const pool = poolOf(tokenizer);
  const prompt = (tokens: number, last: bigint): string =>
    buildPrompt({
      tokens,
      blockHashes: [12345678901234567891n, last],
      blockSize: 512,
      rng: randomOf('1', 'prompts'),
      pool,
    });
  const [a, b] = [prompt(756, 12345678901234567890n), prompt(1_000, 7n)];
  const [wordsA, wordsB] = [a.split(' '), b.split(' ')];
  assert.deepEqual(wordsA.slice(0, 512), wordsB.slice(0, 512));
  assert.notEqual(wordsA[512], wordsB[512]);
  assert.deepEqual([tokenizer.count(a), tokenizer.count(b)], [756, 1_000]);
  assert.equal(tokenizer.count(wordsA.slice(0, 512).join(' ')), 512);
});

test('the encodings by name count as tiktoken does, with the whole pool', () => {
  for (const name of ['cl100k_base', 'o200k_base'] as const) {
    assert.equal(promptPoolOf(name), POOL);
    const tokenizer = openTokenizer(name);
    const text = 'naïve 🙂 日本 <|endoftext|> and some words';
    assert.equal(tokenizer.count(text), get_encoding(name).encode_ordinary(text).length);
  }
  assert.throws(() => promptPoolOf('cl100k'), { code: 'BAD_VALUE', message: /cl100k_base/ });
});

test('what is a file, and what is refused', () => {
  assert.deepEqual(['tokenizer.json', './t', 'a/b', 'o200k_base', 'cl100k'].map(isTokenizerFile), [
    true,
    true,
    true,
    false,
    false,
  ]);
  assert.throws(() => promptPoolOf(join(ROOT, 'none.json')), { code: 'FILE_NOT_FOUND' });
  const tiny = parseTokenizerJson(vocabularyOf(['Ġword']), 'tiny.json');
  assert.throws(() => poolOf(tiny), {
    code: 'BAD_VALUE',
    message: /^tiny\.json has \d+ of the prompt words/,
  });
  const joining = {
    name: 'joining',
    count: (text: string) => (/ .* /.test(text) ? 5 : text.split(' ').length),
  };
  assert.throws(() => poolOf(joining), { code: 'BAD_VALUE', message: /merges tokens across words/ });
});
