/** The transport and the sender on real sockets: reuse, resets, refusals, hidden limits, slow readers. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { createScheduler } from '../../src/clock.js';
import type { ExchangeLimits, Outcome } from '../../src/replay/exchange.js';
import { protocolNamed } from '../../src/replay/protocols/index.js';
import { Sender } from '../../src/replay/sender.js';
import {
  chatDone,
  chatRole,
  chatStop,
  chatToken,
  chatUsage,
  type Script,
  type ScriptedAnswer,
} from '../../src/replay/testing/script.js';
import { createScriptedEndpoint } from '../../src/replay/testing/scripted-endpoint.js';
import { CLIENT_OPTIONS, createUndiciTransport } from '../../src/replay/undici-transport.js';
import { MS, NO_LIMITS } from './play.js';

const GOOD: ScriptedAnswer = {
  steps: [
    { atMs: 0, write: chatRole() },
    { atMs: 0, write: chatToken('naïve 🙂') },
    { atMs: 0, write: chatToken(' b') + chatStop() },
    { atMs: 0, write: chatUsage(7, 2) + chatDone() },
    { atMs: 0, end: 'complete' },
  ],
};

interface SendOptions {
  readonly url: string;
  readonly count: number;
  readonly limits?: Partial<ExchangeLimits>;
  readonly concurrency?: number;
  readonly preconnect?: number;
}

async function send(options: SendOptions): Promise<{ outcomes: Outcome[]; opened: number }> {
  const scheduler = createScheduler();
  const transport = createUndiciTransport({
    url: `${options.url}/v1/chat/completions`,
    headers: ['authorization', 'Bearer secret'],
    nowNs: scheduler.nowNs,
  });
  if (options.preconnect !== undefined) await transport.preconnect(options.preconnect);
  const outcomes: Outcome[] = [];
  await new Promise<void>((resolve) => {
    const sender = new Sender({
      scheduler,
      housekeeping: createScheduler({ spin: false }),
      transport,
      protocol: protocolNamed('openai-chat'),
      limits: { ...NO_LIMITS, ...options.limits },
      concurrency: options.concurrency ?? null,
      keepChunks: true,
      onSettled: (outcome) => {
        outcomes.push(outcome);
        if (outcomes.length === options.count) resolve();
      },
    });
    sender.addJobs(
      Array.from({ length: options.count }, (_, index) => ({
        index,
        intendedNs: 0,
        body: Buffer.from(`{"n":${index}}`),
        stream: true,
      })),
    );
    sender.start(scheduler.nowNs());
  });
  const opened = transport.connectionsOpened();
  await transport.close();
  return { outcomes: outcomes.sort((a, b) => a.index - b.index), opened };
}

async function withEndpoint(
  script: Script,
  options: Omit<SendOptions, 'url'>,
): Promise<{
  outcomes: Outcome[];
  opened: number;
  maxOpen: number;
  connections: number;
  paths: Set<string>;
}> {
  const endpoint = await createScriptedEndpoint({ script });
  try {
    const result = await send({ ...options, url: endpoint.url });
    const paths = new Set(endpoint.requests.map((request) => request.path));
    for (const { headers, body } of endpoint.requests) {
      assert.equal(headers['content-type'], 'application/json');
      assert.equal(headers['authorization'], 'Bearer secret');
      assert.equal(Number(headers['content-length']), Buffer.byteLength(body));
    }
    return { ...result, maxOpen: endpoint.maxOpen, connections: endpoint.connections, paths };
  } finally {
    await endpoint.close();
  }
}

test('an answer over real sockets: tokens, usage, order of instants', async () => {
  const { outcomes, paths } = await withEndpoint(() => GOOD, { count: 1 });
  const [outcome] = outcomes;
  assert.deepEqual(
    [outcome.status, outcome.chunks, outcome.inputTokens, outcome.outputTokens, outcome.error, outcome.note],
    ['ok', 2, 7, 2, null, null],
  );
  const instants = [
    outcome.sentNs,
    outcome.firstByteNs,
    outcome.firstTokenNs,
    outcome.lastTokenNs,
    outcome.endNs,
  ];
  assert.deepEqual(
    instants,
    [...instants].sort((a, b) => a! - b!),
  );
  assert.ok(outcome.connectNs! > 0);
  assert.deepEqual([...paths], ['/v1/chat/completions']);
});

test('one after the other share a connection; only the first opened one', async () => {
  const { outcomes, opened, connections } = await withEndpoint(() => GOOD, { count: 5, concurrency: 1 });
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    Array(5).fill('ok'),
  );
  assert.deepEqual([opened, connections], [1, 1]);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.connectNs !== null),
    [true, false, false, false, false],
  );
});

test('F31: as many connections as requests in flight, none queued in the client', async () => {
  const held: ScriptedAnswer = {
    steps: GOOD.steps.map((step) => ({ ...step, atMs: 1_500 })),
  };
  const { outcomes, maxOpen, opened } = await withEndpoint(() => held, { count: 120 });
  assert.ok(outcomes.every((outcome) => outcome.status === 'ok'));
  assert.equal(maxOpen, 120);
  assert.equal(opened, 120);
});

test('connections opened ahead are used, and are no connection time of a request', async () => {
  const held: ScriptedAnswer = { steps: GOOD.steps.map((step) => ({ ...step, atMs: 100 })) };
  const { outcomes, connections } = await withEndpoint(() => held, { count: 4, preconnect: 3 });
  assert.equal(connections, 4);
  assert.equal(outcomes.filter((outcome) => outcome.connectNs === null).length, 3);
});

test('connection: close is obeyed without losing a request', async () => {
  const closing: ScriptedAnswer = { ...GOOD, headers: { connection: 'close' } };
  const { outcomes, connections } = await withEndpoint(() => closing, { count: 4, concurrency: 1 });
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    Array(4).fill('ok'),
  );
  assert.equal(connections, 4);
});

test('F13 on real sockets: FIN, RST, and no answer at all', async () => {
  const token = { atMs: 0, write: chatToken('Hello') };
  const answers: (ScriptedAnswer | null)[] = [
    { steps: [token, { atMs: 30, end: 'close' }] },
    { steps: [token, { atMs: 30, end: 'reset' }] },
    { steps: [token, { atMs: 0, write: chatStop() }, { atMs: 30, end: 'close' }] },
    null,
    GOOD,
  ];
  const { outcomes } = await withEndpoint(({ body }) => answers[(JSON.parse(body) as { n: number }).n], {
    count: answers.length,
  });
  assert.deepEqual(
    outcomes.map((outcome) => [outcome.status, outcome.error, outcome.note, outcome.chunks]),
    [
      ['truncated', 'no_finish_reason_and_no_end_mark', null, 1],
      ['connection_error', 'connection_reset', null, 1],
      ['ok', null, 'done_missing', 1],
      ['connection_error', 'closed_before_response', null, 0],
      ['ok', null, null, 2],
    ],
  );
});

test('F11: a connection that lingers after the end mark is given up and not used again', async () => {
  const lingering: ScriptedAnswer = { steps: GOOD.steps.slice(0, -1) };
  const { outcomes, connections } = await withEndpoint(() => lingering, {
    count: 3,
    concurrency: 1,
    limits: { lingerNs: 50 * MS },
  });
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ['ok', 'ok', 'ok'],
  );
  assert.equal(connections, 3);
});

test('F35: hidden limits of the HTTP library are off; ours name themselves', async () => {
  assert.deepEqual(
    [CLIENT_OPTIONS.headersTimeout, CLIENT_OPTIONS.bodyTimeout, CLIENT_OPTIONS.connectTimeout],
    [0, 0, 0],
  );
  const silent: ScriptedAnswer = { headAtMs: Number.POSITIVE_INFINITY, steps: [] };
  const headOnly: ScriptedAnswer = { headAtMs: 0, steps: [] };
  const { outcomes } = await withEndpoint(({ body }) => (body === '{"n":0}' ? silent : headOnly), {
    count: 2,
    limits: { firstByteNs: 150 * MS, idleNs: 250 * MS },
  });
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ['timeout_first_byte', 'timeout_idle'],
  );
  assert.ok(outcomes[0].endNs - outcomes[0].sentNs! >= 150 * MS);
  assert.ok(outcomes[1].endNs - outcomes[1].firstByteNs! >= 250 * MS);
});

test('nobody listens; bytes that are no HTTP', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).resume();
    socket.end('hello, this is no HTTP\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const garbage = await send({ url: `http://127.0.0.1:${port}`, count: 1 });
  await new Promise((resolve) => server.close(resolve));
  assert.equal(garbage.outcomes[0].status, 'connection_error');
  assert.match(garbage.outcomes[0].error!, /^bad_http: /);
  const refused = await send({ url: `http://127.0.0.1:${port}`, count: 2 });
  assert.deepEqual(
    refused.outcomes.map((outcome) => [outcome.status, outcome.error, outcome.sentNs]),
    Array(2).fill(['connection_error', 'connection_refused', null]),
  );
});

test('a large prompt and a large answer pass whole', async () => {
  const words = ' word'.repeat(200_000);
  const big: ScriptedAnswer = {
    steps: [
      { atMs: 0, write: chatToken(words) },
      { atMs: 0, write: chatStop() + chatDone() },
      { atMs: 0, end: 'complete' },
    ],
  };
  const { outcomes } = await withEndpoint(() => big, { count: 2 });
  for (const outcome of outcomes) {
    assert.equal(outcome.status, 'ok');
    assert.equal(outcome.uncounted?.text, words);
  }
});
