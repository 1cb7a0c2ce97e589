/** What an answer says: tokens, usage, tool calls, metrics from exact instants. Cases F01–F22 and F38–F44. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itlGaps, REQUEST_METRICS, ttft } from '../../src/metrics.js';
import { Answer } from '../../src/replay/answer.js';
import { openaiChat } from '../../src/replay/protocols/openai-chat.js';
import {
  chatChunk,
  chatDone,
  chatRole,
  chatStop,
  chatToken,
  chatUsage,
  type ScriptStep,
  sseEvent,
} from '../../src/replay/testing/script.js';
import { playOne } from './play.js';

const at = (atMs: number, write: string | Uint8Array): ScriptStep => ({ atMs, write });
const complete = (atMs: number): ScriptStep => ({ atMs, end: 'complete' });

/** A full answer with one token each at the given instants. */
function tokensAt(times: readonly number[], tokens: number | null): ScriptStep[] {
  const last = times.at(-1)!;
  return [
    ...times.map((ms) => at(ms, chatToken(' x'))),
    at(last, chatStop()),
    ...(tokens === null ? [] : [at(last, chatUsage(7, tokens))]),
    at(last, chatDone()),
    complete(last),
  ];
}

test('F01: fragmentation changes nothing', () => {
  const text = [
    chatRole(),
    chatToken('naïve 🙂 日本'),
    chatToken('!'),
    chatStop(),
    chatUsage(5, 2),
    chatDone(),
  ].join('');
  const bytes = Buffer.from(text);
  const emoji = bytes.indexOf(Buffer.from('🙂'));
  const blankLine = bytes.indexOf('\n\n') + 1;
  const cuts = [[], [emoji + 2], [blankLine], Array.from({ length: bytes.length - 1 }, (_, i) => i + 1)];
  for (const places of cuts) {
    const ends = [...places, bytes.length];
    const steps = ends.map((to, i) => at(10, bytes.subarray(i === 0 ? 0 : ends[i - 1], to)));
    const { outcome } = playOne([...steps, complete(10)]);
    assert.deepEqual(
      [
        outcome.status,
        outcome.chunks,
        outcome.outputTokens,
        outcome.inputTokens,
        outcome.error,
        outcome.note,
      ],
      ['ok', 2, 2, 5, null, null],
    );
  }
});

test('without usage the text is kept for counting, whole and undamaged', () => {
  const bytes = Buffer.from(chatToken('naïve 🙂') + chatToken(' 日本') + chatStop() + chatDone());
  const { outcome } = playOne([...[...bytes].map((byte) => at(1, Uint8Array.of(byte))), complete(1)]);
  assert.deepEqual(outcome.uncounted, { text: 'naïve 🙂 日本', firstLength: 'naïve 🙂'.length });
  assert.equal(outcome.outputTokens, null);
});

test('F04: pings before the first token do not start it', () => {
  const { ms, outcome } = playOne([
    at(50, ': ping\n\n'),
    at(100, ': ping\n\n'),
    at(150, ':\n'),
    at(400, chatToken('a')),
    ...tokensAt([420], 2),
  ]);
  assert.equal(outcome.status, 'ok');
  assert.deepEqual([ms['firstByte'], ms['firstToken'], ms['lastToken']], [50, 400, 420]);
  assert.equal(outcome.chunks, 2);
});

for (const choices of ['[]', 'null', undefined]) {
  test(`F05: the usage-only chunk (choices ${choices}) is no token and moves nothing`, () => {
    const usage = `data: {${choices === undefined ? '' : `"choices":${choices},`}"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n`;
    const { ms, outcome, record } = playOne([
      at(100, chatToken('a')),
      at(120, chatToken('b')),
      at(140, chatToken('c')),
      at(141, chatStop()),
      at(900, usage),
      at(901, chatDone()),
      complete(901),
    ]);
    assert.deepEqual([outcome.status, outcome.outputTokens, outcome.inputTokens], ['ok', 3, 7]);
    assert.deepEqual([ms['lastToken'], ms['end']], [140, 901]);
    assert.equal(REQUEST_METRICS.tpot(record), 20);
    assert.equal(REQUEST_METRICS.e2e(record), 140);
  });
}

test('F07: a role-only chunk is no token', () => {
  for (const delta of [
    { role: 'assistant', content: '' },
    { role: 'assistant', content: null },
    { role: 'assistant' },
  ]) {
    const { ms } = playOne([at(5, chatChunk(delta)), ...tokensAt([305], 1)]);
    assert.deepEqual([ms['firstByte'], ms['firstToken']], [5, 305]);
  }
});

