/** A small invented run: two streamed answers, one whole, one refused, one cut off; every instant chosen by hand. */

import { importedRecord } from '../../src/interop/imported.js';
import type { ExportedRun } from '../../src/interop/quantities.js';
import { summarizeMetrics } from '../../src/metrics.js';
import type { RunRecord, RunSummary } from '../../src/types.js';

const MS = 1_000_000;
export const START_UTC = '2026-11-25T10:00:00.000Z';

export const RECORDS: readonly RunRecord[] = [
  // 4 tokens, one per chunk: TTFT 100 ms, gaps 20, 30, 40 ms, latency 190 ms.
  importedRecord(0, {
    status: 'ok',
    stream: true,
    intendedNs: 0,
    sentNs: 1 * MS,
    firstByteNs: 90 * MS,
    firstTokenNs: 101 * MS,
    firstAnswerTokenNs: 101 * MS,
    lastTokenNs: 191 * MS,
    endNs: 192 * MS,
    chunkNs: [101 * MS, 121 * MS, 151 * MS, 191 * MS],
    inputTokens: 50,
    outputTokens: 4,
    sessionId: 's1',
    requestId: 'r1',
  }),
  // 2 tokens: TTFT 200 ms, one gap of 50 ms, latency 250 ms.
  importedRecord(1, {
    status: 'ok',
    stream: true,
    intendedNs: 500 * MS,
    sentNs: 500 * MS,
    firstByteNs: 690 * MS,
    firstTokenNs: 700 * MS,
    firstAnswerTokenNs: 700 * MS,
    lastTokenNs: 750 * MS,
    endNs: 751 * MS,
    chunkNs: [700 * MS, 750 * MS],
    inputTokens: 70,
    outputTokens: 2,
  }),
  // A whole answer: latency 300 ms, no TTFT.
  importedRecord(2, {
    status: 'ok',
    stream: false,
    intendedNs: 600 * MS,
    sentNs: 600 * MS,
    firstTokenNs: null,
    lastTokenNs: null,
    endNs: 900 * MS,
    inputTokens: 30,
    outputTokens: 6,
  }),
  importedRecord(3, {
    status: 'http_error',
    stream: true,
    intendedNs: 700 * MS,
    sentNs: 700 * MS,
    firstTokenNs: null,
    lastTokenNs: null,
    endNs: 710 * MS,
    httpStatus: 503,
    error: 'overloaded, "try later"',
    inputTokensAsked: 40,
    sessionId: 's2',
  }),
  importedRecord(4, {
    status: 'cancelled',
    stream: true,
    intendedNs: 800 * MS,
    sentNs: 800 * MS,
    firstTokenNs: null,
    lastTokenNs: null,
    endNs: 1_001 * MS,
    inputTokensAsked: 10,
  }),
];

export const RUN: ExportedRun = {
  records: RECORDS,
  startEpochNs: BigInt(Date.parse(START_UTC)) * 1_000_000n,
  summary: {
    target: { url: 'http://127.0.0.1:8000/v1/chat/completions', protocol: 'openai-chat', model: 'm' },
    load: { traceName: 't', plannedRatePerSec: 5, concurrency: null },
    startedUtc: START_UTC,
    interrupted: false,
    counts: { offered: 5, byStatus: { ok: 3, http_error: 1, cancelled: 1 } },
    metrics: summarizeMetrics(RECORDS),
    goodput: 0.4,
    throughput: { windowSec: 1.001, okPerSec: 3, okOutputTokensPerSec: 12, inputTokensPerSec: 150 },
    validity: { verdict: 'valid', because: '', recommendation: '', checks: [] },
  } as unknown as RunSummary,
};
