/** Counting tokens in a worker: right counts, and an end when the worker cannot work. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenTally } from '../../src/replay/token-tally.js';
import { lengthOf } from './scripted-run.js';

test('texts and their first parts are counted with the vocabulary', async () => {
  const tally = new TokenTally('cl100k_base');
  const text = ' one two three, four';
  assert.deepEqual(await tally.count(text, 4), { tokens: lengthOf(text), firstTokens: 1 });
  assert.deepEqual(await tally.count(' one', 4), { tokens: 1, firstTokens: 1 });
  await tally.close();
});

test('a worker that fails leaves counts unknown: those that wait, and all that come later', async () => {
  const tally = new TokenTally('no such vocabulary');
  assert.deepEqual(await Promise.all([tally.count('a', 1), tally.count('b', 1)]), [null, null]);
  assert.equal(await tally.count('c', 1), null);
  await tally.close();
});
