/**
 * Runs the sending and reading code against a mock on loopback before the clock starts.
 *
 * Cold code is a measurement error: with 100 warm-up streams a client had stalls of 8–20 ms at the same chunks of every
 * run while V8 compiled; with 600 streams (38 000 chunks) the worst read delay fell from 16.8 to 1.5 ms. The mock answers
 * in the shape that the protocol's servers use, through the same exchange and protocol as the run, over HTTP/1.1.
 */
import { createServer, type Socket } from 'node:net';
import type { Scheduler } from '../clock.js';
import type { Protocol } from './protocol.js';
import { ANSWER_SHAPES } from './protocols/answer-shapes.js';
import { Sender, type SendJob } from './sender.js';
import { createTransport } from './transports/index.js';

export interface WarmUpOptions {
  readonly scheduler: Scheduler;
  readonly housekeeping: Scheduler;
  readonly protocol: Protocol;
  readonly keepChunks: boolean;
  /** Default WARM_UP_STREAMS. */
  readonly streams?: number;
  /** Stops after this long even when not all streams are done. */
  readonly maxSec?: number;
}

export const WARM_UP_STREAMS = 600;
const CHUNKS = 64;
const AT_ONCE = 24;

/** Resolves with the number of streams that ended well when all are done, or after `maxSec` (default 3 s). */
export async function warmUpCode(options: WarmUpOptions): Promise<number> {
  const answer = warmUpAnswer(options.protocol);
  const server = createServer((socket) => serveAnswers(socket, answer));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  const { scheduler, housekeeping, protocol, keepChunks } = options;
  const transport = createTransport({
    url: `http://127.0.0.1:${port}/`,
    headers: ['authorization', 'Bearer warm-up'],
    nowNs: scheduler.nowNs,
  });
  const streams = options.streams ?? WARM_UP_STREAMS;
  let settled = 0;
  let ok = 0;
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
      onSettled: ({ status }) => {
        settled += 1;
        if (status === 'ok') ok += 1;
        if (settled < streams) return;
        clearTimeout(timer);
        resolve();
      },
    });
    sender.addJobs(Array.from({ length: streams }, (_, index) => warmUpJob(protocol, index)));
    sender.start(scheduler.nowNs());
  });
  await transport.close();
  server.close();
  return ok;
}

function warmUpJob(protocol: Protocol, index: number): SendJob {
  const frame = protocol.frame({
    model: 'warm-up',
    stream: protocol.streams !== false,
    maxOutputTokens: CHUNKS,
    ignoreEos: true,
    extraBody: null,
  });
  return {
    index,
    intendedNs: 0,
    body: Buffer.from(`${frame.before}${PROMPT}${frame.after}`),
    stream: protocol.streams !== false,
  };
}

const PROMPT = 'word '.repeat(200);

/** An answer as pieces of an HTTP/1.1 response: the head, chunk by chunk, the end. */
interface WarmUpAnswer {
  readonly head: string;
  readonly chunks: readonly string[];
  readonly last: string;
}

function warmUpAnswer(protocol: Protocol): WarmUpAnswer {
  const shape = ANSWER_SHAPES[protocol.name];
  const facts = { promptTokens: 200, outputTokens: CHUNKS, text: ' word'.repeat(CHUNKS), prompt: PROMPT };
  const head = (contentType: string): string =>
    `HTTP/1.1 200 OK\r\ncontent-type: ${contentType}\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n`;
  if (protocol.streams === false) {
    const whole = chunkOf(JSON.stringify(shape.whole(facts)));
    return { head: head('application/json'), chunks: [], last: `${whole}0\r\n\r\n` };
  }
  const chunks = Array.from({ length: CHUNKS }, (_, i) =>
    chunkOf((i === 0 ? shape.start(facts) : '') + shape.token(' word', ' word'.repeat(i + 1), i, facts)),
  );
  return { head: head(shape.contentType), chunks, last: `${chunkOf(shape.end(facts))}0\r\n\r\n` };
}

function chunkOf(text: string): string {
  return text === '' ? '' : `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

/** Answers every request on a connection: a chunk per turn of the event loop, as an engine would send them. */
function serveAnswers(socket: Socket, answer: WarmUpAnswer): void {
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
    socket.write(answer.head);
    let sent = 0;
    const next = (): void => {
      if (socket.destroyed) return;
      if (sent < answer.chunks.length) {
        socket.write(answer.chunks[sent]);
        sent += 1;
        setImmediate(next);
      } else socket.write(answer.last);
    };
    setImmediate(next);
  });
}
