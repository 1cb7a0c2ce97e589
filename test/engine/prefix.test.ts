import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expandPrefixHashes } from '../../src/engine/prefix.js';

/** Leading ids that two prompts have in common. */
function sharedBlocks(a: BigUint64Array, b: BigUint64Array): number {
  let shared = 0;
  while (shared < a.length && shared < b.length && a[shared] === b[shared]) shared += 1;
  return shared;
}

test('full engine blocks only: 512-token trace blocks give 32 blocks of 16 each, the cut one floor(rest / 16)', () => {
  assert.equal(expandPrefixHashes([1n, 2n, 3n], 512, 16, 1_200).length, 75);
  assert.equal(expandPrefixHashes([1n], 512, 16, 15).length, 0);
  assert.equal(expandPrefixHashes([1n, 2n], 16, 64, 32).length, 0);
  // Fewer hashes than the prompt is long: what is not named is not shared.
  assert.equal(expandPrefixHashes([1n], 512, 16, 1_200).length, 32);
});

test('two prompts share exactly the full engine blocks inside their shared leading trace blocks', () => {
  const ids = fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { maxLength: 6 });
  fc.assert(
    fc.property(
      ids,
      ids,
      ids,
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      (head, tailA, tailB, traceBlock, engineBlock) => {
        const a = [...head, ...tailA];
        const b = [...head, ...tailB];
        const expandedA = expandPrefixHashes(a, traceBlock, engineBlock, a.length * traceBlock);
        const expandedB = expandPrefixHashes(b, traceBlock, engineBlock, b.length * traceBlock);
        let common = 0;
        while (common < a.length && common < b.length && a[common] === b[common]) common += 1;
        const sharedTokens = common * traceBlock;
        assert.equal(sharedBlocks(expandedA, expandedB), Math.floor(sharedTokens / engineBlock));
        // An id names everything before it: after the first difference nothing is equal.
        const after = Math.floor(sharedTokens / engineBlock);
        const rest = new Set(expandedA.subarray(after));
        for (const id of expandedB.subarray(after)) assert.ok(!rest.has(id));
      },
    ),
    { seed: 3 },
  );
});

test('the same block after another one is another block', () => {
  const [first] = expandPrefixHashes([9n], 16, 16, 16);
  const [, second] = expandPrefixHashes([9n, 9n], 16, 16, 32);
  assert.notEqual(first, second);
});

test('a million ids do not collide', () => {
  const seen = new Set<bigint>();
  for (let hash = 0n; hash < 1_000n; hash++)
    for (const id of expandPrefixHashes([hash], 16_000, 16, 16_000)) seen.add(id);
  assert.equal(seen.size, 1_000_000);
});

test('ids are stable: they are part of what a seed means for simulations with prefixes', () => {
  assert.deepEqual(
    [...expandPrefixHashes([1n, 0xffff_ffff_ffff_ffffn], 32, 16, 64)],
    [0x99f0f96225b9693an, 0x1cfc48f6a5150a8an, 0x5305cf3005d5ca4n, 0x7b5ff23430ba0415n],
  );
});
