/** Certificates, unix sockets, HTTP versions, several addresses, and what HTTP/2 connections do of themselves. */
import assert from 'node:assert/strict';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { ToolError } from '../../../src/errors.js';
import { protocolNamed } from '../../../src/replay/protocols/index.js';
import { parseTarget } from '../../../src/replay/target.js';
import { chatDone, chatStop, chatToken } from '../../../src/replay/testing/script.js';
import { createScriptedEndpoint } from '../../../src/replay/testing/scripted-endpoint.js';
import type { ConnectionRequest } from '../../../src/replay/transport.js';
import { negotiateHttp } from '../../../src/replay/transports/negotiate.js';
import { placeOf } from '../../../src/replay/transports/places.js';
import { MS } from '../play.js';
import { freshDir, ROOT } from '../scripted-run.js';
import { makeCertificates } from './certificates.js';
import { GOOD, send, sendTo } from './send.js';

const certificates = makeCertificates();
const skip = certificates === null ? 'the openssl program is missing' : false;

test('certificates: trusted by --cacert or not at all; a client without its own is refused', {
  skip,
}, async () => {
  const { ca, server, client, stranger } = certificates!;
  const ending = async (
    tls: { key: string; cert: string; ca?: string },
    connection: ConnectionRequest,
  ): Promise<[string, string | null]> => {
    const { outcomes } = await sendTo(
      { script: () => GOOD, tls },
      { count: 1, connection: { ...connection, http: '1.1' } },
    );
    return [outcomes[0].status, outcomes[0].error];
  };
  assert.deepEqual(await ending(server, { ca }), ['ok', null]);
  const unknown = await ending(server, {});
  assert.equal(unknown[0], 'connection_error');
  assert.match(unknown[1]!, /^tls: unable to verify the first certificate/);
  const selfSigned = await ending(stranger, { ca });
  assert.match(selfSigned[1]!, /^tls: self-signed certificate/);
  assert.deepEqual(await ending(stranger, { insecure: true }), ['ok', null]);
  const mutual = { ...server, ca };
  assert.deepEqual(await ending(mutual, { ca, ...client }), ['ok', null]);
  const nameless = await ending(mutual, { ca });
  assert.equal(nameless[0], 'connection_error');
  const foreign = await ending(mutual, { ca, ...stranger });
  assert.equal(foreign[0], 'connection_error');
});

test('a certificate for another name is refused', { skip }, async () => {
  const { ca, server } = certificates!;
  const endpoint = await createScriptedEndpoint({ script: () => GOOD, tls: server });
  try {
    const { port } = new URL(endpoint.url);
    const named = await send({ url: `https://localhost:${port}`, count: 1, connection: { ca } });
    assert.equal(named.outcomes[0].status, 'ok');
    assert.ok(named.facts.dnsNs > 0, 'a name is looked up, and that is timed');
    const other = await send({ url: `https://127.0.0.2:${port}`, count: 1, connection: { ca } });
    assert.match(other.outcomes[0].error!, /^tls: |connection_refused/);
  } finally {
    await endpoint.close();
  }
});

test('HTTP/2 where the server offers it; else HTTP/1.1, and it is said', { skip }, async () => {
  const { ca, server } = certificates!;
  const chosen = async (
    http2: boolean,
    connection: ConnectionRequest,
  ): Promise<[string | undefined, string]> => {
    const endpoint = await createScriptedEndpoint({ script: () => GOOD, tls: server, http2 });
    try {
      const protocol = protocolNamed('openai-chat');
      const target = parseTarget({ url: endpoint.url, protocol, connection: { ca, ...connection } });
      const negotiated = await negotiateHttp(target, null);
      return [negotiated.target.connection.http, negotiated.notes.join()];
    } finally {
      await endpoint.close();
    }
  };
  assert.deepEqual((await chosen(true, { http: 'auto' }))[0], '2');
  const without = await chosen(false, { http: 'auto' });
  assert.equal(without[0], '1.1');
  assert.match(without[1], /does not offer HTTP\/2/);
  assert.deepEqual(await chosen(true, {}), [undefined, '']);
  await assert.rejects(
    chosen(true, { http: 'auto', ca: null }),
    (error) =>
      error instanceof ToolError && error.code === 'ENDPOINT_UNREACHABLE' && /--cacert/.test(error.hint),
  );
});

