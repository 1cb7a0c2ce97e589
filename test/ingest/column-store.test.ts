/** Columns under construction: lists keep their values however they grow, and blocks share none of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListStore } from '../../src/ingest/column-store.js';

const BLOCK_ROWS = 4_096;
const STEP_ROWS = 512;

/** Fills a block with lists of so many values by row, each of them `seed` and on. */
function fill(store: ListStore, lengthOf: (row: number) => number, seed: bigint): void {
  for (let first = 0; first < BLOCK_ROWS; first += STEP_ROWS) {
    let length = 0;
    const ends = Uint32Array.from({ length: STEP_ROWS }, (_, i) => {
      length += lengthOf(first + i);
      return length;
    });
    store.setLists(
      first,
      BigUint64Array.from({ length }, (_, i) => seed + BigInt(first + i)),
      ends,
    );
  }
}

const LENGTHS: Readonly<Record<string, (row: number) => number>> = {
  'of about one length': (row) => 3 + (row % 3),
  'ever longer': (row) => row >> 6,
  'long ones first': (row) => (row < 1_024 ? 300 : 1),
  none: () => 0,
};

for (const [name, lengthOf] of Object.entries(LENGTHS)) {
  test(`lists, ${name}: blocks hold what was set, after the next block too`, () => {
    const store = new ListStore(BLOCK_ROWS);
    fill(store, lengthOf, 0n);
    const block = store.take(BLOCK_ROWS)!;
    fill(store, lengthOf, 1_000_000n);
    const next = store.take(BLOCK_ROWS)!;
    for (let row = 0, step = 0; row < BLOCK_ROWS; row++) {
      if (row % STEP_ROWS === 0) step = 0;
      const from = Math.floor(row / STEP_ROWS) * STEP_ROWS;
      for (let i = 0; i < lengthOf(row); i++, step++) {
        const value = BigInt(from + step);
        assert.equal(block.values[block.offsets[row] + i], value);
        assert.equal(next.values[next.offsets[row] + i], value + 1_000_000n);
      }
      assert.equal(block.offsets[row + 1] - block.offsets[row], lengthOf(row));
    }
    assert.equal(block.values.length, block.offsets[BLOCK_ROWS]);
    // What is kept beside them is a third at most.
    assert.ok(block.values.buffer.byteLength * 3 <= block.values.byteLength * 4);
  });
}
