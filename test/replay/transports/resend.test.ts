/** Kept connections: given up before the server closes them, and what happens when it closes one as a request leaves. */
import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { createScheduler } from '../../../src/clock.js';
import { chatDone, chatStop, chatToken } from '../../../src/replay/testing/script.js';
import { createTransport } from '../../../src/replay/transports/index.js';
import { NS_PER_MS, NS_PER_SEC } from '../../../src/units.js';
import { type SendOptions, type Sent, send } from './send.js';

const TEXT = chatToken('a') + chatStop() + chatDone();
const whole = (headers = ''): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n${headers}content-length: ${Buffer.byteLength(TEXT)}\r\n\r\n${TEXT}`;

/** `nth` counts the requests of a connection, `request` those of all; both from 1. */
type Answer = (socket: Socket, nth: number, request: number) => void;

async function withServer<T>(
  answer: Answer,
  use: (url: string) => Promise<T>,
): Promise<{ result: T; bodies: string[]; connections: number }> {
  const bodies: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    let nth = 0;
    // Bodies are so short that a request comes in one piece.
    socket.on('data', (bytes) => {
      nth += 1;
      answer(socket, nth, bodies.push(bytes.toString('latin1').split('\r\n\r\n')[1]));
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const result = await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return { result, bodies, connections };
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

const sent = (answer: Answer, options: Partial<SendOptions> = {}) =>
  withServer(answer, (url) => send({ count: 2, concurrency: 1, ...options, url }));

const endings = ({ outcomes }: Sent): unknown[] => outcomes.map(({ status, note }) => [status, note]);

for (const how of ['end', 'resetAndDestroy'] as const) {
  test(`a kept connection that is closed as a request leaves: it is sent once more (${how})`, async () => {
    const { result, bodies, connections } = await sent((socket, nth) => {
      if (nth === 1) socket.write(whole());
      else socket[how]();
    });
    assert.deepEqual(endings(result), [
      ['ok', null],
      ['ok', 'resent'],
    ]);
    assert.deepEqual(bodies, ['{"n":0}', '{"n":1}', '{"n":1}']);
    const [, again] = result.outcomes;
    assert.ok(again.lastSentNs! > again.sentNs!, 'both instants are kept');
    assert.ok(again.firstTokenNs! > again.lastSentNs!);
    assert.equal(again.connectNs, null, 'it left on an open connection at first');
    assert.equal(result.outcomes[0].lastSentNs, undefined);
    assert.deepEqual([result.facts.opened, result.facts.reused, result.facts.resent], [2, 1, 1]);
    assert.equal(connections, 2);
  });
}

test('not at all when nobody wants it: the close is the request’s failure, and the server got it once', async () => {
  const answer: Answer = (socket, nth) => {
    if (nth === 1) socket.write(whole());
    else socket.end();
  };
  const { result, bodies } = await sent(answer, { connection: { resend: false } });
  assert.deepEqual(endings(result), [
    ['ok', null],
    ['connection_error', null],
  ]);
  assert.deepEqual(bodies, ['{"n":0}', '{"n":1}']);
});

test('exactly once: a second close is the request’s end', async () => {
  const { result, bodies } = await sent((socket, _nth, request) => {
    if (request === 1) socket.write(whole());
    else socket.end();
  });
  assert.deepEqual(endings(result), [
    ['ok', null],
    ['connection_error', 'resent'],
  ]);
  assert.equal(bodies.length, 3);
});

test('never after the first byte of an answer', async () => {
  const { result, bodies } = await sent((socket, nth) => {
    if (nth === 1) socket.write(whole());
    else socket.end('H');
  });
  assert.deepEqual(endings(result), [
    ['ok', null],
    ['connection_error', null],
  ]);
  assert.equal(bodies.length, 2);
});

test('never on a connection that was opened for the request, nor when it was at work for a while', async () => {
  const fresh = await sent((socket) => socket.end(), { count: 1 });
  assert.deepEqual(endings(fresh.result), [['connection_error', null]]);
  assert.equal(fresh.bodies.length, 1);
  const later = await sent((socket, nth) => {
    if (nth === 1) socket.write(whole());
    else setTimeout(() => socket.end(), 150);
  });
  assert.deepEqual(endings(later.result), [
    ['ok', null],
    ['connection_error', null],
  ]);
  assert.equal(later.bodies.length, 2);
});

test('limits hold for the second time too', async () => {
  // The second connection is never answered: the limit of the first byte counts from the second time.
  const { result } = await sent(
    (socket, nth, request) => {
      if (request === 1) socket.write(whole());
      else if (nth === 2) socket.end();
    },
    { limits: { firstByteNs: 200 * NS_PER_MS } },
  );
  assert.deepEqual(endings(result), [
    ['ok', null],
    ['timeout_first_byte', 'resent'],
  ]);
  const [, again] = result.outcomes;
  assert.ok(again.endNs - again.lastSentNs! >= 200 * NS_PER_MS);
});

/** Connections that three requests need, a pause of `idleSec` on the transport's clock between them. */
async function connectionsFor(headers: string, idleSec: number): Promise<number> {
  const { connections } = await withServer(
    (socket) => socket.write(whole(headers)),
    async (url) => {
      const scheduler = createScheduler();
      let aheadNs = 0;
      const transport = createTransport({
        url: `${url}/v1/chat/completions`,
        headers: [],
        nowNs: () => scheduler.nowNs() + aheadNs,
      });
      for (let i = 0; i < 3; i++) {
        await new Promise<void>((resolve, reject) => {
          transport.send(Buffer.from('{}'), true, {
            onConnected: () => undefined,
            onSent: () => undefined,
            onHead: () => undefined,
            onData: () => undefined,
            onEnd: resolve,
            onError: reject,
          });
        });
        aheadNs += idleSec * NS_PER_SEC;
      }
      await transport.close();
    },
  );
  return connections;
}

test('idle connections are given up a second before the server’s own limit, and after 4 s without one', async () => {
  assert.equal(await connectionsFor('keep-alive: timeout=3, max=100\r\n', 0.5), 1);
  assert.equal(await connectionsFor('keep-alive: timeout=3, max=100\r\n', 2.1), 3);
  assert.equal(await connectionsFor('keep-alive: timeout=1\r\n', 0), 3);
  assert.equal(await connectionsFor('', 3), 1);
  assert.equal(await connectionsFor('', 4.1), 3);
  assert.equal(
    await connectionsFor('keep-alive: timeout=75\r\n', 4.1),
    3,
    'proxies in between have limits too',
  );
});
