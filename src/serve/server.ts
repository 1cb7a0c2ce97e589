/**
 * The engine model behind a real OpenAI-compatible server: `serve`, and the embedded endpoint of tests and the demo.
 *
 * One thread: sockets, prompts (token-ends.ts) and the step clocks of all replicas. At the end of an iteration the
 * tokens of all its sequences are written one after the other, at once.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createScheduler, type Scheduler } from '../clock.js';
import { coldStartOf } from '../engine/elastic/cold-start.js';
import { ToolError } from '../errors.js';
import type {
  AutoscalerSpec,
  ColdStartPhases,
  EngineModel,
  ReplicaLife,
  RouterPolicy,
  ScaleEvent,
  ServedRequest,
} from '../types.js';
import { ADMIN_ACTIONS, adminAction, adminState } from './admin.js';
import { ApiError } from './api-error.js';
import { CompletionService } from './completions.js';
import { LiveFleet } from './live-fleet.js';
import { openRecorder } from './recorder.js';
import type { StepLateness } from './step-loop.js';

/**
 * What `serve` serves when nothing is asked: a realistic engine, because that is what people point clients and
 * autoscalers at. `tiny-demo` is the one for tests and the demo.
 */
export const DEFAULT_ENGINE = 'llama3-8b-h100-published';

export interface ServeOptions {
  readonly engine: EngineModel;
  /** 0 = any free port. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Engines behind the port; default 1. */
  readonly replicas?: number;
  /** Default: least-requests. */
  readonly router?: RouterPolicy;
  readonly seed: string | number;
  /** Divides every iteration time; default 1. */
  readonly speed?: number;
  /** Served model name; then other names are refused. Default: the engine's name, and any name is accepted. */
  readonly modelName?: string;
  /** JSON lines of every request's instants. */
  readonly recordPath?: string;
  /** Called with each finished request, as it is recorded. */
  readonly onRequest?: (request: ServedRequest) => void;
  /** Encoding that prompts are counted in; default cl100k_base. Text of pool words counts the same in all. */
  readonly encoding?: string;
  /** Whether /admin changes faults while the server runs; default true. */
  readonly admin?: boolean;
  /** Resizes the fleet while it serves; `replicas` are then those at the start, by default its minimum. */
  readonly autoscaler?: AutoscalerSpec;
  /** Time between two scrapes of a replica by the autoscaler's monitoring; default 15. */
  readonly scrapeSec?: number;
  /** From a replica's creation to ready; default: the engine model's. */
  readonly coldStart?: ColdStartPhases;
  /** Called when the autoscaler changes the fleet. */
  readonly onScale?: (event: ScaleEvent) => void;
  /** Default: the real clock with a polling tail. */
  readonly scheduler?: Scheduler;
}

/** What an autoscaler did to the served fleet. */
export interface ServedScaling {
  readonly scaleEvents: readonly ScaleEvent[];
  readonly lives: readonly ReplicaLife[];
  /** From creation to end, or to now, summed over replicas. */
  readonly replicaSec: number;
}