test('F08: an answer of tool calls only has tokens, calls and a first token', () => {
  const call = (index: number, fn: object, id?: string): string =>
    chatChunk({ tool_calls: [{ index, ...(id === undefined ? {} : { id }), function: fn }] });
  const steps = [
    at(200, call(0, { name: 'f', arguments: '' }, 'c1')),
    at(220, call(0, { arguments: '{"a":' })),
    at(240, call(0, { arguments: '1}' })),
    at(260, call(1, { name: 'g', arguments: '' }, 'c2')),
    at(260, chatStop('tool_calls')),
    at(261, chatUsage(9, 21)),
    at(262, chatDone()),
    complete(262),
  ];
  const { outcome, ms, record } = playOne(steps);
  assert.deepEqual(
    [outcome.status, outcome.outputTokens, outcome.chunks, outcome.finishReason],
    ['ok', 21, 4, 'tool_calls'],
  );
  assert.deepEqual([ms['firstToken'], ms['firstAnswer'], ms['lastToken']], [200, null, 260]);
  assert.deepEqual(itlGaps(record), [20, 20, 20]);

  const answer = new Answer();
  for (const step of steps) {
    if (!('write' in step)) continue;
    const data = String(step.write).slice('data: '.length).trim();
    openaiChat.readEvent(data, null, answer);
  }
  assert.deepEqual(
    [...answer.toolCalls.values()],
    [
      { name: 'f', argumentsText: '{"a":1}' },
      { name: 'g', argumentsText: '' },
    ],
  );
});

test('reasoning is a token but no answer; both of its names are read, and together are one text', () => {
  const { ms, outcome } = playOne([
    at(100, chatChunk({ reasoning_content: 'hm' })),
    at(150, chatChunk({ reasoning: 'well', reasoning_content: 'well' })),
    at(200, chatChunk({ reasoning: 'so' })),
    at(300, chatToken('Yes')),
    at(301, chatStop()),
    at(302, chatDone()),
    complete(302),
  ]);
  assert.deepEqual([ms['firstToken'], ms['firstAnswer'], ms['lastToken']], [100, 300, 300]);
  assert.equal(outcome.chunks, 4);
  assert.equal(outcome.uncounted?.text, 'hmwellsoYes');
});

test('F10: tokens that no chunk carried are counted by cumulative usage, never by the asked length', () => {
  const chunk = (delta: object, tokens: number): string =>
    sseEvent({ choices: [{ index: 0, delta }], usage: { prompt_tokens: 4, completion_tokens: tokens } });
  const tool = (text: string): object => ({ tool_calls: [{ index: 0, function: { arguments: text } }] });
  const { outcome, record } = playOne([
    at(400, chunk({ content: 'x' }, 1)),
    at(560, chunk(tool('{"a"'), 9)),
    at(800, chunk(tool(':1}'), 25)),
    at(800, chatStop('tool_calls')),
    at(801, chatDone()),
    complete(801),
  ]);
  assert.equal(outcome.outputTokens, 25);
  assert.equal(record.tokensInFirstChunk, 1);
  assert.ok(Math.abs((REQUEST_METRICS.tpot(record) as number) - 400 / 24) < 1e-9);
  assert.deepEqual(itlGaps(record), [160, 240]);
});

test('F14: cumulative usage replaces; a field that is left out stays', () => {
  const usage = (fields: object): string => sseEvent({ choices: [], usage: fields });
  const { outcome } = playOne([
    at(1, usage({ prompt_tokens: 31, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 16 } })),
    at(2, chatToken('a')),
    at(3, usage({ completion_tokens: 2 })),
    at(4, usage({ prompt_tokens: 31, completion_tokens: 3 })),
    at(5, chatStop()),
    at(6, chatDone()),
    complete(6),
  ]);
  assert.deepEqual([outcome.inputTokens, outcome.outputTokens, outcome.cachedTokens], [31, 3, 16]);
});

test('F16: several tokens in a chunk: gaps between chunks are one thing, time per token another', () => {
  const { record } = playOne(tokensAt([100, 130, 160, 190, 220], 13));
  assert.deepEqual(itlGaps(record), [30, 30, 30, 30]);
  assert.equal(REQUEST_METRICS.tpot(record), 10);
});

