/**
 * The metric registry: one function per metric, the only formulas in the program.
 *
 * Source: design page, section 6. Every metric maps the raw instants of one request to ms, or to the reason why
 * it has no value. Failed and timed-out requests have no latency; the reason is counted and printed.
 */
import type { MetricId, MetricSummary } from './types/run-support.js';
import type { RequestInstants, RunThroughput } from './types.js';
import { nsToMs, nsToSec } from './units.js';

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
  return summarizeSorted(id, samples.length, [Float64Array.from(samples).sort()], excluded);
}

/** Samples on their way to percentiles. */
export interface Samples {
  readonly length: number;
  push(value: number): void;
  /** All of them, rising, block after block; blocks are valid until the next one. Asked for once, at the end. */
  sorted(): Iterable<Float64Array>;
}

/** Samples in memory, 8 bytes each. */
export class SamplesInMemory implements Samples {
  #values = new Float64Array(64);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Float64Array(2 * this.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  sorted(): Iterable<Float64Array> {
    return [this.#values.subarray(0, this.length).sort()];
  }
}

/** Percentiles (type 7, each p in 0–1) of samples; null for none. Asks for their order. */
export function percentilesOf(samples: Samples, ps: readonly number[]): readonly (number | null)[] {
  const picked = new Ranks(samples.length, ps);
  for (const block of samples.sorted()) picked.add(block);
  return ps.map((p) => picked.percentile(p));
}

/** The values at the ranks that percentiles interpolate between, picked from a rising stream. */
class Ranks {
  readonly #n: number;
  /** Rising. */
  readonly #ranks: readonly number[];
  readonly #values = new Map<number, number>();
  #seen = 0;

  constructor(n: number, ps: readonly number[]) {
    this.#n = n;
    const ranks = ps.flatMap((p) => [Math.floor((n - 1) * p), Math.floor((n - 1) * p) + 1]);
    this.#ranks = [...new Set(ranks.map((rank) => Math.min(rank, n - 1)))].sort((a, b) => a - b);
  }

