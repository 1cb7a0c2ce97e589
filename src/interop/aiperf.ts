/**
 * AIPerf and genai-perf: the aggregated profile export (JSON; schema 1.1 of AIPerf's reference page), and AIPerf's
 * record per request (profile_export.jsonl). `inter_token_latency` is (latency − TTFT) ÷ (tokens − 1) per request.
 */
import type { RunRecord } from '../types.js';
import { nsToMs } from '../units.js';
import {
  chunkGapsMs,
  completed,
  distribution,
  type ExportedRun,
  epochNs,
  failed,
  known,
  latencyMs,
  perSec,
  promptTokens,
  sumOf,
  timePerTokenMs,
  ttftMs,
} from './quantities.js';

const RANKS = [1, 5, 10, 25, 50, 75, 90, 95, 99] as const;

/** profile_export_aiperf.json */
export function aiperfSummary(run: ExportedRun): object {
  return {
    schema_version: '1.1',
    ...metrics(run),
    ...head(run),
    was_cancelled: run.summary.interrupted,
    error_summary: errorSummary(run),
  };
}

/** profile_export_genai_perf.json: the same blocks without AIPerf's provenance. */
export function genaiPerfSummary(run: ExportedRun): object {
  const { input_config } = head(run);
  return { ...metrics(run), telemetry_stats: {}, input_config };
}

/** profile_export.jsonl: one record per request. */
export function* aiperfRecords(run: ExportedRun): Generator<object> {
  for (const [index, record] of run.records.entries()) {
    const ok = record.status === 'ok';
    const cancelled = record.status === 'cancelled';
    const endNs = record.endNs ?? record.sentNs ?? record.intendedNs;
    yield {
      metadata: {
        session_num: index,
        x_request_id: record.requestId ?? `row-${record.index}`,
        x_correlation_id: record.sessionId,
        conversation_id: record.sessionId,
        turn_index: 0,
        request_start_ns: epochNs(run, record.sentNs ?? record.intendedNs),
        request_ack_ns: record.firstByteNs === null ? null : epochNs(run, record.firstByteNs),
        request_end_ns: epochNs(run, endNs),
        worker_id: `sender-${record.sender}`,
        record_processor_id: null,
        benchmark_phase: 'profiling',
        was_cancelled: cancelled,
        cancellation_time_ns: cancelled ? epochNs(run, endNs) : null,
      },
      metrics: ok ? recordMetrics(record) : { error_isl: tokens(promptTokens(record)) },
      error: ok
        ? null
        : { code: record.httpStatus, type: record.status, message: record.error ?? record.status },
    };
  }
}

function recordMetrics(record: RunRecord): object {
  const gaps = chunkGapsMs(record);
  const perToken = timePerTokenMs(record);
  const all = {
    input_sequence_length: tokens(promptTokens(record)),
    time_to_first_token: milliseconds(ttftMs(record)),
    request_latency: milliseconds(latencyMs(record)),
    output_sequence_length: tokens(record.outputTokens),
    output_token_count: tokens(answerTokens(record)),
    reasoning_token_count: tokens(record.reasoningTokens),
    inter_token_latency: milliseconds(perToken),
    inter_chunk_latency: gaps.length === 0 ? null : { value: gaps, unit: 'ms' },
    output_token_throughput_per_user:
      perToken === null || perToken === 0 ? null : { value: 1_000 / perToken, unit: 'tokens/sec/user' },
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

/** Output without reasoning, where the two are known apart. */
function answerTokens(record: RunRecord): number | null {
  return record.outputTokens === null ? null : record.outputTokens - (record.reasoningTokens ?? 0);
}

function metrics(run: ExportedRun): Record<string, object> {
  const done = completed(run);
  const perToken = known(done.map(timePerTokenMs));
  const output = sumOf(done.map((record) => record.outputTokens));
  const { goodput, counts } = run.summary;
  const answered = done.filter((r) => r.firstAnswerTokenNs !== null && r.sentNs !== null && r.stream);
  return {
    request_latency: block('ms', known(done.map(latencyMs))),
    time_to_first_token: block('ms', known(done.map(ttftMs))),
    time_to_first_output_token: block(
      'ms',
      answered.map((record) => nsToMs(record.firstAnswerTokenNs! - record.sentNs!)),
    ),
    inter_token_latency: block('ms', perToken),
    inter_chunk_latency: block('ms', done.flatMap(chunkGapsMs)),
    output_token_throughput_per_user: block(
      'tokens/sec/user',
      perToken.filter((ms) => ms > 0).map((ms) => 1_000 / ms),
    ),
    input_sequence_length: block('tokens', known(done.map(promptTokens))),
    output_sequence_length: block('tokens', known(done.map((record) => record.outputTokens))),
    output_token_throughput: { unit: 'tokens/sec', avg: perSec(run, output) },
    request_throughput: { unit: 'requests/sec', avg: perSec(run, done.length) },
    request_count: { unit: 'requests', avg: done.length },
    error_request_count: { unit: 'requests', avg: failed(run).length },
    ...(goodput === null
      ? {}
      : { goodput: { unit: 'requests/sec', avg: perSec(run, goodput * counts.offered) } }),
  };
}

/** Statistics of one metric; fields that have no value are left out, as AIPerf does. */
function block(unit: string, values: readonly number[]): object {
  const of = distribution(values);
  if (of.n === 0) return { unit };
  return {
    unit,
    avg: of.mean,
    min: of.min,
    max: of.max,
    ...Object.fromEntries(RANKS.map((p) => [`p${p}`, of.at(p / 100)])),
    ...(of.sampleStd === null ? {} : { std: of.sampleStd }),
    count: of.n,
    sum: of.sum,
  };
}

function head(run: ExportedRun): { input_config: object; start_time: string; end_time: string } {
  const { summary, records } = run;
  const lastNs = records.reduce((latest, record) => Math.max(latest, record.endNs ?? 0), 0);
  return {
    input_config: {
      endpoint: {
        model_names: [summary.target.model],
        url: summary.target.url,
        type: summary.target.protocol,
      },
      loadgen: { request_rate: summary.load.plannedRatePerSec, concurrency: summary.load.concurrency },
    },
    start_time: summary.startedUtc,
    end_time: new Date(Number(epochNs(run, lastNs) / 1_000_000n)).toISOString(),
  };
}

function errorSummary(run: ExportedRun): object[] {
  const counts = new Map<string, { record: RunRecord; count: number }>();
  for (const record of failed(run)) {
    const key = `${record.status} ${record.httpStatus} ${record.error}`;
    const entry = counts.get(key) ?? { record, count: 0 };
    entry.count += 1;
    counts.set(key, entry);
  }
  return [...counts.values()].map(({ record, count }) => ({
    error_details: { code: record.httpStatus, type: record.status, message: record.error ?? record.status },
    count,
  }));
}

function tokens(value: number | null): object | null {
  return value === null ? null : { value, unit: 'tokens' };
}

function milliseconds(value: number | null): object | null {
  return value === null ? null : { value, unit: 'ms' };
}
