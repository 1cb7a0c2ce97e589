/** Every transport on real sockets: the same endings, limits and hostile servers give the same outcomes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import {
  chatChunk,
  chatDone,
  chatStop,
  chatToken,
  type ScriptedAnswer,
  sseEvent,
} from '../../../src/replay/testing/script.js';
import type { ScriptedEndpointOptions } from '../../../src/replay/testing/scripted-endpoint.js';
import type { ConnectionOptions } from '../../../src/replay/transport.js';
import { MS } from '../play.js';
import { makeCertificates } from './certificates.js';
import { GOOD, inOrder, type SendOptions, type Sent, sendTo } from './send.js';

const certificates = makeCertificates();

interface Way {
  readonly name: string;
  readonly endpoint: Omit<ScriptedEndpointOptions, 'script'>;
  readonly connection: ConnectionOptions;
  /** Requests of one connection can run side by side. */
  readonly shares: boolean;
}

const WAYS: Way[] = [
  { name: 'HTTP/1.1', endpoint: {}, connection: {}, shares: false },
  { name: 'HTTP/1.1 by undici', endpoint: {}, connection: { engine: 'undici' }, shares: false },
  { name: 'HTTP/2 without TLS', endpoint: { http2: true }, connection: { http: '2' }, shares: true },
  ...(certificates === null
    ? []
    : [
        {
          name: 'HTTP/1.1 over TLS',
          endpoint: { tls: certificates.server },
          connection: { ca: certificates.ca },
          shares: false,
        },
        {
          name: 'HTTP/1.1 over TLS by undici',
          endpoint: { tls: certificates.server },
          connection: { ca: certificates.ca, engine: 'undici' as const },
          shares: false,
        },
        {
          name: 'HTTP/2 over TLS',
          endpoint: { tls: certificates.server, http2: true },
          connection: { ca: certificates.ca, http: '2' as const },
          shares: true,
        },
      ]),
];
if (certificates === null) test('TLS', { skip: 'the openssl program is missing' }, () => undefined);

const whole = (write: string | Uint8Array, more: Partial<ScriptedAnswer> = {}): ScriptedAnswer => ({
  steps: [
    { atMs: 0, write },
    { atMs: 0, end: 'complete' },
  ],
  ...more,
});

