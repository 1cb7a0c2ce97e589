/** When the sender sends: absolute deadlines, lateness, the concurrency cap and its queue wait. On a fake clock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeScheduler, type Scheduler } from '../../src/clock.js';
import { queueWait, sendLag } from '../../src/metrics.js';
import type { Outcome } from '../../src/replay/exchange.js';
import { openaiChat } from '../../src/replay/protocols/openai-chat.js';
import { Sender } from '../../src/replay/sender.js';
import { createFakeTransport } from '../../src/replay/testing/fake-transport.js';
import { chatDone, chatStop, chatToken, type ScriptedAnswer } from '../../src/replay/testing/script.js';
import { MS, NO_LIMITS, play, T0_NS } from './play.js';

/** An answer that takes so many ms. */
function answerIn(ms: number): ScriptedAnswer {
  return {
    steps: [
      { atMs: ms, write: chatToken('x') + chatStop() + chatDone() },
      { atMs: ms, end: 'complete' },
    ],
  };
}

/** Most requests between sending and end at once. */
function mostInFlight(outcomes: readonly Outcome[]): number {
  return Math.max(
    ...outcomes.map(
      (one) =>
        outcomes.filter(
          (other) => other.sentNs! <= one.sentNs! && (other.endNs > one.sentNs! || other === one),
        ).length,
    ),
  );
}

const sentMs = (outcomes: readonly Outcome[]): number[] =>
  [...outcomes].sort((a, b) => a.index - b.index).map((outcome) => (outcome.sentNs! - T0_NS) / MS);

test('every job leaves exactly at t0 + its instant, in order, whatever answers do', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(5_000), { minLength: 1, maxLength: 60 }),
      fc.nat(3_000),
      (instants, answerMs) => {
        const intendedMs = instants.sort((a, b) => a - b);
        const { outcomes } = play({ script: () => answerIn(answerMs), intendedMs });
        assert.deepEqual(sentMs(outcomes), intendedMs);
        assert.ok(outcomes.every((outcome) => outcome.releasedNs === null && outcome.status === 'ok'));
      },
    ),
    { numRuns: 200, seed: 1 },
  );
});

test('a burst larger than one turn leaves at its instant all the same', () => {
  const { outcomes, transport } = play({ script: () => answerIn(50), intendedMs: Array(300).fill(7) });
  assert.deepEqual(new Set(sentMs(outcomes)), new Set([7]));
  assert.equal(transport.maxOpen, 300);
});

test('with a cap, requests wait for a place, first come first served, and the wait is its own figure', () => {
  const { outcomes } = play({
    script: () => answerIn(100),
    intendedMs: [0, 10, 20, 30, 400],
    concurrency: 2,
  });
  assert.equal(mostInFlight(outcomes), 2);
  assert.deepEqual(sentMs(outcomes), [0, 10, 100, 110, 400]);
  const waits = [...outcomes]
    .sort((a, b) => a.index - b.index)
    .map((outcome, i) => {
      const record = {
        ...outcome,
        intendedNs: [0, 10, 20, 30, 400][i] * MS,
        releasedNs: outcome.releasedNs! - T0_NS,
        sentNs: outcome.sentNs! - T0_NS,
        chunkNs: null,
      };
      return [queueWait(record), sendLag(record)];
    });
  assert.deepEqual(waits, [
    [0, 0],
    [0, 0],
    [80, 80],
    [80, 80],
    [0, 0],
  ]);
});

test('the cap holds for any schedule and any answers', () => {
  const request = fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 200 }));
  fc.assert(
    fc.property(
      fc.array(request, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      (requests, cap) => {
        const sorted = [...requests].sort((a, b) => a[0] - b[0]);
        const { outcomes } = play({
          script: ({ index }) => answerIn(sorted[index][1]),
          intendedMs: sorted.map(([ms]) => ms),
          concurrency: cap,
        });
        assert.ok(mostInFlight(outcomes) <= cap);
        assert.equal(outcomes.length, sorted.length);
        const sent = sentMs(outcomes);
        assert.deepEqual(
          sent,
          [...sent].sort((a, b) => a - b),
        );
        for (const [i, [ms]] of sorted.entries()) assert.ok(sent[i] >= ms);
        // Work-conserving: nobody waits while a place is free.
        for (const [i, [ms]] of sorted.entries()) {
          if (sent[i] === ms) continue;
          const busy = sent.filter(
            (other, j) => j !== i && other < sent[i] && other + sorted[j][1] >= sent[i],
          ).length;
          assert.ok(busy >= cap, `request ${i} waited beside ${busy} of ${cap}`);
        }
      },
    ),
    { numRuns: 300, seed: 9 },
  );
});

test('F25: after a stall late jobs leave at once with their own instants; the schedule is not moved', () => {
  const clock = new FakeScheduler(T0_NS);
  let stallNs = 0;
  // The process sees no time between 100 ms and 600 ms: due calls come late, the clock has gone on.
  const stalled: Scheduler = {
    nowNs: () => clock.nowNs() + stallNs,
    callAt: (atNs, fn) => clock.callAt(Math.max(clock.nowNs(), atNs - stallNs), fn),
  };
  const outcomes: Outcome[] = [];
  const sender = new Sender({
    scheduler: stalled,
    housekeeping: stalled,
    transport: createFakeTransport({ scheduler: stalled, script: () => answerIn(1) }),
    protocol: openaiChat,
    limits: NO_LIMITS,
    concurrency: null,
    keepChunks: false,
    onSettled: (outcome) => outcomes.push(outcome),
  });
  const intendedMs = Array.from({ length: 100 }, (_, i) => i * 10);
  sender.addJobs(
    intendedMs.map((ms, index) => ({ index, intendedNs: ms * MS, body: Buffer.alloc(1), stream: true })),
  );
  sender.start(T0_NS);
  clock.advance(100 * MS);
  stallNs = 500 * MS;
  clock.advance(1_000 * MS);
  const sent = sentMs(outcomes);
  assert.equal(sent.length, 100);
  for (const [i, ms] of intendedMs.entries()) {
    const lateMs = sent[i] - ms;
    // The call for 110 ms was set before the stall; it and all others up to 600 ms leave when it comes.
    assert.ok(
      ms <= 100 || ms > 610 ? lateMs === 0 : lateMs >= 0 && lateMs <= 500,
      `${ms}: ${lateMs} ms late`,
    );
  }
  assert.ok(sent.filter((ms, i) => ms - intendedMs[i] > 50).length >= 44);
});

test('stopping gives back what has not left and lets the rest end', () => {
  let left: number[] = [];
  const { outcomes, sender } = play({
    script: () => answerIn(100),
    intendedMs: [0, 10, 20, 500, 600],
    during: [
      {
        atMs: 15,
        call: (running) => {
          left = running.stop();
        },
      },
    ],
  });
  assert.deepEqual(left, [2, 3, 4]);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ['ok', 'ok'],
  );
  assert.deepEqual([sender.inFlight, sender.waiting, sender.dispatchedJobs], [0, 0, 2]);
});

test('jobs may come while it runs, late ones too', () => {
  const { outcomes } = play({
    script: () => answerIn(1),
    intendedMs: [0],
    during: [
      {
        atMs: 50,
        call: (sender) =>
          sender.addJobs([
            { index: 1, intendedNs: 20 * MS, body: Buffer.alloc(1), stream: true },
            { index: 2, intendedNs: 90 * MS, body: Buffer.alloc(1), stream: true },
          ]),
      },
    ],
  });
  assert.deepEqual(sentMs(outcomes), [0, 50, 90]);
});
