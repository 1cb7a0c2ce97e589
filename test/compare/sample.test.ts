/** Windows, blocks and halves: what part of a trace is compared with what. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignTraces } from '../../src/compare/align.js';
import { floorBlockSec } from '../../src/compare/floor.js';
import {
  halvesInOrder,
  joinBlocks,
  randomHalves,
  resampleBlocks,
  timeBlocks,
} from '../../src/compare/sample.js';
import { ToolError } from '../../src/errors.js';
import { randomOf } from '../../src/random.js';
import { toySample, toyTrace } from './toys.js';

const EVERY_SECOND = Array.from({ length: 30 }, (_, i) => i);

function numbered(timesSec: readonly number[], durationSec: number) {
  return toySample({ timesSec, input: timesSec.map((_, i) => i + 1) }, durationSec);
}

test('blocks: whole ones only, a row on an edge opens the next', () => {
  const blocks = timeBlocks(numbered([0, 9.99, 10, 19, 25, 31], 35), 10);
  assert.equal(blocks.count, 3);
  assert.deepEqual([...blocks.starts], [0, 2, 4, 5]);
});

test('joined blocks lie end to end with their inner times kept, and may repeat', () => {
  const blocks = timeBlocks(numbered([0, 9, 12, 25], 30), 10);
  const joined = joinBlocks(blocks, [2, 0, 2]);
  assert.equal(joined.durationSec, 30);
  assert.deepEqual([...joined.arrivalSec], [5, 10, 19, 25]);
  assert.deepEqual([...joined.inputTokens], [4, 1, 2, 4]);
});

test('random halves share no block, use all but an odd one, and are equally long', () => {
  const blocks = timeBlocks(numbered(EVERY_SECOND, 30), 2);
  const [first, second] = randomHalves(blocks, randomOf(1, 'bootstrap'));
  assert.equal(first.durationSec, 14);
  assert.equal(second.durationSec, 14);
  const all = [...first.inputTokens, ...second.inputTokens];
  assert.equal(new Set(all).size, 28);
  for (const half of [first, second])
    for (let i = 1; i < half.arrivalSec.length; i++) assert.ok(half.arrivalSec[i] >= half.arrivalSec[i - 1]);
});

test('resamples are as long as all whole blocks', () => {
  const blocks = timeBlocks(numbered(EVERY_SECOND, 30), 4);
  const sample = resampleBlocks(blocks, randomOf(1, 'bootstrap'));
  assert.equal(sample.durationSec, 28);
  assert.equal(sample.arrivalSec.length, 28);
});

test('halves in order: each from its own start, the row on the end in the second; block hashes stay', () => {
  const sample = toySample({ timesSec: [0, 1, 2, 4], hashes: [[1], [2, 3], [4], [5]] }, 4);
  const [early, late] = halvesInOrder(sample);
  assert.deepEqual([...early.arrivalSec], [0, 1]);
  assert.deepEqual([...late.arrivalSec], [0, 2]);
  assert.equal(late.durationSec, 2);
  assert.deepEqual([...late.blockRows!], [2, 3]);
});

test('floor blocks: 60 s from half an hour, 30 s below, never fewer than 20', () => {
  assert.equal(floorBlockSec(3_500), 60);
  assert.equal(floorBlockSec(1_022), 30);
  assert.equal(floorBlockSec(100), 5);
});

const align = (a: Parameters<typeof toyTrace>[0], b: Parameters<typeof toyTrace>[0], literalTimes = false) =>
  alignTraces(toyTrace(a), toyTrace(b), { seed: '1', literalTimes });

test('a real window starts with its first arrival; a synthetic one at its time 0, with the real end', () => {
  const late = EVERY_SECOND.map((t) => t + 100);
  const synthetic = EVERY_SECOND.slice(1, -1);
  const { a, b, notes } = align({ timesSec: late }, { timesSec: synthetic, synthetic: true });
  assert.equal(a.sample.durationSec, 29);
  assert.equal(a.sample.arrivalSec[0], 0);
  assert.equal(b.sample.durationSec, 29);
  assert.equal(b.sample.arrivalSec[0], 1);
  assert.deepEqual(notes, []);
});

test('what a longer synthetic trace has beyond the real window is left out, and said', () => {
  const twice = Array.from({ length: 60 }, (_, i) => i);
  const { b, notes } = align({ timesSec: EVERY_SECOND }, { timesSec: twice, synthetic: true });
  assert.equal(b.sample.durationSec, 29);
  assert.equal(b.sample.arrivalSec.length, 29);
  assert.match(notes.join(), /31 rows of the second trace beyond the first one's 29 s are left out/);
});

test('a shorter synthetic trace keeps its own length, and the note says what that spoils', () => {
  const { b, notes } = align(
    { timesSec: EVERY_SECOND.map((t) => 2 * t) },
    { timesSec: EVERY_SECOND, synthetic: true },
  );
  assert.equal(b.sample.durationSec, 29);
  assert.match(notes.join(), /spans 29 s of the first one's 58 s/);
});

const BATCHES = Array.from({ length: 90 }, (_, i) => Math.floor(i / 9) * 3);
const FINE = Array.from({ length: 90 }, (_, i) => i / 3.1 + (i % 7) * 0.011).sort((x, y) => x - y);

test('a coarse real clock is spread over its cells; the fine one beside it stays', () => {
  const { a, b, notes } = align({ timesSec: BATCHES }, { timesSec: FINE, synthetic: true });
  assert.equal(a.spreadGridSec, 3);
  assert.equal(a.sample.durationSec, 30);
  assert.equal(new Set(a.sample.arrivalSec).size, 90);
  assert.equal(b.spreadGridSec, null);
  assert.match(notes.join(), /the clock of the first trace ticks every 3 s/);
});

test('two coarse clocks are spread with the same draws: a trace does not differ from itself', () => {
  const { a, b } = align({ timesSec: BATCHES }, { timesSec: BATCHES });
  assert.deepEqual(a.sample.arrivalSec, b.sample.arrivalSec);
});

test('a coarse clock of the second trace alone is a difference, not an excuse', () => {
  const { b, notes } = align({ timesSec: FINE }, { timesSec: BATCHES });
  assert.equal(b.spreadGridSec, null);
  assert.equal(new Set(b.sample.arrivalSec).size, 10);
  assert.match(notes.join(), /compared as they are/);
});

test('literal times leave batches as they are', () => {
  const { a, notes } = align({ timesSec: BATCHES }, { timesSec: BATCHES }, true);
  assert.equal(new Set(a.sample.arrivalSec).size, 10);
  assert.deepEqual(notes, []);
});

test('rows without lengths are counted and said', () => {
  const { notes } = align(
    { timesSec: EVERY_SECOND, output: EVERY_SECOND.map((i) => (i < 3 ? -1 : i < 5 ? 0 : 7)) },
    { timesSec: EVERY_SECOND },
  );
  assert.match(notes.join(), /5 rows of the first trace \(16\.7 %\) have no known input or output/);
});

test('traces of a few rows, or of one instant, are refused', () => {
  const refused = (a: readonly number[]) =>
    assert.throws(
      () => align({ timesSec: a }, { timesSec: EVERY_SECOND }),
      (error: unknown) => error instanceof ToolError && error.code === 'TOO_FEW_ROWS',
    );
  refused([0, 1, 2]);
  refused(new Array<number>(50).fill(4));
});
