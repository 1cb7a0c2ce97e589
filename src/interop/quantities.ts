/**
 * What other tools' result files hold of one request, from our raw instants. Where their definition differs from the
 * metric registry's, it is theirs that goes into their file; each exporter says which.
 */
import { itlGaps, percentileSorted } from '../metrics.js';
import type { RunRecord, RunSummary } from '../types.js';
import { nsToMs, nsToSec } from '../units.js';

/** A run as the exporters see it. */
export interface ExportedRun {
  readonly summary: RunSummary;
  /** Measured requests in the order of the schedule; warm-up is left out. */
  readonly records: readonly RunRecord[];
  /** Unix time of the run's t0, ns. */
  readonly startEpochNs: bigint;
}

/** Requests that ended ok and were sent. */
export function completed(run: ExportedRun): RunRecord[] {
  return run.records.filter((record) => record.status === 'ok' && record.sentNs !== null);
}

/** Requests that were sent and did not end ok, and those that were never sent. */
export function failed(run: ExportedRun): RunRecord[] {
  return run.records.filter((record) => record.status !== 'ok');
}

/** sent → last token (end when not streamed), ms; null when unknown. */
export function latencyMs(record: RunRecord): number | null {
  const doneNs = record.stream ? record.lastTokenNs : record.endNs;
  return doneNs === null || record.sentNs === null ? null : nsToMs(doneNs - record.sentNs);
}

/** sent → first token, ms; null when not streamed. */
export function ttftMs(record: RunRecord): number | null {
  if (!record.stream || record.firstTokenNs === null || record.sentNs === null) return null;
  return nsToMs(record.firstTokenNs - record.sentNs);
}

/** (latency − TTFT) ÷ (tokens − 1): the divisor of vLLM bench, AIPerf and inference-perf. null below two tokens. */
export function timePerTokenMs(record: RunRecord): number | null {
  const latency = latencyMs(record);
  const first = ttftMs(record);
  if (latency === null || first === null || record.outputTokens === null || record.outputTokens < 2)
    return null;
  return (latency - first) / (record.outputTokens - 1);
}

/** Gaps between chunks with tokens, ms. */
export const chunkGapsMs = (record: RunRecord): readonly number[] => itlGaps(record);

/** Prompt tokens as the server counted them, else as asked for. */
export function promptTokens(record: RunRecord): number | null {
  return record.inputTokens ?? record.inputTokensAsked;
}

/** Unix time of an instant of the run, ns, exact. */
export function epochNs(run: ExportedRun, instantNs: number): bigint {
  return run.startEpochNs + BigInt(Math.round(instantNs));
}

/** Unix time of an instant of the run, s. */
export function epochSec(run: ExportedRun, instantNs: number): number {
  return Number(epochNs(run, instantNs)) / 1e9;
}

/** First send → last end, s; the window that other tools divide by. */
export function sentWindowSec(run: ExportedRun): number {
  let firstNs = Number.POSITIVE_INFINITY;
  let lastNs = Number.NEGATIVE_INFINITY;
  for (const record of run.records) {
    if (record.sentNs === null) continue;
    firstNs = Math.min(firstNs, record.sentNs);
    lastNs = Math.max(lastNs, record.endNs ?? record.sentNs);
  }
  return lastNs > firstNs ? nsToSec(lastNs - firstNs) : 0;
}

/** Rate over the run's window; 0 for an empty run. */
export function perSec(run: ExportedRun, count: number): number {
  const windowSec = sentWindowSec(run);
  return windowSec > 0 ? count / windowSec : 0;
}

export function sumOf(values: Iterable<number | null>): number {
  let sum = 0;
  for (const value of values) sum += value ?? 0;
  return sum;
}

/** The values that exist. */
export function known(values: Iterable<number | null>): number[] {
  const result: number[] = [];
  for (const value of values) if (value !== null) result.push(value);
  return result;
}

/** Moments and percentiles (type 7, as NumPy's default) of a sample. */
export interface Distribution {
  readonly n: number;
  readonly sum: number;
  readonly mean: number | null;
  /** Population standard deviation, as NumPy's default. */
  readonly std: number | null;
  /** Sample standard deviation; null below two values. */
  readonly sampleStd: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** p in 0–1. */
  at(p: number): number | null;
}

export function distribution(values: readonly number[]): Distribution {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const sum = sumOf(sorted);
  const mean = n > 0 ? sum / n : null;
  let squares = 0;
  for (const value of sorted) squares += (value - (mean ?? 0)) ** 2;
  return {
    n,
    sum,
    mean,
    std: n > 0 ? Math.sqrt(squares / n) : null,
    sampleStd: n > 1 ? Math.sqrt(squares / (n - 1)) : null,
    min: n > 0 ? sorted[0] : null,
    max: n > 0 ? sorted[n - 1] : null,
    at: (p) => percentileSorted(sorted, p),
  };
}
