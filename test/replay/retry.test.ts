/** F32 and F34: retries only when asked, every attempt on record, Retry-After in all its forms. On a fake clock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeScheduler } from '../../src/clock.js';
import { e2e, ttft } from '../../src/metrics.js';
import type { Outcome } from '../../src/replay/exchange.js';
import { recordOf } from '../../src/replay/outcome.js';
import { protocolNamed } from '../../src/replay/protocols/index.js';
import { retryAfterNs, retryJitter, retryWait } from '../../src/replay/retry.js';
import { Sender, type SenderOptions } from '../../src/replay/sender.js';
import { createFakeTransport } from '../../src/replay/testing/fake-transport.js';
import {
  chatDone,
  chatStop,
  chatToken,
  type Script,
  type ScriptedAnswer,
} from '../../src/replay/testing/script.js';
import { MS, NO_LIMITS, T0_NS } from './play.js';

const SEC = 1e9;
const NOW_MS = Date.parse('Wed, 21 Oct 2026 07:27:57 GMT');

const waitAfter = (attempt: number, retryAfter: string | null, jitter = 0): ReturnType<typeof retryWait> =>
  retryWait({ attempt, retryAfter, nowUtcMs: NOW_MS, jitter });

test('F34: Retry-After is a floor of the wait; what cannot be read is ignored; it is capped', () => {
  const waits = ['2', '0', '-1', 'abc', '1.5', 'Wed, 21 Oct 2026 07:28:00 GMT', '86400', null].map((text) =>
    waitAfter(1, text),
  );
  assert.deepEqual(
    waits.map(({ waitNs }) => waitNs / SEC),
    [2, 0.5, 0.5, 0.5, 0.5, 3, 60, 0.5],
  );
  assert.deepEqual(
    waits.map(({ capped }) => capped),
    [false, false, false, false, false, false, true, false],
  );
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 9].map((n) => waitAfter(n, null).waitNs / SEC),
    [0.5, 1, 2, 4, 8, 8, 8],
  );
});

test('F34: the three forms of a date, in any zone of this machine; the past is now', () => {
  const asked = (text: string): number | null => retryAfterNs(text, NOW_MS);
  assert.equal(asked('Wed, 21 Oct 2026 07:28:00 GMT'), 3 * SEC);
  assert.equal(asked('Wednesday, 21-Oct-26 07:28:00 GMT'), 3 * SEC);
  assert.equal(asked('Wed Oct 21 07:28:00 2026'), 3 * SEC);
  assert.equal(asked('Wed, 21 Oct 2026 07:00:00 GMT'), 0);
  for (const text of ['Wed, 32 Foo 2026', 'tomorrow', '2026-10-21T07:28:00Z'])
    assert.equal(asked(text), null);
});

test('jitter puts attempts off by up to half the backoff beyond the least wait, alike in every run of a seed', () => {
  assert.deepEqual(
    [0, 0.5, 1].map((jitter) => waitAfter(3, null, jitter).waitNs / SEC),
    [2, 2.5, 3],
  );
  assert.equal(waitAfter(1, '5', 1).waitNs / SEC, 5.25);
  const draws = Array.from({ length: 1_000 }, (_, i) => retryJitter('42', i, 1));
  assert.deepEqual(
    draws,
    draws.map((_, i) => retryJitter('42', i, 1)),
  );
  assert.equal(new Set(draws).size, 1_000);
  assert.ok(draws.every((u) => u >= 0 && u < 1));
  const mean = draws.reduce((sum, u) => sum + u, 0) / draws.length;
  // Four standard errors of the mean of 1 000 uniforms: 4 × 0.289 / √1000.
  assert.ok(Math.abs(mean - 0.5) < 0.037, `${mean}`);
  assert.notEqual(retryJitter('42', 7, 1), retryJitter('42', 7, 2));
  assert.notEqual(retryJitter('42', 7, 1), retryJitter('43', 7, 1));
  const sentAt = (jitter: (index: number, attempt: number) => number): number[] =>
    run(({ index }) => (index < 3 ? refusal(503) : okIn(1)), { retries: 1, jobs: 3, jitter })
      .outcomes.filter(({ superseded }) => superseded !== true)
      .map(({ lastSentNs }) => (lastSentNs! - T0_NS) / MS);
  assert.deepEqual(
    sentAt((index, attempt) => (index * attempt) / 2),
    [500, 625, 750],
  );
});

const refusal = (status: number, retryAfter?: string): ScriptedAnswer => ({
  status,
  ...(retryAfter === undefined ? {} : { headers: { 'retry-after': retryAfter } }),
  steps: [{ atMs: 0, end: 'complete' }],
});
const okIn = (ms: number): ScriptedAnswer => ({
  steps: [
    { atMs: ms, write: chatToken('x') + chatStop() + chatDone() },
    { atMs: ms, end: 'complete' },
  ],
});

function run(
  script: Script,
  options: {
    retries: number;
    cancelAtMs?: number;
    concurrency?: number;
    jobs?: number;
    jitter?: SenderOptions['jitter'];
  },
): { outcomes: Outcome[]; requests: number } {
  const scheduler = new FakeScheduler(T0_NS);
  const outcomes: Outcome[] = [];
  let requests = 0;
  const sender = new Sender({
    scheduler,
    housekeeping: scheduler,
    transport: createFakeTransport({
      scheduler,
      script: (request) => {
        requests += 1;
        return script(request);
      },
    }),
    protocol: protocolNamed('openai-chat'),
    limits: NO_LIMITS,
    concurrency: options.concurrency ?? null,
    keepChunks: false,
    retries: options.retries,
    jitter: options.jitter,
    utcMs: () => NOW_MS + (scheduler.nowNs() - T0_NS) / MS,
    onSettled: (outcome) => outcomes.push(outcome),
  });
  sender.addJobs(
    Array.from({ length: options.jobs ?? 1 }, (_, index) => ({
      index,
      intendedNs: 0,
      body: Buffer.from('{}'),
      stream: true,
    })),
  );
  if (options.cancelAtMs !== undefined)
    scheduler.callAt(T0_NS + options.cancelAtMs * MS, () => sender.cancelAll());
  sender.start(T0_NS);
  scheduler.advance(600 * SEC);
  assert.equal(sender.inFlight, 0);
  return { outcomes, requests };
}

const twice429: Script = ({ index }) => (index < 2 ? refusal(429, '1') : okIn(200));
const FACTS = {
  row: 0,
  intendedNs: 0,
  requestId: null,
  sessionId: null,
  phase: 'measure',
  inputTokensAsked: 1,
  maxOutputTokens: 1,
} as const;

test('F32: without retries one request is one attempt, whatever the server asks for', () => {
  const { outcomes, requests } = run(twice429, { retries: 0 });
  assert.equal(requests, 1);
  assert.deepEqual(
    outcomes.map(({ status, httpStatus, superseded }) => [status, httpStatus, superseded]),
    [['http_error', 429, undefined]],
  );
});

test('F32: with retries every attempt is on record, and latency counts from the first', () => {
  const { outcomes, requests } = run(twice429, { retries: 3 });
  assert.equal(requests, 3);
  const records = outcomes.map((outcome) => recordOf(outcome, FACTS, T0_NS, 0, null));
  assert.deepEqual(
    records.map(({ phase, attempt, status }) => [phase, attempt, status]),
    [
      ['retried', 1, 'http_error'],
      ['retried', 2, 'http_error'],
      ['measure', 3, 'ok'],
    ],
  );
  const last = records[2];
  assert.equal(e2e(last), 2_200);
  assert.equal(ttft(last), 2_200);
  assert.equal((last.lastTokenNs! - last.lastSentNs!) / MS, 200);
  assert.deepEqual(
    records.map(({ sentNs }) => sentNs! / MS),
    [0, 1_000, 0],
  );
});

test('F34: exhausted retries end as the last attempt did, with all attempts on record', () => {
  const { outcomes, requests } = run(() => refusal(503), { retries: 2 });
  assert.equal(requests, 3);
  assert.deepEqual(
    outcomes.map(({ attempt, superseded }) => [attempt, superseded ?? false]),
    [
      [1, true],
      [2, true],
      [3, false],
    ],
  );
  const capped = run(({ index }) => (index === 0 ? refusal(429, '86400') : okIn(1)), { retries: 1 });
  assert.equal(capped.outcomes[0].note, 'retry_after_capped');
  assert.equal((capped.outcomes[1].lastSentNs! - T0_NS) / SEC, 60);
});

test('what has begun to answer, and what another attempt cannot mend, is not sent again', () => {
  const cut: ScriptedAnswer = {
    steps: [
      { atMs: 1, write: chatToken('x') },
      { atMs: 2, end: 'reset' },
    ],
  };
  for (const answer of [cut, refusal(400), refusal(401), refusal(404)]) {
    assert.equal(run(() => answer, { retries: 5 }).requests, 1);
  }
  assert.equal(run(({ index }) => (index === 0 ? null : okIn(1)), { retries: 1 }).outcomes[1].status, 'ok');
});

test('a cancelled wait ends as its attempt did; a waiting request keeps its place under the cap', () => {
  const { outcomes } = run(() => refusal(429, '30'), { retries: 5, cancelAtMs: 5_000 });
  assert.deepEqual(
    outcomes.map(({ status, note, endNs }) => [status, note, (endNs - T0_NS) / MS]),
    [['http_error', 'retry_cut', 0]],
  );
  const capped = run(({ index }) => (index === 0 ? refusal(429, '3') : okIn(100)), {
    retries: 1,
    concurrency: 1,
    jobs: 2,
  });
  const second = capped.outcomes.find(({ index, superseded }) => index === 1 && superseded !== true)!;
  assert.equal((second.releasedNs! - T0_NS) / MS, 3_100);
});
