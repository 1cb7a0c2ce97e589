/** Three windows: constant latency is stable, alternating is not, and chance alone is no instability. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeLevel } from '../../src/profile/judge.js';
import { instabilityOf } from '../../src/profile/stability.js';
import { randomOf } from '../../src/random.js';
import { parseSlo } from '../../src/slo.js';
import { record, TARGET } from './fixtures.js';

/** 300 requests in 30 s; latency by the second. The fixture adds 40 ms of decoding. */
const requests = (ttftMs: (sec: number, i: number) => number) =>
  Array.from({ length: 300 }, (_, i) => record(i * 1e8, ttftMs(i / 10, i)));

test('constant latency is stable; 10 and 20 ms by turns of a window are not', () => {
  assert.equal(instabilityOf(requests(() => 10)), null);
  const alternating = requests((sec) => (Math.floor(sec / 10) % 2 === 0 ? 100 : 200));
  assert.match(
    instabilityOf(alternating)!,
    /latency not stable: mean e2e of three windows 140 ms, 240 ms, 140 ms/,
  );
});

test('a drift of a third shows, one of a few per cent does not', () => {
  assert.match(instabilityOf(requests((sec) => 100 + 2 * sec))!, /not stable/);
  assert.equal(instabilityOf(requests((sec) => 100 + 0.3 * sec)), null);
});

test('spread by chance is no instability: at most one in a hundred levels', () => {
  const rng = randomOf('chance', 'jitter');
  let unstable = 0;
  for (let level = 0; level < 200; level++) {
    if (instabilityOf(requests(() => 100 * rng.exponential())) !== null) unstable += 1;
  }
  assert.ok(unstable <= 4, `${unstable} of 200`);
});

test('few requests say nothing; the level tells it among its notes', () => {
  assert.equal(instabilityOf(requests((sec) => 10 * sec).slice(0, 20)), null);
  const records = requests((sec) => (sec < 10 ? 50 : 500));
  const run = {
    target: TARGET,
    records,
    gauges: [],
    valid: true,
    invalidBecause: null,
    runDir: null,
    stoppedEarly: null,
  };
  const level = judgeLevel(run, {
    ratePerSec: 10,
    attempt: 1,
    seed: '1',
    slo: parseSlo('p50(ttft) < 1s'),
    maxErrorRatio: 0.01,
  });
  assert.match(level.notes.join(' '), /latency not stable/);
});
