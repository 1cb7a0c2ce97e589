/** LRU curves by stack distance equal a cache that is run block by block; forests and block numbers equal plain maps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { blockForest } from '../../src/stats/block-forest.js';
import { BlockNumbers } from '../../src/stats/block-numbers.js';
import { type BlockLists, lruHitRatio, prefixReuse } from '../../src/stats/lru-curve.js';

/** Prompts over a forest: each is a path of choices, and equal paths have equal ids. */
const prompts = fc.array(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 6 }), {
  minLength: 1,
  maxLength: 40,
});

function listsOf(paths: readonly (readonly number[])[]): BlockLists & { readonly ids: readonly string[][] } {
  const numberOf = new Map<string, number>();
  const ids = paths.map((path) => path.map((_, k) => path.slice(0, k + 1).join('.')));
  const offsets = new Uint32Array(paths.length + 1);
  const numbers: number[] = [];
  ids.forEach((path, i) => {
    for (const id of path) {
      if (!numberOf.has(id)) numberOf.set(id, numberOf.size);
      numbers.push(numberOf.get(id)!);
    }
    offsets[i + 1] = numbers.length;
  });
  return { blockSize: 16, distinct: numberOf.size, offsets, numbers: Int32Array.from(numbers), ids };
}

/** A cache of `size` blocks, run literally: hits the leading run, touches leaf first, evicts after insertion. */
function literalLruHits(ids: readonly string[][], size: number): number {
  let cache: string[] = [];
  let hits = 0;
  for (const path of ids) {
    for (const id of path) {
      if (!cache.includes(id)) break;
      hits += 1;
    }
    for (const id of [...path].reverse()) cache = [...cache.filter((one) => one !== id), id];
    cache = cache.slice(Math.max(0, cache.length - size));
  }
  return hits;
}

test('hit ratios at every cache size equal a cache that is run block by block', () => {
  fc.assert(
    fc.property(prompts, (paths) => {
      const lists = listsOf(paths);
      const input = paths.map((path) => path.length * 16);
      const reuse = prefixReuse(lists, input);
      const references = lists.numbers.length;
      for (let size = 1; size <= lists.distinct + 1; size++) {
        const expected = references === 0 ? 0 : literalLruHits(lists.ids, size) / references;
        assert.equal(lruHitRatio(reuse, size), expected, `size ${size}`);
      }
      assert.equal(reuse.hitRatio, references === 0 ? 0 : literalLruHits(lists.ids, 1e9) / references);
      // Blocks are full here, so blocks and tokens are hit alike.
      assert.ok(Math.abs(reuse.tokenHitRatio - reuse.hitRatio) < 1e-12);
    }),
  );
});

test('the last user of the deepest shared block is the latest request that holds it', () => {
  fc.assert(
    fc.property(prompts, (paths) => {
      const { ids, ...lists } = listsOf(paths);
      const { hitBlocks, lastUser } = prefixReuse(lists, new Int32Array(paths.length).fill(-1));
      ids.forEach((path, i) => {
        const seen = path.findIndex((id) => !ids.slice(0, i).some((earlier) => earlier.includes(id)));
        const depth = seen < 0 ? path.length : seen;
        assert.equal(hitBlocks[i], depth);
        const user = depth === 0 ? -1 : ids.slice(0, i).findLastIndex((one) => one.includes(path[depth - 1]));
        assert.equal(lastUser[i], user);
      });
    }),
  );
});

test('the forest counts roots, branchings, leaves and shared blocks', () => {
  fc.assert(
    fc.property(prompts, (paths) => {
      const { ids, ...lists } = listsOf(paths);
      const forest = blockForest(lists);
      const all = new Set(ids.flat());
      const children = (id: string): number =>
        [...all].filter(
          (one) =>
            one.length > id.length && one.startsWith(`${id}.`) && !one.slice(id.length + 1).includes('.'),
        ).length;
      assert.equal(forest.roots, [...all].filter((id) => !id.includes('.')).length);
      assert.equal(forest.branchings, [...all].filter((id) => children(id) >= 2).length);
      assert.equal(forest.leaves, [...all].filter((id) => children(id) === 0).length);
      assert.equal(
        forest.shared,
        [...all].filter((id) => ids.filter((path) => path.includes(id)).length >= 2).length,
      );
      assert.equal(forest.conflicts, 0);
    }),
  );
});

test('ids that are not chained are counted as conflicts', () => {
  const lists = {
    blockSize: 16,
    distinct: 3,
    offsets: Uint32Array.of(0, 2, 4),
    numbers: Int32Array.of(0, 2, 1, 2),
  };
  assert.equal(blockForest(lists).conflicts, 1);
});

test('block numbers equal a map of 64-bit ids, through many doublings', () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { maxLength: 5_000 }),
      fc.nat(3),
      (ids, low) => {
        const numbers = new BlockNumbers();
        const expected = new Map<bigint, number>();
        // Ids that differ in one lane only would collide if the other were ignored.
        for (const id of [
          ...ids,
          ...ids.map((one) => one ^ BigInt(low)),
          ...ids.map((one) => one ^ (BigInt(low) << 32n)),
        ]) {
          if (!expected.has(id)) expected.set(id, expected.size);
          assert.equal(numbers.of(Number(id & 0xffff_ffffn), Number(id >> 32n)), expected.get(id));
        }
        assert.equal(numbers.size, expected.size);
      },
    ),
    { numRuns: 20 },
  );
});
