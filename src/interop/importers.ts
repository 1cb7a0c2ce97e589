/**
 * Readers of other tools' result files. Each takes the parsed document (or its lines) and answers null when it is not
 * its own; definitions that differ from the registry's are left out rather than renamed.
 */
import type { MetricSummary } from '../types/run-support.js';
import type { OtherToolResult, RunRecord, RunStatus } from '../types.js';
import { importedRecord, metricMap, metricOf, resultOfRecords } from './imported.js';

type Document = Readonly<Record<string, unknown>>;

/** `vllm bench serve` result; with --save-detailed it holds the requests. */
export function importVllmBench(document: Document): OtherToolResult | null {
  if (typeof document['completed'] !== 'number' || typeof document['request_throughput'] !== 'number')
    return null;
  const head = { tool: 'vllm-bench', model: textOf(document['model_id']), url: null, startedUtc: null };
  const lists = ['ttfts', 'itls', 'output_lens', 'input_lens', 'errors'].map((key) => document[key]);
  if (lists.every(Array.isArray)) {
    const [ttfts, itls, outputs, inputs, errors] = lists as [
      number[],
      number[][],
      number[],
      number[],
      string[],
    ];
    const starts = numbersOf(document['start_times']);
    const records = ttfts.map((ttftSec, index): RunRecord => {
      const sentNs = starts === null ? 0 : secToNs(starts[index] - starts[0]);
      const error = errors[index] ?? '';
      const failed = error !== '';
      // The tool writes 0 for a first token that never came.
      const chunkNs = failed || ttftSec <= 0 ? [] : [sentNs + secToNs(ttftSec)];
      for (const gapSec of chunkNs.length === 0 ? [] : (itls[index] ?? []))
        chunkNs.push(chunkNs.at(-1)! + secToNs(gapSec));
      return importedRecord(index, {
        status: failed ? 'http_error' : 'ok',
        stream: true,
        sentNs,
        firstTokenNs: chunkNs[0] ?? null,
        lastTokenNs: chunkNs.at(-1) ?? null,
        endNs: chunkNs.at(-1) ?? null,
        chunkNs: chunkNs.length === 0 ? null : chunkNs,
        outputTokens: failed ? null : outputs[index],
        inputTokens: inputs[index],
        error: failed ? error : null,
      });
    });
    const notes = starts === null ? ['no start times in the file: requests are not placed in time'] : [];
    const result = resultOfRecords({ ...head, notes }, records);
    if (starts !== null) return result;
    return {
      ...result,
      okPerSec: numberOf(document['request_throughput']),
      okOutputTokensPerSec: numberOf(document['output_throughput']),
    };
  }
  const completed = document['completed'];
  const ofMetric = (id: 'ttft' | 'tpot' | 'itl' | 'e2e', name: string): MetricSummary | null =>
    metricOf(id, completed, {
      mean: document[`mean_${name}_ms`],
      sd: document[`std_${name}_ms`],
      p50: document[`median_${name}_ms`],
      p90: document[`p90_${name}_ms`],
      p95: document[`p95_${name}_ms`],
      p99: document[`p99_${name}_ms`],
    });
  return {
    ...head,
    offered: numberOf(document['num_prompts']),
    ok: completed,
    okPerSec: numberOf(document['request_throughput']),
    okOutputTokensPerSec: numberOf(document['output_throughput']),
    metrics: metricMap([
      ofMetric('ttft', 'ttft'),
      ofMetric('tpot', 'tpot'),
      ofMetric('itl', 'itl'),
      ofMetric('e2e', 'e2el'),
    ]),
    records: null,
    notes: [SUMMARY_ONLY('--save-detailed')],
  };
}

