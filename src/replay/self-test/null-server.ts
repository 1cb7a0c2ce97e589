/**
 * A server that does nothing and says when it did it: as little work as a peer can have, so that what is late is the
 * client. Speaks just enough HTTP/1.1 and chat completions on raw sockets.
 *
 * The response id holds the server's own clock in ns, `received-firstToken`: with it a record tells the client's TTFT
 * error. All processes of a machine share that clock.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { monotonicNs } from '../../clock.js';

export interface NullServerOptions {
  /** Between chunks of a stream; the first one comes after as long. */
  readonly gapMs: number;
}

export interface NullServer {
  readonly port: number;
  close(): void;
}

interface Stream {
  readonly socket: Socket;
  readonly receivedNs: number;
  readonly tokens: number;
  sent: number;
  dueMs: number;
  id: string;
}

const STREAM_HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';

/** Starts it on a free port of loopback. */
export async function startNullServer(options: NullServerOptions): Promise<NullServer> {
  const streams = new Set<Stream>();
  const ticker = setInterval(() => writeDue(streams, options.gapMs), 1);
  const server: Server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    let pending = '';
    socket.on('data', (bytes) => {
      const receivedNs = monotonicNs();
      pending = pending === '' ? bytes.toString('latin1') : pending + bytes.toString('latin1');
      for (;;) {
        const request = firstRequest(pending);
        if (request === null) return;
        pending = pending.slice(request.length);
        answer(socket, request.body, receivedNs, streams, options.gapMs);
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as { port: number }).port,
    close: () => {
      clearInterval(ticker);
      for (const { socket } of streams) socket.destroy();
      server.close();
    },
  };
}

/** The first whole request of the bytes so far; null = not there yet. */
function firstRequest(text: string): { readonly body: string; readonly length: number } | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text.slice(0, headEnd))?.[1] ?? 0);
  const end = headEnd + 4 + length;
  return text.length < end ? null : { body: text.slice(headEnd + 4, end), length: end };
}

function answer(socket: Socket, body: string, receivedNs: number, streams: Set<Stream>, gapMs: number): void {
  // What is asked for stands behind the prompt, which is most of the body.
  const tail = body.slice(-400);
  const tokens = Number(/"max_(?:completion_)?tokens": ?(\d+)/.exec(tail)?.[1] ?? 1);
  if (/"stream": ?true/.test(tail)) {
    streams.add({ socket, receivedNs, tokens, sent: 0, dueMs: performance.now() + gapMs, id: '' });
    return;
  }
  const text = JSON.stringify({
    id: `${receivedNs}-${receivedNs}`,
    object: 'chat.completion',
    choices: [
      { index: 0, message: { role: 'assistant', content: ' word'.repeat(tokens) }, finish_reason: 'length' },
    ],
    usage: { prompt_tokens: 1, completion_tokens: tokens, total_tokens: 1 + tokens },
  });
  socket.write(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
  );
}

function writeDue(streams: Set<Stream>, gapMs: number): void {
  const nowMs = performance.now();
  for (const stream of streams) {
    if (stream.socket.destroyed) {
      streams.delete(stream);
      continue;
    }
    if (stream.dueMs > nowMs) continue;
    stream.dueMs += gapMs;
    stream.sent += 1;
    const first = stream.sent === 1;
    const last = stream.sent >= stream.tokens;
    if (first) stream.id = `${stream.receivedNs}-${monotonicNs()}`;
    stream.socket.write(
      (first ? STREAM_HEAD : '') + token(stream.id) + (last ? ending(stream) : ''),
      'latin1',
    );
    if (last) streams.delete(stream);
  }
}

const chunk = (data: string): string => {
  const text = `data: ${data}\n\n`;
  return `${text.length.toString(16)}\r\n${text}\r\n`;
};

const token = (id: string): string =>
  chunk(
    `{"id":"${id}","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" word"}}]}`,
  );

const ending = ({ id, tokens }: Stream): string =>
  chunk(`{"id":"${id}","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}`) +
  chunk(
    `{"id":"${id}","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":${tokens},"total_tokens":${1 + tokens}}}`,
  ) +
  chunk('[DONE]') +
  '0\r\n\r\n';

/** Server TTFT, ns, and the server's clock at the first token, from a response id of this server. */
export function readNullServerId(
  id: string | null,
): { readonly ttftNs: number; readonly firstTokenNs: number } | null {
  const match = /^(\d+)-(\d+)$/.exec(id ?? '');
  if (match === null) return null;
  return { ttftNs: Number(match[2]) - Number(match[1]), firstTokenNs: Number(match[2]) };
}
