/** Metric formulas and percentiles against hand counts. Cases F38–F44. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  e2e,
  itlGaps,
  ntpot,
  percentileSorted,
  queueWait,
  responseE2e,
  responseTtft,
  sendLag,
  summarizeMetrics,
  summarizeSamples,
  tpot,
  ttfa,
  ttft,
} from '../src/metrics.js';
import type { RequestInstants } from '../src/types.js';

const MS = 1_000_000;

/** An ok streamed request: intended at 0, sent at 2 ms, tokens at 102, 122, 142 (instants in ms). */
function request(
  overrides: Partial<RequestInstants> & { readonly releasedNs?: number | null } = {},
): RequestInstants {
  return {
    status: 'ok',
    stream: true,
    intendedNs: 0,
    sentNs: 2 * MS,
    firstByteNs: 50 * MS,
    firstTokenNs: 102 * MS,
    firstAnswerTokenNs: 122 * MS,
    lastTokenNs: 142 * MS,
    endNs: 150 * MS,
    inputTokens: 7,
    outputTokens: 3,
    tokensInFirstChunk: 1,
    chunkNs: [102 * MS, 122 * MS, 142 * MS],
    ...overrides,
  };
}

test('every formula on one request, by hand', () => {
  const r = request();
  assert.equal(ttft(r), 100);
  assert.equal(ttfa(r), 120);
  assert.equal(e2e(r), 140);
  assert.equal(tpot(r), 20);
  assert.deepEqual(itlGaps(r), [20, 20]);
  assert.equal(ntpot(r), 140 / 3);
  assert.equal(sendLag(r), 2);
  assert.equal(responseTtft(r), 102);
  assert.equal(responseE2e(r), 142);
  assert.deepEqual(queueWait(r), { missing: 'no_cap' });
  assert.equal(queueWait(request({ releasedNs: 1.5 * MS })), 1.5);
});

test('F16, F44: time per token divides by tokens after the first chunk, never by chunks or the asked length', () => {
  const chunks = [100, 130, 160, 190, 220].map((ms) => ms * MS);
  const speculative = request({
    firstTokenNs: chunks[0],
    lastTokenNs: chunks[4],
    chunkNs: chunks,
    outputTokens: 13,
  });
  assert.equal(tpot(speculative), 10);
  assert.deepEqual(itlGaps(speculative), [30, 30, 30, 30]);
  const firstOfTwo = request({ outputTokens: 6, tokensInFirstChunk: 2 });
  assert.equal(tpot(firstOfTwo), 10);
});

test('what has no value says why', () => {
  const missing = (reason: string): object => ({ missing: reason });
  for (const metric of [ttft, ttfa, e2e, tpot, ntpot, responseTtft, responseE2e]) {
    assert.deepEqual(metric(request({ status: 'timeout_total' })), missing('timeout_total'));
  }
  assert.deepEqual(ttft(request({ firstTokenNs: null })), missing('no_token'));
  assert.deepEqual(ttfa(request({ firstAnswerTokenNs: null })), missing('no_token'));
  assert.deepEqual(tpot(request({ outputTokens: null })), missing('tokens_unknown'));
  assert.deepEqual(tpot(request({ tokensInFirstChunk: null })), missing('tokens_unknown'));
  assert.deepEqual(tpot(request({ outputTokens: 1 })), missing('one_token'));
  assert.deepEqual(tpot(request({ outputTokens: 13, tokensInFirstChunk: 13 })), missing('one_token'));
  assert.deepEqual(ntpot(request({ outputTokens: 0 })), missing('no_token'));
  assert.deepEqual(ntpot(request({ outputTokens: null })), missing('tokens_unknown'));
  assert.deepEqual(sendLag(request({ sentNs: null, status: 'unsent' })), missing('unsent'));
  assert.equal(sendLag(request({ status: 'http_error' })), 2);
  assert.deepEqual(itlGaps(request({ status: 'truncated' })), []);
  assert.deepEqual(itlGaps(request({ chunkNs: null })), []);
});

