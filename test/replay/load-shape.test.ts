/** Passes, ramps and turns of a plan: pure, so every instant is exact. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loopOf, rateSettings } from '../../src/cli/commands/load-options.js';
import { loopPlan, rampFactors, rampPlan } from '../../src/replay/load-shape.js';
import { type PlanOptions, planReplay, type SendPlan } from '../../src/replay/plan.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import type { TraceRow } from '../../src/types.js';
import { thrown } from './scripted-run.js';

const SEC = 1e9;
const OPTIONS: PlanOptions = { stream: 'trace', blockSize: null };
const SESSIONS = { mode: 'closed', answers: 'real', histories: true } as const;

const row = (atSec: number, overrides: Partial<TraceRow> = {}): TraceRow =>
  emptyRow({
    arrivalNs: BigInt(Math.round(atSec * SEC)),
    inputTokens: 10,
    outputTokens: 5,
    operation: 'chat',
    ...overrides,
  });
const plan = (rows: readonly TraceRow[], options: Partial<PlanOptions> = {}): Promise<SendPlan> =>
  planReplay([batchFromRows(rows)], { ...OPTIONS, ...options });
const secs = (one: SendPlan): number[] => [...one.schedule.intendedNs].map((ns) => ns / SEC);

test('passes follow each other a mean gap apart, with rows counted on', async () => {
  const looped = loopPlan(await plan([row(0), row(1), row(4)]), { kind: 'passes', passes: 3 });
  assert.deepEqual(secs(looped), [0, 1, 4, 6, 7, 10, 12, 13, 16]);
  assert.deepEqual([...looped.row], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(looped.schedule.ratePerSec, 0.5);
  assert.deepEqual([...looped.inputTokens], Array(9).fill(10));
});

test('a duration cuts the last pass', async () => {
  const rows = await plan([row(0), row(1), row(4)]);
  assert.deepEqual(secs(loopPlan(rows, { kind: 'until', sec: 10 })), [0, 1, 4, 6, 7]);
  assert.deepEqual(secs(loopPlan(rows, { kind: 'until', sec: 3 })), [0, 1]);
  const single = await plan([row(0)]);
  assert.throws(() => loopPlan(single, { kind: 'passes', passes: 2 }), thrown('BAD_VALUE', /two instants/));
});

test('later passes share blocks among themselves and not with earlier ones', async () => {
  const blocks = [1n, 2n];
  const rows = [
    row(0, { inputTokens: 32, blockHashes: blocks }),
    row(1, { inputTokens: 20, blockHashes: [1n, 9n] }),
  ];
  const looped = loopPlan(await plan(rows, { blockSize: 16 }), { kind: 'passes', passes: 2 });
  const blocksOf = (i: number): bigint[] => [
    ...looped.blockHashes.subarray(looped.blockOffsets[i], looped.blockOffsets[i + 1]),
  ];
  assert.deepEqual(
    [blocksOf(0), blocksOf(1)],
    [
      [1n, 2n],
      [1n, 9n],
    ],
  );
  assert.equal(blocksOf(2)[0], blocksOf(3)[0]);
  assert.notEqual(blocksOf(2)[0], 1n);
  assert.equal(new Set([...blocksOf(2), ...blocksOf(3), 1n, 2n, 9n]).size, 6);
});

test('a ramp from nothing: the first T seconds hold half of what T seconds hold later', async () => {
  const rows = Array.from({ length: 3_001 }, (_, i) => row(i / 100));
  const ramped = rampPlan(await plan(rows), rampFactors({ sec: 10, rates: null }, 100));
  const times = secs(ramped);
  const between = (from: number, to: number): number => times.filter((at) => at >= from && at < to).length;
  assert.ok(Math.abs(between(0, 10) - 500) <= 1);
  assert.ok(Math.abs(between(0, 5) - 125) <= 1);
  assert.ok(Math.abs(between(10, 20) - 1_000) <= 1);
  assert.ok(Math.abs(ramped.schedule.durationSec - 35) < 1e-6);
});

test('a ramp between rates reaches both, whatever the trace’s own rate', async () => {
  const rows = Array.from({ length: 4_001 }, (_, i) => row(i / 7));
  const base = await plan(rows);
  const times = secs(
    rampPlan(
      base,
      rampFactors({ sec: 60, rates: { fromPerSec: 1, toPerSec: 50 } }, base.schedule.ratePerSec),
    ),
  );
  const between = (from: number, to: number): number => times.filter((at) => at >= from && at < to).length;
  // Mean rate over [a, b) of 1 + 49 t / 60.
  assert.ok(Math.abs(between(0, 60) - 1_530) <= 2, `${between(0, 60)}`);
  assert.ok(Math.abs(between(28, 32) - 4 * 25.5) <= 2);
  assert.ok(Math.abs(between(70, 80) - 500) <= 2);
});

test('ramps keep the order and never send early', () => {
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(50_000), { minLength: 2, maxLength: 50 }),
      fc.double({ min: 0, max: 3, noNaN: true }),
      fc.double({ min: 0.1, max: 3, noNaN: true }),
      fc.double({ min: 0.5, max: 100, noNaN: true }),
      async (times, from, to, sec) => {
        const rows = [...times].sort((a, b) => a - b).map((ms) => row(ms / 1_000));
        const intended = rampPlan(await plan(rows), { from, to, sec }).schedule.intendedNs;
        for (let i = 1; i < intended.length; i++) assert.ok(intended[i] >= intended[i - 1]);
        assert.ok(intended.every(Number.isFinite) && intended[0] === 0);
      },
    ),
    { numRuns: 200, seed: 1 },
  );
});

test('F28: think times are continuous, as recorded, after the parent’s answer', async () => {
  const rows = [
    row(0, { sessionId: 'a', requestId: 'r0', inputTokens: 10, durationNs: 2_000_000_000n }),
    row(5.25, { sessionId: 'a', inputTokens: 40 }),
    row(9, { sessionId: 'a', inputTokens: 60, thinkNs: 123_456_789n }),
    row(10, { sessionId: 'b', inputTokens: 5 }),
    row(11, { parentId: 'r0', inputTokens: 21, thinkNs: 1_000_000_000n }),
    row(12, { parentId: 'r0', inputTokens: 12, thinkNs: 0n }),
    row(13, { parentId: 'nobody', sessionId: 'c' }),
  ];
  const { turns, changed } = await plan(rows, { sessions: SESSIONS });
  assert.deepEqual([...turns!.parent], [-1, 0, 1, -1, 0, 0, -1]);
  assert.deepEqual(
    [...turns!.thinkNs].map((ns) => (Number.isNaN(ns) ? null : ns / SEC)),
    [null, 3.25, 0.123456789, null, 1, 0, null],
  );
  // New text = prompt − parent’s prompt − parent’s answer; what is too short for that is a prompt of its own.
  assert.deepEqual([...turns!.newTokens], [-1, 25, 15, -1, 6, -1, -1]);
  assert.deepEqual([...turns!.children.subarray(turns!.childOffsets[0], turns!.childOffsets[1])], [1, 4, 5]);
  assert.equal(turns!.roots, 3);
  assert.deepEqual(changed, {
    'parent outside the window: sent at the recorded instant': 1,
    'shorter than the conversation before it: sent with a prompt of its own': 1,
  });
});

test('think times run with the load’s speed, or by their own factor', async () => {
  const rows = [
    row(0, { sessionId: 'a' }),
    row(8, { sessionId: 'a', inputTokens: 30, thinkNs: 4_000_000_000n }),
  ];
  const think = async (options: Partial<PlanOptions>): Promise<number> =>
    (await plan(rows, options)).turns!.thinkNs[1] / SEC;
  assert.equal(await think({ sessions: SESSIONS, speed: 2 }), 2);
  assert.equal(await think({ sessions: { ...SESSIONS, thinkScale: 1 }, speed: 2 }), 4);
  assert.equal(await think({ sessions: { ...SESSIONS, thinkScale: 0 } }), 0);
});

test('a trace in which nothing follows anything is refused for closed sessions', async () => {
  await assert.rejects(plan([row(0), row(1)], { sessions: SESSIONS }), thrown('BAD_VALUE', /session_id/));
  await assert.rejects(
    plan([row(0, { sessionId: 'a' }), row(1, { sessionId: 'b' })], { sessions: SESSIONS }),
    thrown('BAD_VALUE', /session_id/),
  );
  // Where block ids would show sessions, the way to them is named.
  const linked = [row(0, { inputTokens: 32, blockHashes: [1n, 2n] }), row(1, { blockHashes: [1n] })];
  await assert.rejects(
    plan(linked, { sessions: SESSIONS, blockSize: 16 }),
    thrown('BAD_VALUE', /ingest <this trace> --recover-sessions/),
  );
});

test('passes of a trace with sessions are sessions of their own', async () => {
  const rows = [row(0, { sessionId: 'a' }), row(8, { sessionId: 'a', inputTokens: 30 })];
  const looped = loopPlan(await plan(rows, { sessions: SESSIONS }), { kind: 'passes', passes: 3 });
  assert.deepEqual([...looped.turns!.parent], [-1, 0, -1, 2, -1, 4]);
  assert.deepEqual([...looped.turns!.children], [1, 3, 5]);
  assert.equal(looped.turns!.roots, 3);
});

test('rates from 0.01/s to a ramp are read, and what cannot be is refused', async () => {
  assert.deepEqual(rateSettings('0.01/s', undefined).rate, { kind: 'absolute', ratePerSec: 0.01 });
  assert.deepEqual(rateSettings('1..50/60s', undefined), {
    ramp: { sec: 60, rates: { fromPerSec: 1, toPerSec: 50 } },
  });
  assert.deepEqual(rateSettings('max', undefined), { closedLoop: true });
  assert.deepEqual(rateSettings('x2', 30), {
    rate: { kind: 'factor', factor: 2 },
    ramp: { sec: 30, rates: null },
  });
  assert.throws(() => rateSettings('1..2/10s', 30), thrown('BAD_VALUE', /--ramp/));
  assert.deepEqual(loopOf('3'), { kind: 'passes', passes: 3 });
  assert.deepEqual(loopOf('2h'), { kind: 'until', sec: 7_200 });
  const slow = await plan([row(0), row(1), row(2)], { rate: { kind: 'absolute', ratePerSec: 0.01 } });
  assert.deepEqual(secs(slow), [0, 100, 200]);
});
