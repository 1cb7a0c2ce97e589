/** Prompts of token ids: the asked number of ids, commas between them, shared blocks shared. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../src/random.js';
import { tokenIdPool } from '../../src/tokens/id-pool.js';
import { buildPrompt } from '../../src/tokens/prompt.js';

const idsOf = (text: string): number[] => JSON.parse(`[${text}]`) as number[];

test('F17: a prompt of ids has the asked length, and every id is ordinary text in any vocabulary', () => {
  for (const tokens of [1, 2, 7, 89, 512, 4_096]) {
    const rng = randomOf(`ids-${tokens}`, 'prompts');
    const ids = idsOf(buildPrompt({ tokens, rng, pool: tokenIdPool() }));
    assert.equal(ids.length, tokens);
    assert.ok(ids.every((id) => Number.isInteger(id) && id >= 1_000 && id <= 9_999));
  }
});

test('F59: prompts that share a block share its ids, and nothing after it', () => {
  const rng = randomOf('ids', 'prompts');
  const prompt = (blockHashes: readonly bigint[]): number[] =>
    idsOf(buildPrompt({ tokens: 32, blockHashes, blockSize: 16, rng, pool: tokenIdPool() }));
  const [one, other] = [prompt([5n, 6n]), prompt([5n, 7n])];
  assert.deepEqual(one.slice(0, 16), other.slice(0, 16));
  assert.notDeepEqual(one.slice(16), other.slice(16));
});
