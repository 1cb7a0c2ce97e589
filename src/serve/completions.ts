/** Completion requests on their way through the engines: parsed, counted, routed, answered, recorded. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Scheduler } from '../clock.js';
import type { Engine } from '../engine/contract.js';
import { createEngine } from '../engine/engine.js';
import { EVENT } from '../engine/events.js';
import { createRouter, DEFAULT_ROUTER, type Router } from '../engine/router.js';
import type { EngineModel, RouterPolicy, ServedRequest } from '../types.js';
import { nsToSec } from '../units.js';
import { planAnswer } from './answer.js';
import { ApiError, badRequest } from './api-error.js';
import { LiveRequest } from './live-request.js';
import { type CompletionRequest, parseChatRequest, parseCompletionRequest } from './openai-request.js';
import { PrefixBuilder } from './prefix-builder.js';
import { type EndedStep, type StepLateness, StepLoop } from './step-loop.js';
import { createTextMeasurer, type TextEnds, type TextMeasurer } from './token-ends.js';
import { type FinishReason, metricsPage, ReplicaMetrics } from './vllm-metrics.js';

export interface CompletionServiceOptions {
  readonly engine: EngineModel;
  readonly replicas: number;
  /** null = least-requests. */
  readonly router: RouterPolicy | null;
  readonly seed: string | number;
  readonly speed: number;
  /** null = any name is accepted. */
  readonly modelName: string | null;
  readonly encoding: string;
  readonly scheduler: Scheduler;
  /** Makes response ids unique across servers. */
  readonly responseIdPrefix: string;
  readonly onEnd: (request: ServedRequest) => void;
}

/** An HTTP request whose body has been read. */
export interface Call {
  readonly endpoint: 'chat' | 'completions';
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly headNs: number;
}

/** A call with what is fixed once its body is there. */
interface OpenCall extends Call {
  readonly readNs: number;
  readonly id: number;
  readonly responseId: string;
  readonly requestId: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

interface Replica {
  readonly engine: Engine;
  readonly loop: StepLoop;
  readonly metrics: ReplicaMetrics;
}

export class CompletionService {
  readonly #options: CompletionServiceOptions;
  readonly #replicas: readonly Replica[];
  readonly #route: Router;
  readonly #measurer: TextMeasurer;
  readonly #live = new Map<number, LiveRequest>();
  readonly #createdSec = Math.floor(Date.now() / 1_000);
  #calls = 0;

