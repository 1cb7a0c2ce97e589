/** Whole runs with turns that wait for answers, retries and a closed loop, against the scripted endpoint. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chatDone,
  chatStop,
  chatToken,
  chatUsage,
  type Script,
  type ScriptedRequest,
} from '../../src/replay/testing/script.js';
import { createScriptedEndpoint } from '../../src/replay/testing/scripted-endpoint.js';
import type { RunRecord, TraceRow } from '../../src/types.js';
import { answer, bodyOf, lengthOf, promptOf, replay, rowsAt, thrown } from './scripted-run.js';

interface Message {
  readonly role: string;
  readonly content: string;
}
const messagesOf = (request: { readonly body: string }): readonly Message[] =>
  (JSON.parse(request.body) as { messages: Message[] }).messages;

/** Two sessions of three turns and a lone request; prompts grow by answer and 6 tokens. */
function sessionRows(): TraceRow[] {
  const rows = rowsAt([0, 20, 40, 60, 80, 100, 120], { outputTokens: 4 });
  const place = [
    ['a', 1],
    ['b', 1],
    ['a', 2],
    ['b', 2],
    [null, null],
    ['a', 3],
    ['b', 3],
  ] as const;
  return rows.map((row, i) => ({
    ...row,
    sessionId: place[i][0],
    turn: place[i][1],
    inputTokens: 10 + ((place[i][1] ?? 1) - 1) * (4 + 6),
    thinkNs: (place[i][1] ?? 1) > 1 ? 15_000_000n : null,
  }));
}

const byIndex = (records: readonly RunRecord[]): RunRecord[] =>
  [...records].sort((a, b) => a.index - b.index);

for (const senders of [1, 2]) {
  test(`closed sessions with ${senders} senders: think time after each answer, conversations exact, all accounted for`, async () => {
    const { summary, records, endpoint } = await replay(
      (request) => answer(request, { atMs: 60, usage: false }),
      { rows: sessionRows(), sessions: 'closed', history: 'synthetic', senders },
    );
    assert.deepEqual(summary.counts.byStatus, { ok: 7 });
    const rows = byIndex(records);
    for (const [parent, child] of [
      [0, 2],
      [2, 5],
      [1, 3],
      [3, 6],
    ]) {
      assert.equal(rows[child].parentIndex, parent);
      const waitedNs = rows[child].intendedNs - rows[parent].endNs!;
      assert.ok(waitedNs >= 15e6 && waitedNs < 16e6, `${waitedNs}`);
      assert.ok(rows[child].sentNs! >= rows[child].intendedNs);
    }
    assert.equal(rows[4].parentIndex, null);
    const third = endpoint.requests.map(messagesOf).filter((messages) => messages.length === 5);
    assert.equal(third.length, 2);
    for (const messages of third) {
      assert.deepEqual(
        messages.map(({ role }) => role),
        ['user', 'assistant', 'user', 'assistant', 'user'],
      );
      assert.deepEqual(
        messages.map(({ content }) => lengthOf(content)),
        [10, 4, 6, 4, 6],
      );
    }
    assert.deepEqual(
      rows.map(({ inputTokensAsked }) => inputTokensAsked),
      [10, 10, 20, 20, 10, 30, 30],
    );
    assert.deepEqual(summary.load.sessions, {
      mode: 'closed',
      answers: 'synthetic',
      sessions: 3,
      followers: 4,
      withHistory: 4,
    });
    assert.match(summary.notes.join('\n'), /3 first turns left by the schedule, 4 later ones/);
  });
}

/** Counts as a server with a chat template does: 5 tokens of its own, 3 around a prompt, 4 around an answer. */
function templated(request: ScriptedRequest): number {
  const messages = messagesOf(request);
  const around = messages.map(({ role }) => (role === 'user' ? 3 : 4));
  return messages.reduce((sum, { content }, i) => sum + lengthOf(content) + around[i], 5);
}

test('the template’s tokens around each message are learned and taken off, so conversations are counted as asked', async () => {
  const counting =
    (extraOf: (request: ScriptedRequest) => number): Script =>
    (request) => {
      const { max_tokens: tokens } = bodyOf(request);
      const usage = chatUsage(templated(request) + extraOf(request), tokens);
      return {
        steps: [
          { atMs: 0, write: chatToken(' one').repeat(tokens) + chatStop('length') + usage + chatDone() },
          { atMs: 0, end: 'complete' },
        ],
      };
    };
  const counted = counting(() => 0);
  // Long enough for the template in each turn.
  const rows = sessionRows().map((row) => ({ ...row, inputTokens: row.inputTokens! + 20 * (row.turn ?? 1) }));
  const options = { rows, sessions: 'closed', trial: true } as const;
  const plain = await replay(counted, options);
  assert.equal(plain.summary.promptTokens.exact, 0);
  const { summary } = await replay(counted, { ...options, calibratePrompts: true });
  assert.deepEqual(summary.promptTokens, { compared: 7, exact: 7, meanSignedError: 0 });
  assert.match(
    summary.notes.join('\n'),
    /adds 8 tokens to every prompt[\s\S]*adds 7 tokens to a conversation with each/,
  );
  // What differs from turn to turn is not taken off, and that is said.
  const odd = await replay(
    counting((request) => (messagesOf(request).length === 5 ? 1 : 0)),
    { ...options, calibratePrompts: true },
  );
  assert.match(odd.summary.notes.join('\n'), /could not be calibrated/);
});

