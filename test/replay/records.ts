/** Run records for tests: an ok request, sent on time, unless told otherwise. */
import type { SenderHealth } from '../../src/replay/messages.js';
import type { RunRecord } from '../../src/types.js';

export const MS = 1_000_000;

/** A request intended at `intendedMs`, with its first token 100 ms and its last 200 ms after sending. */
export function record(intendedMs: number, overrides: Partial<RunRecord> = {}): RunRecord {
  const sentNs = intendedMs * MS + 50_000;
  return {
    index: 0,
    requestId: null,
    sessionId: null,
    phase: 'measure',
    status: 'ok',
    stream: true,
    intendedNs: intendedMs * MS,
    releasedNs: null,
    sentNs,
    firstByteNs: sentNs + 90 * MS,
    firstTokenNs: sentNs + 100 * MS,
    firstAnswerTokenNs: sentNs + 100 * MS,
    lastTokenNs: sentNs + 200 * MS,
    endNs: sentNs + 200 * MS,
    chunkNs: null,
    connectNs: null,
    dnsNs: null,
    endpoint: null,
    inputTokens: 7,
    inputTokensAsked: 7,
    outputTokens: 11,
    outputTokensSource: 'usage',
    tokensInFirstChunk: 1,
    maxOutputTokens: 11,
    cachedTokens: null,
    reasoningTokens: null,
    chunks: 11,
    httpStatus: 200,
    error: null,
    note: null,
    finishReason: 'stop',
    responseId: null,
    sender: 0,
    attempt: 1,
    lastSentNs: null,
    parentIndex: null,
    ...overrides,
  };
}

/** A request that was never released. */
export const unsent = (intendedMs: number): RunRecord =>
  record(intendedMs, {
    status: 'unsent',
    sentNs: null,
    firstByteNs: null,
    firstTokenNs: null,
    firstAnswerTokenNs: null,
    lastTokenNs: null,
    endNs: null,
    outputTokens: null,
    inputTokens: null,
    attempt: 0,
  });

/** A sender that had a core to itself. */
export const health = (overrides: Partial<SenderHealth> = {}): SenderHealth => ({
  loopDelayP99Ms: 1,
  loopDelayMaxMs: 4,
  gcTotalMs: 20,
  gcMaxMs: 2,
  cpuShare: 0.3,
  cpuWaitShare: 0.01,
  connectionsOpened: 5,
  ...overrides,
});
