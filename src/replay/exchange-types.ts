/** What goes into an exchange and what comes out of it: limits, what the transport tells, how a request ended. */
import type { RunStatus } from '../types.js';
import type { Protocol } from './protocol.js';

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

/** What else a response's head may say. */
export interface HeadFacts {
  /** null or absent = none. */
  readonly contentEncoding?: string | null;
  readonly location?: string | null;
  readonly retryAfter?: string | null;
}

/** What the transport tells the exchange. */
export interface ResponseListener {
  /**
   * The connection was opened for this request, in so many ns (look-up and TLS included), `dnsNs` of them for the name's
   * look-up; null or absent = there was none, or the transport does not tell.
   */
  onConnected(connectNs: number, dnsNs?: number | null): void;
  /** The request's bytes go to the socket now. */
  onSent(): void;
  /** The kept connection was being closed under the request: it is sent once more, on a new one. */
  onResend?(): void;
  onHead(status: number, contentType: string | null, facts?: HeadFacts): void;
  /** The bytes are valid during the call only. */
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
  /** Of `connectNs`, the name's look-up; null or absent = none, or not told. */
  readonly dnsNs?: number | null;
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
  /** As the server wrote it; null = it did not. */
  readonly retryAfter?: string | null;
  /** Answer text (no reasoning, no tool calls) when the exchange was asked to keep it. */
  readonly answerText?: string;
  /** Where the sender decided the instant (turns after answers, closed loops), absolute ns; absent = the plan's. */
  readonly intendedNs?: number;
  /** Prompt length with the conversation so far; null = unknown; absent = the plan's. */
  readonly inputTokensAsked?: number | null;
  /** Which attempt; absent = 1. */
  readonly attempt?: number;
  /** When it was sent for the last time, if more than once; `sentNs` is the first time then. */
  readonly lastSentNs?: number | null;
  /** The request was sent again after this attempt. */
  readonly superseded?: boolean;
  /** Generated text when the server sent no count, for counting; null otherwise. */
  readonly uncounted: { readonly text: string; readonly firstLength: number } | null;
}

export interface ExchangeOptions {
  readonly index: number;
  readonly stream: boolean;
  readonly protocol: Protocol;
  readonly limits: ExchangeLimits;
  readonly keepChunks: boolean;
  /** Tell the answer's text with the outcome. Default false. */
  readonly keepAnswer?: boolean;
  /** Characters of the prompt that the answer repeats; default 0. */
  readonly echoLength?: number;
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
