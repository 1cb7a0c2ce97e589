/** Prefix reuse against the definitions carried out literally: a cache that is a list, and a search over all pairs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { prefixStatistics, turnStatistics } from '../../src/compare/prefix.js';
import { lruHitRatio } from '../../src/stats/lru-curve.js';
import { toySample } from './toys.js';

const BLOCK = 4;

/** Requests as walks down a small tree of chained blocks: block ids name their whole prefix. */
const requests = fc.array(
  fc.record({
    path: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 6 }),
    rest: fc.nat(3),
  }),
  { minLength: 1, maxLength: 40 },
);

interface Toy {
  readonly hashes: number[][];
  readonly input: number[];
}

function chain(list: readonly { readonly path: readonly number[]; readonly rest: number }[]): Toy {
  const hashes = list.map(({ path }) =>
    path.map((_, depth) => path.slice(0, depth + 1).reduce((id, step) => id * 3 + step + 1, 0)),
  );
  return { hashes, input: list.map(({ path, rest }) => (path.length - 1) * BLOCK + rest + 1) };
}

function sampleOf({ hashes, input }: Toy) {
  return toySample({ timesSec: input.map((_, i) => i), input, hashes, blockSize: BLOCK }, input.length);
}

/** Statistics reference: hit = leading resident blocks; touch leaf first, root last; evict after insertion. */
function literalLru(hashes: readonly (readonly number[])[], size: number): number {
  let cache: number[] = [];
  let hits = 0;
  let references = 0;
  for (const list of hashes) {
    references += list.length;
    for (const block of list) {
      if (!cache.includes(block)) break;
      hits += 1;
    }
    for (const block of [...list].reverse()) cache = [block, ...cache.filter((one) => one !== block)];
    cache = cache.slice(0, size);
  }
  return hits / references;
}

test('one pass of stack distances equals a literal LRU cache of every size', () => {
  fc.assert(
    fc.property(requests, (list) => {
      const toy = chain(list);
      const statistics = prefixStatistics(sampleOf(toy))!;
      for (const size of [1, 2, 3, 5, 8, 13, 1_000])
        assert.equal(lruHitRatio(statistics, size), literalLru(toy.hashes, size), `${size} blocks`);
      assert.equal(statistics.hitRatio, literalLru(toy.hashes, Number.MAX_SAFE_INTEGER));
      assert.equal(statistics.distinct, new Set(toy.hashes.flat()).size);
    }),
  );
});

test('conversations: the longest earlier prefix of two complete blocks or more, most recent first', () => {
  fc.assert(
    fc.property(requests, (list) => {
      const { hashes, input } = chain(list);
      const parents = input.map((tokens, r) => {
        let best = -1;
        let depth = 1;
        for (let q = r - 1; q >= 0; q--) {
          const complete = Math.floor(input[q] / BLOCK);
          const isPrefix =
            complete > depth && hashes[q].slice(0, complete).every((id, k) => id === hashes[r][k]);
          // All blocks of the parent that count are complete in the child too.
          if (!isPrefix || input[q] >= tokens || complete > Math.floor(tokens / BLOCK)) continue;
          best = q;
          depth = complete;
        }
        return best;
      });
      const turn: number[] = [];
      parents.forEach((parent, r) => {
        turn[r] = parent < 0 ? 0 : turn[parent] + 1;
      });
      const found = turnStatistics(sampleOf({ hashes, input }))!;
      assert.equal(found.linkedShare, parents.filter((parent) => parent >= 0).length / input.length);
      found.atTurn.forEach((count, m) => {
        assert.equal(count, turn.filter((one) => one === m).length);
        assert.equal(
          found.followed[m],
          turn.filter((one, r) => one === m && parents.includes(r)).length,
          `followed at turn ${m + 1}`,
        );
      });
    }),
  );
});

test('token hits: blocks times their size, never more than the prompt', () => {
  // Second request repeats the first, whose last block is cut after one token.
  const sample = toySample(
    {
      timesSec: [0, 1],
      input: [5, 5],
      hashes: [
        [1, 2],
        [1, 2],
      ],
      blockSize: 4,
    },
    2,
  );
  const statistics = prefixStatistics(sample)!;
  assert.equal(statistics.hitRatio, 0.5);
  assert.equal(statistics.tokenHitRatio, 0.5);
  assert.deepEqual([...statistics.requestHits], [0, 1]);
});

test('sessions: each request follows the one before it; requests without a session stand alone', () => {
  const sample = toySample({ timesSec: [0, 1, 2, 3, 4], sessions: [7, 7, -1, 7, -1] }, 5);
  assert.deepEqual(turnStatistics(sample), { linkedShare: 0.4, atTurn: [3, 1, 1], followed: [1, 1, 0] });
  assert.equal(turnStatistics(toySample({ timesSec: [0] }, 1)), null);
  assert.equal(prefixStatistics(toySample({ timesSec: [0] }, 1)), null);
});