test('F40: without streaming there is an end-to-end time and nothing about tokens; a mixed run counts only streamed ones', () => {
  const plain = request({
    stream: false,
    firstTokenNs: null,
    lastTokenNs: null,
    chunkNs: null,
    tokensInFirstChunk: null,
  });
  assert.equal(e2e(plain), 148);
  for (const metric of [ttft, ttfa, tpot, responseTtft])
    assert.deepEqual(metric(plain), { missing: 'not_streamed' });
  const mixed = summarizeMetrics([plain, plain, request()]);
  assert.equal(mixed.ttft?.n, 1);
  assert.deepEqual(mixed.ttft?.excluded, { not_streamed: 2 });
  assert.equal(mixed.e2e?.n, 3);
  assert.equal(mixed.itl?.n, 2);
});

test('F41: percentiles are type 7 on every sample', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  const near = (value: number | null, expected: number): void =>
    assert.ok(value !== null && Math.abs(value - expected) < 1e-9, `${value} is not ${expected}`);
  near(percentileSorted(hundred, 0.99), 99.01);
  near(percentileSorted([10, 20, 30], 0.99), 29.8);
  for (const p of [0, 0.5, 0.9, 0.99, 1]) assert.equal(percentileSorted([500], p), 500);
  assert.equal(percentileSorted([...Array(1_000).fill(1), 1e7], 0.99), 1);
  assert.equal(percentileSorted([], 0.5), null);
  assert.equal(percentileSorted([1, 2, 3, 4], 0.5), 2.5);
  assert.equal(percentileSorted([1, 2, 3, 4], 0), 1);
  assert.equal(percentileSorted([1, 2, 3, 4], 1), 4);
});

test('a summary of known samples; nothing is null when there are samples, everything when there are none', () => {
  const summary = summarizeSamples('e2e', [4, 1, 3, 2], { http_error: 2 });
  assert.deepEqual(
    { ...summary, sd: null },
    {
      id: 'e2e',
      unit: 'ms',
      n: 4,
      excluded: { http_error: 2 },
      mean: 2.5,
      sd: null,
      min: 1,
      p50: 2.5,
      p90: 3.7,
      p95: 3.8499999999999996,
      p99: 3.9699999999999998,
      p999: 3.997,
      max: 4,
    },
  );
  assert.ok(Math.abs(summary.sd! - Math.sqrt(5 / 3)) < 1e-12);
  const empty = summarizeSamples('ttft', []);
  for (const key of ['mean', 'sd', 'min', 'p50', 'p99', 'max'] as const) assert.equal(empty[key], null);
  assert.equal(summarizeSamples('ttft', [7]).sd, null);
});

test('failures are left out of latencies and counted; itl pools gaps of all requests', () => {
  const summaries = summarizeMetrics([
    request(),
    request({ status: 'timeout_idle' }),
    request({ status: 'unsent', sentNs: null }),
    request({ chunkNs: [102 * MS] }),
    request({ chunkNs: null }),
    request({ stream: false, chunkNs: null }),
  ]);
  assert.equal(summaries.ttft?.n, 3);
  assert.deepEqual(summaries.ttft?.excluded, { timeout_idle: 1, unsent: 1, not_streamed: 1 });
  assert.deepEqual(summaries.send_lag?.excluded, { unsent: 1 });
  assert.equal(summaries.itl?.n, 2);
  assert.deepEqual(summaries.itl?.excluded, {
    timeout_idle: 1,
    unsent: 1,
    one_chunk: 1,
    chunks_not_kept: 1,
    not_streamed: 1,
  });
  assert.equal(summaries.queue_wait, undefined);
});

test('queue wait is summarised for capped runs only, zero waits included', () => {
  const capped = [request({ releasedNs: 0 }), request({ releasedNs: 2 * MS }), request()];
  const summary = summarizeMetrics(capped).queue_wait;
  assert.deepEqual([summary?.n, summary?.min, summary?.max], [2, 0, 2]);
  assert.deepEqual(summary?.excluded, { no_cap: 1 });
});

test('no requests: every summary is empty and none throws', () => {
  for (const summary of Object.values(summarizeMetrics([])))
    assert.deepEqual([summary.n, summary.p99], [0, null]);
});