test('a unix socket carries HTTP/1.1 and HTTP/2; a missing one is no connection', async () => {
  freshDir();
  for (const http of ['1.1', '2'] as const) {
    const unixSocket = join(ROOT, `s-${http}`);
    const { outcomes, endpoint } = await sendTo(
      { script: () => GOOD, unixSocket, http2: http === '2' },
      { count: 3, concurrency: 1, connection: { unixSocket, http } },
    );
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['ok', 'ok', 'ok'],
    );
    assert.equal(endpoint.connections, 1);
    if (http === '1.1') assert.equal(endpoint.requests[0].headers['host'], 'localhost');
  }
  const missing = await send({
    url: 'http://localhost',
    count: 1,
    connection: { unixSocket: join(ROOT, 'none') },
  });
  assert.deepEqual([missing.outcomes[0].status, missing.outcomes[0].sentNs], ['connection_error', null]);
});

test('several addresses: in turn, or by session; sessions stay when an address is added', async () => {
  const [a, b] = await Promise.all([0, 1].map(() => createScriptedEndpoint({ script: () => GOOD })));
  try {
    const urls = [a.url, b.url];
    for (const http of ['1.1'] as const) {
      const { outcomes } = await send({
        url: a.url,
        otherPlaces: [{ url: `${b.url}/v1/chat/completions` }],
        count: 6,
        connection: { http },
        placeOf: (i) => placeOf(i, null, urls, 'session'),
      });
      assert.ok(outcomes.every(({ status }) => status === 'ok'));
      assert.deepEqual([a.requests.length, b.requests.length], [3, 3]);
    }
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
  const three = ['http://a', 'http://b', 'http://c'];
  const sessions = Array.from({ length: 3_000 }, (_, i) => `session-${i}`);
  const places = sessions.map((id, i) => placeOf(i, id, three, 'session'));
  assert.deepEqual(
    sessions.map((id, i) => placeOf(i + 1, id, three, 'session')),
    places,
    'by id alone',
  );
  for (const place of [0, 1, 2]) {
    const share = places.filter((one) => one === place).length / sessions.length;
    assert.ok(Math.abs(share - 1 / 3) < 0.05, `address ${place} has ${share}`);
  }
  const moved = sessions.filter((id, i) => {
    const now = placeOf(i, id, [...three, 'http://d'], 'session');
    return now !== places[i] && now !== 3;
  });
  assert.equal(moved.length, 0, 'only the new address takes sessions away');
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => placeOf(i, 'x', three, 'round-robin')),
    [0, 1, 2, 0],
  );
});

test('HTTP/2: beyond the streams that the server allows, a further connection is opened', async () => {
  const held = { steps: GOOD.steps.map((step) => ({ ...step, atMs: 200 })) };
  const { outcomes, endpoint } = await sendTo(
    { script: () => held, http2: true, maxStreams: 10 },
    // The limit is known once the first connection stands.
    { count: 25, preconnect: 1, connection: { http: '2' } },
  );
  assert.ok(
    outcomes.every(({ status }) => status === 'ok'),
    JSON.stringify(outcomes.map(({ error }) => error)),
  );
  assert.ok(endpoint.connections >= 2 && endpoint.connections <= 3, `${endpoint.connections} connections`);
});