  add(block: Float64Array): void {
    for (const rank of this.#ranks) {
      if (rank >= this.#seen && rank < this.#seen + block.length)
        this.#values.set(rank, block[rank - this.#seen]);
    }
    this.#seen += block.length;
  }

  percentile(p: number): number | null {
    if (this.#n === 0) return null;
    const h = (this.#n - 1) * p;
    const low = Math.floor(h);
    const below = this.#values.get(low)!;
    return below + (h - low) * (this.#values.get(Math.min(low + 1, this.#n - 1))! - below);
  }
}

/** Summary of samples in ms. Asks for their order. */
export function summarizeStored(
  id: MetricId,
  samples: Samples,
  excluded: Readonly<Record<string, number>>,
): MetricSummary {
  return summarizeSorted(id, samples.length, samples.sorted(), excluded);
}

function summarizeSorted(
  id: MetricId,
  n: number,
  sorted: Iterable<Float64Array>,
  excluded: Readonly<Record<string, number>>,
): MetricSummary {
  const picked = new Ranks(n, [0, 0.5, 0.9, 0.95, 0.99, 0.999, 1]);
  let count = 0;
  let mean = 0;
  let m2 = 0;
  for (const block of sorted) {
    picked.add(block);
    for (const value of block) {
      count += 1;
      const delta = value - mean;
      mean += delta / count;
      m2 += delta * (value - mean);
    }
  }
  return {
    id,
    unit: 'ms',
    n,
    excluded,
    mean: n > 0 ? mean : null,
    sd: n > 1 ? Math.sqrt(m2 / (n - 1)) : null,
    min: picked.percentile(0),
    p50: picked.percentile(0.5),
    p90: picked.percentile(0.9),
    p95: picked.percentile(0.95),
    p99: picked.percentile(0.99),
    p999: picked.percentile(0.999),
    max: picked.percentile(1),
  };
}

/**
 * Summaries of every metric over the given requests, in one pass; ITL gaps are pooled. `queue_wait` is there only
 * when a concurrency cap held (or could have held) requests. `makeSamples` says where samples are kept.
 */
export function summarizeMetrics(
  requests: Iterable<RequestInstants>,
  makeSamples: () => Samples = () => new SamplesInMemory(),
): Partial<Record<MetricId, MetricSummary>> {
  const ids = Object.keys(REQUEST_METRICS) as (keyof typeof REQUEST_METRICS)[];
  const perRequest = ids.map((id) => ({ id, of: REQUEST_METRICS[id], ...gathered(makeSamples) }));
  const gaps = gathered(makeSamples);
  const waits = gathered(makeSamples);
  for (const request of requests) {
    for (const { of, samples, excluded } of perRequest) {
      const value = of(request);
      if (typeof value === 'number') samples.push(value);
      else countReason(excluded, value.missing);
    }
    const requestGaps = itlGaps(request);
    if (requestGaps.length === 0) countReason(gaps.excluded, whyNoGaps(request));
    for (const gap of requestGaps) gaps.samples.push(gap);
    const wait = queueWait(request);
    if (typeof wait === 'number') waits.samples.push(wait);
    else countReason(waits.excluded, wait.missing);
  }
  const summary = (id: MetricId, { samples, excluded }: Gathered): MetricSummary =>
    summarizeStored(id, samples, excluded);
  const result: Partial<Record<MetricId, MetricSummary>> = {};
  for (const one of perRequest) result[one.id] = summary(one.id, one);
  result.itl = summary('itl', gaps);
  if (waits.samples.length > 0) result.queue_wait = summary('queue_wait', waits);
  return result;
}

interface Gathered {
  readonly samples: Samples;
  /** Requests without a sample, by reason. */
  readonly excluded: Record<string, number>;
}

const gathered = (makeSamples: () => Samples): Gathered => ({ samples: makeSamples(), excluded: {} });

function whyNoGaps(request: RequestInstants): string {
  if (request.status !== 'ok') return request.status;
  if (!request.stream) return 'not_streamed';
  return request.chunkNs === null ? 'chunks_not_kept' : 'one_chunk';
}

function countReason(counts: Record<string, number>, reason: string): void {
  counts[reason] = (counts[reason] ?? 0) + 1;
}

/** What the flow of requests is counted from; `inputTokensAsked` stands in where the server did not count. */
export type FlowRecord = RequestInstants & { readonly inputTokensAsked?: number | null };

/**
 * Flow over the window from the first intended instant to the last end. `inputTokensPerSec` counts the prompts of ok
 * requests, by the server where it counted.
 */
export function throughputOf(records: Iterable<FlowRecord>): RunThroughput {
  const flow = new FlowTally();
  for (const record of records) flow.add(record);
  return flow.result();
}

/** The same, record by record. */
export class FlowTally {
  #firstNs = Number.POSITIVE_INFINITY;
  #lastNs = Number.NEGATIVE_INFINITY;
  #sent = 0;
  #ok = 0;
  #okTokens = 0;
  #allTokens = 0;
  #inputTokens = 0;

  add(record: FlowRecord): void {
    this.#firstNs = Math.min(this.#firstNs, record.intendedNs);
    // What was never sent has no end: a run that was interrupted is measured over the time that it ran.
    if (record.endNs !== null) this.#lastNs = Math.max(this.#lastNs, record.endNs);
    if (record.sentNs !== null) this.#sent += 1;
    this.#allTokens += record.outputTokens ?? 0;
    if (record.status !== 'ok') return;
    this.#ok += 1;
    this.#okTokens += record.outputTokens ?? 0;
    this.#inputTokens += record.inputTokens ?? record.inputTokensAsked ?? 0;
  }

  result(): RunThroughput {
    const windowSec = this.#lastNs < this.#firstNs ? 0 : nsToSec(this.#lastNs - this.#firstNs);
    const perSec = (count: number): number => (windowSec > 0 ? count / windowSec : 0);
    return {
      windowSec,
      sentPerSec: perSec(this.#sent),
      okPerSec: perSec(this.#ok),
      okOutputTokensPerSec: perSec(this.#okTokens),
      allOutputTokensPerSec: perSec(this.#allTokens),
      inputTokensPerSec: perSec(this.#inputTokens),
    };
  }
}
