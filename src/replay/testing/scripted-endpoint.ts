/** A real HTTP server on loopback that plays scripts: bytes at given times, and every way to end a connection. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { constants, createServer as createHttp2Server, createSecureServer } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Script, ScriptedAnswer, ScriptStep } from './script.js';

export interface ScriptedEndpointOptions {
  readonly script: Script;
  /** Answers of GET by path, e.g. `/metrics`; others get 404. */
  readonly pages?: Readonly<Record<string, string | (() => string)>>;
  /** Speaks TLS; with `ca`, clients must show a certificate of it. PEM texts. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string } | null;
  /** Speaks HTTP/2: with TLS beside HTTP/1.1, without it alone. Default false. */
  readonly http2?: boolean;
  /** Streams at once that an HTTP/2 connection allows. */
  readonly maxStreams?: number;
  /** Listens on this unix socket instead of a port. */
  readonly unixSocket?: string | null;
}

export interface ScriptedEndpoint {
  /** `http://127.0.0.1:port`, or https; `http://localhost` on a unix socket. */
  readonly url: string;
  /** POST requests so far, in order of arrival. */
  readonly requests: readonly ReceivedRequest[];
  /** Most POST requests that waited for their end at once. */
  readonly maxOpen: number;
  /** Connections accepted so far. */
  readonly connections: number;
  close(): Promise<void>;
}

export interface ReceivedRequest {
  readonly path: string;
  /** 1.1 or 2.0 */
  readonly httpVersion: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Starts the server on a free port. */
export async function createScriptedEndpoint(options: ScriptedEndpointOptions): Promise<ScriptedEndpoint> {
  const requests: ReceivedRequest[] = [];
  const timers = new Set<NodeJS.Timeout>();
  const sockets = new Set<Socket>();
  const state = { maxOpen: 0, connections: 0, open: 0 };
  const server = serverOf(options, (request, response) => {
    if (request.method === 'GET') {
      servePage(options.pages ?? {}, request, response);
      return;
    }
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces).toString('utf8');
      const path = request.url ?? '';
      const { httpVersion, headers } = request;
      const index = requests.push({ path, httpVersion, headers, body }) - 1;
      state.open += 1;
      state.maxOpen = Math.max(state.maxOpen, state.open);
      response.once('close', () => {
        state.open -= 1;
      });
      const answer = options.script({ index, body, path });
      if (answer === null) cutOff(response, 'close', sockets);
      else playAnswer(answer, response, timers, sockets);
    });
  });
  server.on('connection', (socket: Socket) => {
    state.connections += 1;
    sockets.add(socket);
    socket.setNoDelay(true).once('close', () => sockets.delete(socket));
  });
  const { unixSocket } = options;
  await new Promise<void>((resolve) => {
    if (unixSocket == null) server.listen(0, '127.0.0.1', resolve);
    else server.listen(unixSocket, resolve);
  });
  const scheme = options.tls == null ? 'http' : 'https';
  const host = unixSocket == null ? `127.0.0.1:${(server.address() as AddressInfo).port}` : 'localhost';
  return {
    url: `${scheme}://${host}`,
    requests,
    get maxOpen() {
      return state.maxOpen;
    },
    get connections() {
      return state.connections;
    },
    close: () => {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

function serverOf(options: ScriptedEndpointOptions, handler: Handler): Server {
  const { tls, http2, maxStreams } = options;
  const settings = maxStreams === undefined ? {} : { settings: { maxConcurrentStreams: maxStreams } };
  const secrets = { ...tls, requestCert: tls?.ca !== undefined };
  // The compatibility API of node:http2 takes the same handler.
  const handler2 = handler as unknown as Parameters<typeof createHttp2Server>[1];
  if (http2 !== true) return tls == null ? createServer(handler) : createTlsServer(secrets, handler);
  if (tls == null) return createHttp2Server(settings, handler2) as Server;
  return createSecureServer({ ...secrets, ...settings, allowHTTP1: true }, handler2 as never);
}

/** Ends the connection in the middle of a response; on HTTP/2 the stream is reset, or all of the connection closed. */
function cutOff(response: ServerResponse, how: 'close' | 'reset', sockets: ReadonlySet<Socket>): void {
  const { stream } = response as unknown as {
    readonly stream?: { close(code: number): void; readonly session?: { destroy(): void } };
  };
  if (stream === undefined) {
    const { socket } = response;
    // Under TLS the TCP socket is another one.
    const tcp = [...sockets].find(({ remotePort }) => remotePort === socket?.remotePort) ?? socket;
    if (how === 'reset') tcp?.resetAndDestroy();
    else socket?.end();
  } else if (how === 'reset') stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else stream.session?.destroy();
}

function servePage(
  pages: Readonly<Record<string, string | (() => string)>>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const page = pages[request.url ?? ''];
  response.statusCode = page === undefined ? 404 : 200;
  response.end(typeof page === 'function' ? page() : (page ?? 'not found'));
}

function playAnswer(
  answer: ScriptedAnswer,
  response: ServerResponse,
  timers: Set<NodeJS.Timeout>,
  sockets: ReadonlySet<Socket>,
): void {
  response.statusCode = answer.status ?? 200;
  response.setHeader('content-type', answer.contentType ?? 'text/event-stream');
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  const startMs = performance.now();
  const at = (ms: number, call: () => void): void => {
    if (!Number.isFinite(ms)) return;
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        if (!response.destroyed) call();
      },
      ms - (performance.now() - startMs),
    );
    timers.add(timer);
  };
  const playFrom = (index: number): void => {
    const step = answer.steps[index];
    playStep(step, response, sockets);
    const next = answer.steps[index + 1];
    if (next === undefined) return;
    if (next.atMs > step.atMs) at(next.atMs, () => playFrom(index + 1));
    // An orderly end goes out with the last bytes, as servers do it; else each step is a packet of its own.
    else if ('end' in next && next.end === 'complete') playFrom(index + 1);
    else setImmediate(() => playFrom(index + 1));
  };
  at(answer.headAtMs ?? answer.steps[0]?.atMs ?? 0, () => response.flushHeaders());
  if (answer.steps.length > 0) at(answer.steps[0].atMs, () => playFrom(0));
}

function playStep(step: ScriptStep, response: ServerResponse, sockets: ReadonlySet<Socket>): void {
  if ('write' in step) response.write(step.write);
  else if (step.end === 'complete') response.end();
  else cutOff(response, step.end, sockets);
}
