/** What a result file of another tool says, in our vocabulary: summaries always, requests where the file has them. */
import { summarizeMetrics } from '../metrics.js';
import type { MetricId, MetricSummary, MetricSummaryMap } from '../types/run-support.js';
import type { OtherToolResult, RunRecord } from '../types.js';

/** Metrics that rest on the intended instant, which result files of other tools do not hold. */
const FROM_SCHEDULE: readonly MetricId[] = ['send_lag', 'response.ttft', 'response.e2e', 'queue_wait'];

/** A request of which only the instants are known; everything else is unknown. `sentNs` stands for the schedule too. */
export function importedRecord(
  index: number,
  instants: Pick<RunRecord, 'status' | 'stream' | 'firstTokenNs' | 'lastTokenNs' | 'endNs'> & {
    readonly sentNs: number;
  } & Partial<RunRecord>,
): RunRecord {
  return {
    index,
    requestId: null,
    sessionId: null,
    phase: 'measure',
    intendedNs: instants.sentNs,
    releasedNs: null,
    connectNs: null,
    firstByteNs: null,
    firstAnswerTokenNs: null,
    chunkNs: null,
    httpStatus: null,
    error: null,
    note: null,
    inputTokens: null,
    inputTokensAsked: null,
    outputTokens: null,
    outputTokensSource: null,
    tokensInFirstChunk: instants.stream ? 1 : null,
    maxOutputTokens: null,
    cachedTokens: null,
    reasoningTokens: null,
    chunks: instants.chunkNs?.length ?? 0,
    finishReason: null,
    responseId: null,
    sender: 0,
    attempt: 0,
    ...instants,
  };
}

/** Counts, rates and metrics of imported requests. */
export function resultOfRecords(
  head: Pick<OtherToolResult, 'tool' | 'model' | 'url' | 'startedUtc' | 'notes'>,
  records: readonly RunRecord[],
): OtherToolResult {
  const metrics: Partial<Record<MetricId, MetricSummary>> = summarizeMetrics(records);
  for (const id of FROM_SCHEDULE) delete metrics[id];
  if (records.every((record) => record.firstAnswerTokenNs === null)) delete metrics.ttfa;
  const ok = records.filter((record) => record.status === 'ok');
  const firstNs = records.reduce(
    (least, record) => Math.min(least, record.sentNs ?? least),
    Number.POSITIVE_INFINITY,
  );
  const lastNs = records.reduce(
    (most, record) => Math.max(most, record.endNs ?? most),
    Number.NEGATIVE_INFINITY,
  );
  const windowSec = lastNs > firstNs ? (lastNs - firstNs) / 1e9 : null;
  const output = ok.reduce((sum, record) => sum + (record.outputTokens ?? 0), 0);
  return {
    ...head,
    offered: records.length,
    ok: ok.length,
    okPerSec: windowSec === null ? null : ok.length / windowSec,
    okOutputTokensPerSec: windowSec === null ? null : output / windowSec,
    metrics,
    records,
    notes: ['the file has no schedule: send lag and response times are unknown', ...head.notes],
  };
}

/** A summary from whatever statistics a file has; `scale` turns its unit into ms. */
export function metricOf(
  id: MetricId,
  n: number | null,
  values: Partial<Record<'mean' | 'sd' | 'min' | 'p50' | 'p90' | 'p95' | 'p99' | 'p999' | 'max', unknown>>,
  scale = 1,
): MetricSummary | null {
  const at = (value: unknown): number | null =>
    typeof value === 'number' && Number.isFinite(value) ? value * scale : null;
  const summary: MetricSummary = {
    id,
    unit: 'ms',
    n: n ?? 0,
    excluded: {},
    mean: at(values.mean),
    sd: at(values.sd),
    min: at(values.min),
    p50: at(values.p50),
    p90: at(values.p90),
    p95: at(values.p95),
    p99: at(values.p99),
    p999: at(values.p999),
    max: at(values.max),
  };
  return summary.mean === null && summary.p50 === null ? null : summary;
}

/** The metrics that exist, by id. */
export function metricMap(metrics: readonly (MetricSummary | null)[]): MetricSummaryMap {
  return Object.fromEntries(metrics.filter((metric) => metric !== null).map((metric) => [metric.id, metric]));
}