test('F19: cached tokens beyond the prompt are no count; reasoning tokens are read', () => {
  const usage = (cached: number): string =>
    sseEvent({
      choices: [],
      usage: {
        prompt_tokens: 1_834,
        completion_tokens: 9,
        prompt_tokens_details: { cached_tokens: cached },
        completion_tokens_details: { reasoning_tokens: 4 },
      },
    });
  const good = playOne([
    ...tokensAt([5], null).slice(0, 1),
    at(6, chatStop()),
    at(7, usage(1_792)),
    at(8, chatDone()),
  ]);
  assert.deepEqual(
    [good.outcome.inputTokens, good.outcome.cachedTokens, good.outcome.reasoningTokens, good.outcome.note],
    [1_834, 1_792, 4, null],
  );
  const bad = playOne([at(5, chatToken('x')), at(6, chatStop()), at(7, usage(2_000)), at(8, chatDone())]);
  assert.equal(bad.outcome.cachedTokens, null);
  assert.equal(bad.outcome.note, 'cached_exceeds_input');
});

test('F20: counts that are missing, null or no whole numbers are unknown, and zero is zero', () => {
  const counted = (usage: unknown): (number | null)[] => {
    const { outcome } = playOne([
      at(1, chatToken('x')),
      at(2, chatStop()),
      at(3, sseEvent({ choices: [], usage })),
      at(4, chatDone()),
    ]);
    return [outcome.inputTokens, outcome.outputTokens];
  };
  assert.deepEqual(counted({ completion_tokens: 5 }), [null, 5]);
  assert.deepEqual(counted({ prompt_tokens: 0, completion_tokens: 5 }), [0, 5]);
  assert.deepEqual(counted({ prompt_tokens: null, completion_tokens: '5' }), [null, null]);
  assert.deepEqual(counted({ prompt_tokens: -1, completion_tokens: 2.5 }), [null, null]);
  assert.deepEqual(counted(null), [null, null]);
});

test('F38: the first token is no gap', () => {
  const { record } = playOne(tokensAt([500, 520, 540], 3));
  assert.deepEqual(itlGaps(record), [20, 20]);
  assert.equal(ttft(record), 500);
});

test('F40: an answer that is not streamed has no TTFT, TPOT or gaps, and its e2e ends with the response', () => {
  const body = JSON.stringify({
    id: 'chatcmpl-9',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hello there' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 7, completion_tokens: 2 },
  });
  for (const [stream, note] of [
    [false, null],
    [true, 'not_streamed'],
  ] as const) {
    const { outcome, record } = playOne([at(80, body.slice(0, 30)), at(90, body.slice(30)), complete(95)], {
      stream,
      contentType: 'application/json; charset=utf-8',
    });
    assert.deepEqual(
      [
        outcome.status,
        outcome.stream,
        outcome.note,
        outcome.outputTokens,
        outcome.responseId,
        outcome.finishReason,
      ],
      ['ok', false, note, 2, 'chatcmpl-9', 'stop'],
    );
    for (const id of ['ttft', 'ttfa', 'tpot', 'response.ttft'] as const) {
      assert.deepEqual(REQUEST_METRICS[id](record), { missing: 'not_streamed' }, id);
    }
    assert.deepEqual(itlGaps(record), []);
    assert.equal(REQUEST_METRICS.e2e(record), 95);
    assert.equal(REQUEST_METRICS.ntpot(record), 47.5);
  }
});

test('F44: the produced length counts, not the asked one', () => {
  const times = Array.from({ length: 11 }, (_, i) => 200 + i * 10);
  const { record } = playOne(tokensAt(times, 11));
  assert.equal(record.outputTokens, 11);
  assert.equal(record.maxOutputTokens, 128);
  assert.equal(REQUEST_METRICS.tpot(record), 10);
});

test('one chunk with all tokens has no time per token', () => {
  const { record } = playOne(tokensAt([50], 13));
  assert.equal(record.tokensInFirstChunk, 13);
  assert.deepEqual(REQUEST_METRICS.tpot(record), { missing: 'one_token' });
});

test('completions: text of choices, usage and end', () => {
  const chunk = (text: string, reason: string | null = null): string =>
    sseEvent({ id: 'cmpl-1', choices: [{ index: 0, text, finish_reason: reason }] });
  const { outcome, ms } = playOne(
    [
      at(10, chunk('')),
      at(20, chunk(' a')),
      at(30, chunk(' b', 'length')),
      at(31, sseEvent({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 2 } })),
      at(31, chatDone()),
      complete(31),
    ],
    { protocol: 'openai-completions' },
  );
  assert.deepEqual(
    [outcome.status, outcome.chunks, outcome.outputTokens, outcome.finishReason, outcome.responseId],
    ['ok', 2, 2, 'length', 'cmpl-1'],
  );
  assert.deepEqual([ms['firstToken'], ms['firstAnswer'], ms['lastToken']], [20, 20, 30]);
});
