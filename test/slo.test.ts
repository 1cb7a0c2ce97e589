/** Objectives: their grammar, their judgement, and goodput against hand counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolError } from '../src/errors.js';
import { goodputOf, isGood, judgeSlo, parseSlo } from '../src/slo.js';
import type { RequestInstants } from '../src/types.js';

const MS = 1_000_000;

function request(ttftMs: number, overrides: Partial<RequestInstants> = {}): RequestInstants {
  return {
    status: 'ok',
    stream: true,
    intendedNs: 0,
    sentNs: 0,
    firstByteNs: 1,
    firstTokenNs: ttftMs * MS,
    firstAnswerTokenNs: ttftMs * MS,
    lastTokenNs: (ttftMs + 100) * MS,
    endNs: (ttftMs + 100) * MS,
    inputTokens: 5,
    outputTokens: 11,
    tokensInFirstChunk: 1,
    chunkNs: null,
    ...overrides,
  };
}

test('the grammar: statistics, metrics, operators, units, several terms', () => {
  const slo = parseSlo('P99(TTFT) < 500ms, mean(tpot) <= 50ms and goodput >= 99%; error_rate < 0.01');
  assert.equal(slo.text, 'p99(ttft) < 500ms, mean(tpot) <= 50ms, goodput >= 0.99, error_rate < 0.01');
  const [first, second, third, fourth] = slo.terms;
  assert.ok(first.kind === 'latency' && first.strict && first.limitMs === 500);
  assert.deepEqual(first.kind === 'latency' && first.statistic, { kind: 'percentile', p: 0.99 });
  assert.ok(second.kind === 'latency' && !second.strict && second.metric === 'tpot');
  assert.deepEqual([third.kind, fourth.kind], ['goodput', 'error_rate']);
  const percentiles: [string, number][] = [
    ['p50', 0.5],
    ['p99.9', 0.999],
    ['p999', 0.999],
    ['p9999', 0.9999],
    ['p100', 1],
    ['p5', 0.05],
  ];
  for (const [name, p] of percentiles) {
    const [term] = parseSlo(`${name}(e2e) < 1s`).terms;
    assert.ok(term.kind === 'latency' && term.statistic.kind === 'percentile');
    assert.ok(Math.abs(term.statistic.p - p) < 1e-12, name);
  }
  const responses = parseSlo(['p90(response.ttft) < 2s', 'max(response.e2e) < 1m']);
  assert.equal(responses.terms.length, 2);
});

test('what is no objective is refused with a hint', () => {
  const bad: [string, RegExp][] = [
    ['', /p99\(ttft\)/],
    ['ttft < 500ms', /p99\(ttft\)/],
    ['p99(tfft) < 500ms', /did you mean ttft/],
    ['p99(ttft) > 500ms', /p99\(ttft\)/],
    ['p99(ttft) < fast', /500ms/],
    ['median(ttft) < 1s', /p50/],
    ['goodput < 0.9', /turn the comparison around/],
    ['error_rate > 1%', /turn the comparison around/],
    ['goodput >= 150%', /0.99/],
  ];
  for (const [text, hint] of bad) {
    assert.throws(
      () => parseSlo(text),
      (error) => error instanceof ToolError && error.code === 'BAD_VALUE' && hint.test(error.hint),
      text,
    );
  }
});

test('judgement: the percentile, the limit, n, and what a missing sample means', () => {
  const requests = [100, 200, 300].map((ms) => request(ms));
  const [strict] = judgeSlo(parseSlo('p50(ttft) < 200ms'), requests);
  assert.deepEqual(
    [strict.value, strict.limit, strict.unit, strict.met, strict.n],
    [200, 200, 'ms', false, 3],
  );
  assert.equal(judgeSlo(parseSlo('p50(ttft) <= 200ms'), requests)[0].met, true);
  assert.equal(judgeSlo(parseSlo('max(ttft) < 300ms'), requests)[0].met, false);
  assert.equal(judgeSlo(parseSlo('mean(ttft) < 201ms'), requests)[0].met, true);
  const [none] = judgeSlo(parseSlo('p99(ttft) < 500ms'), [request(1, { status: 'timeout_total' })]);
  assert.deepEqual([none.value, none.met, none.n], [null, false, 0]);
  assert.equal(judgeSlo(parseSlo('error_rate < 1%'), [])[0].met, false);
});

test('goodput: requests within every limit ÷ requests offered; failures count as misses', () => {
  const slo = parseSlo('p99(ttft) < 250ms, p99(tpot) < 15ms');
  const requests = [
    request(100),
    request(200),
    request(300),
    request(100, { outputTokens: 3 }),
    request(100, { status: 'timeout_total' }),
    request(100, { status: 'unsent', sentNs: null }),
    request(100, { outputTokens: 1, lastTokenNs: 100 * MS }),
    request(100, { status: 'empty' }),
  ];
  // Good: 100, 200, and the one-token answer, which has no TPOT to miss. tpot of the fourth is 50 ms.
  assert.deepEqual(
    requests.map((one) => isGood(slo, one)),
    [true, true, false, false, false, false, true, false],
  );
  assert.equal(goodputOf(slo, requests), 3 / 8);
  const [goodput] = judgeSlo(parseSlo('p99(ttft) < 250ms, p99(tpot) < 15ms, goodput >= 0.4'), requests).slice(
    2,
  );
  assert.deepEqual([goodput.value, goodput.met, goodput.n], [0.375, false, 8]);
  assert.equal(goodputOf(slo, []), null);
});

test('error rate counts whatever did not end ok', () => {
  const requests = [
    ...Array.from({ length: 60 }, () => request(1)),
    ...Array.from({ length: 40 }, () => request(1, { status: 'http_error' })),
  ];
  const [rate] = judgeSlo(parseSlo('error_rate <= 40%'), requests);
  assert.deepEqual([rate.value, rate.met], [0.4, true]);
});