/** AIPerf's or genai-perf's aggregated export. */
export function importAiperf(document: Document): OtherToolResult | null {
  const latency = blockOf(document['request_latency']);
  const throughput = blockOf(document['request_throughput']);
  if (latency === null || throughput === null) return null;
  const ofMetric = (id: 'ttft' | 'tpot' | 'itl' | 'e2e', key: string): MetricSummary | null => {
    const block = blockOf(document[key]);
    if (block === null) return null;
    const { avg: mean, std: sd, min, max, p50, p90, p95, p99 } = block;
    const scale =
      block['unit'] === 's' || block['unit'] === 'sec' ? 1_000 : block['unit'] === 'us' ? 1e-3 : 1;
    return metricOf(id, numberOf(block['count']), { mean, sd, min, max, p50, p90, p95, p99 }, scale);
  };
  const config = document['input_config'] as
    | { endpoint?: { model_names?: unknown[]; url?: unknown } }
    | undefined;
  const count = numberOf(blockOf(document['request_count'])?.['avg']) ?? numberOf(latency['count']);
  const errors = numberOf(blockOf(document['error_request_count'])?.['avg']);
  return {
    tool: 'schema_version' in document || 'aiperf_version' in document ? 'aiperf' : 'genai-perf',
    model: textOf(config?.endpoint?.model_names?.[0]),
    url: textOf(config?.endpoint?.url),
    startedUtc: textOf(document['start_time']),
    offered: count === null ? null : count + (errors ?? 0),
    ok: count,
    okPerSec: numberOf(throughput['avg']),
    okOutputTokensPerSec: numberOf(blockOf(document['output_token_throughput'])?.['avg']),
    metrics: metricMap([
      ofMetric('ttft', 'time_to_first_token'),
      ofMetric('tpot', 'inter_token_latency'),
      ofMetric('itl', 'inter_chunk_latency'),
      ofMetric('e2e', 'request_latency'),
    ]),
    records: null,
    notes: [SUMMARY_ONLY('profile_export.jsonl')],
  };
}

/** inference-perf's lifecycle report, s. */
export function importInferencePerf(document: Document): OtherToolResult | null {
  const successes = document['successes'] as Document | undefined;
  const latency = successes?.['latency'] as Document | undefined;
  if (successes === undefined || latency === undefined) return null;
  const count = numberOf(successes['count']);
  const ofMetric = (id: 'ttft' | 'tpot' | 'itl' | 'ntpot' | 'e2e', key: string): MetricSummary | null => {
    const block = blockOf(latency[key]);
    if (block === null) return null;
    const { mean, min, max, median, p90, p95, p99 } = block;
    return metricOf(id, count, { mean, min, max, p50: median, p90, p95, p99, p999: block['p99.9'] }, 1_000);
  };
  const throughput = (successes['throughput'] ?? {}) as Document;
  const failures = numberOf((document['failures'] as Document | undefined)?.['count']);
  return {
    tool: 'inference-perf',
    model: null,
    url: null,
    startedUtc: null,
    offered: count === null || failures === null ? null : count + failures,
    ok: count,
    okPerSec: numberOf(throughput['requests_per_sec']),
    okOutputTokensPerSec: numberOf(throughput['output_tokens_per_sec']),
    metrics: metricMap([
      ofMetric('ttft', 'time_to_first_token'),
      ofMetric('tpot', 'time_per_output_token'),
      ofMetric('itl', 'inter_token_latency'),
      ofMetric('ntpot', 'normalized_time_per_output_token'),
      ofMetric('e2e', 'request_latency'),
    ]),
    records: null,
    notes: [SUMMARY_ONLY(null)],
  };
}

/** The last benchmark of a GuideLLM report. */
export function importGuidellm(document: Document): OtherToolResult | null {
  const benchmarks = document['benchmarks'];
  if (!Array.isArray(benchmarks) || benchmarks.length === 0) return null;
  const metrics = (benchmarks.at(-1) as Document)['metrics'] as Record<string, Document> | undefined;
  if (metrics?.['request_latency'] === undefined) return null;
  const ofMetric = (id: 'ttft' | 'tpot' | 'ntpot' | 'e2e', key: string, scale = 1): MetricSummary | null => {
    const block = blockOf(metrics[key]?.['successful']);
    if (block === null) return null;
    const ranks = (block['percentiles'] ?? {}) as Document;
    return metricOf(
      id,
      numberOf(block['count']),
      {
        mean: block['mean'],
        sd: block['std_dev'],
        min: block['min'],
        max: block['max'],
        p50: block['median'],
        p90: ranks['p90'],
        p95: ranks['p95'],
        p99: ranks['p99'],
        p999: ranks['p999'],
      },
      scale,
    );
  };
  const totals = (metrics['request_totals'] ?? {}) as Document;
  const rate = (key: string): number | null => numberOf(blockOf(metrics[key]?.['successful'])?.['mean']);
  const several = benchmarks.length > 1 ? [`the last of ${benchmarks.length} benchmarks is taken`] : [];
  return {
    tool: 'guidellm',
    model: textOf((document['args'] as Document | undefined)?.['model']),
    url: textOf((document['args'] as Document | undefined)?.['target']),
    startedUtc: null,
    offered: numberOf(totals['total']),
    ok: numberOf(totals['successful']),
    okPerSec: rate('requests_per_second'),
    okOutputTokensPerSec: rate('output_tokens_per_second'),
    metrics: metricMap([
      ofMetric('ttft', 'time_to_first_token_ms'),
      ofMetric('tpot', 'inter_token_latency_ms'),
      ofMetric('ntpot', 'time_per_output_token_ms'),
      ofMetric('e2e', 'request_latency', 1_000),
    ]),
    records: null,
    notes: [...several, SUMMARY_ONLY(null)],
  };
}

