/**
 * One request from release to its end: which instants happened, what the answer said, and in which of the terminal
 * states it ended. Pure: bytes and times come in, one outcome goes out.
 *
 * Times are ns on the sender's clock. Every event is stamped with the arrival of the read that completed it, before
 * anything is parsed. The outcome is final once told: bytes after `[DONE]` only decide whether the connection can be
 * used again.
 */
import type { RunStatus } from '../types.js';
import { NS_PER_SEC } from '../units.js';
import { Answer } from './answer.js';
import { describeFailure, httpErrorText } from './failure.js';
import type { Protocol } from './protocol.js';
import { SseOverflowError, SseParser } from './sse.js';

/** Limits, ns; null = none. */
export interface ExchangeLimits {
  /** From release to the request's first byte on an open connection. */
  readonly connectNs: number | null;
  /** From sent to the response head. */
  readonly firstByteNs: number | null;
  /** Between two reads of the response. */
  readonly idleNs: number | null;
  /** From release to the end. */
  readonly totalNs: number | null;
  /** After a finish reason without the end mark. */
  readonly graceNs: number;
  /** After the end mark, for the server to end the response so that the connection can be used again. */
  readonly lingerNs: number;
}

/** What the transport tells the exchange. */
export interface ResponseListener {
  /** The connection was opened for this request, in so many ns. */
  onConnected(connectNs: number): void;
  /** The request's bytes go to the socket now. */
  onSent(): void;
  onHead(status: number, contentType: string | null): void;
  onData(bytes: Uint8Array): void;
  /** The response is complete. */
  onEnd(): void;
  /** The response will not be completed. */
  onError(error: Error): void;
}

/** How a request ended. Instants are absolute ns; null = did not happen. */
export interface Outcome {
  /** Place in the plan. */
  readonly index: number;
  readonly status: RunStatus;
  readonly stream: boolean;
  readonly releasedNs: number | null;
  readonly connectNs: number | null;
  readonly sentNs: number | null;
  readonly firstByteNs: number | null;
  readonly firstTokenNs: number | null;
  readonly firstAnswerTokenNs: number | null;
  readonly lastTokenNs: number | null;
  readonly endNs: number;
  readonly httpStatus: number | null;
  readonly error: string | null;
  readonly note: string | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly reasoningTokens: number | null;
  /** As told by cumulative usage in the first token's event; null = not told. */
  readonly tokensInFirstChunk: number | null;
  readonly chunks: number;
  readonly chunkNs: Float64Array | null;
  readonly finishReason: string | null;
  readonly responseId: string | null;
  /** Generated text when the server sent no count, for counting; null otherwise. */
  readonly uncounted: { readonly text: string; readonly firstLength: number } | null;
}

export interface ExchangeOptions {
  readonly index: number;
  readonly stream: boolean;
  readonly protocol: Protocol;
  readonly limits: ExchangeLimits;
  readonly keepChunks: boolean;
  readonly nowNs: () => number;
  /** When the concurrency cap let it go; null = no cap. */
  readonly releasedNs: number | null;
  /** Called once. */
  readonly onSettled: (outcome: Outcome) => void;
  /** Called at most once: give the connection up. */
  readonly onAbort: () => void;
  /** Called once, when nothing more will come from the transport. */
  readonly onClosed: () => void;
}

/** An error body longer than this is cut. */
const MAX_ERROR_BODY_BYTES = 16_384;
const MAX_BODY_BYTES = 256 * 1024 * 1024;

