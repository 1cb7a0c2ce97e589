/** Session replay on a fake clock: instants after answers, conversations in prompts, failed parents. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeScheduler } from '../../src/clock.js';
import type { Outcome } from '../../src/replay/exchange.js';
import { protocolNamed } from '../../src/replay/protocols/index.js';
import { Sender, type SendJob } from '../../src/replay/sender.js';
import { createFakeTransport } from '../../src/replay/testing/fake-transport.js';
import {
  chatDone,
  chatStop,
  chatToken,
  chatUsage,
  type Script,
  type ScriptedAnswer,
} from '../../src/replay/testing/script.js';
import { MS, NO_LIMITS, T0_NS } from './play.js';

const BEFORE = '{"messages":[{"role":"user","content":"';
const AFTER = '"}]}';

interface TurnSpec {
  readonly at?: number;
  readonly parent?: number;
  readonly thinkMs?: number;
  readonly gapMs?: number;
  readonly earliestMs?: number;
  readonly history?: boolean;
  readonly answer?: string;
  readonly children?: number;
  readonly tokens?: number;
}

function jobOf(index: number, spec: TurnSpec): SendJob {
  const text = `prompt ${index}`;
  const job = {
    index,
    intendedNs: (spec.at ?? 0) * MS,
    body: Buffer.from(BEFORE + text + AFTER),
    stream: true,
    children: spec.children ?? 0,
    prompt: { from: BEFORE.length, to: BEFORE.length + text.length, tokens: spec.tokens ?? 2 },
  };
  if (spec.parent === undefined) return job;
  return {
    ...job,
    after: {
      parent: spec.parent,
      thinkNs: (spec.thinkMs ?? 0) * MS,
      gapNs: spec.gapMs === undefined ? null : spec.gapMs * MS,
      earliestNs: spec.earliestMs === undefined ? null : spec.earliestMs * MS,
      history: spec.history ?? true,
      answer: spec.answer === undefined ? null : Buffer.from(spec.answer),
      answerTokens: 3,
    },
  };
}

interface Played {
  readonly byIndex: ReadonlyMap<number, Outcome>;
  readonly bodies: readonly string[];
  readonly sender: Sender;
}

function playTurns(
  specs: readonly TurnSpec[],
  script: (body: string) => ScriptedAnswer,
  options: { endOnFailure?: boolean; late?: ReadonlyMap<number, number>; stopAtMs?: number } = {},
): Played & { readonly unsent: readonly number[] } {
  const scheduler = new FakeScheduler(T0_NS);
  const bodies: string[] = [];
  const wrapped: Script = ({ body }) => {
    bodies.push(body);
    return script(body);
  };
  const byIndex = new Map<number, Outcome>();
  const sender = new Sender({
    scheduler,
    housekeeping: scheduler,
    transport: createFakeTransport({ scheduler, script: wrapped }),
    protocol: protocolNamed('openai-chat'),
    limits: NO_LIMITS,
    concurrency: null,
    keepChunks: false,
    endOnFailure: options.endOnFailure,
    onSettled: (outcome) => {
      assert.ok(!byIndex.has(outcome.index), `request ${outcome.index} ends once`);
      byIndex.set(outcome.index, outcome);
    },
  });
  let unsent: readonly number[] = [];
  specs.forEach((spec, index) => {
    const lateMs = options.late?.get(index);
    if (lateMs === undefined) sender.addJobs([jobOf(index, spec)]);
    else scheduler.callAt(T0_NS + lateMs * MS, () => sender.addJobs([jobOf(index, spec)]));
  });
  if (options.stopAtMs !== undefined) {
    scheduler.callAt(T0_NS + options.stopAtMs * MS, () => {
      unsent = sender.stop();
    });
  }
  sender.start(T0_NS);
  scheduler.advance(60_000 * MS);
  return { byIndex, bodies, sender, unsent };
}

const answerIn = (ms: number, text = ' yes', tokens = 5): ScriptedAnswer => ({
  steps: [
    { atMs: ms, write: chatToken(text) + chatStop() + chatUsage(9, tokens) + chatDone() },
    { atMs: ms, end: 'complete' },
  ],
});

const refused: ScriptedAnswer = {
  status: 500,
  steps: [
    { atMs: 20, write: '{"error":{"message":"no"}}' },
    { atMs: 20, end: 'complete' },
  ],
};

const sentMs = ({ byIndex }: Played, index: number): number | null => {
  const { sentNs } = byIndex.get(index)!;
  return sentNs === null ? null : (sentNs - T0_NS) / MS;
};

test('a turn leaves its think time after the answer, however long that took, and that is its intended instant', () => {
  const played = playTurns(
    [
      { at: 100, children: 1 },
      { parent: 0, thinkMs: 250, children: 1 },
      { parent: 1, thinkMs: 0 },
    ],
    () => answerIn(400),
  );
  assert.deepEqual(
    [0, 1, 2].map((i) => sentMs(played, i)),
    [100, 750, 1150],
  );
  assert.deepEqual(
    [1, 2].map((i) => (played.byIndex.get(i)!.intendedNs! - T0_NS) / MS),
    [750, 1150],
  );
});

test('hybrid: the recorded instant when the answer is there by then, else its end', () => {
  for (const [answerMs, expected] of [
    [400, 1_000],
    [1_400, 1_500],
  ]) {
    const played = playTurns(
      [
        { at: 100, children: 1 },
        { parent: 0, earliestMs: 1_000 },
      ],
      () => answerIn(answerMs),
    );
    assert.equal(sentMs(played, 1), expected);
  }
});

test('unknown think time: the recorded gap, but never before the answer', () => {
  for (const [answerMs, expected] of [
    [100, 600],
    [900, 1_000],
  ]) {
    const played = playTurns(
      [
        { at: 100, children: 1 },
        { parent: 0, gapMs: 500 },
      ],
      () => answerIn(answerMs),
    );
    assert.equal(sentMs(played, 1), expected);
  }
});

test('the conversation so far stands before the new text, with the real answers as messages', () => {
  const answers = [' first "quoted"\nline', ' second'];
  let asked = 0;
  const played = playTurns(
    [
      { children: 1, tokens: 7 },
      { parent: 0, children: 1, tokens: 2 },
      { parent: 1, tokens: 4 },
    ],
    () => answerIn(10, answers[asked++] ?? ' third', 5),
  );
  const messages = (JSON.parse(played.bodies[2]) as { messages: { role: string; content: string }[] })
    .messages;
  assert.deepEqual(messages, [
    { role: 'user', content: 'prompt 0' },
    { role: 'assistant', content: answers[0] },
    { role: 'user', content: 'prompt 1' },
    { role: 'assistant', content: answers[1] },
    { role: 'user', content: 'prompt 2' },
  ]);
  // 7 + 5 produced + 2 + 5 produced + 4 new tokens.
  assert.equal(played.byIndex.get(2)!.inputTokensAsked, 23);
  assert.equal(played.byIndex.get(2)!.answerText, undefined);
});

test('synthetic answers of the recorded length stand in for the real ones', () => {
  const played = playTurns(
    [
      { children: 1, tokens: 7 },
      { parent: 0, answer: 'a b c', tokens: 2 },
    ],
    () => answerIn(10, ' real', 50),
  );
  assert.ok(played.bodies[1].includes('"assistant","content":"a b c"'));
  assert.equal(played.byIndex.get(1)!.inputTokensAsked, 12);
});

test('several children leave after one parent; one with a prompt of its own keeps it', () => {
  const played = playTurns(
    [
      { at: 0, children: 3 },
      { parent: 0, thinkMs: 5 },
      { parent: 0, thinkMs: 1 },
      { parent: 0, thinkMs: 3, history: false },
    ],
    () => answerIn(100),
  );
  assert.deepEqual(
    [1, 2, 3].map((i) => sentMs(played, i)),
    [105, 101, 103],
  );
  assert.equal(played.bodies[2], `${BEFORE}prompt 3${AFTER}`);
  assert.equal(played.byIndex.get(3)!.inputTokensAsked, undefined);
});

test('a failed parent ends the session: everything after it is skipped, once, and no later job hangs', () => {
  const played = playTurns(
    [
      { at: 0, children: 1 },
      { parent: 0, children: 2 },
      { parent: 1, children: 1 },
      { parent: 1 },
      { parent: 2 },
      { at: 50 },
    ],
    () => refused,
    {
      late: new Map([
        [3, 500],
        [4, 700],
      ]),
    },
  );
  assert.equal(played.bodies.length, 2);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5].map((i) => played.byIndex.get(i)!.status),
    ['http_error', 'skipped', 'skipped', 'skipped', 'skipped', 'http_error'],
  );
  assert.equal(played.byIndex.get(4)!.error, 'parent_failed');
  assert.equal(played.sender.waiting, 0);
});

test('or it goes on, when that is asked for', () => {
  const played = playTurns(
    [
      { at: 0, children: 1 },
      { parent: 0, thinkMs: 30 },
    ],
    () => refused,
    {
      endOnFailure: false,
    },
  );
  assert.equal(sentMs(played, 1), 50);
  assert.ok(played.bodies[1].includes('"assistant","content":"ok"'));
});

test('a turn that comes after its parent has ended leaves at its instant all the same, late or not', () => {
  const early = playTurns(
    [
      { at: 0, children: 1 },
      { parent: 0, thinkMs: 500 },
    ],
    () => answerIn(100),
    {
      late: new Map([[1, 300]]),
    },
  );
  assert.equal(sentMs(early, 1), 600);
  const late = playTurns(
    [
      { at: 0, children: 1 },
      { parent: 0, thinkMs: 50 },
    ],
    () => answerIn(100),
    {
      late: new Map([[1, 300]]),
    },
  );
  assert.equal(sentMs(late, 1), 300);
  assert.equal((late.byIndex.get(1)!.intendedNs! - T0_NS) / MS, 150);
});

test('stopping tells of turns that wait for an answer and of turns that are due later', () => {
  const played = playTurns(
    [
      { at: 0, children: 1 },
      { parent: 0, thinkMs: 9_000 },
      { at: 0, children: 1 },
      { parent: 2 },
      { at: 5_000 },
    ],
    (body) => answerIn(body.includes('prompt 2') ? 3_000 : 100),
    { stopAtMs: 1_000 },
  );
  assert.deepEqual([...played.unsent].sort(), [1, 3, 4]);
  assert.deepEqual([...played.byIndex.keys()].sort(), [0, 2]);
});
