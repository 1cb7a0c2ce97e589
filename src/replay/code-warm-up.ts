/**
 * Runs the sending and reading code against a mock on loopback before the clock starts.
 *
 * Cold code is a measurement error: with 100 warm-up streams a client had stalls of 8–20 ms at the same chunks of every
 * run while V8 compiled; with 600 streams (38 000 chunks) the worst read delay fell from 16.8 to 1.5 ms. The mock answers
 * in the shape that servers use, through the same transport, exchange and protocol as the run.
 */
import { createServer, type Socket } from 'node:net';
import type { Scheduler } from '../clock.js';
import type { Protocol } from './protocol.js';
import { Sender, type SendJob } from './sender.js';
import { createUndiciTransport } from './undici-transport.js';

export interface WarmUpOptions {
  readonly scheduler: Scheduler;
  readonly housekeeping: Scheduler;
  readonly protocol: Protocol;
  readonly keepChunks: boolean;
  /** Stops after this long even when not all streams are done. */
  readonly maxSec?: number;
}

export const WARM_UP_STREAMS = 600;
const CHUNKS = 64;
const AT_ONCE = 24;

/** Resolves with the number of streams when all are done, or with fewer after `maxSec` (default 3 s). */
export async function warmUpCode(options: WarmUpOptions): Promise<number> {
  const server = createServer((socket) => serveStreams(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  const { scheduler, housekeeping, protocol, keepChunks } = options;
  const transport = createUndiciTransport({
    url: `http://127.0.0.1:${port}/`,
    headers: ['authorization', 'Bearer warm-up'],
    nowNs: scheduler.nowNs,
  });
  let settled = 0;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, (options.maxSec ?? 3) * 1_000);
    const sender = new Sender({
      scheduler,
      housekeeping,
      transport,
      protocol,
      limits: {
        connectNs: null,
        firstByteNs: null,
        idleNs: null,
        totalNs: null,
        graceNs: 1e9,
        lingerNs: 1e9,
      },
      concurrency: AT_ONCE,
      keepChunks,
      onSettled: () => {
        settled += 1;
        if (settled < WARM_UP_STREAMS) return;
        clearTimeout(timer);
        resolve();
      },
    });
    sender.addJobs(Array.from({ length: WARM_UP_STREAMS }, (_, index) => warmUpJob(protocol, index)));
    sender.start(scheduler.nowNs());
  });
  await transport.close();
  server.close();
  return settled;
}

function warmUpJob(protocol: Protocol, index: number): SendJob {
  const frame = protocol.frame({
    model: 'warm-up',
    stream: true,
    maxOutputTokens: CHUNKS,
    ignoreEos: true,
    extraBody: null,
  });
  return {
    index,
    intendedNs: 0,
    body: Buffer.from(`${frame.before}${'word '.repeat(200)}${frame.after}`),
    stream: true,
  };
}

const HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n';

function event(data: string): string {
  const text = `data: ${data}\n\n`;
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

/** One event of each kind, in the shape of both chat and completions. */
const TOKEN = event(
  '{"id":"chatcmpl-warm-up","object":"chat.completion.chunk","created":1700000000,"model":"warm-up","choices":[{"index":0,"delta":{"content":" word"},"text":" word","logprobs":null,"finish_reason":null}]}',
);
const LAST = [
  event(
    '{"id":"chatcmpl-warm-up","object":"chat.completion.chunk","created":1700000000,"model":"warm-up","choices":[{"index":0,"delta":{},"text":"","logprobs":null,"finish_reason":"length"}]}',
  ),
  event(
    `{"id":"chatcmpl-warm-up","object":"chat.completion.chunk","created":1700000000,"model":"warm-up","choices":[],"usage":{"prompt_tokens":200,"total_tokens":264,"completion_tokens":${CHUNKS}}}`,
  ),
  event('[DONE]'),
  '0\r\n\r\n',
].join('');

/** Answers every request on a connection: a chunk per turn of the event loop, as an engine would send them. */
function serveStreams(socket: Socket): void {
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  let pending = '';
  socket.on('data', (bytes) => {
    pending += bytes.toString('latin1');
    const headEnd = pending.indexOf('\r\n\r\n');
    if (headEnd === -1) return;
    const length = Number(/content-length: (\d+)/i.exec(pending)?.[1] ?? 0);
    if (pending.length < headEnd + 4 + length) return;
    pending = '';
    socket.write(HEAD);
    let sent = 0;
    const next = (): void => {
      if (socket.destroyed) return;
      if (sent < CHUNKS) {
        sent += 1;
        socket.write(TOKEN);
        setImmediate(next);
      } else socket.write(LAST);
    };
    setImmediate(next);
  });
}
