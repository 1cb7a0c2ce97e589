/** Attainment over time, by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attainmentWindowSec, sloOverTime } from '../../src/engine/slo-over-time.js';
import { parseSlo } from '../../src/slo.js';
import type { RequestInstants } from '../../src/types.js';

function request(atSec: number, ttftMs: number, more: Partial<RequestInstants> = {}): RequestInstants {
  const atNs = atSec * 1e9;
  const firstNs = atNs + ttftMs * 1e6;
  return {
    status: 'ok',
    stream: true,
    intendedNs: atNs,
    sentNs: atNs,
    firstByteNs: firstNs,
    firstTokenNs: firstNs,
    firstAnswerTokenNs: firstNs,
    lastTokenNs: firstNs,
    endNs: firstNs,
    outputTokens: 1,
    inputTokens: 1,
    tokensInFirstChunk: 1,
    chunkNs: null,
    ...more,
  };
}

test('windows begin at the first arrival, are judged alone, and empty ones count for nothing', () => {
  const requests = [
    request(10, 100),
    request(69.9, 900),
    request(70, 900),
    request(71, 900),
    request(190, 50),
  ];
  const over = sloOverTime(parseSlo('p50(ttft) < 600ms'), requests, 60);
  assert.deepEqual(over.windows, [
    // p50 of 100 and 900 is 500.
    { fromSec: 10, offered: 2, good: 1, ratio: 0.5, met: true },
    { fromSec: 70, offered: 2, good: 0, ratio: 0, met: false },
    { fromSec: 130, offered: 0, good: 0, ratio: null, met: null },
    { fromSec: 190, offered: 1, good: 1, ratio: 1, met: true },
  ]);
  assert.equal(over.metRatio, 2 / 3);
  assert.equal(over.worst!.fromSec, 70);
});

test('a bad quarter of an hour shows, though the percentile of the run holds', () => {
  const requests = Array.from({ length: 6_000 }, (_, i) => request(i, i >= 3_000 && i < 3_050 ? 5_000 : 100));
  const slo = parseSlo('p99(ttft) < 1s');
  assert.ok(sloOverTime(slo, requests, 1e9).windows[0].met);
  const over = sloOverTime(slo, requests, 60);
  assert.equal(over.metRatio, 99 / 100);
  assert.equal(over.worst!.ratio, 10 / 60);
});

test('one-token answers have no TPOT and miss nothing; failed ones do', () => {
  const slo = parseSlo('p99(tpot) < 50ms');
  assert.equal(sloOverTime(slo, [request(0, 100)], 60).windows[0].met, true);
  const failed = request(0, 100, { status: 'connection_error', lastTokenNs: null });
  assert.equal(sloOverTime(slo, [failed], 60).windows[0].met, false);
});

test('nothing offered is unknown, not zero; long traces have longer windows', () => {
  assert.deepEqual(sloOverTime(parseSlo('p99(ttft) < 1s'), [], 60), {
    windowSec: 60,
    windows: [],
    metRatio: null,
    worst: null,
  });
  assert.deepEqual([3_600, 86_400, 7 * 86_400, 90 * 86_400].map(attainmentWindowSec), [60, 60, 900, 86_400]);
});
