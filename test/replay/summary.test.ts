/** run.json from records: counts, throughput, goodput, prompt lengths, notes. Cases F22, F37, F43, F44. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManifest } from '../../src/manifest.js';
import { type RunHeader, summarizeRun } from '../../src/replay/summary.js';
import { parseSlo } from '../../src/slo.js';
import { stringifyStrict } from '../../src/trace/files.js';
import type { RunRecord, RunSummary } from '../../src/types.js';
import { health, MS, record, unsent } from './records.js';

const HEADER: RunHeader = {
  manifest: createManifest({ command: 'replay', options: {}, timestamp: false }),
  target: { url: 'http://h/v1/chat/completions', protocol: 'openai-chat', model: 'm' },
  load: {
    traceName: 't',
    traceHash: '00',
    rows: 10,
    durationSec: 10,
    speed: 1,
    rate: null,
    window: null,
    concurrency: null,
    warmupRequests: 0,
    salt: 's',
    plannedRatePerSec: 1,
  },
  startedUtc: '2026-01-01T00:00:00.000Z',
  slo: [],
  senders: 1,
  measured: 0,
  notes: ['known at the start'],
};

function summarize(records: readonly RunRecord[], slo: string | null = null): RunSummary {
  return summarizeRun({
    header: HEADER,
    slo: slo === null ? null : parseSlo(slo),
    records,
    interrupted: false,
    health: [health(), health({ gcTotalMs: 5, cpuShare: 0.5, connectionsOpened: 3 })],
    moreSenders: 0,
    gauges: null,
  });
}

const hasNote = (summary: RunSummary, pattern: RegExp): boolean =>
  summary.notes.some((note) => pattern.test(note));

test('F43: throughput names its tokens, and the window is first intended to last end', () => {
  const ok = Array.from({ length: 8 }, (_, i) => record(i * 1_000, { outputTokens: 100, inputTokens: 50 }));
  const cut = [8_000, 9_000].map((ms) =>
    record(ms, { status: 'cancelled', outputTokens: 40, endNs: 10_000 * MS, lastTokenNs: 9_900 * MS }),
  );
  const { throughput, counts } = summarize([...ok, ...cut]);
  assert.deepEqual(throughput, {
    windowSec: 10,
    sentPerSec: 1,
    okPerSec: 0.8,
    okOutputTokensPerSec: 80,
    allOutputTokensPerSec: 88,
    inputTokensPerSec: 40,
  });
  assert.deepEqual(counts, { offered: 10, byStatus: { ok: 8, cancelled: 2 } });
});

test('an interrupted run: throughput is over the time that it ran, not the time that it would have run', () => {
  const sent = Array.from({ length: 10 }, (_, i) => record(i * 1_000, { outputTokens: 100 }));
  const never = Array.from({ length: 90 }, (_, i) => unsent(10_000 + i * 1_000));
  const { throughput, validity } = summarize([...sent, ...never]);
  const whole = summarize(sent).throughput;
  assert.deepEqual(throughput, whole);
  assert.ok(whole.windowSec > 9 && whole.windowSec < 10);
  const duration = (verdict: RunSummary['validity']): number | null =>
    verdict.checks.find(({ check }) => check === 'duration')!.value;
  assert.equal(duration(validity), whole.windowSec);
  const nothing = summarize(never);
  assert.deepEqual([nothing.throughput.windowSec, duration(nothing.validity)], [0, 0]);
});

test('X7: warm-up requests are nowhere in the results', () => {
  const measured = [record(0), record(1_000)];
  const warm = record(-5_000, { phase: 'warmup', outputTokens: 9_999, status: 'http_error' });
  assert.equal(stringifyStrict(summarize([warm, ...measured])), stringifyStrict(summarize(measured)));
});

test('goodput and SLO are over every offered request; without SLO they are null', () => {
  const records = [record(0), record(500), record(1_000, { status: 'timeout_idle' }), unsent(2_000)];
  const judged = summarize(records, 'p99(ttft) < 150ms, error_rate < 10%');
  assert.equal(judged.goodput, 0.5);
  assert.deepEqual(
    judged.slo.map((term) => [term.met, term.n]),
    [
      [true, 2],
      [false, 4],
    ],
  );
  const plain = summarize(records);
  assert.deepEqual([plain.goodput, plain.slo], [null, []]);
});

test('prompt lengths: compared only where both are known, signed mean, and a constant offset is explained', () => {
  const counted = [7, 9, 6].map((inputTokens, i) => record(i * 1_000, { inputTokens }));
  const mixed = summarize([...counted, record(4_000, { inputTokens: null })]);
  assert.deepEqual(mixed.promptTokens, { compared: 3, exact: 1, meanSignedError: 1 / 3 });
  assert.ok(hasNote(mixed, /counted 1 of 3 prompts as asked/));
  const template = summarize([0, 1_000].map((ms) => record(ms, { inputTokens: 19 })));
  assert.deepEqual(template.promptTokens, { compared: 2, exact: 0, meanSignedError: 12 });
  assert.ok(hasNote(template, /12 tokens more than asked in every prompt .*--calibrate-prompts/));
  const exact = summarize([record(0), record(2_000)]);
  assert.ok(!hasNote(exact, /prompt/));
});

test('F37: exclusions are said, and requests cut at a limit bound the percentiles from below', () => {
  const ok = Array.from({ length: 7 }, (_, i) => record(i * 1_000));
  const cut = [7, 8, 9].map((i) =>
    record(i * 1_000, {
      status: 'timeout_total',
      sentNs: i * 1_000 * MS,
      endNs: (i * 1_000 + 2_000 + i) * MS,
    }),
  );
  const summary = summarize([...ok, ...cut]);
  assert.equal(summary.metrics.e2e?.n, 7);
  assert.ok(hasNote(summary, /over ok requests only; left out: 3 timeout_total/));
  assert.ok(
    hasNote(
      summary,
      /3 requests were cut at a time limit, the earliest after 2\.01 s: with them p90, p99 of e2e would be at least that/,
    ),
  );
});

test('F22: a run in which every answer is empty has a summary, without numbers, and is invalid', () => {
  const empty = Array.from({ length: 10 }, (_, i) =>
    record(i * 1_000, {
      status: 'empty',
      firstTokenNs: null,
      firstAnswerTokenNs: null,
      lastTokenNs: null,
      outputTokens: 0,
      chunks: 0,
      tokensInFirstChunk: null,
    }),
  );
  const summary = summarize(empty, 'p99(ttft) < 1s');
  assert.deepEqual(summary.counts.byStatus, { empty: 10 });
  for (const id of ['ttft', 'tpot', 'itl', 'e2e', 'ntpot'] as const) {
    assert.deepEqual([summary.metrics[id]?.n, summary.metrics[id]?.p99], [0, null], id);
  }
  assert.equal(summary.validity.verdict, 'invalid');
  assert.equal(summary.goodput, 0);
  assert.equal(summary.slo[0].met, false);
  assert.doesNotThrow(() => stringifyStrict(summary));
  const some = summarize([...Array.from({ length: 7 }, (_, i) => record(i * 500)), ...empty.slice(0, 3)]);
  assert.deepEqual(some.counts.byStatus, { ok: 7, empty: 3 });
  assert.equal(some.metrics.ttft?.n, 7);
});

test('F44: asked and produced length, cached share, odd answers, thin percentiles are said', () => {
  const summary = summarize([
    record(0, {
      maxOutputTokens: 256,
      outputTokens: 11,
      cachedTokens: 4,
      inputTokens: 8,
      inputTokensAsked: 8,
    }),
    record(2_000, {
      maxOutputTokens: 256,
      outputTokens: 11,
      note: 'done_missing,finish_missing',
      outputTokensSource: 'tokenizer',
    }),
  ]);
  for (const pattern of [
    /answers were 4\.30 % of the asked output length/,
    /50\.0 % of prompt tokens from its prefix cache/,
    /^1 answers ended without the end mark/,
    /^1 answers ended without a finish reason/,
    /1 answers came without usage/,
    /p99 rests on 2 requests/,
    /^known at the start$/,
  ]) {
    assert.ok(hasNote(summary, pattern), `${pattern} in ${summary.notes.join(' | ')}`);
  }
});

test('a load shorter than its answers was never steady', () => {
  const summary = summarize([record(0), record(20), record(40)]);
  assert.ok(hasNote(summary, /sent for 40 ms, less than the median answer took \(200 ms\)/));
});

test('the client’s health is that of the worst sender, connections and garbage collection added up', () => {
  const { client } = summarize([record(0), record(2_000)]);
  assert.deepEqual(
    [client.senders, client.cpuShare, client.gcTotalMs, client.connectionsOpened, client.cpuWaitShare],
    [1, 0.5, 25, 8, 0.01],
  );
});

test('no records at all still give a document without NaN', () => {
  const summary = summarize([]);
  assert.equal(summary.counts.offered, 0);
  assert.equal(summary.throughput.windowSec, 0);
  assert.doesNotThrow(() => stringifyStrict(summary));
});
