/**
 * The metric registry: one function per metric, the only formulas in the program.
 *
 * Source: design page, section 6. Every metric maps the raw instants of one request to ms, or to the reason why
 * it has no value. Failed and timed-out requests have no latency; the reason is counted and printed.
 */
import type { MetricId, MetricSummary } from './types/run-support.js';
import type { RequestInstants } from './types.js';
import { nsToMs } from './units.js';

/** A value in ms, or why there is none. */
export type MetricValue = number | { readonly missing: string };

const missing = (reason: string): MetricValue => ({ missing: reason });

/** Why a request has no latency at all, or null when it completed. */
function failure(request: RequestInstants): MetricValue | null {
  return request.status === 'ok' ? null : missing(request.status);
}

function firstTokenAfter(
  request: RequestInstants,
  fromNs: number | null,
  tokenNs: number | null,
): MetricValue {
  const failed = failure(request);
  if (failed !== null) return failed;
  if (!request.stream) return missing('not_streamed');
  if (tokenNs === null || fromNs === null) return missing('no_token');
  return nsToMs(tokenNs - fromNs);
}

function completionAfter(request: RequestInstants, fromNs: number | null): MetricValue {
  const failed = failure(request);
  if (failed !== null) return failed;
  const doneNs = request.stream ? request.lastTokenNs : request.endNs;
  if (doneNs === null || fromNs === null) return missing('no_token');
  return nsToMs(doneNs - fromNs);
}

/** Time to first token: firstToken − sent. */
export const ttft = (r: RequestInstants): MetricValue => firstTokenAfter(r, r.sentNs, r.firstTokenNs);

/** Time to first answer token: firstAnswerToken − sent. */
export const ttfa = (r: RequestInstants): MetricValue => firstTokenAfter(r, r.sentNs, r.firstAnswerTokenNs);

/** End to end: lastToken − sent; end − sent when not streamed. */
export const e2e = (r: RequestInstants): MetricValue => completionAfter(r, r.sentNs);

/** TTFT from the intended instant: what a user who could not be kept waiting by the client would have felt. */
export const responseTtft = (r: RequestInstants): MetricValue =>
  firstTokenAfter(r, r.intendedNs, r.firstTokenNs);

/** End to end from the intended instant. */
export const responseE2e = (r: RequestInstants): MetricValue => completionAfter(r, r.intendedNs);

/** Time per output token: (lastToken − firstToken) / (outputTokens − tokensInFirstChunk). */
export function tpot(r: RequestInstants): MetricValue {
  const failed = failure(r);
  if (failed !== null) return failed;
  if (!r.stream) return missing('not_streamed');
  if (r.firstTokenNs === null || r.lastTokenNs === null) return missing('no_token');
  if (r.outputTokens === null || r.tokensInFirstChunk === null) return missing('tokens_unknown');
  const tokens = r.outputTokens - r.tokensInFirstChunk;
  if (r.outputTokens < 2 || tokens <= 0) return missing('one_token');
  return nsToMs((r.lastTokenNs - r.firstTokenNs) / tokens);
}

/** Normalised time per output token: e2e / outputTokens. */
export function ntpot(r: RequestInstants): MetricValue {
  const total = e2e(r);
  if (typeof total !== 'number') return total;
  if (r.outputTokens === null) return missing('tokens_unknown');
  if (r.outputTokens === 0) return missing('no_token');
  return total / r.outputTokens;
}

/** Lateness of the client: sent − intended; for a capped run this contains the wait behind the cap. */
export function sendLag(r: RequestInstants): MetricValue {
  return r.sentNs === null ? missing('unsent') : nsToMs(r.sentNs - r.intendedNs);
}

/** Wait behind the concurrency cap: released − intended. Only for capped runs; part of `send_lag` there. */
export function queueWait(r: RequestInstants & { readonly releasedNs?: number | null }): MetricValue {
  if (r.releasedNs === null || r.releasedNs === undefined)
    return missing(r.sentNs === null ? 'unsent' : 'no_cap');
  return nsToMs(r.releasedNs - r.intendedNs);
}

/** The metrics that have one value per request. `itl` has one per gap and is pooled: see `itlGaps`. */
export const REQUEST_METRICS: Readonly<
  Record<Exclude<MetricId, 'itl' | 'queue_wait'>, (r: RequestInstants) => MetricValue>
