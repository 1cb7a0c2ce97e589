/** Lengths counted from text: encodings by name, Hugging Face tokenizers by path, and what is said about it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openTextCounter } from '../../src/ingest/text-counter.js';
import { temporaryFolder } from '../trace/traces.js';
import { ingestText } from './logs.js';

/** Byte-level BPE with four merges; Ġ stands for a blank. */
const TOKENIZER = {
  normalizer: { type: 'NFC' },
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
  model: {
    type: 'BPE',
    vocab: { h: 0, e: 1, l: 2, o: 3, Ġ: 4, he: 5, ll: 6, hell: 7, hello: 8, Ġworld: 9 },
    merges: ['h e', 'l l', ['he', 'll'], 'hell o'],
  },
};

function tokenizerFile(context: TestContext, document: unknown): string {
  const path = join(temporaryFolder(context), 'tokenizer.json');
  writeFileSync(path, typeof document === 'string' ? document : JSON.stringify(document));
  return path;
}

test('a tokenizer.json counts by its merges', async (context) => {
  const { count } = await openTextCounter(tokenizerFile(context, TOKENIZER));
  assert.equal(count(''), 0);
  assert.equal(count('hello'), 1);
  // The blank is a token, as nothing merges with it.
  assert.equal(count('hello hello'), 3);
  assert.equal(count('hel'), 2);
  // Two bytes in UTF-8, composed before.
  assert.equal(count('e\u0301'), 2);
  assert.equal(count(' world'), 6);
  const whole = { ...TOKENIZER, model: { ...TOKENIZER.model, ignore_merges: true } };
  assert.equal((await openTextCounter(tokenizerFile(context, whole))).count(' world'), 1);
});

test('a pattern of its own cuts the text', async (context) => {
  const split = {
    ...TOKENIZER,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: '.' }, behavior: 'Isolated' },
        { type: 'ByteLevel', use_regex: false },
      ],
    },
  };
  assert.equal((await openTextCounter(tokenizerFile(context, split))).count('hello'), 5);
});

test('other tokenizers and unknown names are refused', async (context) => {
  for (const document of [
    '{',
    {},
    { ...TOKENIZER, model: { type: 'WordPiece' } },
    { ...TOKENIZER, pre_tokenizer: { type: 'UnicodeScripts' } },
  ]) {
    await assert.rejects(openTextCounter(tokenizerFile(context, document)), { code: 'BAD_VALUE' });
  }
  await assert.rejects(openTextCounter('cl100k'), { code: 'BAD_VALUE', message: /cl100k_base, o200k_base/ });
  await assert.rejects(openTextCounter('./none.json'), { code: 'FILE_NOT_FOUND' });
});

test('counted lengths are marked as estimates; without a tokenizer they are unknown', async (context) => {
  const line = '{"prompt": "hello hello", "output_tokens": 4}\n';
  const unknown = await ingestText(context, 'a.jsonl', line);
  assert.deepEqual([unknown.rows[0].inputTokens, unknown.result.quality.estimatedRows], [null, 0]);
  const tokenizer = tokenizerFile(context, TOKENIZER);
  const counted = await ingestText(context, 'a.jsonl', line, { tokenizer });
  assert.deepEqual([counted.rows[0].inputTokens, counted.rows[0].outputTokens], [3, 4]);
  assert.equal(counted.result.quality.estimatedRows, 1);
  assert.match(
    counted.result.quality.notes.join('\n'),
    /counted from their text with tokenizer\.json: estimates/,
  );
});
