/**
 * Two runs of which at least one is known by its summaries only: the numbers side by side. Without requests there is no
 * interval, so nothing is judged. Arrow "two runs".
 */
import { createManifest } from '../manifest.js';
import { summarizeMetrics, throughputOf } from '../metrics.js';
import type { MetricSummary, MetricSummaryMap } from '../types/run-support.js';
import type { ComparedRun, OtherToolResult, RunComparison, RunDifference } from '../types.js';
import type { CompareRunsOptions, RunInput } from './runs.js';

/** A run as its file tells it. */
export interface SummarisedRun {
  readonly run: ComparedRun;
  readonly metrics: MetricSummaryMap;
  readonly okPerSec: number | null;
  readonly okOutputTokensPerSec: number | null;
  readonly notes: readonly string[];
}

const METRICS = ['ttft', 'tpot', 'itl', 'ntpot', 'e2e'] as const;
const STATISTICS = ['mean', 'p50', 'p90', 'p99'] as const;

/** The result of another tool, without its requests. `hash` is that of the file. */
export function summarisedOther(name: string, hash: string, result: OtherToolResult): SummarisedRun {
  const { tool, model, url, startedUtc, metrics, okPerSec, okOutputTokensPerSec } = result;
  const offered = result.offered ?? result.ok ?? 0;
  return {
    run: {
      name,
      url: url ?? 'not told',
      model,
      traceName: name,
      traceHash: hash,
      startedUtc,
      tool,
      valid: true,
      offered,
      ok: result.ok ?? offered,
    },
    metrics,
    okPerSec,
    okOutputTokensPerSec,
    notes: result.notes.map((note) => `${name}: ${note}`),
  };
}

/** A run with requests, brought down to the same summaries. */
export function summarisedRun({ name, summary, records, tool }: RunInput): SummarisedRun {
  const measured = records.filter((record) => record.phase === 'measure');
  const { windowSec, okPerSec, okOutputTokensPerSec } = throughputOf(measured);
  return {
    run: {
      name,
      url: summary.target.url,
      model: summary.target.model,
      traceName: summary.load.traceName,
      traceHash: summary.load.traceHash,
      startedUtc: summary.startedUtc,
      ...(tool === undefined ? {} : { tool }),
      valid: summary.validity.verdict === 'valid',
      offered: measured.length,
      ok: measured.filter((record) => record.status === 'ok').length,
    },
    metrics: summarizeMetrics(measured),
    okPerSec: windowSec > 0 ? okPerSec : null,
    okOutputTokensPerSec: windowSec > 0 ? okOutputTokensPerSec : null,
    notes: [],
  };
}

/** The comparison; its verdict is always `not_comparable`. */
export function compareSummaries(
  a: SummarisedRun,
  b: SummarisedRun,
  { seed, inputs }: Pick<CompareRunsOptions, 'seed' | 'inputs'>,
): RunComparison {
  const differences = METRICS.flatMap((id) => {
    const [ofA, ofB] = [a.metrics[id], b.metrics[id]];
    if (ofA === undefined || ofB === undefined) return [];
    return STATISTICS.flatMap((statistic) => metricDifference(ofA, ofB, statistic));
  });
  return {
    schemaVersion: 1,
    kind: 'run-comparison',
    manifest: createManifest({
      command: 'compare',
      options: {},
      seed: String(seed),
      inputs,
      timestamp: true,
    }),
    a: a.run,
    b: b.run,
    seed: String(seed),
    bootstrap: { resamples: 0, blockSec: 0, blocks: 0, paired: false, pairedRows: 0 },
    differences: [
      ...differences,
      ...rateDifference('requests_per_sec', a.okPerSec, b.okPerSec),
      ...rateDifference('output_tokens_per_sec', a.okOutputTokensPerSec, b.okOutputTokensPerSec),
    ],
    slo: null,
    quantiles: [],
    verdict: {
      verdict: 'not_comparable',
      because: 'of one run only summaries are known: without its requests no interval can be given',
      recommendation:
        'compare files that hold the requests: vllm bench --save-result --save-detailed, AIPerf profile_export.jsonl, perf_analyzer profile_export.json, or run folders',
    },
    notes: [...a.notes, ...b.notes],
  };
}

function metricDifference(
  a: MetricSummary,
  b: MetricSummary,
  statistic: (typeof STATISTICS)[number],
): RunDifference[] {
  const [valueA, valueB] = [a[statistic], b[statistic]];
  if (valueA === null || valueB === null) return [];
  return [
    { ...unjudged(a.id as RunDifference['id'], valueA, valueB), statistic, unit: 'ms', nA: a.n, nB: b.n },
  ];
}

function rateDifference(
  id: 'requests_per_sec' | 'output_tokens_per_sec',
  a: number | null,
  b: number | null,
): RunDifference[] {
  if (a === null || b === null) return [];
  return [{ ...unjudged(id, a, b), statistic: null, unit: '1/s', nA: 0, nB: 0 }];
}

/** Sums in another order differ in the last digits: that is no difference. */
const SAME = 1e-9;

function unjudged(id: RunDifference['id'], a: number, b: number) {
  const difference = Math.abs(b - a) <= SAME * Math.abs(a) ? 0 : b - a;
  return {
    id,
    a,
    b,
    difference,
    relative: a === 0 ? null : difference / a,
    low: null,
    high: null,
    familyLow: null,
    familyHigh: null,
    change: null,
  };
}
