/** Completion requests on their way through the engines: parsed, counted, routed, answered, recorded. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Scheduler } from '../clock.js';
import { EVENT } from '../engine/events.js';
import type { EngineModel, RouterPolicy, ServedRequest, ServedStatus } from '../types.js';
import { nsToSec, secToNs } from '../units.js';
import { planAnswer } from './answer.js';
import { ApiError, badRequest, contextOverflow } from './api-error.js';
import { Faults, type RequestFaults } from './faults.js';
import { Gateway } from './gateway.js';
import { LiveRequest, refusedRecord } from './live-request.js';
import {
  type CompletionRequest,
  parseChatRequest,
  parseCompletionRequest,
  sessionOf,
} from './openai-request.js';
import { PrefixBuilder } from './prefix-builder.js';
import { ReplicaSet } from './replica-set.js';
import type { EndedStep, StepLateness } from './step-loop.js';
import { createTextMeasurer, type TextEnds, type TextMeasurer } from './token-ends.js';
import { type FinishReason, metricsPage, type ReplicaMetrics } from './vllm-metrics.js';

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
  /** Replicas that are up at the start; default: all. */
  readonly initial?: number;
  /** Requests wait for a replica instead of being refused; told each time one begins to. Default: refused. */
  readonly onHeld?: () => void;
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

export class CompletionService {
  readonly replicas: ReplicaSet;
  readonly faults: Faults;
  readonly gateway: Gateway;
  readonly #options: CompletionServiceOptions;
  readonly #measurer: TextMeasurer;
  readonly #live = new Map<number, LiveRequest>();
  readonly #createdSec = Math.floor(Date.now() / 1_000);
  #calls = 0;

