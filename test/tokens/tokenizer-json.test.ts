/** Tokenizers of every kind count what Hugging Face's own library counts. Fixtures: make-tokenizers.py says how. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { randomOf } from '../../src/random.js';
import { poolOf } from '../../src/tokens/open.js';
import { buildPrompt } from '../../src/tokens/prompt.js';
import { parseTokenizerJson } from '../../src/tokens/tokenizer-json.js';
import { loadWordPool } from '../../src/tokens/word-pool.js';

const FOLDER = new URL('test/tokens/fixtures/', PACKAGE_ROOT);
const FILES = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));

interface Fixture {
  readonly counts: readonly (readonly [text: string, tokens: number])[];
  readonly tokenizer: unknown;
}

assert.ok(FILES.length >= 7);
for (const file of FILES) {
  test(`${file}: the counts of the library`, () => {
    const { counts, tokenizer } = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Fixture;
    const { count } = parseTokenizerJson(JSON.stringify(tokenizer), file);
    assert.deepEqual(
      counts.map(([text]) => [text, count(text)]),
      counts,
    );
    // Once more, from the cache.
    for (const [text, tokens] of counts) assert.equal(count(text), tokens);
  });
}

test('prompts are exact for embedding models and for Llama 2 too', () => {
  const words = loadWordPool().firstWords.slice(0, 1_500);
  const vocab = Object.fromEntries(['[UNK]', ...words].map((word, id) => [word, id]));
  const wordPiece = {
    normalizer: { type: 'BertNormalizer', lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    model: { type: 'WordPiece', unk_token: '[UNK]', vocab },
  };
  const marked = ['<unk>', '▁', ...'abcdefghijklmnopqrstuvwxyz'];
  const merges: string[] = [];
  for (const word of words) {
    for (let to = 1; to <= word.length; to++) {
      const token = `▁${word.slice(0, to)}`;
      if (marked.includes(token)) continue;
      merges.push(`▁${word.slice(0, to - 1)} ${word[to - 1]}`);
      marked.push(token);
    }
  }
  const llama2 = {
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    model: { type: 'BPE', vocab: Object.fromEntries(marked.map((token, id) => [token, id])), merges },
  };
  for (const document of [wordPiece, llama2]) {
    const tokenizer = parseTokenizerJson(JSON.stringify(document), 't');
    const pool = poolOf(tokenizer);
    for (const tokens of [1, 2, 17, 300, 2_000]) {
      const text = buildPrompt({ tokens, rng: randomOf(String(tokens), 'prompts'), pool });
      assert.equal(tokenizer.count(text), tokens);
    }
  }
});

test('steps and models that are not known are refused by name, never passed over', () => {
  const model = { type: 'WordPiece', vocab: { '[UNK]': 0, a: 1 } };
  const refused: [document: unknown, message: RegExp][] = [
    [{ model, normalizer: { type: 'Nmt' } }, /normalizer Nmt/],
    [{ model, pre_tokenizer: { type: 'UnicodeScripts' } }, /pre-tokenizer UnicodeScripts/],
    [
      { model, pre_tokenizer: { type: 'Split', pattern: { Regex: '(?>x)' }, behavior: 'Isolated' } },
      /pattern/,
    ],
    [{ model: { type: 'WordLevel', vocab: { a: 1 } } }, /no model that is known \(WordLevel\)/],
    [{ model: { type: 'BPE', vocab: { a: 1 }, merges: [], end_of_word_suffix: '</w>' } }, /no model/],
    [{}, /missing/],
  ];
  for (const [document, message] of refused) {
    assert.throws(() => parseTokenizerJson(JSON.stringify(document), 't'), { code: 'BAD_VALUE', message });
  }
});