/** A running server. */
export interface EngineServer {
  /** e.g. http://127.0.0.1:8000 */
  readonly url: string;
  readonly port: number;
  /** Requests ended so far, however they ended. */
  readonly served: number;
  /** Lateness of the step clock, one entry per replica. */
  lateness(): readonly StepLateness[];
  /** null = no autoscaler. */
  scaling(): ServedScaling | null;
  /** Takes no more connections, lets requests finish for `drainSec` (default 0), then cuts them off. */
  close(options?: { readonly drainSec?: number }): Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1_024 * 1_024;

/** Clients that pool connections must not meet one that is just being closed; the default of 5 s is too short. */
const KEEP_ALIVE_MS = 120_000;

const LISTEN_BACKLOG = 4_096;

/** Starts the server. Throws PORT_IN_USE, OUTPUT_UNWRITABLE, BAD_VALUE. */
export async function serveEngine(options: ServeOptions): Promise<EngineServer> {
  const host = options.host ?? '127.0.0.1';
  const { autoscaler } = options;
  const replicas = options.replicas ?? (autoscaler === undefined ? 1 : initialOf(autoscaler));
  const speed = options.speed ?? 1;
  if (!(Number.isSafeInteger(replicas) && replicas >= 1))
    throw badOption('replicas', 'a whole number from 1', replicas);
  const scrapeSec = options.scrapeSec ?? 15;
  if (!(Number.isFinite(scrapeSec) && scrapeSec > 0))
    throw badOption('scrape interval', 'a number of seconds above zero', scrapeSec);
  if (!(Number.isFinite(speed) && speed > 0)) throw badOption('speed', 'a number above zero', speed);
  if (!(Number.isSafeInteger(options.port) && options.port <= 65_535))
    throw badOption('port', 'a number from 0 to 65535', options.port);
  const recorder = options.recordPath === undefined ? null : await openRecorder(options.recordPath);
  let served = 0;
  let closing: Promise<void> | null = null;
  const scheduler = options.scheduler ?? createScheduler();
  let fleet: LiveFleet | null = null;
  const service = new CompletionService({
    engine: options.engine,
    replicas: autoscaler === undefined ? replicas : placesOf(autoscaler, replicas),
    initial: replicas,
    onHeld: autoscaler === undefined ? undefined : () => fleet?.wake(),
    router: options.router ?? null,
    seed: options.seed,
    speed,
    modelName: options.modelName ?? null,
    encoding: options.encoding ?? 'cl100k_base',
    scheduler,
    responseIdPrefix: randomBytes(6).toString('hex'),
    onEnd(request) {
      served += 1;
      recorder?.add(request);
      options.onRequest?.(request);
      // A kept-alive connection is idle only after the response has left.
      if (closing !== null) setImmediate(() => server.closeIdleConnections());
    },
  });
  const routes = (options.admin ?? true) ? { ...ROUTES, ...ADMIN_ROUTES } : ROUTES;
  const server = createServer(
    { noDelay: true, keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 },
    (request, response) => handle(service, routes, request, response),
  );
  let port: number;
  try {
    port = await listen(server, options.port, host);
  } catch (error) {
    await Promise.all([service.close(), recorder?.close()]);
    throw error;
  }
  if (autoscaler !== undefined) {
    fleet = new LiveFleet({
      autoscaler,
      replicas: service.replicas,
      scheduler,
      coldStart: options.coldStart ?? coldStartOf(options.engine),
      scrapeSec,
      seed: options.seed,
      load: () => service.gateway.load(),
      onScale: options.onScale,
    });
  }
  const shutDown = async (drainSec: number): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const timer = setTimeout(() => server.closeAllConnections(), drainSec * 1_000);
    await closed;
    clearTimeout(timer);
    fleet?.stop();
    await service.close();
    await recorder?.close();
  };
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    get served() {
      return served;
    },
    lateness: () => service.lateness(),
    scaling: () =>
      fleet === null
        ? null
        : { scaleEvents: fleet.scaleEvents, lives: fleet.lives(), replicaSec: fleet.replicaSec() },
    close({ drainSec = 0 } = {}) {
      closing ??= shutDown(drainSec);
      return closing;
    },
  };
}

/** Replicas that an autoscaled fleet starts with. */
function initialOf(autoscaler: AutoscalerSpec): number {
  return autoscaler.kind === 'static' ? autoscaler.replicas : Math.max(1, autoscaler.minReplicas);
}

/** Places for replicas: twice the most that are wanted at once, because others may still drain. */
function placesOf(autoscaler: AutoscalerSpec, initial: number): number {
  if (autoscaler.kind === 'static') return Math.max(initial, autoscaler.replicas);
  return Math.max(initial, 2 * (autoscaler.maxReplicas ?? MOST_UNBOUNDED));
}

/** Replicas of an autoscaler without a maximum: a process simulates no more. */
const MOST_UNBOUNDED = 32;