export class Exchange implements ResponseListener {
  readonly #options: ExchangeOptions;
  readonly #startNs: number;
  readonly #answer = new Answer();
  readonly #parser: SseParser;
  #mode: 'none' | 'events' | 'body' | 'error' = 'none';
  #body: Uint8Array[] = [];
  #bodyBytes = 0;
  #readNs = 0;
  #atEnd = false;
  #connectNs: number | null = null;
  #sentNs: number | null = null;
  #firstByteNs: number | null = null;
  #firstTokenNs: number | null = null;
  #firstAnswerTokenNs: number | null = null;
  #lastTokenNs: number | null = null;
  #lastUsefulNs: number | null = null;
  #lastByteNs = 0;
  #tokensInFirstChunk: number | null = null;
  #chunks = 0;
  #chunkNs: number[] = [];
  #httpStatus: number | null = null;
  #settledNs: number | null = null;
  #closed = false;
  #aborted = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#startNs = options.nowNs();
    this.#parser = new SseParser((data, type) => this.#onEvent(data, type));
  }

  get settled(): boolean {
    return this.#settledNs !== null;
  }

  onConnected(connectNs: number): void {
    this.#connectNs = connectNs;
  }

  onSent(): void {
    this.#sentNs = this.#options.nowNs();
  }

  onHead(status: number, contentType: string | null): void {
    const nowNs = this.#options.nowNs();
    this.#firstByteNs = nowNs;
    this.#lastByteNs = nowNs;
    this.#httpStatus = status;
    if (status < 200 || status > 299) this.#mode = 'error';
    else if (!this.#options.stream) this.#mode = 'body';
    else if (contentType !== null && /^\s*application\/json\b/i.test(contentType)) {
      this.#mode = 'body';
      this.#answer.note('not_streamed');
    } else this.#mode = 'events';
  }

  onData(bytes: Uint8Array): void {
    const nowNs = this.#options.nowNs();
    this.#lastByteNs = nowNs;
    if (this.settled) return;
    if (this.#mode !== 'events') {
      this.#keepBody(bytes);
      return;
    }
    this.#readNs = nowNs;
    try {
      this.#parser.push(bytes);
    } catch (error) {
      if (!(error instanceof SseOverflowError)) throw error;
      this.#settle('stream_error', nowNs, `event_too_large: ${error.message}`);
    }
    this.#settleIfDecided(nowNs);
  }

  onEnd(): void {
    this.#finish(null);
  }

  onError(error: Error): void {
    this.#finish(error);
  }

  /** Looks at the limits; the sender calls it every few milliseconds. */
  checkLimits(): void {
    const nowNs = this.#options.nowNs();
    const { connectNs, firstByteNs, idleNs, totalNs, graceNs, lingerNs } = this.#options.limits;
    if (this.#settledNs !== null) {
      if (nowNs - this.#settledNs >= lingerNs) this.#abort();
      return;
    }
    const over = (limitNs: number | null, sinceNs: number): boolean =>
      limitNs !== null && nowNs - sinceNs >= limitNs;
    if (this.#finished() && nowNs - this.#lastByteNs >= graceNs) {
      this.#settleFinished();
      this.#abort();
    } else if (over(totalNs, this.#startNs)) this.#timeOut('timeout_total', nowNs, totalNs!);
    else if (this.#sentNs === null) {
      if (over(connectNs, this.#startNs)) this.#timeOut('timeout_connect', nowNs, connectNs!);
    } else if (this.#firstByteNs === null) {
      if (over(firstByteNs, this.#sentNs)) this.#timeOut('timeout_first_byte', nowNs, firstByteNs!);
    } else if (over(idleNs, this.#lastByteNs)) this.#timeOut('timeout_idle', nowNs, idleNs!);
  }

  /** Ends it now. */
  cancel(): void {
    if (!this.settled) this.#settle('cancelled', this.#options.nowNs(), null);
    this.#abort();
  }

  #onEvent(data: string, type: string | null): void {
    if (this.settled || this.#answer.failure !== null || this.#answer.doneSeen) return;
    const answer = this.#answer;
    answer.startEvent();
    try {
      this.#options.protocol.readEvent(data, type, answer);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      // Half an event at the end of the stream is a cut, not an error of the server.
      if (!this.#atEnd) answer.fail(`unreadable_event: ${error.message}`);
      return;
    }
    if (answer.usefulInEvent) this.#lastUsefulNs = this.#readNs;
    if (!answer.tokensInEvent) return;
    const atNs = this.#readNs;
    if (this.#firstTokenNs === null) {
      this.#firstTokenNs = atNs;
      this.#tokensInFirstChunk = answer.outputTokensInEvent;
    }
    if (answer.answerInEvent) this.#firstAnswerTokenNs ??= atNs;
    this.#lastTokenNs = atNs;
    this.#chunks += 1;
    if (this.#options.keepChunks) this.#chunkNs.push(atNs);
  }

  #settleIfDecided(nowNs: number): void {
    if (this.settled) return;
    if (this.#answer.failure !== null) {
      this.#settle('stream_error', nowNs, this.#answer.failure);
      this.#abort();
    } else if (this.#answer.doneSeen) this.#settleFinished();
  }

  #finished(): boolean {
    return this.#answer.doneSeen || this.#answer.finishReason !== null;
  }

  /** The answer is complete: ok, or empty when it brought no token. */
  #settleFinished(): void {
    const answer = this.#answer;
    if (!answer.doneSeen && this.#mode === 'events') answer.note('done_missing');
    if (answer.finishReason === null) answer.note('finish_missing');
    const empty = this.#chunks === 0 && (answer.outputTokens ?? 0) === 0;
    this.#settle(empty ? 'empty' : 'ok', this.#lastUsefulNs ?? this.#lastByteNs, null);
  }

  #finish(error: Error | null): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.settled) this.#settleAtEnd(error, this.#options.nowNs());
    this.#options.onClosed();
  }

  #settleAtEnd(error: Error | null, nowNs: number): void {
    const failure = error === null ? null : describeFailure(error);
    if (this.#firstByteNs === null) {
      this.#settle('connection_error', nowNs, failure?.text ?? 'closed_before_response');
      return;
    }
    if (this.#mode === 'error') {
      this.#settle('http_error', nowNs, httpErrorText(this.#httpStatus!, Buffer.concat(this.#body)));
      return;
    }
    if (failure !== null && !failure.closedByPeer) {
      this.#settle('connection_error', nowNs, failure.text);
      return;
    }
    this.#readNs = this.#lastByteNs;
    this.#atEnd = true;
    if (this.#mode === 'events') {
      this.#parser.end();
      this.#settleIfDecided(nowNs);
      if (this.settled) return;
      if (this.#finished()) this.#settleFinished();
      else this.#settle('truncated', nowNs, 'no_finish_reason_and_no_end_mark');
    } else if (failure !== null) this.#settle('truncated', nowNs, 'body_cut');
    else this.#readWholeBody(nowNs);
  }

  #readWholeBody(nowNs: number): void {
    this.#answer.startEvent();
    try {
      this.#options.protocol.readBody(Buffer.concat(this.#body).toString('utf8'), this.#answer);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#settle('stream_error', nowNs, `unreadable_body: ${error.message}`);
      return;
    }
    if (this.#answer.failure !== null) {
      this.#settle('stream_error', nowNs, this.#answer.failure);
      return;
    }
    const empty = !this.#answer.tokensInEvent && (this.#answer.outputTokens ?? 0) === 0;
    if (this.#answer.finishReason === null) this.#answer.note('finish_missing');
    this.#settle(empty ? 'empty' : 'ok', nowNs, null);
  }

  #keepBody(bytes: Uint8Array): void {
    const limit = this.#mode === 'error' ? MAX_ERROR_BODY_BYTES : MAX_BODY_BYTES;
    if (this.#bodyBytes >= limit) {
      if (this.#mode === 'body') this.#settle('stream_error', this.#lastByteNs, 'body_too_large');
      this.#abort();
      return;
    }
    this.#body.push(bytes);
    this.#bodyBytes += bytes.length;
  }

  #timeOut(status: RunStatus, nowNs: number, limitNs: number): void {
    this.#settle(status, nowNs, `limit ${limitNs / NS_PER_SEC} s`);
    this.#abort();
  }

  #abort(): void {
    if (this.#aborted || this.#closed) return;
    this.#aborted = true;
    this.#options.onAbort();
  }

  #settle(status: RunStatus, endNs: number, error: string | null): void {
    if (this.settled) return;
    this.#settledNs = this.#options.nowNs();
    const answer = this.#answer;
    const streamed = this.#options.stream && this.#mode !== 'body';
    const uncounted =
      answer.outputTokens === null && (this.#chunks > 0 || answer.tokensInEvent) ? answer.generated() : null;
    answer.dropText();
    this.#body = [];
    this.#options.onSettled({
      index: this.#options.index,
      status,
      stream: streamed,
      releasedNs: this.#options.releasedNs,
      connectNs: this.#connectNs,
      sentNs: this.#sentNs,
      firstByteNs: this.#firstByteNs,
      firstTokenNs: this.#firstTokenNs,
      firstAnswerTokenNs: this.#firstAnswerTokenNs,
      lastTokenNs: this.#lastTokenNs,
      endNs,
      httpStatus: this.#httpStatus,
      error,
      note: answer.notes.size === 0 ? null : [...answer.notes].join(','),
      inputTokens: answer.inputTokens,
      outputTokens: answer.outputTokens,
      cachedTokens: answer.cachedTokens,
      reasoningTokens: answer.reasoningTokens,
      tokensInFirstChunk: this.#tokensInFirstChunk,
      chunks: this.#chunks,
      chunkNs: this.#options.keepChunks && streamed ? Float64Array.from(this.#chunkNs) : null,
      finishReason: answer.finishReason,
      responseId: answer.id,
      uncounted,
    });
  }
}