test('the real answers stand in the conversation, counted by the server', async () => {
  const { records, endpoint } = await replay((request) => answer(request, { atMs: 1 }), {
    rows: sessionRows(),
    sessions: 'hybrid',
    maxOutput: 3,
  });
  const rows = byIndex(records);
  const lasts = endpoint.requests.map(messagesOf).filter((messages) => messages.length === 5);
  for (const messages of lasts)
    assert.deepEqual([messages[1].content, messages[3].content], [' one one one', ' one one one']);
  assert.deepEqual(
    rows.map(({ inputTokensAsked }) => inputTokensAsked),
    [10, 10, 19, 19, 10, 28, 28],
  );
});

/** An answer of `max_tokens` tokens to a prompt of token ids, whose usage counts the ids. */
const idsAnswer: Script = (request) => {
  const { prompt, max_tokens: tokens } = JSON.parse(request.body) as { prompt: number[]; max_tokens: number };
  const chunk = (text: string, finish: string | null): string =>
    `data: ${JSON.stringify({ choices: [{ index: 0, text, finish_reason: finish }] })}\n\n`;
  return {
    steps: [
      {
        atMs: 0,
        write:
          chunk(' one', null).repeat(tokens) +
          chunk('', 'length') +
          chatUsage(prompt.length, tokens) +
          chatDone(),
      },
      { atMs: 0, end: 'complete' },
    ],
  };
};
const IDS = { protocol: 'openai-completions-ids' } as const;
const idsOf = (request: { readonly body: string }): readonly number[] =>
  (JSON.parse(request.body) as { prompt: number[] }).prompt;

for (const mode of ['closed', 'hybrid'] as const) {
  test(`token ids, ${mode} sessions: conversations with synthetic answers are one list of exact length`, async () => {
    const { summary, records, endpoint } = await replay(idsAnswer, {
      ...IDS,
      rows: sessionRows(),
      sessions: mode,
      history: 'synthetic',
    });
    assert.deepEqual(summary.counts.byStatus, { ok: 7 });
    assert.deepEqual(summary.promptTokens, { compared: 7, exact: 7, meanSignedError: 0 });
    assert.deepEqual(
      byIndex(records).map(({ inputTokensAsked }) => inputTokensAsked),
      [10, 10, 20, 20, 10, 30, 30],
    );
    const prompts = endpoint.requests.map(idsOf);
    assert.ok(prompts.flat().every((id) => Number.isInteger(id) && id >= 1_000));
    for (const long of prompts.filter(({ length }) => length === 30)) {
      for (const begun of [10, 20]) {
        const before = long.slice(0, begun).join();
        assert.ok(
          prompts.some((prompt) => prompt.join() === before),
          'the turn before stands at its start',
        );
      }
    }
  });
}

test('token ids: an answer of no tokens leaves nothing in the list; elsewhere a message is never empty', async () => {
  const rows = sessionRows().map((row) => (row.turn === 1 ? { ...row, outputTokens: 0 } : row));
  const options = { rows, sessions: 'closed', history: 'synthetic', maxOutput: 4 } as const;
  const ids = await replay(idsAnswer, { ...options, ...IDS });
  assert.deepEqual(ids.summary.promptTokens, { compared: 7, exact: 7, meanSignedError: 0 });
  assert.deepEqual(
    [...ids.endpoint.requests.map((one) => idsOf(one).length)].sort(),
    [10, 10, 10, 20, 20, 30, 30],
  );
  const chat = await replay((request) => answer(request), options);
  const seconds = chat.endpoint.requests.map(messagesOf).filter(({ length }) => length > 1);
  assert.equal(seconds.length, 4);
  assert.ok(seconds.flat().every(({ content }) => content !== ''));
});

