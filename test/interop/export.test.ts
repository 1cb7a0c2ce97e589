/** Exports: the field lists of the tools that they imitate, values by hand, and our own importers reading them back. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { EXPORT_TARGETS } from '../../src/interop/export.js';
import { importResult } from '../../src/interop/import.js';
import type { MetricId } from '../../src/types/run-support.js';
import { RUN } from './made-run.js';

const folder = mkdtempSync(join(tmpdir(), 'tokentide-interop-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const textOf = (name: string): string => EXPORT_TARGETS.find((target) => target.name === name)!.text(RUN);
// biome-ignore lint/suspicious/noExplicitAny: documents of other tools, looked at by key
const documentOf = (name: string): any => JSON.parse(textOf(name));

function near(actual: number | null | undefined, wanted: number, what = '', tolerance = 1e-6): void {
  assert.ok(
    actual != null && Math.abs(actual - wanted) < tolerance,
    `${what}: ${actual} instead of ${wanted}`,
  );
}

/** Keys that readers of each file rely on, from the tools' sources and reference pages. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  'vllm-bench': [
    'date endpoint_type backend label model_id tokenizer_id num_prompts request_rate burstiness max_concurrency',
    'duration completed failed total_input_tokens total_output_tokens request_throughput request_goodput',
    'output_throughput total_token_throughput input_lens output_lens ttfts itls generated_texts errors',
    'max_output_tokens_per_s max_concurrent_requests',
    ...['ttft', 'tpot', 'itl', 'e2el'].map((m) => `mean_${m}_ms median_${m}_ms std_${m}_ms p99_${m}_ms`),
  ],
  aiperf: [
    'schema_version request_latency time_to_first_token inter_token_latency inter_chunk_latency',
    'output_token_throughput_per_user input_sequence_length output_sequence_length output_token_throughput',
    'request_throughput request_count goodput input_config start_time end_time was_cancelled error_summary',
  ],
  'genai-perf': [
    'request_latency time_to_first_token inter_token_latency output_token_throughput request_throughput',
    'input_sequence_length output_sequence_length input_config',
  ],
  'perf-analyzer': ['version service_kind endpoint experiments'],
  'inference-perf': ['load_summary successes failures'],
  guidellm: ['metadata args benchmarks'],
  'chrome-trace': ['traceEvents displayTimeUnit'],
};

for (const [name, lists] of Object.entries(FIELDS)) {
  test(`${name}: every field that its readers rely on is there`, () => {
    const document = documentOf(name);
    for (const key of lists.flatMap((list) => list.split(' '))) assert.ok(key in document, key);
  });
}

test('vllm-bench: values by hand; TPOT divides by tokens − 1; failed requests keep their place in the lists', () => {
  const r = documentOf('vllm-bench');
  assert.equal(r.completed, 3);
  assert.equal(r.failed, 2);
  assert.equal(r.num_prompts, 5);
  near(r.duration, 1, 'first send to last end');
  near(r.mean_ttft_ms, 150);
  near(r.mean_tpot_ms, (30 + 50) / 2, '90 ms over 3 tokens, 50 ms over 1');
  near(r.median_itl_ms, 35);
  near(r.mean_e2el_ms, (190 + 250 + 300) / 3);
  near(r.std_ttft_ms, 50, 'population deviation, as NumPy');
  near(r.request_goodput, 2);
  assert.deepEqual(r.output_lens, [4, 2, 6, 0, 0]);
  assert.deepEqual(r.errors, ['', '', '', 'overloaded, "try later"', 'cancelled']);
  assert.equal(r.max_concurrent_requests, 2);
});

test('aiperf: record metrics have count and sum, derived ones have neither; blocks as in its reference', () => {
  const r = documentOf('aiperf');
  assert.deepEqual(Object.keys(r.request_throughput), ['unit', 'avg']);
  for (const key of [
    'unit',
    'avg',
    'min',
    'max',
    'p1',
    'p5',
    'p10',
    'p25',
    'p50',
    'p75',
    'p90',
    'p95',
    'p99',
    'std',
    'count',
    'sum',
  ])
    assert.ok(key in r.request_latency, key);
  assert.equal(r.request_latency.count, 3);
  near(r.inter_token_latency.avg, 40);
  near(r.goodput.avg, 2);
  assert.equal(r.error_summary.length, 2);
});

test('aiperf-records: one line per request, epoch ns exact to the digit', () => {
  const lines = textOf('aiperf-records').trimEnd().split('\n');
  assert.equal(lines.length, 5);
  assert.ok(lines[0].includes(`"request_start_ns":${RUN.startEpochNs + 1_000_000n},`));
  const first = JSON.parse(lines[0]);
  assert.deepEqual(first.metrics.inter_chunk_latency.value, [20, 30, 40]);
  near(first.metrics.request_latency.value, 190);
  const refused = JSON.parse(lines[3]);
  assert.deepEqual(refused.error, { code: 503, type: 'http_error', message: 'overloaded, "try later"' });
  assert.equal(JSON.parse(lines[4]).metadata.was_cancelled, true);
});

test('inference-perf: seconds, median and percentiles, failures by label', () => {
  const { load_summary: load, successes, failures } = documentOf('inference-perf');
  near(load.schedule_delay.max, 0.001);
  near(successes.latency.time_to_first_token.median, 0.15);
  near(successes.latency.normalized_time_per_output_token.max, 0.125);
  assert.equal(failures.by_label['503 - http_error'].count, 1);
  for (const key of [
    'input_tokens_per_sec',
    'output_tokens_per_sec',
    'total_tokens_per_sec',
    'requests_per_sec',
  ])
    assert.ok(successes.throughput[key] > 0, key);
});

test('guidellm: incomplete and errored apart; time per token is the whole latency over tokens', () => {
  const [{ metrics }] = documentOf('guidellm').benchmarks;
  assert.deepEqual(metrics.request_totals, { successful: 3, incomplete: 1, errored: 1, total: 5 });
  near(metrics.time_per_output_token_ms.successful.max, 125);
  near(metrics.request_latency.successful.median, 0.25);
  near(metrics.time_to_first_token_ms.successful.percentiles.p50, 150);
});

test('csv: a header and a line per request; quotes and commas survive', () => {
  const lines = textOf('csv').trimEnd().split('\n');
  assert.equal(lines.length, 6);
  assert.ok(lines[0].startsWith('index,'));
  assert.ok(lines[0].endsWith('response.e2e_ms'));
  assert.ok(lines[4].includes('"overloaded, ""try later"""'));
});

test('prometheus: every sample belongs to an announced family; values in seconds', () => {
  const lines = textOf('prometheus').trimEnd().split('\n');
  const families = new Set(
    lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2]),
  );
  for (const line of lines.filter((line) => !line.startsWith('#'))) {
    const match = /^([a-z0-9_]+)\{[^{}]*\} -?[0-9.e+-]+$/.exec(line);
    assert.ok(match, line);
    assert.ok(families.has(match[1]) || families.has(match[1].replace(/_(sum|count)$/, '')), line);
  }
  assert.ok(lines.some((line) => /^tokentide_ttft_seconds\{.*quantile="0.5"\} 0\.15$/.test(line)));
});

test('chrome-trace: slices of one lane never overlap, parts lie inside their request', () => {
  const events = documentOf('chrome-trace').traceEvents as {
    ph: string;
    tid: number;
    ts: number;
    dur: number;
    name: string;
  }[];
  const requests = events.filter((event) => event.ph === 'X' && event.name.startsWith('request'));
  assert.equal(requests.length, 5);
  for (const a of requests)
    for (const b of requests)
      if (a !== b && a.tid === b.tid)
        assert.ok(a.ts + a.dur <= b.ts || b.ts + b.dur <= a.ts, `${a.name} ${b.name}`);
  assert.equal(events.filter((event) => event.ph === 'C').length, 10);
});

const SHARED: Readonly<Record<string, readonly MetricId[]>> = {
  'vllm-bench': ['ttft', 'itl'],
  aiperf: ['ttft', 'itl', 'e2e', 'tpot'],
  'aiperf-records': ['ttft', 'itl', 'e2e', 'tpot'],
  'genai-perf': ['ttft', 'itl', 'e2e', 'tpot'],
  'perf-analyzer': ['itl'],
  'inference-perf': ['ttft', 'itl', 'e2e', 'tpot', 'ntpot'],
  guidellm: ['ttft', 'tpot', 'ntpot', 'e2e'],
};

for (const [name, ids] of Object.entries(SHARED)) {
  test(`${name}: read back, ${ids.join(', ')} are the run's own`, async () => {
    const path = join(folder, name);
    writeFileSync(path, textOf(name));
    const result = await importResult(path);
    assert.equal(result.tool, name);
    for (const id of ids) {
      const wanted = RUN.summary.metrics[id]!;
      // Epoch ns in JSON numbers keep 128 ns.
      near(result.metrics[id]?.p50, wanted.p50!, `${id} p50`, 3e-4);
      near(result.metrics[id]?.p99, wanted.p99!, `${id} p99`, 3e-4);
    }
    for (const id of ['send_lag', 'response.ttft'] as const)
      assert.equal(result.metrics[id], undefined, `${id} is unknown, not zero`);
  });
}

test('a file of no known tool is refused with the list of those that are', async () => {
  const path = join(folder, 'other.json');
  writeFileSync(path, '{"a": 1}');
  await assert.rejects(importResult(path), /no result file that is known/);
});