/** perf_analyzer's raw instants; epoch ns beyond 2^53 lose up to 128 ns. */
export function importPerfAnalyzer(document: Document): OtherToolResult | null {
  const experiments = document['experiments'];
  if (!Array.isArray(experiments) || experiments.length === 0) return null;
  const requests = (experiments.at(-1) as Document)['requests'];
  if (!Array.isArray(requests) || requests.length === 0) return null;
  const firstNs = Number((requests[0] as Document)['timestamp']);
  const records = (requests as Document[]).map((request, index) => {
    const sentNs = Number(request['timestamp']) - firstNs;
    const chunkNs = (numbersOf(request['response_timestamps']) ?? []).map((ns) => ns - firstNs);
    const ok = chunkNs.length > 0;
    return importedRecord(index, {
      status: ok ? 'ok' : 'cancelled',
      stream: chunkNs.length > 1,
      sentNs,
      firstTokenNs: ok ? chunkNs[0] : null,
      lastTokenNs: ok ? chunkNs.at(-1)! : null,
      endNs: ok ? chunkNs.at(-1)! : null,
      chunkNs: ok ? chunkNs : null,
    });
  });
  const url = textOf(document['endpoint']);
  const notes = ['token counts are not in the file: time per output token is unknown'];
  return resultOfRecords(
    { tool: 'perf-analyzer', model: null, url: url || null, startedUtc: epochText(firstNs), notes },
    records,
  );
}

/** AIPerf's record per request. `lines` are the parsed lines of profile_export.jsonl. */
export function importAiperfRecords(lines: readonly Document[]): OtherToolResult | null {
  const first = lines[0]?.['metadata'] as Document | undefined;
  if (first === undefined || typeof first['request_start_ns'] !== 'number') return null;
  const originNs = Math.min(
    ...lines.map((line) => Number((line['metadata'] as Document)['request_start_ns'])),
  );
  const records = lines.map((line, index) => {
    const metadata = line['metadata'] as Document;
    const metrics = (line['metrics'] ?? {}) as Record<string, Document>;
    const value = (key: string): number | null => numberOf(metrics[key]?.['value']);
    const sentNs = Number(metadata['request_start_ns']) - originNs;
    const failed = line['error'] != null;
    const ttftMs = value('time_to_first_token');
    const latencyMs = value('request_latency');
    const endNs =
      latencyMs === null ? Number(metadata['request_end_ns']) - originNs : sentNs + latencyMs * 1e6;
    const error = line['error'] as Document | null;
    const gaps = numbersOf(metrics['inter_chunk_latency']?.['value']);
    const firstTokenNs = ttftMs === null ? null : sentNs + ttftMs * 1e6;
    return importedRecord(index, {
      status: failed
        ? metadata['was_cancelled'] === true
          ? 'cancelled'
          : statusOf(numberOf(error?.['code']))
        : 'ok',
      stream: ttftMs !== null,
      sentNs,
      firstTokenNs,
      lastTokenNs: ttftMs === null ? null : endNs,
      endNs,
      chunkNs: firstTokenNs === null || gaps === null ? null : chunksOf(firstTokenNs, gaps),
      inputTokens: value('input_sequence_length') ?? value('error_isl'),
      outputTokens: value('output_sequence_length'),
      httpStatus: numberOf(error?.['code']),
      error: failed ? (textOf(error?.['message']) ?? 'failed') : null,
      sessionId: textOf(metadata['conversation_id']),
    });
  });
  return resultOfRecords(
    { tool: 'aiperf-records', model: null, url: null, startedUtc: epochText(originNs), notes: [] },
    records,
  );
}

const SUMMARY_ONLY = (better: string | null): string =>
  `the file holds summaries only: differences have no confidence intervals${better ? ` (${better} has the requests)` : ''}`;

const secToNs = (sec: number): number => Math.round(sec * 1e9);

function chunksOf(firstNs: number, gapsMs: readonly number[]): number[] {
  const chunks = [firstNs];
  for (const gapMs of gapsMs) chunks.push(chunks.at(-1)! + gapMs * 1e6);
  return chunks;
}

function statusOf(code: number | null): RunStatus {
  return code !== null && code >= 400 && code < 600 ? 'http_error' : 'connection_error';
}

function epochText(ns: number): string {
  return new Date(ns / 1e6).toISOString();
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numbersOf(value: unknown): number[] | null {
  return Array.isArray(value) && value.every((item) => typeof item === 'number') ? value : null;
}

function blockOf(value: unknown): Document | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Document) : null;
}
