/** The block pool against a plain model of it: a map of ids and an array in order of last use. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KvPool } from '../../src/engine/pool.js';

interface PlainBlock {
  readonly id: number;
  readonly node: number;
  holders: number;
}

const action = fc.record({
  kind: fc.constantFrom(
    'allocate',
    'name',
    'name',
    'find',
    'release',
    'release',
    'release',
    'releaseNameless',
  ),
  // More ids than buckets, and few low lanes: probing and backward-shift deletion are at work.
  id: fc.integer({ min: 0, max: 12 }),
  count: fc.integer({ min: 1, max: 3 }),
});

const lowOf = (id: number): number => id % 5;
const highOf = (id: number): number => id;

test('the pool finds, evicts least recently used first, and counts like the plain model', () => {
  let evictions = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(action, { maxLength: 120, size: 'max' }),
      (totalBlocks, actions) => {
        const pool = new KvPool(totalBlocks, true);
        const named = new Map<number, PlainBlock>();
        /** Idle blocks, least recently used first. */
        let idle: PlainBlock[] = [];
        let nameless = 0;
        const heldNamed = (): number => [...named.values()].filter((block) => block.holders > 0).length;
        for (const { kind, id, count } of actions) {
          const block = named.get(id);
          if (kind === 'allocate') {
            if (count > totalBlocks - nameless - heldNamed()) {
              assert.throws(() => pool.allocate(count));
              continue;
            }
            pool.allocate(count);
            nameless += count;
            while (nameless + named.size > totalBlocks) {
              named.delete(idle[0].id);
              idle = idle.slice(1);
              evictions += 1;
            }
          } else if (kind === 'name' && nameless > 0) {
            const node = pool.name(lowOf(id), highOf(id));
            assert.equal(node < 0, block !== undefined);
            if (block === undefined) {
              named.set(id, { id, node, holders: 1 });
              nameless -= 1;
            }
          } else if (kind === 'find') {
            assert.equal(pool.find(lowOf(id), highOf(id)), block?.node ?? -1);
            if (block === undefined) continue;
            assert.equal(pool.isIdle(block.node), block.holders === 0);
            pool.hold(block.node);
            block.holders += 1;
            idle = idle.filter((other) => other !== block);
          } else if (kind === 'release' && block !== undefined && block.holders > 0) {
            pool.release(block.node);
            block.holders -= 1;
            if (block.holders === 0) idle.push(block);
          } else if (kind === 'releaseNameless' && nameless > 0) {
            pool.releaseNameless(1);
            nameless -= 1;
          }
          assert.equal(pool.usedBlocks, nameless + heldNamed());
          assert.equal(pool.cachedIdleBlocks, idle.length);
          for (const other of named.values())
            assert.equal(pool.find(lowOf(other.id), highOf(other.id)), other.node);
        }
      },
    ),
    { numRuns: 500, seed: 11 },
  );
  assert.ok(evictions > 100, `only ${evictions} evictions`);
});