for (const way of WAYS) {
  const run = (
    script: ScriptedEndpointOptions['script'],
    options: Omit<SendOptions, 'url' | 'connection'>,
  ): ReturnType<typeof sendTo> =>
    sendTo({ ...way.endpoint, script }, { ...options, connection: way.connection });
  const endings = ({ outcomes }: Sent): unknown[] =>
    outcomes.map(({ status, error, note, chunks }) => [status, error, note, chunks]);

  test(`${way.name}: an answer, its instants, its request`, async () => {
    const { outcomes, endpoint } = await run(() => GOOD, { count: 1 });
    const [outcome] = outcomes;
    assert.deepEqual(
      [
        outcome.status,
        outcome.chunks,
        outcome.inputTokens,
        outcome.outputTokens,
        outcome.error,
        outcome.note,
      ],
      ['ok', 2, 7, 2, null, null],
    );
    const { sentNs, firstByteNs, firstTokenNs, lastTokenNs, endNs } = outcome;
    const instants = [sentNs, firstByteNs, firstTokenNs, lastTokenNs, endNs];
    assert.deepEqual(
      instants,
      [...instants].sort((a, b) => a! - b!),
    );
    assert.ok(outcome.connectNs! > 0);
    const [request] = endpoint.requests;
    assert.equal(request.httpVersion, way.shares ? '2.0' : '1.1');
    assert.equal(request.path, '/v1/chat/completions');
    assert.equal(request.headers['content-type'], 'application/json');
    assert.equal(request.headers['authorization'], 'Bearer secret');
    assert.equal(request.headers['accept'], 'text/event-stream');
    assert.equal(request.headers['accept-encoding'], 'identity');
    assert.equal(Number(request.headers['content-length']), Buffer.byteLength(request.body));
  });

  test(`${way.name}: F31: none waits in the client, and connections are reused`, async () => {
    const held: ScriptedAnswer = { steps: GOOD.steps.map((step) => ({ ...step, atMs: 1_000 })) };
    const many = await run(() => held, { count: 40 });
    assert.ok(many.outcomes.every(({ status }) => status === 'ok'));
    assert.equal(many.endpoint.maxOpen, 40);
    assert.equal(many.facts.opened, way.shares ? 1 : 40);
    const row = await run(() => GOOD, { count: 5, concurrency: 1 });
    assert.deepEqual([row.facts.opened, row.facts.reused, row.endpoint.connections], [1, 4, 1]);
    assert.deepEqual(
      row.outcomes.map(({ connectNs }) => connectNs !== null),
      [true, false, false, false, false],
    );
    assert.ok(row.facts.connectNs > 0);
    assert.equal(row.facts.dnsNs, 0);
  });

  test(`${way.name}: connections opened ahead are no connection time of a request`, async () => {
    const { outcomes, endpoint } = await run(() => GOOD, { count: 1, preconnect: 1 });
    assert.deepEqual([outcomes[0].status, outcomes[0].connectNs, endpoint.connections], ['ok', null, 1]);
  });

  test(`${way.name}: F13: FIN, RST, stop and FIN, no answer at all, and a good one beside them`, async () => {
    const token = { atMs: 0, write: chatToken('Hello') };
    const answers: (ScriptedAnswer | null)[] = [
      { steps: [token, { atMs: 30, end: 'close' }] },
      { steps: [token, { atMs: 30, end: 'reset' }] },
      { steps: [token, { atMs: 0, write: chatStop() }, { atMs: 30, end: 'close' }] },
      null,
      GOOD,
    ];
    // On a shared connection an ending would end the others too.
    const all = await Promise.all(answers.map((answer) => run(() => answer, { count: 1 })));
    const reset = way.shares ? 'http2_reset: internal_error' : 'connection_reset';
    assert.deepEqual(all.flatMap(endings), [
      ['truncated', 'no_finish_reason_and_no_end_mark', null, 1],
      ['connection_error', reset, null, 1],
      ['ok', null, 'done_missing', 1],
      ['connection_error', 'closed_before_response', null, 0],
      ['ok', null, null, 2],
    ]);
  });

  test(`${way.name}: F11: a response that stays open after the end mark ends all the same`, async () => {
    const lingering: ScriptedAnswer = { steps: GOOD.steps.slice(0, -1) };
    const sent = await run(() => lingering, { count: 3, concurrency: 1, limits: { lingerNs: 50 * MS } });
    assert.deepEqual(endings(sent), Array(3).fill(['ok', null, null, 2]));
  });

  test(`${way.name}: F35 and F37: each limit names itself; slow headers and stalls keep what had come`, async () => {
    const answers: ScriptedAnswer[] = [
      { headAtMs: Number.POSITIVE_INFINITY, steps: [] },
      { headAtMs: 0, steps: [] },
      {
        steps: [
          { atMs: 0, write: chatToken('a') },
          { atMs: 60, write: chatToken('b') },
        ],
      },
      {
        headAtMs: 100,
        steps: [
          { atMs: 100, write: chatToken('a') + chatStop() + chatDone() },
          { atMs: 100, end: 'complete' },
        ],
      },
    ];
    const { outcomes } = await run(inOrder(answers), {
      count: 4,
      limits: { firstByteNs: 250 * MS, idleNs: 300 * MS, totalNs: 2_000 * MS },
    });
    assert.deepEqual(
      outcomes.map(({ status, chunks }) => [status, chunks]),
      [
        ['timeout_first_byte', 0],
        ['timeout_idle', 0],
        ['timeout_idle', 2],
        ['ok', 1],
      ],
    );
    assert.equal(outcomes[0].error, 'limit 0.25 s');
    assert.ok(outcomes[0].endNs - outcomes[0].sentNs! >= 250 * MS);
    assert.ok(outcomes[2].lastTokenNs! > outcomes[2].firstTokenNs!);
    const dripping: ScriptedAnswer = {
      steps: Array.from({ length: 20 }, (_, i) => ({ atMs: 40 * i, write: chatToken('x') })),
    };
    const total = await run(() => dripping, { count: 1, limits: { idleNs: 200 * MS, totalNs: 400 * MS } });
    assert.equal(total.outcomes[0].status, 'timeout_total');
    assert.ok(total.outcomes[0].chunks >= 2);
  });

  test(`${way.name}: refusals: a burst of 429 and 503 with Retry-After, a redirect that is not followed`, async () => {
    const json = { contentType: 'application/json' };
    const answers: ScriptedAnswer[] = [
      whole('{"error":{"message":"slow down"}}', { status: 429, headers: { 'retry-after': '2' }, ...json }),
      whole('<html><head><title>503 Busy</title></head></html>', { status: 503, contentType: 'text/html' }),
      whole('', {
        status: 308,
        headers: { location: 'https://else.example.com/v1?key=sk-12345678' },
        ...json,
      }),
      whole('', { status: 204, ...json }),
    ];
    const { outcomes, endpoint } = await run(inOrder(answers), { count: 4 });
    assert.deepEqual(
      outcomes.map(({ status, error, httpStatus, retryAfter }) => [status, error, httpStatus, retryAfter]),
      [
        ['http_error', 'http_429: slow down', 429, '2'],
        ['http_error', 'http_503: 503 Busy', 503, null],
        ['http_error', 'http_308: redirect to https://else.example.com/v1', 308, null],
        ['stream_error', 'unreadable_body: Unexpected end of JSON input', 204, null],
      ],
    );
    assert.equal(endpoint.requests.length, 4, 'F32: nothing is sent twice');
  });

  test(`${way.name}: a 200 that is no stream: HTML, error JSON, an answer at once, gzip, brotli`, async () => {
    const events = chatToken('a') + chatStop() + chatDone();
    const answers: ScriptedAnswer[] = [
      whole('<html>login</html>', { contentType: 'text/html; charset=utf-8' }),
      whole('{"error":{"message":"no capacity"}}', { contentType: 'application/json' }),
      whole(
        '{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":1}}',
        { contentType: 'application/json' },
      ),
      whole(gzipSync(events), { headers: { 'content-encoding': 'gzip' } }),
      whole(brotliCompressSync(events), { headers: { 'content-encoding': 'br' } }),
      whole(events, { contentType: 'text/plain' }),
      whole('', {}),
    ];
    const sent = await run(inOrder(answers), { count: answers.length });
    assert.deepEqual(endings(sent), [
      ['stream_error', 'no_events: the answer is text/html; charset=utf-8', null, 0],
      ['stream_error', 'no capacity', 'not_streamed', 0],
      ['ok', null, 'not_streamed', 0],
      ['stream_error', 'content_encoding: gzip was not asked for', null, 0],
      ['stream_error', 'content_encoding: br was not asked for', null, 0],
      ['ok', null, null, 1],
      ['truncated', 'no_finish_reason_and_no_end_mark', null, 0],
    ]);
  });

  test(`${way.name}: an error event in the middle, garbage in an event, usage that never comes`, async () => {
    const answers: ScriptedAnswer[] = [
      whole(chatToken('a') + sseEvent({ error: { message: 'out of memory' } }) + chatToken('b')),
      whole(`${chatToken('a')}data: {"choices":[{]}\n\n`),
      whole(chatToken('a b') + chatToken(' c') + chatStop('length') + chatDone()),
      whole(`\u0000\u0001\u0002 garbage\n\n${chatToken('a')}${chatStop()}${chatDone()}`),
      whole(chatChunk({ content: 'x'.repeat(3_000_000) }) + chatStop() + chatDone()),
    ];
    const { outcomes } = await run(inOrder(answers), { count: answers.length });
    assert.deepEqual(
      outcomes.map(({ status, chunks, outputTokens }) => [status, chunks, outputTokens]),
      [
        ['stream_error', 1, null],
        ['stream_error', 1, null],
        ['ok', 2, null],
        ['ok', 1, null],
        ['ok', 1, null],
      ],
    );
    assert.equal(outcomes[0].error, 'out of memory');
    assert.match(outcomes[1].error!, /^unreadable_event: /);
    assert.deepEqual(outcomes[2].uncounted, { text: 'a b c', firstLength: 3 });
    assert.equal(outcomes[4].uncounted?.text.length, 3_000_000);
  });

  test(`${way.name}: an event of 100 MB ends the request when it passes the limit, and nothing else`, async () => {
    const piece = Buffer.alloc(4 * 1024 * 1024, 0x78);
    const huge: ScriptedAnswer = {
      steps: [
        { atMs: 0, write: 'data: ' },
        ...Array.from({ length: 25 }, (_, i) => ({ atMs: i, write: piece })),
      ],
    };
    const { outcomes } = await run(inOrder([huge, GOOD]), { count: 2 });
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['stream_error', 'ok'],
    );
    assert.match(outcomes[0].error!, /^event_too_large: /);
  });
}
