/** A request between its head and its end: where it stands, what was sent, and the record that is made of it. */

import type { ServerResponse } from 'node:http';
import type { ServedRequest, ServedStatus } from '../types.js';
import { nsToSec } from '../units.js';
import type { Answer } from './answer.js';
import type { ApiError } from './api-error.js';
import { type AnswerIdentity, type ChunkTexts, chunkTexts, type UsageCounts, wholeAnswer } from './chunks.js';
import type { CompletionRequest } from './openai-request.js';
import { StreamWriter } from './stream-writer.js';
import type { FinishedTimes, FinishReason } from './vllm-metrics.js';

export interface LiveRequestStart {
  readonly response: ServerResponse;
  readonly identity: AnswerIdentity;
  readonly requestId: string | null;
  readonly request: CompletionRequest;
  readonly promptTokens: number;
  readonly answer: Answer;
  readonly replica: number;
  readonly headNs: number;
  readonly readNs: number;
  readonly queuedNs: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Break the connection after this many tokens; null = do not. */
  readonly cutAfterTokens: number | null;
}

export class LiveRequest {
  readonly replica: number;
  readonly #start: LiveRequestStart;
  readonly #texts: ChunkTexts | null;
  #writer: StreamWriter | null = null;
  #generated = 0;
  #cachedTokens: number | null = null;
  #preemptions = 0;
  #admittedNs: number | null = null;
  #firstTokenNs: number | null = null;
  #firstTokenPlannedNs: number | null = null;
  #lastTokenNs: number | null = null;
  #lastTokenPlannedNs: number | null = null;

  constructor(start: LiveRequestStart) {
    this.#start = start;
    this.replica = start.replica;
    this.#texts = start.request.stream ? chunkTexts(start.request, start.identity) : null;
  }

  /** Sends the head of a stream: the request is accepted. */
  accept(): void {
    const { request, response, headers } = this.#start;
    if (request.stream) this.#writer = new StreamWriter(response, headers);
  }

  /** An iteration that starts at its planned instant may have done so before a request that it takes in came. */
  admitted(startNs: number, cachedTokens: number): void {
    this.#admittedNs = Math.max(startNs, this.#start.queuedNs);
    this.#cachedTokens = cachedTokens;
  }

  preempted(): void {
    this.#preemptions += 1;
  }

  /** Time since the last token was noticed, seconds; null for the first. */
  gapSec(nowNs: number): number | null {
    return this.#lastTokenNs === null ? null : nsToSec(nowNs - this.#lastTokenNs);
  }

  /** Seconds since the request was there. */
  ageSec(nowNs: number): number {
    return nsToSec(nowNs - this.#start.readNs);
  }

  /** Whether the connection is to be broken now. */
  get cutDue(): boolean {
    const { cutAfterTokens } = this.#start;
    return cutAfterTokens !== null && this.#generated >= cutAfterTokens;
  }

  /** Breaks the connection. */
  cut(): void {
    this.#start.response.destroy();
  }

  /** Sends the tokens up to number `count` (from 1). Returns whether the last was among them. */
  token(count: number, plannedNs: number, nowNs: number): boolean {
    const { answer } = this.#start;
    const sent = this.#generated;
    this.#generated = count;
    const last = count === answer.tokens;
    if (sent === 0) {
      this.#firstTokenNs = nowNs;
      this.#firstTokenPlannedNs = plannedNs;
    }
    this.#lastTokenNs = nowNs;
    this.#lastTokenPlannedNs = plannedNs;
    if (this.#writer !== null) this.#writeChunk(this.#writer, sent, count, last);
    else if (last) this.#writeWhole();
    return last;
  }

  /** What the replica's histograms take. */
  times(reason: FinishReason, nowNs: number): FinishedTimes {
    const { promptTokens, readNs } = this.#start;
    const between = (from: number | null, to: number | null): number | null =>
      from === null || to === null ? null : nsToSec(to - from);
    return {
      reason,
      promptTokens,
      generatedTokens: this.#generated,
      e2eSec: nsToSec(nowNs - readNs),
      queueSec: between(readNs, this.#admittedNs),
      prefillSec: between(this.#admittedNs, this.#firstTokenNs),
      decodeSec: between(this.#firstTokenNs, this.#lastTokenNs),
    };
  }

  get finishReason(): 'stop' | 'length' {
    return this.#start.answer.finishReason;
  }

  record(status: ServedStatus, endNs: number, error: string | null = null): ServedRequest {
    const { identity, requestId, request, promptTokens, headNs, readNs, queuedNs } = this.#start;
    return {
      responseId: identity.id,
      requestId,
      replica: this.replica,
      stream: request.stream,
      status,
      httpStatus: 200,
      finishReason: status === 'ok' ? this.finishReason : null,
      error,
      headNs,
      readNs,
      queuedNs,
      admittedNs: this.#admittedNs,
      firstTokenNs: this.#firstTokenNs,
      firstTokenPlannedNs: this.#firstTokenPlannedNs,
      lastTokenNs: this.#lastTokenNs,
      lastTokenPlannedNs: this.#lastTokenPlannedNs,
      endNs,
      promptTokens,
      cachedTokens: this.#cachedTokens,
      outputTokens: this.#generated,
      preemptions: this.#preemptions,
    };
  }

  #counts(): UsageCounts {
    return {
      promptTokens: this.#start.promptTokens,
      cachedTokens: this.#cachedTokens ?? 0,
      completionTokens: this.#generated,
    };
  }

  #writeChunk(writer: StreamWriter, sent: number, count: number, last: boolean): void {
    const texts = this.#texts!;
    const { answer } = this.#start;
    const counts = this.#counts();
    const opening = sent === 0 ? texts.opening({ ...counts, completionTokens: 0 }) : '';
    let piece = answer.piece(sent);
    for (let i = sent + 1; i < count; i++) piece += answer.piece(i);
    if (!last) writer.write(opening + texts.token(piece, counts));
    else writer.end(opening + texts.lastToken(piece, answer.finishReason, counts) + texts.closing(counts));
  }

  #writeWhole(): void {
    const { request, identity, answer, response, headers } = this.#start;
    const body = wholeAnswer(request, identity, answer.text(), answer.finishReason, this.#counts());
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': String(body.length),
      ...headers,
    });
    response.end(body, 'latin1');
  }
}

/** What was known of a request when it was refused. */
export interface RefusedCall {
  readonly responseId: string;
  readonly requestId: string | null;
  readonly headNs: number;
  readonly readNs: number;
}

/** The record of a request that never reached an engine. */
export function refusedRecord(call: RefusedCall, error: ApiError, endNs: number): ServedRequest {
  const { responseId, requestId, headNs, readNs } = call;
  return {
    responseId,
    requestId,
    replica: null,
    stream: null,
    status: 'refused',
    httpStatus: error.status,
    finishReason: null,
    error: error.message,
    headNs,
    readNs,
    queuedNs: null,
    admittedNs: null,
    firstTokenNs: null,
    firstTokenPlannedNs: null,
    lastTokenNs: null,
    lastTokenPlannedNs: null,
    endNs,
    promptTokens: null,
    cachedTokens: null,
    outputTokens: 0,
    preemptions: 0,
  };
}