function badOption(name: string, wanted: string, got: unknown): ToolError {
  return new ToolError({
    code: 'BAD_VALUE',
    message: `${name}: expected ${wanted}, got ${String(got)}`,
    hint: 'correct the value',
  });
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      reject(
        new ToolError({
          code: taken ? 'PORT_IN_USE' : 'BAD_VALUE',
          message: taken
            ? `port ${port} on ${host} is taken`
            : `cannot listen on ${host}:${port}: ${cause.message}`,
          hint: taken
            ? 'choose another with --port, or 0 for any free one'
            : 'choose another --host or --port',
          cause,
        }),
      );
    });
    server.listen({ port, host, backlog: LISTEN_BACKLOG }, () =>
      resolve((server.address() as AddressInfo).port),
    );
  });
}

type Route = (service: CompletionService, request: IncomingMessage, response: ServerResponse) => void;

type Routes = Readonly<Record<string, { readonly method: 'GET' | 'POST'; readonly run: Route }>>;

const ROUTES: Routes = {
  '/health': {
    method: 'GET',
    run: (service, _request, response) => send(response, service.healthy ? 200 : 503, 'text/plain', ''),
  },
  '/v1/models': {
    method: 'GET',
    run: (service, _request, response) => send(response, 200, 'application/json', service.modelsJson()),
  },
  '/metrics': {
    method: 'GET',
    run: (service, _request, response) =>
      send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', service.metricsText()),
  },
  '/v1/chat/completions': { method: 'POST', run: complete('chat') },
  '/v1/completions': { method: 'POST', run: complete('completions') },
};

const ADMIN_ROUTES: Routes = {
  '/admin': {
    method: 'GET',
    run: (service, _request, response) =>
      send(response, 200, 'application/json', JSON.stringify(adminState(service))),
  },
  ...Object.fromEntries(
    ADMIN_ACTIONS.map((path) => [
      path,
      {
        method: 'POST' as const,
        run: (service: CompletionService, request: IncomingMessage, response: ServerResponse) =>
          readBody(request, (body) => {
            try {
              if (body === null) throw bodyTooLarge();
              const state = adminAction(service, path, body.toString('utf8'));
              send(response, 200, 'application/json', JSON.stringify(state));
            } catch (error) {
              if (!(error instanceof ApiError)) throw error;
              sendError(response, error);
            }
          }),
      },
    ]),
  ),
};

function handle(
  service: CompletionService,
  routes: Routes,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const path = (request.url ?? '/').split('?', 1)[0].replace(/(?<=.)\/$/, '');
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) {
    const known = Object.keys(routes).join(', ');
    sendError(response, new ApiError({ status: 404, message: `no such path: ${path}; there is ${known}` }));
    return;
  }
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  if (method !== route.method) {
    response.setHeader('allow', route.method);
    sendError(response, new ApiError({ status: 405, message: `${path} takes ${route.method}` }));
    return;
  }
  route.run(service, request, response);
}

function complete(endpoint: 'chat' | 'completions'): Route {
  return (service, request, response) => {
    const call = { endpoint, request, response, headNs: service.nowNs() };
    readBody(request, (body) => {
      if (body === null) service.refuse(call, bodyTooLarge());
      else service.complete(call, body);
    });
  };
}

/** The whole body; null = it is larger than the limit. */
function readBody(request: IncomingMessage, use: (body: Buffer | null) => void): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  request.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes <= MAX_BODY_BYTES) parts.push(part);
  });
  request.on('end', () => {
    if (bytes > MAX_BODY_BYTES) use(null);
    else use(parts.length === 1 ? parts[0] : Buffer.concat(parts));
  });
}

function bodyTooLarge(): ApiError {
  return new ApiError({ status: 413, message: `the body is larger than ${MAX_BODY_BYTES} bytes` });
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function sendError(response: ServerResponse, error: ApiError): void {
  send(response, error.status, 'application/json', error.body());
}