  constructor(options: CompletionServiceOptions) {
    this.gateway = new Gateway(options.scheduler);
    this.#options = {
      ...options,
      onEnd: (request) => {
        this.gateway.leave();
        options.onEnd(request);
      },
    };
    this.replicas = new ReplicaSet({
      ...options,
      count: options.replicas,
      onStep: (metrics, step) => this.#onStep(metrics, step),
      onUp: () => this.gateway.release(),
    });
    this.faults = new Faults(options.seed);
    this.#measurer = createTextMeasurer(options.encoding);
  }

  /** Speed that the server was started with. */
  get speed(): number {
    return this.#options.speed;
  }

  /** Whether anybody can answer, now or once a replica has been started for it. */
  get healthy(): boolean {
    return this.#options.onHeld !== undefined || this.replicas.up.length > 0;
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
    return metricsPage(this.#options.engine, this.#name, this.replicas.up);
  }

  lateness(): readonly StepLateness[] {
    return this.replicas.lateness();
  }

  /** Takes a replica down as a crash would: its connections break. It comes back after `startAfterSec`; null = not. */
  kill(replica: number, startAfterSec: number | null): void {
    const { metrics } = this.replicas.at(replica);
    this.replicas.kill(replica);
    for (const [id, live] of [...this.#live])
      if (live.replica === replica) this.#cut(id, live, metrics, 'the replica was killed');
    if (startAfterSec !== null) this.replicas.startAfter(replica, startAfterSec);
  }

  /** Stops the engines; what is still in flight ends as cancelled. */
  async close(): Promise<void> {
    this.replicas.stop();
    for (const id of [...this.#live.keys()]) this.#onClose(id);
    await this.#measurer.close();
  }

  /** Answers a call, at once or as its tokens come. */
  complete(call: Call, body: Buffer): void {
    const open = this.#open(call);
    const faults = this.faults.draw();
    try {
      if (faults.errorStatus !== null)
        throw new ApiError({ status: faults.errorStatus, message: 'a fault that was asked for' });
      const parsed = this.#parse(open, body);
      const texts = parsed.prompt.flatMap((part) => ('text' in part ? [part.text] : []));
      const ends = this.#measurer.measure(texts);
      if (!(ends instanceof Promise)) this.#afterDelay(open, parsed, ends, faults);
      else
        ends
          .then((measured) => this.#afterDelay(open, parsed, measured, faults))
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
    this.gateway.enter();
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

  #afterDelay(call: OpenCall, request: CompletionRequest, ends: TextEnds, faults: RequestFaults): void {
    if (faults.delaySec === 0) {
      this.#enqueue(call, request, ends, faults);
      return;
    }
    this.#options.scheduler.callAt(this.nowNs() + secToNs(faults.delaySec), () =>
      this.#tryEnqueue(call, request, ends, faults),
    );
  }

  #tryEnqueue(call: OpenCall, request: CompletionRequest, ends: TextEnds, faults: RequestFaults): void {
    try {
      this.#enqueue(call, request, ends, faults);
    } catch (error) {
      this.#refuse(call, error);
    }
  }

  #enqueue(call: OpenCall, request: CompletionRequest, ends: TextEnds, faults: RequestFaults): void {
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
      priority: request.priority,
      adapter: this.#adapterOf(request),
    };
    const replica = this.replicas.route(engineRequest);
    if (replica === null) {
      if (this.#options.onHeld === undefined)
        throw new ApiError({ status: 503, message: 'no replica is up' });
      this.gateway.hold(() => this.#tryEnqueue(call, request, ends, faults));
      this.#options.onHeld();
      return;
    }
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
      replica: replica.index,
      headNs: call.headNs,
      readNs: call.readNs,
      queuedNs,
      headers: { ...call.headers, 'x-replica': String(replica.index) },
      cutAfterTokens: faults.cutAtRatio === null ? null : 1 + Math.floor(faults.cutAtRatio * answer.tokens),
    });
    if (call.response.destroyed) {
      // The client left while its prompt was counted.
      this.#options.onEnd(live.record('cancelled', this.nowNs()));
      return;
    }
    this.#live.set(call.id, live);
    call.response.on('close', () => this.#onClose(call.id));
    // The engine first: the head of the response must not delay an iteration that starts now.
    replica.loop.submit(engineRequest, queuedNs);
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
          if (live.cutDue) this.#cutByFault(id, live, metrics);
          break;
        case EVENT.token:
          metrics.itl.observe(live.gapSec(nowNs) ?? 0);
          live.token(events.values[i], endNs, this.nowNs());
          if (live.cutDue) this.#cutByFault(id, live, metrics);
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
    const replica = this.replicas.at(live.replica);
    replica.loop.cancel(id);
    this.#end(id, live, replica.metrics, 'abort');
  }

  #cutByFault(id: number, live: LiveRequest, metrics: ReplicaMetrics): void {
    this.replicas.at(live.replica).loop.cancel(id);
    this.#cut(id, live, metrics, 'a fault that was asked for');
  }

  /** Ends a request by breaking its connection. */
  #cut(id: number, live: LiveRequest, metrics: ReplicaMetrics, why: string): void {
    this.#end(id, live, metrics, 'abort', 'cut', why);
    live.cut();
  }

  #end(
    id: number,
    live: LiveRequest,
    metrics: ReplicaMetrics,
    reason: FinishReason,
    status: ServedStatus = reason === 'abort' ? 'cancelled' : 'ok',
    error: string | null = null,
  ): void {
    const nowNs = this.nowNs();
    this.#live.delete(id);
    metrics.finish(live.times(reason, nowNs));
    this.#options.onEnd(live.record(status, nowNs, error));
    this.replicas.settle();
  }

  /** Engines with adapter limits take every model name but their own for an adapter's, as vLLM serves them. */
  #adapterOf(request: CompletionRequest): string | null {
    const { engine } = this.#options;
    if (engine.adapters === undefined || request.model === this.#name) return null;
    return request.model;
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
    this.#options.onEnd(refusedRecord(call, error, this.nowNs()));
  }
}
