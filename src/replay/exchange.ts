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
import type { ExchangeOptions, HeadFacts, ResponseListener } from './exchange-types.js';
import { describeFailure, httpErrorText } from './failure.js';
import { LineParser } from './lines.js';
import { SseOverflowError, SseParser } from './sse.js';

export type {
  ExchangeLimits,
  ExchangeOptions,
  HeadFacts,
  Outcome,
  ResponseListener,
} from './exchange-types.js';

/** An error body longer than this is cut. */
const MAX_ERROR_BODY_BYTES = 16_384;
const MAX_BODY_BYTES = 256 * 1024 * 1024;

export class Exchange implements ResponseListener {
  readonly #options: ExchangeOptions;
  readonly #startNs: number;
  readonly #answer: Answer;
  readonly #parser: SseParser | LineParser;
  #mode: 'none' | 'events' | 'body' | 'error' = 'none';
  #body: Uint8Array[] = [];
  #bodyBytes = 0;
  #readNs = 0;
  #atEnd = false;
  #connectNs: number | null = null;
  #dnsNs: number | null = null;
  #sentNs: number | null = null;
  /** Since when it waits for a connection again. */
  #resendNs: number | null = null;
  #lastSentNs: number | null = null;
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
  #contentType: string | null = null;
  #facts: HeadFacts | null = null;
  #events = 0;
  #settledNs: number | null = null;
  #closed = false;
  #aborted = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#startNs = options.nowNs();
    this.#answer = new Answer(options.echoLength, options.keepAnswer);
    this.#parser =
      options.protocol.framing === 'lines'
        ? new LineParser((line) => this.#onEvent(line, null))
        : new SseParser((data, type) => this.#onEvent(data, type));
  }

  get settled(): boolean {
    return this.#settledNs !== null;
  }

  onConnected(connectNs: number, dnsNs: number | null = null): void {
    // A second connection opens behind the first instant, within the request's own time.
    if (this.#resendNs !== null) return;
    this.#connectNs = connectNs;
    this.#dnsNs = dnsNs;
  }

  onSent(): void {
    const nowNs = this.#options.nowNs();
    this.#sentNs ??= nowNs;
    this.#lastSentNs = nowNs;
  }

  onResend(): void {
    this.#resendNs = this.#options.nowNs();
    this.#lastSentNs = null;
    this.#answer.note('resent');
  }

  onHead(status: number, contentType: string | null, facts?: HeadFacts): void {
    const nowNs = this.#options.nowNs();
    this.#firstByteNs = nowNs;
    this.#lastByteNs = nowNs;
    this.#httpStatus = status;
    this.#contentType = contentType;
    this.#facts = facts ?? null;
    if (status < 200 || status > 299) this.#mode = 'error';
    else if (isEncoded(facts)) {
      this.#settle('stream_error', nowNs, `content_encoding: ${facts!.contentEncoding} was not asked for`);
      this.#abort();
    } else if (!this.#options.stream) this.#mode = 'body';
    else if (this.#options.protocol.framing === 'lines') this.#mode = 'events';
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
  checkLimits(nowNs = this.#options.nowNs()): void {
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
    else if (this.#lastSentNs === null) {
      if (over(connectNs, this.#resendNs ?? this.#startNs))
        this.#timeOut('timeout_connect', nowNs, connectNs!);
    } else if (this.#firstByteNs === null) {
      if (over(firstByteNs, this.#lastSentNs)) this.#timeOut('timeout_first_byte', nowNs, firstByteNs!);
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
    this.#events += 1;
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

  /** The response has ended in order, and that is how this protocol ends an answer. */
  #endedInOrder(failure: unknown): boolean {
    return failure === null && this.#events > 0 && this.#options.protocol.endsWithResponse === true;
  }

  #finished(): boolean {
    return this.#answer.doneSeen || this.#answer.finishReason !== null;
  }

  /** The answer is complete: ok, or empty when it brought no token. */
  #settleFinished(): void {
    const answer = this.#answer;
    const endsOtherwise = this.#options.protocol.endsWithResponse === true;
    if (!endsOtherwise && !answer.doneSeen && this.#mode === 'events') answer.note('done_missing');
    if (!endsOtherwise && answer.finishReason === null) answer.note('finish_missing');
    const empty = this.#chunks === 0 && !answer.resultSeen && (answer.outputTokens ?? 0) === 0;
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
      const location = this.#facts?.location ?? null;
      const text = httpErrorText(this.#httpStatus!, Buffer.concat(this.#body), location);
      this.#settle('http_error', nowNs, text);
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
      if (this.#finished() || this.#endedInOrder(failure)) this.#settleFinished();
      else if (this.#events === 0 && failure === null && !isEventStream(this.#contentType)) {
        this.#settle('stream_error', nowNs, `no_events: the answer is ${this.#contentType ?? 'of no type'}`);
      } else this.#settle('truncated', nowNs, 'no_finish_reason_and_no_end_mark');
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
    const answer = this.#answer;
    const empty = !answer.tokensInEvent && !answer.resultSeen && (answer.outputTokens ?? 0) === 0;
    if (answer.finishReason === null && this.#options.protocol.endsWithResponse !== true)
      this.#answer.note('finish_missing');
    this.#settle(empty ? 'empty' : 'ok', nowNs, null);
  }

  #keepBody(bytes: Uint8Array): void {
    const limit = this.#mode === 'error' ? MAX_ERROR_BODY_BYTES : MAX_BODY_BYTES;
    if (this.#bodyBytes >= limit) {
      if (this.#mode === 'body') this.#settle('stream_error', this.#lastByteNs, 'body_too_large');
      this.#abort();
      return;
    }
    // Copied: transports read into a buffer that they use again.
    this.#body.push(Buffer.from(bytes));
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
      dnsNs: this.#dnsNs,
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
      retryAfter: this.#facts?.retryAfter ?? null,
      uncounted,
      ...(this.#resendNs === null ? {} : { lastSentNs: this.#lastSentNs }),
      ...(this.#options.keepAnswer === true ? { answerText: answer.answerText() } : {}),
    });
  }
}

/** Whether a body comes compressed: nobody asked for that, and unpacking would blur the instants. */
function isEncoded(facts: HeadFacts | undefined): boolean {
  const encoding = facts?.contentEncoding?.trim().toLowerCase() ?? '';
  return encoding !== '' && encoding !== 'identity';
}

const isEventStream = (contentType: string | null): boolean =>
  contentType !== null && /^\s*text\/event-stream\b/i.test(contentType);
