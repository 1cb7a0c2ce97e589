/** Every terminal state, with exact instants on a fake clock. Cases F11, F13, F22, F35, F37 and the design's list. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
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
import { MS, play, playOne } from './play.js';

const at = (atMs: number, write: string | Uint8Array): ScriptStep => ({ atMs, write });
const end = (atMs: number, how: 'complete' | 'close' | 'reset'): ScriptStep => ({ atMs, end: how });
const hello = at(100, chatToken('Hello'));

test('F11 A: a finish reason and then silence is ok after the grace, ending with the last useful event', () => {
  const { outcome, ms, transport } = playOne([hello, at(200, chatStop())]);
  assert.deepEqual([outcome.status, outcome.note, outcome.finishReason], ['ok', 'done_missing', 'stop']);
  assert.equal(ms['end'], 200);
  assert.deepEqual(transport.abortedIndexes, [0]);
});

test('F11 B: the end mark ends it at once; a socket that stays open is given up', () => {
  const { outcome, ms, transport } = playOne([hello, at(200, chatStop()), at(210, chatDone())]);
  assert.deepEqual([outcome.status, outcome.note, ms['end']], ['ok', null, 210]);
  assert.deepEqual(transport.abortedIndexes, [0]);
});

test('a response that ends in order soon after the end mark keeps its connection', () => {
  const { outcome, transport } = playOne([
    hello,
    at(200, chatStop()),
    at(210, chatDone()),
    end(350, 'complete'),
  ]);
  assert.equal(outcome.status, 'ok');
  assert.deepEqual(transport.abortedIndexes, []);
});

const f13: [string, ScriptStep[], string, string | null, string | null][] = [
  ['FIN', [end(150, 'close')], 'truncated', null, 'no_finish_reason_and_no_end_mark'],
  ['[DONE] only', [at(150, chatDone()), end(150, 'complete')], 'ok', 'finish_missing', null],
  [
    'finish null and [DONE]',
    [at(140, chatChunk({}, null)), at(150, chatDone()), end(150, 'complete')],
    'ok',
    'finish_missing',
    null,
  ],
  [
    'empty choices and [DONE]',
    [at(140, sseEvent({ choices: [] })), at(150, chatDone()), end(150, 'complete')],
    'ok',
    'finish_missing',
    null,
  ],
  ['stop and FIN', [at(140, chatStop()), end(150, 'close')], 'ok', 'done_missing', null],
  ['stop and an orderly end', [at(140, chatStop()), end(150, 'complete')], 'ok', 'done_missing', null],
  ['RST', [end(150, 'reset')], 'connection_error', null, 'connection_reset'],
  [
    'an orderly end without either',
    [end(150, 'complete')],
    'truncated',
    null,
    'no_finish_reason_and_no_end_mark',
  ],
];
for (const [name, steps, status, note, error] of f13) {
  test(`F13: after one token, ${name}`, () => {
    const { outcome, ms } = playOne([hello, ...steps]);
    assert.deepEqual([outcome.status, outcome.note, outcome.error], [status, note, error]);
    assert.equal(ms['firstToken'], 100);
    assert.equal(outcome.chunks, 1);
  });
}

test('[DONE] without its blank line at the end of the stream still ends it; half an event is a cut', () => {
  assert.equal(playOne([hello, at(110, 'data: [DONE]'), end(120, 'close')]).outcome.status, 'ok');
  const half = playOne([hello, at(110, 'data: {"choices":[{"del'), end(120, 'close')]);
  assert.equal(half.outcome.status, 'truncated');
});

test('F22: a finished answer without a token is empty; with counted tokens but no text it is ok', () => {
  const empties: ScriptStep[][] = [
    [at(5, chatRole()), at(9, chatDone()), end(9, 'complete')],
    [at(5, chatRole()), at(9, chatStop()), at(9, chatUsage(4, 0)), at(9, chatDone()), end(9, 'complete')],
    [at(5, chatStop()), end(9, 'close')],
  ];
  for (const steps of empties) {
    const { outcome } = playOne(steps);
    assert.deepEqual([outcome.status, outcome.chunks, outcome.firstTokenNs], ['empty', 0, null]);
  }
  const hidden = playOne([at(5, chatStop()), at(6, chatUsage(4, 3)), at(7, chatDone()), end(7, 'complete')]);
  assert.deepEqual([hidden.outcome.status, hidden.outcome.outputTokens], ['ok', 3]);
});

test('an error inside a 200 is a stream error with its message, in every usual shape', () => {
  const shapes: [string, string][] = [
    [sseEvent({ error: { message: 'boom', type: 'server_error', code: 500 } }), 'boom'],
    [sseEvent({ error: 'boom' }), 'boom'],
    [sseEvent({ object: 'error', message: 'boom', code: 400 }), 'boom'],
    ['event: error\ndata: {"message":\ndata: "boom"}\n\n', 'boom'],
    ['event: error\ndata: boom\n\n', 'boom'],
    [sseEvent({ error: {} }), 'error'],
  ];
  for (const [bytes, message] of shapes) {
    const { outcome, ms, transport } = playOne([hello, at(130, bytes + chatToken('never'))]);
    assert.deepEqual([outcome.status, outcome.error, outcome.chunks], ['stream_error', message, 1]);
    assert.equal(ms['end'], 130);
    assert.deepEqual(transport.abortedIndexes, [0]);
  }
  assert.equal(
    playOne([hello, at(110, sseEvent({ error: null, choices: [] })), at(120, chatDone())]).outcome.status,
    'ok',
  );
});

test('an event that cannot be read is a stream error; data that is no JSON object is noted and passed over', () => {
  const broken = playOne([hello, at(110, 'data: {"choices": [\n\n')]);
  assert.equal(broken.outcome.status, 'stream_error');
  assert.match(broken.outcome.error!, /^unreadable_event: /);
  const foreign = playOne([hello, at(110, 'data: ping\n\n'), at(120, chatDone()), end(120, 'complete')]);
  assert.deepEqual([foreign.outcome.status, foreign.outcome.note], ['ok', 'foreign_event,finish_missing']);
});

test('an HTTP error keeps its status and the message of the server, without keys', () => {
  const cases: [number, string, string, string][] = [
    [429, 'application/json', '{"error":{"message":"slow down"}}', 'http_429: slow down'],
    [
      401,
      'application/json',
      '{"error":{"message":"Incorrect API key provided: sk-abcdef123456."}}',
      'http_401: Incorrect API key provided: sk-***.',
    ],
    [
      422,
      'application/json',
      '{"detail":[{"loc":["body"],"msg":"field required","type":"missing","input":{"a":1}}]}',
      'http_422: field required',
    ],
    [
      502,
      'text/html',
      '<html><head><title>502 Bad Gateway</title></head></html>',
      'http_502: 502 Bad Gateway',
    ],
    [503, 'text/plain', 'no healthy upstream', 'http_503: no healthy upstream'],
    [500, 'text/plain', '', 'http_500'],
    [302, 'text/plain', '', 'http_302'],
  ];
  for (const [status, contentType, body, error] of cases) {
    const steps = body === '' ? [end(40, 'complete')] : [at(30, body), end(40, 'complete')];
    const { outcome } = playOne(steps, { status, contentType });
    assert.deepEqual([outcome.status, outcome.httpStatus, outcome.error], ['http_error', status, error]);
    assert.equal(outcome.firstTokenNs, null);
  }
});

test('a refused or closed connection is a connection error and was not answered', () => {
  const { outcomes } = play({ script: () => null });
  assert.deepEqual(
    [outcomes[0].status, outcomes[0].error, outcomes[0].firstByteNs],
    ['connection_error', 'closed_before_response', null],
  );
});

test('F35: no response head within the limit', () => {
  const { outcome, ms } = playOne([at(3_000, chatToken('x'))], { limits: { firstByteNs: 1_000 * MS } });
  assert.deepEqual(
    [outcome.status, outcome.error, outcome.firstByteNs],
    ['timeout_first_byte', 'limit 1 s', null],
  );
  assert.ok(ms['end']! >= 1_000 && ms['end']! <= 1_020);
});

test('F35: without limits a head after 310 s and a gap of 310 s are fine', () => {
  const steps = [
    at(310_000, chatToken('x')),
    at(620_000, chatToken('y')),
    at(620_001, chatStop()),
    at(620_002, chatDone()),
  ];
  const { outcome, ms } = playOne(steps, { forMs: 700_000 });
  assert.deepEqual([outcome.status, ms['firstToken'], ms['lastToken']], ['ok', 310_000, 620_000]);
});

test('F37: a healthy stream outlives the idle limit; the total limit keeps what came', () => {
  const stream = Array.from({ length: 50 }, (_, i) => at((i + 1) * 100, chatToken('x')));
  const steps = [...stream, at(5_000, chatStop()), at(5_000, chatDone()), end(5_000, 'complete')];
  assert.equal(playOne(steps, { limits: { idleNs: 1_000 * MS } }).outcome.status, 'ok');
  const { outcome, ms } = playOne(steps, { limits: { totalNs: 2_050 * MS } });
  assert.deepEqual(
    [outcome.status, outcome.chunks, ms['firstToken'], ms['lastToken']],
    ['timeout_total', 20, 100, 2_000],
  );
  assert.ok(ms['end']! >= 2_050 && ms['end']! <= 2_070);
  assert.equal(outcome.chunkNs?.length, 20);
  assert.equal(outcome.uncounted?.text, 'x'.repeat(20));
});

test('idle: silence in the middle ends it; comments keep it alive', () => {
  const limits = { idleNs: 500 * MS };
  const dead = playOne([hello, at(1_000, chatDone())], { limits });
  assert.equal(dead.outcome.status, 'timeout_idle');
  assert.ok(dead.ms['end']! >= 600 && dead.ms['end']! <= 620);
  const alive = playOne(
    [hello, at(500, ': ping\n\n'), at(900, ': ping\n\n'), at(1_000, chatDone()), end(1_000, 'complete')],
    {
      limits,
    },
  );
  assert.equal(alive.outcome.status, 'ok');
});

test('a connection that does not open ends at its own limit, and its opening is no TTFT', () => {
  const slow = play({
    script: () => ({ steps: [hello] }),
    connectMs: 5_000,
    limits: { connectNs: 1_000 * MS },
  });
  assert.deepEqual([slow.outcomes[0].status, slow.outcomes[0].sentNs], ['timeout_connect', null]);
  const { outcome, ms } = playOne([hello, at(120, chatStop()), at(120, chatDone())], { connectMs: 100 });
  assert.equal(outcome.connectNs, 100 * MS);
  assert.equal(ms['firstToken'], 100);
});

test('cancelling ends what is in flight and keeps what came', () => {
  const { outcomes, transport } = play({
    script: () => ({ steps: [hello] }),
    intendedMs: [0, 50],
    during: [{ atMs: 120, call: (sender) => sender.cancelAll() }],
  });
  assert.deepEqual(
    outcomes.map((outcome) => [outcome.status, outcome.chunks]),
    [
      ['cancelled', 1],
      ['cancelled', 0],
    ],
  );
  assert.deepEqual(transport.abortedIndexes, [0, 1]);
});

test('an event beyond every size is a stream error', () => {
  const megabyte = Buffer.alloc(1 << 20, 'x');
  const steps = [hello, at(110, 'data: '), ...Array.from({ length: 66 }, (_, i) => at(120 + i, megabyte))];
  const { outcome } = playOne(steps);
  assert.equal(outcome.status, 'stream_error');
  assert.match(outcome.error!, /^event_too_large/);
});
