/** The dry run: requests, tokens, time and cost by hand; nothing is sent, nobody is asked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimateReplay } from '../../src/replay/estimate.js';
import type { ReplayOptions } from '../../src/replay/options.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { TraceRow } from '../../src/types.js';

const row = (atMs: number, inputTokens: number | null, outputTokens: number | null): TraceRow =>
  emptyRow({ arrivalNs: BigInt(atMs) * 1_000_000n, inputTokens, outputTokens, operation: 'chat' });

const options = (rows: readonly TraceRow[], more: Partial<ReplayOptions> = {}): ReplayOptions => ({
  trace: { name: 'made', rows, blockSize: null },
  url: 'http://127.0.0.1:1',
  outDir: 'never',
  ...more,
});

test('counts, tokens, time, the busiest second and cost of a trace', async () => {
  const rows = [
    row(0, 100, 10),
    row(400, 50, 5),
    row(900, 30, null),
    row(2_000, null, 7),
    row(10_000, 20, 1),
  ];
  const prices = { perHour: 3_600, perMillionTokens: { input: 10_000, output: 100_000 } };
  const estimate = await estimateReplay(options(rows), prices);
  assert.equal(estimate.requests, 4);
  assert.deepEqual(Object.values(estimate.leftOut), [1], 'the row without a prompt length');
  assert.equal(estimate.inputTokens, 200);
  assert.equal(estimate.outputTokens, 16);
  assert.equal(estimate.outputUnknown, 1);
  assert.equal(estimate.durationSec, 10);
  assert.equal(estimate.ratePerSec, 0.3);
  assert.equal(estimate.busiestSecond, 3);
  assert.equal(estimate.cost, 10 + 2 + 1.6);
});

test('twice the speed halves the time and what time costs; a closed loop has no time to tell', async () => {
  const rows = [row(0, 10, 1), row(8_000, 10, 1)];
  const hourly = { perHour: 3_600, perMillionTokens: null };
  assert.equal((await estimateReplay(options(rows, { speed: 2 }), hourly)).cost, 4);
  const closed = await estimateReplay(options(rows, { closedLoop: true, concurrency: 1 }), hourly);
  assert.equal(closed.durationSec, null);
  assert.equal(closed.busiestSecond, null);
  assert.equal(closed.cost, null);
});

test('options that no run would take are refused as a run refuses them', async () => {
  await assert.rejects(estimateReplay(options([row(0, 10, 1)], { speed: 0 })), /speed/);
  await assert.rejects(estimateReplay(options([row(0, null, 1)])), { code: 'NO_ROWS' });
});
