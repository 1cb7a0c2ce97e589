/** A real HTTP server on loopback that plays scripts: bytes at given times, and every way to end a connection. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Script, ScriptedAnswer, ScriptStep } from './script.js';

export interface ScriptedEndpointOptions {
  readonly script: Script;
  /** Answers of GET by path, e.g. `/metrics`; others get 404. */
  readonly pages?: Readonly<Record<string, string | (() => string)>>;
}

export interface ScriptedEndpoint {
  /** `http://127.0.0.1:port` */
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
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Starts the server on a free port. */
export async function createScriptedEndpoint(options: ScriptedEndpointOptions): Promise<ScriptedEndpoint> {
  const requests: ReceivedRequest[] = [];
  const timers = new Set<NodeJS.Timeout>();
  const state = { maxOpen: 0, connections: 0, open: 0 };
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      servePage(options.pages ?? {}, request, response);
      return;
    }
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces).toString('utf8');
      const index = requests.push({ path: request.url ?? '', headers: request.headers, body }) - 1;
      state.open += 1;
      state.maxOpen = Math.max(state.maxOpen, state.open);
      response.once('close', () => {
        state.open -= 1;
      });
      const answer = options.script({ index, body });
      if (answer === null) response.socket?.destroy();
      else playAnswer(answer, response, timers);
    });
  });
  server.on('connection', (socket) => {
    state.connections += 1;
    socket.setNoDelay(true);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get maxOpen() {
      return state.maxOpen;
    },
    get connections() {
      return state.connections;
    },
    close: () => {
      for (const timer of timers) clearTimeout(timer);
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
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

function playAnswer(answer: ScriptedAnswer, response: ServerResponse, timers: Set<NodeJS.Timeout>): void {
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
    playStep(step, response);
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

function playStep(step: ScriptStep, response: ServerResponse): void {
  if ('write' in step) response.write(step.write);
  else if (step.end === 'complete') response.end();
  else if (step.end === 'close') response.socket?.end();
  else response.socket?.resetAndDestroy();
}
