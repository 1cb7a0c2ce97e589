/** From what a sender observed to a row of requests.parquet: instants from t0, and what the plan knows of the request. */
import type { RunPhase, RunRecord } from '../types.js';
import type { Outcome } from './exchange.js';

/** What the plan knows of a request. */
export interface RequestFacts {
  /** Row of the trace, 0-based. */
  readonly row: number;
  /** ns from t0. */
  readonly intendedNs: number;
  readonly requestId: string | null;
  readonly sessionId: string | null;
  readonly phase: RunPhase;
  readonly inputTokensAsked: number | null;
  readonly maxOutputTokens: number | null;
  /** Row of the request that this one waited for; null or absent = none. */
  readonly parentRow?: number | null;
  /** Which of several addresses serves it; null or absent = there is one. */
  readonly endpoint?: string | null;
}

/** Token counts of an answer whose server sent none. */
export interface CountedTokens {
  readonly tokens: number;
  /** Of the first chunk. */
  readonly firstTokens: number;
}

/** The record of a request that was released. `counted` null = the server counted, or nobody could. */
export function recordOf(
  outcome: Outcome,
  facts: RequestFacts,
  t0Ns: number,
  sender: number,
  counted: CountedTokens | null,
): RunRecord {
  const fromT0 = (ns: number | null): number | null => (ns === null ? null : ns - t0Ns);
  const outputTokens = outcome.outputTokens ?? counted?.tokens ?? null;
  return {
    index: facts.row,
    requestId: facts.requestId,
    sessionId: facts.sessionId,
    phase: outcome.superseded === true ? 'retried' : facts.phase,
    status: outcome.status,
    stream: outcome.stream,
    intendedNs: outcome.intendedNs === undefined ? facts.intendedNs : outcome.intendedNs - t0Ns,
    releasedNs: fromT0(outcome.releasedNs),
    sentNs: fromT0(outcome.sentNs),
    firstByteNs: fromT0(outcome.firstByteNs),
    firstTokenNs: fromT0(outcome.firstTokenNs),
    firstAnswerTokenNs: fromT0(outcome.firstAnswerTokenNs),
    lastTokenNs: fromT0(outcome.lastTokenNs),
    endNs: outcome.status === 'skipped' ? null : fromT0(outcome.endNs),
    chunkNs: outcome.chunkNs === null ? null : Array.from(outcome.chunkNs, (ns) => ns - t0Ns),
    connectNs: outcome.connectNs,
    dnsNs: outcome.dnsNs ?? null,
    endpoint: facts.endpoint ?? null,
    inputTokens: outcome.inputTokens,
    inputTokensAsked:
      outcome.inputTokensAsked === undefined ? facts.inputTokensAsked : outcome.inputTokensAsked,
    outputTokens,
    outputTokensSource: outcome.outputTokens !== null ? 'usage' : counted === null ? null : 'tokenizer',
    tokensInFirstChunk: tokensInFirstChunk(outcome, outputTokens, counted),
    maxOutputTokens: facts.maxOutputTokens,
    cachedTokens: outcome.cachedTokens,
    reasoningTokens: outcome.reasoningTokens,
    chunks: outcome.chunks,
    httpStatus: outcome.httpStatus,
    error: outcome.error,
    note: outcome.note,
    finishReason: outcome.finishReason,
    responseId: outcome.responseId,
    sender,
    attempt: outcome.status === 'skipped' ? 0 : (outcome.attempt ?? 1),
    lastSentNs: fromT0(outcome.lastSentNs ?? null),
    parentIndex: facts.parentRow ?? null,
  };
}

/** The record of a request that was never released. */
export function unsentRecord(facts: RequestFacts, stream: boolean): RunRecord {
  return {
    index: facts.row,
    requestId: facts.requestId,
    sessionId: facts.sessionId,
    phase: facts.phase,
    status: 'unsent',
    stream,
    intendedNs: facts.intendedNs,
    releasedNs: null,
    sentNs: null,
    firstByteNs: null,
    firstTokenNs: null,
    firstAnswerTokenNs: null,
    lastTokenNs: null,
    endNs: null,
    chunkNs: null,
    connectNs: null,
    dnsNs: null,
    endpoint: facts.endpoint ?? null,
    inputTokens: null,
    inputTokensAsked: facts.inputTokensAsked,
    outputTokens: null,
    outputTokensSource: null,
    tokensInFirstChunk: null,
    maxOutputTokens: facts.maxOutputTokens,
    cachedTokens: null,
    reasoningTokens: null,
    chunks: 0,
    httpStatus: null,
    error: null,
    note: null,
    finishReason: null,
    responseId: null,
    sender: 0,
    attempt: 0,
    lastSentNs: null,
    parentIndex: facts.parentRow ?? null,
  };
}

/** The end of a turn that was never due, because what it follows failed. */
export function outcomeOfSkipped(index: number, stream: boolean, atNs: number): Outcome {
  return {
    index,
    status: 'skipped',
    stream,
    releasedNs: null,
    connectNs: null,
    sentNs: null,
    firstByteNs: null,
    firstTokenNs: null,
    firstAnswerTokenNs: null,
    lastTokenNs: null,
    endNs: atNs,
    httpStatus: null,
    error: 'parent_failed',
    note: null,
    inputTokens: null,
    outputTokens: null,
    cachedTokens: null,
    reasoningTokens: null,
    tokensInFirstChunk: null,
    chunks: 0,
    chunkNs: null,
    finishReason: null,
    responseId: null,
    uncounted: null,
  };
}

/**
 * Tokens of the first chunk, which TPOT leaves out: what the server told with it; all of them when there was only one
 * chunk; what the tokenizer finds in its text; else one, because an engine emits the one token of its prefill step
 * before it decodes more.
 */
function tokensInFirstChunk(
  outcome: Outcome,
  outputTokens: number | null,
  counted: CountedTokens | null,
): number | null {
  if (outcome.chunks === 0 || outputTokens === null) return null;
  if (outcome.tokensInFirstChunk !== null) return outcome.tokensInFirstChunk;
  if (outcome.chunks === 1) return outputTokens;
  return counted?.firstTokens ?? 1;
}