> = {
  ttft,
  ttfa,
  e2e,
  tpot,
  ntpot,
  send_lag: sendLag,
  'response.ttft': responseTtft,
  'response.e2e': responseE2e,
};

/** Gaps between consecutive token-carrying chunks, ms; empty with fewer than two chunks or a failed request. */
export function itlGaps(r: RequestInstants): readonly number[] {
  if (r.status !== 'ok' || r.chunkNs === null) return [];
  const gaps: number[] = [];
  for (let i = 1; i < r.chunkNs.length; i++) gaps.push(nsToMs(r.chunkNs[i] - r.chunkNs[i - 1]));
  return gaps;
}

/**
 * Percentile by linear interpolation (Hyndman & Fan type 7) on sorted samples: the only definition in the program.
 * p in 0–1; null for no samples.
 */
export function percentileSorted(sorted: ArrayLike<number>, p: number): number | null {
  const n = sorted.length;
  if (n === 0) return null;
  const h = (n - 1) * p;
  const low = Math.floor(h);
  const high = Math.min(low + 1, n - 1);
  return sorted[low] + (h - low) * (sorted[high] - sorted[low]);
}

/** Summary of samples in ms. Sorts a copy. Cost O(n log n). */
export function summarizeSamples(
  id: MetricId,
  samples: ArrayLike<number>,
  excluded: Readonly<Record<string, number>> = {},
): MetricSummary {
  const sorted = Float64Array.from(samples).sort();
  const n = sorted.length;
  let mean = 0;
  let m2 = 0;
  for (let i = 0; i < n; i++) {
    const delta = sorted[i] - mean;
    mean += delta / (i + 1);
    m2 += delta * (sorted[i] - mean);
  }
  return {
    id,
    unit: 'ms',
    n,
    excluded,
    mean: n > 0 ? mean : null,
    sd: n > 1 ? Math.sqrt(m2 / (n - 1)) : null,
    min: n > 0 ? sorted[0] : null,
    p50: percentileSorted(sorted, 0.5),
    p90: percentileSorted(sorted, 0.9),
    p95: percentileSorted(sorted, 0.95),
    p99: percentileSorted(sorted, 0.99),
    p999: percentileSorted(sorted, 0.999),
    max: n > 0 ? sorted[n - 1] : null,
  };
}

/**
 * Summaries of every metric over the given requests, in one pass; ITL gaps are pooled. `queue_wait` is there only
 * when a concurrency cap held (or could have held) requests.
 */
export function summarizeMetrics(
  requests: Iterable<RequestInstants>,
): Partial<Record<MetricId, MetricSummary>> {
  const ids = Object.keys(REQUEST_METRICS) as (keyof typeof REQUEST_METRICS)[];
  const samples = new Map<MetricId, number[]>(ids.map((id) => [id, []]));
  const excluded = new Map<MetricId, Record<string, number>>(ids.map((id) => [id, {}]));
  const gaps: number[] = [];
  const gapExcluded: Record<string, number> = {};
  const waits: number[] = [];
  const waitExcluded: Record<string, number> = {};
  for (const request of requests) {
    for (const id of ids) {
      const value = REQUEST_METRICS[id](request);
      if (typeof value === 'number') samples.get(id)!.push(value);
      else countReason(excluded.get(id)!, value.missing);
    }
    const requestGaps = itlGaps(request);
    if (requestGaps.length === 0) countReason(gapExcluded, whyNoGaps(request));
    for (const gap of requestGaps) gaps.push(gap);
    const wait = queueWait(request);
    if (typeof wait === 'number') waits.push(wait);
    else countReason(waitExcluded, wait.missing);
  }
  const result: Partial<Record<MetricId, MetricSummary>> = {};
  for (const id of ids) result[id] = summarizeSamples(id, samples.get(id)!, excluded.get(id)!);
  result.itl = summarizeSamples('itl', gaps, gapExcluded);
  if (waits.length > 0) result.queue_wait = summarizeSamples('queue_wait', waits, waitExcluded);
  return result;
}

function whyNoGaps(request: RequestInstants): string {
  if (request.status !== 'ok') return request.status;
  if (!request.stream) return 'not_streamed';
  return request.chunkNs === null ? 'chunks_not_kept' : 'one_chunk';
}

function countReason(counts: Record<string, number>, reason: string): void {
  counts[reason] = (counts[reason] ?? 0) + 1;
}