  constructor(options: CompletionServiceOptions) {
    this.#options = options;
    this.#replicas = Array.from({ length: options.replicas }, (_, replica) => {
      const engine = createEngine(options.engine, { seed: options.seed, replica, speed: options.speed });
      const metrics = new ReplicaMetrics(options.engine.limits.maxModelLen);
      const loop = new StepLoop(engine, options.scheduler, (step) => this.#onStep(metrics, step));
      return { engine, metrics, loop };
    });
    this.#route = createRouter(
      options.router ?? DEFAULT_ROUTER,
      this.#replicas.map((replica) => replica.engine),
    );
    this.#measurer = createTextMeasurer(options.encoding);
  }

  get #name(): string {
    return this.#options.modelName ?? this.#options.engine.name;
  }

  nowNs(): number {
    return this.#options.scheduler.nowNs();
  }

  modelsJson(): string {
    const model = {
      id: this.#name,
      object: 'model',
      created: this.#createdSec,
      owned_by: 'tokentide',
      max_model_len: this.#options.engine.limits.maxModelLen,
    };
    return JSON.stringify({ object: 'list', data: [model] });
  }

  metricsText(): string {
    return metricsPage(this.#options.engine, this.#name, this.#replicas);
  }

  lateness(): readonly StepLateness[] {
    return this.#replicas.map((replica) => replica.loop.lateness());
  }

  /** Stops the engines; what is still in flight ends as cancelled. */
  async close(): Promise<void> {
    for (const replica of this.#replicas) replica.loop.stop();
    for (const id of [...this.#live.keys()]) this.#onClose(id);
    await this.#measurer.close();
  }

  /** Answers a call, at once or as its tokens come. */
  complete(call: Call, body: Buffer): void {
    const open = this.#open(call);
    try {
      const parsed = this.#parse(open, body);
      const texts = parsed.prompt.flatMap((part) => ('text' in part ? [part.text] : []));
      const ends = this.#measurer.measure(texts);
      if (!(ends instanceof Promise)) this.#enqueue(open, parsed, ends);
      else
        ends
          .then((measured) => this.#enqueue(open, parsed, measured))
          .catch((error: unknown) => this.#refuse(open, error));
    } catch (error) {
      this.#refuse(open, error);
    }
  }

  /** Answers a call with an error before its body was looked at. */
  refuse(call: Call, error: ApiError): void {
    this.#refuse(this.#open(call), error);
  }

  #open(call: Call): OpenCall {
    const id = this.#calls++;
    const kind = call.endpoint === 'chat' ? 'chatcmpl' : 'cmpl';
    const responseId = `${kind}-${this.#options.responseIdPrefix}-${id}`;
    const given = call.request.headers['x-request-id'];
    const requestId = typeof given === 'string' ? given : null;
    const headers = { 'x-request-id': requestId ?? responseId };
    return { ...call, readNs: this.nowNs(), id, responseId, requestId, headers };
  }

  #parse(call: OpenCall, body: Buffer): CompletionRequest {
    let document: unknown;
    try {
      document = JSON.parse(body.toString('utf8'));
    } catch (error) {
      throw badRequest(null, `the body is not JSON: ${(error as Error).message}`);
    }
    const parsed = call.endpoint === 'chat' ? parseChatRequest(document) : parseCompletionRequest(document);
    const { modelName } = this.#options;
    if (modelName !== null && parsed.model !== null && parsed.model !== modelName) {
      throw new ApiError({
        status: 404,
        message: `the model '${parsed.model}' is not served here; '${modelName}' is`,
        param: 'model',
        code: 'model_not_found',
      });
    }
    return parsed;
  }

  #enqueue(call: OpenCall, request: CompletionRequest, ends: TextEnds): void {
    const { limits } = this.#options.engine;
    const prefix = new PrefixBuilder(limits.blockSize);
    let text = 0;
    for (const part of request.prompt) {
      prefix.addMarker(part.marker);
      if ('text' in part) prefix.addText(part.text, ends[text++]);
      else prefix.addIds(part.ids);
    }
    const promptTokens = prefix.tokens;
    if (promptTokens === 0)
      throw badRequest(call.endpoint === 'chat' ? 'messages' : 'prompt', 'the prompt is empty');
    const roomTokens = limits.maxModelLen - promptTokens;
    if (roomTokens < (request.maxTokens ?? 1))
      throw contextOverflow(limits.maxModelLen, promptTokens, request.maxTokens ?? 1);
    const kvRoomTokens = limits.kvBlocks * limits.blockSize - promptTokens;
    if (kvRoomTokens < (request.maxTokens ?? 1))
      throw contextOverflow(limits.kvBlocks * limits.blockSize, promptTokens, request.maxTokens ?? 1);
    const answer = planAnswer({
      request,
      seed: this.#options.seed,
      prefix,
      roomTokens: Math.min(roomTokens, kvRoomTokens),
    });
    const queuedNs = this.nowNs();
    const engineRequest = {
      id: call.id,
      arrivalSec: nsToSec(queuedNs),
      inputTokens: promptTokens,
      outputTokens: answer.tokens,
      prefixHashes: prefix.hashes(),
      sessionKey: sessionOf(call.request) ?? request.user,
    };
    const replica = this.#route(engineRequest);
    const live = new LiveRequest({
      response: call.response,
      identity: {
        id: call.responseId,
        created: Math.floor(Date.now() / 1_000),
        model: this.#options.modelName ?? request.model ?? this.#name,
      },
      requestId: call.requestId,
      request,
      promptTokens,
      answer,
      replica,
      headNs: call.headNs,
      readNs: call.readNs,
      queuedNs,
      headers: { ...call.headers, 'x-replica': String(replica) },
    });
    if (call.response.destroyed) {
      // The client left while its prompt was counted.
      this.#options.onEnd(live.record('cancelled', this.nowNs()));
      return;
    }
    this.#live.set(call.id, live);
    call.response.on('close', () => this.#onClose(call.id));
    // The engine first: the head of the response must not delay an iteration that starts now.
    this.#replicas[replica].loop.submit(engineRequest, queuedNs);
    live.accept();
  }

  #onStep(metrics: ReplicaMetrics, step: EndedStep): void {
    const { events, startNs, endNs, nowNs, plan } = step;
    metrics.iterationTokens.observe(plan.prefillTokens + plan.decodeSeqs);
    for (let i = 0; i < events.count; i++) {
      const id = events.ids[i];
      const live = this.#live.get(id);
      if (live === undefined) continue;
      switch (events.kinds[i]) {
        case EVENT.admitted:
          live.admitted(startNs, events.values[i]);
          break;
        case EVENT.preempted:
          live.preempted();
          break;
        case EVENT.firstToken:
          metrics.ttft.observe(live.ageSec(nowNs));
          live.token(1, endNs, this.nowNs());
          break;
        case EVENT.token:
          metrics.itl.observe(live.gapSec(nowNs) ?? 0);
          live.token(events.values[i], endNs, this.nowNs());
          break;
        case EVENT.finished:
          this.#end(id, live, metrics, live.finishReason);
          break;
      }
    }
  }

  /** The connection is gone, or will be; nothing to do when the answer was complete. */
  #onClose(id: number): void {
    const live = this.#live.get(id);
    if (live === undefined) return;
    const replica = this.#replicas[live.replica];
    replica.loop.cancel(id);
    this.#end(id, live, replica.metrics, 'abort');
  }

  #end(id: number, live: LiveRequest, metrics: ReplicaMetrics, reason: FinishReason): void {
    const nowNs = this.nowNs();
    this.#live.delete(id);
    metrics.finish(live.times(reason, nowNs));
    this.#options.onEnd(live.record(reason === 'abort' ? 'cancelled' : 'ok', nowNs));
  }

  #refuse(call: OpenCall, cause: unknown): void {
    const error =
      cause instanceof ApiError
        ? cause
        : new ApiError({ status: 500, message: `a fault of the server: ${(cause as Error).message}` });
    const body = error.body();
    if (!call.response.destroyed) {
      call.response.writeHead(error.status, {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        ...call.headers,
      });
      call.response.end(body);
    }
    this.#options.onEnd({
      responseId: call.responseId,
      requestId: call.requestId,
      replica: null,
      stream: null,
      status: 'refused',
      httpStatus: error.status,
      finishReason: null,
      error: error.message,
      headNs: call.headNs,
      readNs: call.readNs,
      queuedNs: null,
      admittedNs: null,
      firstTokenNs: null,
      firstTokenPlannedNs: null,
      lastTokenNs: null,
      lastTokenPlannedNs: null,
      endNs: this.nowNs(),
      promptTokens: null,
      cachedTokens: null,
      outputTokens: 0,
      preemptions: 0,
    });
  }
}

function contextOverflow(limitTokens: number, promptTokens: number, maxTokens: number): ApiError {
  return badRequest(
    'max_tokens',
    `This model's maximum context length is ${limitTokens} tokens. However, you requested ${promptTokens + maxTokens} tokens (${promptTokens} in the prompt, ${maxTokens} in the completion).`,
    'context_length_exceeded',
  );
}

function sessionOf(request: IncomingMessage): string | null {
  const given = request.headers['x-session-id'];
  return typeof given === 'string' ? given : null;
}
