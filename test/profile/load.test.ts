/** The requests of a level: exact rate, Poisson or gamma gaps, whole rows, and the same draws at every rate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { drawLevelLoad, type LevelLoadOptions } from '../../src/profile/load.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { TraceRow } from '../../src/types.js';

const POOL = {
  rows: Array.from({ length: 50 }, (_, i) =>
    emptyRow({
      arrivalNs: BigInt(i * i) * 1_000_000n,
      inputTokens: 100 + i,
      outputTokens: 1 + i,
      sessionId: 's',
      turn: 1,
      blockHashes: [7n, BigInt(1_000 + i)],
    }),
  ),
  meanRatePerSec: 20,
};

function draw(more: Partial<LevelLoadOptions>): TraceRow[] {
  return drawLevelLoad({
    pool: POOL,
    ratePerSec: 10,
    requests: 4_000,
    shape: 'stationary',
    gapCv: 1,
    seed: '1',
    ...more,
  });
}

function gapCvOf(rows: readonly TraceRow[]): number {
  const gaps = rows.slice(1).map((row, i) => Number(row.arrivalNs - rows[i].arrivalNs));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  return Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length) / mean;
}

test('the level offers its rate exactly, sorted, from the start to the end of its window', () => {
  const rows = draw({});
  assert.equal(rows.length, 4_000);
  const last = Number(rows[rows.length - 1].arrivalNs);
  assert.ok(last < 400e9 && last > 399e9, 'n requests in n ÷ rate seconds');
  assert.ok(rows.every((row, i) => i === 0 || row.arrivalNs >= rows[i - 1].arrivalNs));
});

test('gaps have the asked coefficient of variation', () => {
  // Standard error of the CV of 4 000 gaps: 0.016 for exponential, below 0.06 for gamma with CV 2.
  assert.ok(Math.abs(gapCvOf(draw({})) - 1) < 0.06);
  assert.ok(Math.abs(gapCvOf(draw({ gapCv: 2 })) - 2) < 0.25);
  assert.ok(gapCvOf(draw({ gapCv: 0 })) < 1e-6);
});

test('rows come whole, each as often as the others, without their sessions', () => {
  const rows = draw({ requests: 500 });
  const counts = new Map<number, number>();
  for (const row of rows) {
    assert.equal(row.outputTokens, row.inputTokens! - 99, 'lengths stay paired');
    assert.equal(row.sessionId, null);
    assert.equal(row.turn, null);
    counts.set(row.inputTokens!, (counts.get(row.inputTokens!) ?? 0) + 1);
  }
  assert.ok([...counts.values()].every((count) => count === 10));
});

test('prefixes are shared within one pass over the workload and never with a repeated row', () => {
  const rows = draw({ requests: 100 });
  const first = rows.slice(0, 50);
  const second = rows.slice(50);
  assert.ok(first.every((row) => row.blockHashes![0] === 7n));
  assert.equal(new Set(second.map((row) => row.blockHashes![0])).size, 1);
  assert.notEqual(second[0].blockHashes![0], 7n);
  const seen = new Set(first.flatMap((row) => row.blockHashes!));
  assert.ok(second.flatMap((row) => row.blockHashes!).every((hash) => !seen.has(hash)));
});

test('levels of one seed differ in the rate only; another seed differs in everything', () => {
  const slow = draw({ requests: 200 });
  const fast = draw({ requests: 200, ratePerSec: 20 });
  assert.deepEqual(
    slow.map((row) => row.inputTokens),
    fast.map((row) => row.inputTokens),
  );
  slow.forEach((row, i) => {
    assert.ok(Math.abs(Number(row.arrivalNs) - 2 * Number(fast[i].arrivalNs)) <= 2);
  });
  assert.notDeepEqual(
    slow.map((row) => row.inputTokens),
    draw({ requests: 200, seed: '2' }).map((row) => row.inputTokens),
  );
});

test('shape trace keeps the order and scales every gap by one factor', () => {
  const rows = draw({ shape: 'trace', requests: 50, ratePerSec: 40 });
  rows.forEach((row, i) => {
    assert.equal(row.inputTokens, 100 + i);
    assert.equal(Number(row.arrivalNs), (i * i * 1e6) / 2);
    assert.equal(row.sessionId, 's');
  });
});

test('a workload without lengths is refused', () => {
  assert.throws(
    () => draw({ pool: { rows: [emptyRow({ inputTokens: 5 })], meanRatePerSec: 1 } }),
    (error: unknown) => error instanceof ToolError && error.code === 'TOO_FEW_ROWS',
  );
});