test('token ids: real answers are text and cannot stand in the prompt, which is said before anything is sent', async () => {
  const rows = sessionRows();
  for (const sessions of ['closed', 'hybrid'] as const) {
    for (const history of ['real', undefined] as const) {
      const endpoint = await createScriptedEndpoint({ script: idsAnswer });
      try {
        await assert.rejects(
          replay(() => null, { ...IDS, url: endpoint.url, trial: true, rows, sessions, history }),
          thrown('BAD_VALUE', /cannot put real answers into conversations[\s\S]*--history synthetic/),
        );
        assert.equal(endpoint.requests.length, 0);
      } finally {
        await endpoint.close();
      }
    }
  }
  // Turns whose prompts are their own hold no answers, whatever would stand for them.
  const apart = await replay(idsAnswer, {
    ...IDS,
    rows: rows.map((row) => ({ ...row, inputTokens: 12 })),
    sessions: 'closed',
  });
  assert.deepEqual(apart.summary.promptTokens, { compared: 7, exact: 7, meanSignedError: 0 });
});

test('a failed turn ends its session: what follows is skipped, counted, and no fault of the client', async () => {
  const { summary, records } = await replay(
    (request) =>
      bodyOf(request).max_tokens === 5
        ? { status: 500, steps: [{ atMs: 1, end: 'complete' }] }
        : answer(request, { atMs: 1 }),
    {
      rows: sessionRows().map((row, i) => (i === 0 ? { ...row, outputTokens: 5 } : row)),
      sessions: 'closed',
      slo: ['goodput >= 0.5'],
    },
  );
  assert.deepEqual(summary.counts, { offered: 7, byStatus: { http_error: 1, ok: 4, skipped: 2 } });
  const skipped = records.filter(({ status }) => status === 'skipped');
  assert.deepEqual(
    skipped.map(({ index, error, attempt, sentNs, endNs }) => [index, error, attempt, sentNs, endNs]),
    [
      [2, 'parent_failed', 0, null, null],
      [5, 'parent_failed', 0, null, null],
    ],
  );
  assert.equal(summary.goodput, 4 / 7);
  assert.ok(summary.validity.checks.find(({ check }) => check === 'unsent')!.pass);
  assert.match(summary.notes.join('\n'), /2 turns were never due, because a turn before them failed/);
});

test('open sessions keep the recorded instants, and the run says so', async () => {
  const { summary, records } = await replay((request) => answer(request, { atMs: 60 }), {
    rows: sessionRows(),
  });
  assert.deepEqual(
    byIndex(records).map(({ intendedNs }) => intendedNs / 1e6),
    [0, 20, 40, 60, 80, 100, 120],
  );
  assert.match(summary.notes.join('\n'), /--sessions open, the default/);
});

test('retries: the run counts requests once and attempts apart', async () => {
  const seen = new Set<string>();
  const { summary, records, endpoint } = await replay(
    (request) => {
      const prompt = promptOf(request);
      if (seen.has(prompt)) return answer(request);
      seen.add(prompt);
      return bodyOf(request).max_tokens === 3
        ? { status: 429, headers: { 'retry-after': '0' }, steps: [{ atMs: 0, end: 'complete' }] }
        : answer(request);
    },
    { retries: 2 },
  );
  assert.equal(endpoint.requests.length, 15);
  assert.deepEqual(summary.counts, { offered: 12, byStatus: { ok: 12 }, retried: 3, attempts: 15 });
  assert.equal(records.filter(({ phase }) => phase === 'retried').length, 3);
  const again = records.filter(({ attempt, phase }) => attempt === 2 && phase === 'measure');
  assert.ok(again.every(({ lastSentNs, sentNs }) => lastSentNs! - sentNs! >= 500e6));
  assert.ok(summary.metrics.e2e!.max! >= 500);
  assert.match(summary.notes.join('\n'), /3 requests were sent more than once/);
});

test('a closed loop keeps the cap full, and its requests are intended when a place is free', async () => {
  const { summary, records, endpoint } = await replay((request) => answer(request, { atMs: 25 }), {
    closedLoop: true,
    concurrency: 3,
  });
  assert.equal(endpoint.maxOpen, 3);
  assert.deepEqual(summary.counts.byStatus, { ok: 12 });
  assert.ok(records.every(({ releasedNs, intendedNs }) => releasedNs === intendedNs));
  assert.ok(summary.metrics['response.e2e']!.max! < 200);
  assert.equal(summary.load.closedLoop, true);
  await assert.rejects(
    replay((request) => answer(request), { closedLoop: true }),
    thrown('BAD_VALUE', /--concurrency/),
  );
});

test('X6: a looped trace: every pass has its own prompts, and every request its own row', async () => {
  const { summary, records, endpoint } = await replay((request) => answer(request), {
    rows: rowsAt([0, 10, 20]),
    loop: { kind: 'passes', passes: 3 },
  });
  assert.deepEqual(summary.counts.byStatus, { ok: 9 });
  assert.deepEqual(
    byIndex(records).map(({ index }) => index),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  );
  assert.equal(new Set(endpoint.requests.map(promptOf)).size, 9);
});
