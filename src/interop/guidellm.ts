/**
 * GuideLLM-like benchmarks.json: one benchmark with the metrics of its report schema, each split into successful,
 * incomplete, errored and total. GuideLLM's `time_per_output_token_ms` is the whole latency ÷ tokens.
 */
import type { RunRecord } from '../types.js';
import { msToSec } from '../units.js';
import {
  completed,
  distribution,
  type ExportedRun,
  epochSec,
  known,
  latencyMs,
  perSec,
  promptTokens,
  sumOf,
  timePerTokenMs,
  ttftMs,
} from './quantities.js';

const RANKS = [
  ['p001', 0.001],
  ['p01', 0.01],
  ['p05', 0.05],
  ['p10', 0.1],
  ['p25', 0.25],
  ['p50', 0.5],
  ['p75', 0.75],
  ['p90', 0.9],
  ['p95', 0.95],
  ['p99', 0.99],
  ['p999', 0.999],
] as const;

const INCOMPLETE = new Set(['cancelled', 'truncated', 'unsent']);

interface Groups {
  readonly successful: readonly RunRecord[];
  readonly incomplete: readonly RunRecord[];
  readonly errored: readonly RunRecord[];
}

/** The report with one benchmark. */
export function guidellmReport(run: ExportedRun): object {
  const rest = run.records.filter((record) => record.status !== 'ok');
  const groups: Groups = {
    successful: completed(run),
    incomplete: rest.filter((record) => INCOMPLETE.has(record.status)),
    errored: rest.filter((record) => !INCOMPLETE.has(record.status)),
  };
  const ends = run.records.map((record) => record.endNs ?? record.intendedNs);
  const starts = run.records.map((record) => record.sentNs ?? record.intendedNs);
  const { load, target } = run.summary;
  return {
    metadata: { version: 1, generated_by: 'tokentide' },
    args: { target: target.url, model: target.model, rate: load.plannedRatePerSec, profile: 'trace' },
    benchmarks: [
      {
        type_: 'generative_benchmark',
        start_time: run.records.length === 0 ? null : epochSec(run, least(starts)),
        end_time: run.records.length === 0 ? null : epochSec(run, most(ends)),
        duration: run.records.length === 0 ? 0 : (most(ends) - least(starts)) / 1e9,
        metrics: {
          request_totals: {
            successful: groups.successful.length,
            incomplete: groups.incomplete.length,
            errored: groups.errored.length,
            total: run.records.length,
          },
          requests_per_second: rates(run, groups, () => 1),
          request_latency: split(groups, (record) => scaled(latencyMs(record))),
          prompt_token_count: split(groups, promptTokens),
          output_token_count: split(groups, (record) => record.outputTokens),
          total_token_count: split(groups, (record) =>
            record.outputTokens === null ? null : (promptTokens(record) ?? 0) + record.outputTokens,
          ),
          time_to_first_token_ms: split(groups, ttftMs),
          time_per_output_token_ms: split(groups, (record) => {
            const latency = latencyMs(record);
            return latency === null || !record.outputTokens ? null : latency / record.outputTokens;
          }),
          inter_token_latency_ms: split(groups, timePerTokenMs),
          prompt_tokens_per_second: rates(run, groups, promptTokens),
          output_tokens_per_second: rates(run, groups, (record) => record.outputTokens),
          tokens_per_second: rates(
            run,
            groups,
            (record) => (promptTokens(record) ?? 0) + (record.outputTokens ?? 0),
          ),
        },
      },
    ],
  };
}

const scaled = (ms: number | null): number | null => (ms === null ? null : msToSec(ms));

function split(groups: Groups, value: (record: RunRecord) => number | null): object {
  const all = [...groups.successful, ...groups.incomplete, ...groups.errored];
  return {
    successful: statistics(known(groups.successful.map(value))),
    incomplete: statistics(known(groups.incomplete.map(value))),
    errored: statistics(known(groups.errored.map(value))),
    total: statistics(known(all.map(value))),
  };
}

/** A rate has one value per group over the run: its mean; the others of the block are left null. */
function rates(run: ExportedRun, groups: Groups, amount: (record: RunRecord) => number | null): object {
  const all = [...groups.successful, ...groups.incomplete, ...groups.errored];
  const mean = (records: readonly RunRecord[]): object => ({
    ...statistics([]),
    mean: perSec(run, sumOf(records.map(amount))),
  });
  return {
    successful: mean(groups.successful),
    incomplete: mean(groups.incomplete),
    errored: mean(groups.errored),
    total: mean(all),
  };
}

function statistics(values: readonly number[]): object {
  const of = distribution(values);
  return {
    mean: of.mean,
    median: of.at(0.5),
    mode: null,
    variance: of.std === null ? null : of.std ** 2,
    std_dev: of.std,
    min: of.min,
    max: of.max,
    count: of.n,
    total_sum: of.sum,
    percentiles: Object.fromEntries(RANKS.map(([name, p]) => [name, of.at(p)])),
  };
}

const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b));