test('HTTP/2: GOAWAY lets running requests end; later ones take a new connection', async () => {
  const sessions: ServerHttp2Session[] = [];
  const server = createHttp2Server((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chatToken('a'));
    setTimeout(() => response.end(chatStop() + chatDone()), 60);
    if (sessions.length === 1) setTimeout(() => sessions[0].goaway(0), 20);
  });
  server.on('session', (session) => sessions.push(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { outcomes } = await send({
    url: `http://127.0.0.1:${port}`,
    count: 3,
    concurrency: 1,
    connection: { http: '2' },
  });
  for (const session of sessions) session.destroy();
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(
    outcomes.map(({ status, error }) => [status, error]),
    Array(3).fill(['ok', null]),
  );
  assert.equal(sessions.length, 2);
});

/** A server that answers every request with the given bytes, whatever they are. */
async function withRawServer<T>(
  answer: (socket: Socket) => void,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

test('servers that lie: content-length too long, too short, chunk sizes that are none, no HTTP at all', async () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n';
  const events = chatToken('a') + chatStop() + chatDone();
  const answers: [string, string, RegExp | null][] = [
    [`${head}content-length: ${events.length + 50}\r\n\r\n${events}`, 'ok', null],
    [
      `${head}content-length: ${chatToken('a').length + 50}\r\n\r\n${chatToken('a')}`,
      'truncated',
      /no_finish_reason/,
    ],
    [`${head}content-length: 10\r\n\r\n${events}`, 'truncated', /no_finish_reason/],
    [`${head}transfer-encoding: chunked\r\n\r\nzz\r\n${events}\r\n`, 'connection_error', /^bad_http: /],
    ['SSH-2.0-OpenSSH_9.6\r\n', 'connection_error', /^bad_http: /],
    [`${head}transfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n0\r\n\r\n`, 'truncated', /no_finish_reason/],
    ['', 'connection_error', /closed_before_response/],
  ];
  for (const engine of ['socket', 'undici'] as const) {
    for (const [bytes, status, error] of answers) {
      const { outcomes } = await withRawServer(
        (socket) => socket.end(bytes),
        (url) => send({ url, count: 1, limits: { totalNs: 2_000 * MS }, connection: { engine } }),
      );
      const [outcome] = outcomes;
      const what = `${engine} ${JSON.stringify(bytes.slice(-60))}: ${outcome.error}`;
      assert.equal(outcome.status, status, what);
      if (error === null) assert.equal(outcome.error, null);
      else assert.match(outcome.error!, error, what);
    }
  }
});

test('a half-closed socket, and one that never reads: the limits end both', async () => {
  const halfClosed = await withRawServer(
    (socket) =>
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
      ),
    (url) => send({ url, count: 1, limits: { idleNs: 150 * MS } }),
  );
  assert.equal(halfClosed.outcomes[0].status, 'timeout_idle');
  const deaf = await withRawServer(
    (socket) => socket.pause(),
    (url) => send({ url, count: 1, limits: { firstByteNs: 150 * MS } }),
  );
  assert.equal(deaf.outcomes[0].status, 'timeout_first_byte');
});

test('slow headers, a byte at a time: only the first-byte limit ends them', async () => {
  const bytes = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-slow: yes\r\n\r\n';
  const { outcomes } = await withRawServer(
    (socket) => {
      let at = 0;
      const drip = setInterval(() => {
        if (socket.destroyed || at === bytes.length - 4) clearInterval(drip);
        else socket.write(bytes[at++]);
      }, 5);
    },
    (url) => send({ url, count: 1, limits: { firstByteNs: 200 * MS, idleNs: 50 * MS } }),
  );
  assert.equal(outcomes[0].status, 'timeout_first_byte');
});

test('F31: a slow TLS handshake is connection time, and the request counts from after it', {
  skip,
}, async () => {
  const { ca, server: tls } = certificates!;
  const endpoint = await createScriptedEndpoint({ script: () => GOOD, tls });
  const { port } = new URL(endpoint.url);
  const sockets = new Set<Socket>();
  // Holds the first bytes of each connection back.
  const slow = createServer((socket) => {
    const behind = connect(Number(port), '127.0.0.1');
    for (const one of [socket, behind]) sockets.add(one.on('error', () => undefined));
    behind.pipe(socket);
    setTimeout(() => socket.pipe(behind), 120);
  });
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(slow.address() as AddressInfo).port}`;
  try {
    for (const engine of ['socket', 'undici'] as const) {
      const { outcomes, facts } = await send({ url, count: 2, concurrency: 1, connection: { ca, engine } });
      const [first, second] = outcomes;
      assert.deepEqual([first.status, second.status], ['ok', 'ok']);
      assert.ok(first.connectNs! >= 115 * MS, `${first.connectNs}`);
      assert.equal(second.connectNs, null);
      assert.ok(first.sentNs! - first.releasedNs! >= 115 * MS, 'sent after the handshake');
      assert.ok(facts.connectNs >= 115 * MS);
    }
  } finally {
    for (const socket of sockets) socket.destroy();
    await Promise.all([endpoint.close(), new Promise((resolve) => slow.close(resolve))]);
  }
});

test('a handshake that never ends is ended by the connect limit, and nothing was sent', async () => {
  for (const connection of [{}, { engine: 'undici' }, { http: '2' }] as const) {
    const { outcomes } = await withRawServer(
      () => undefined,
      (url) =>
        send({ url: url.replace('http:', 'https:'), count: 1, connection, limits: { connectNs: 150 * MS } }),
    );
    const [{ status, error, sentNs, connectNs }] = outcomes;
    assert.deepEqual([status, error, sentNs, connectNs], ['timeout_connect', 'limit 0.15 s', null, null]);
  }
});
