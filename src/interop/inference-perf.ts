/**
 * inference-perf: summary_lifecycle_metrics.json, seconds. Keys after the tool's report page and its native report
 * schema; `normalized_time_per_output_token` is latency ÷ tokens, `time_per_output_token` divides by tokens − 1.
 */
import type { RunRecord } from '../types.js';
import { msToSec, nsToSec } from '../units.js';
import {
  chunkGapsMs,
  completed,
  distribution,
  type ExportedRun,
  failed,
  known,
  latencyMs,
  perSec,
  promptTokens,
  sumOf,
  timePerTokenMs,
  ttftMs,
} from './quantities.js';

const RANKS = [0.1, 1, 5, 10, 25, 75, 90, 95, 99, 99.9] as const;

/** The report of a whole run. */
export function inferencePerfSummary(run: ExportedRun): object {
  const { summary, records } = run;
  const done = completed(run);
  const lost = failed(run);
  const input = sumOf(done.map(promptTokens));
  const output = sumOf(done.map((record) => record.outputTokens));
  const sent = records.filter((record) => record.sentNs !== null);
  const sendSec = sendDurationSec(sent);
  return {
    load_summary: {
      count: records.length,
      schedule_delay: stats(sent.map((record) => nsToSec(record.sentNs! - record.intendedNs))),
      send_duration: sendSec,
      requested_rate: summary.load.plannedRatePerSec,
      achieved_rate: sendSec > 0 ? sent.length / sendSec : 0,
      concurrency: summary.load.concurrency,
    },
    successes: {
      count: done.length,
      latency: {
        request_latency: seconds(done.map(latencyMs)),
        normalized_time_per_output_token: seconds(done.map(normalizedMs)),
        time_per_output_token: seconds(done.map(timePerTokenMs)),
        time_to_first_token: seconds(done.map(ttftMs)),
        inter_token_latency: seconds(done.flatMap(chunkGapsMs)),
      },
      throughput: {
        input_tokens_per_sec: perSec(run, input),
        output_tokens_per_sec: perSec(run, output),
        total_tokens_per_sec: perSec(run, input + output),
        requests_per_sec: perSec(run, done.length),
      },
      prompt_len: stats(known(done.map(promptTokens))),
      output_len: stats(known(done.map((record) => record.outputTokens))),
    },
    failures: {
      count: lost.length,
      request_latency: seconds(lost.map(latencyToEndMs)),
      prompt_len: stats(known(lost.map(promptTokens))),
      by_label: byLabel(lost),
    },
  };
}

function normalizedMs(record: RunRecord): number | null {
  const latency = latencyMs(record);
  return latency === null || !record.outputTokens ? null : latency / record.outputTokens;
}

/** A failed request has no last token: its time is until it failed. */
function latencyToEndMs(record: RunRecord): number | null {
  return record.endNs === null || record.sentNs === null ? null : (record.endNs - record.sentNs) / 1e6;
}

function sendDurationSec(sent: readonly RunRecord[]): number {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const { sentNs } of sent) {
    first = Math.min(first, sentNs!);
    last = Math.max(last, sentNs!);
  }
  return last > first ? nsToSec(last - first) : 0;
}

function byLabel(records: readonly RunRecord[]): object {
  const labels: Record<string, { count: number; messages: { message: string; session_ids: string[] }[] }> =
    {};
  for (const record of records) {
    const label = record.httpStatus === null ? record.status : `${record.httpStatus} - ${record.status}`;
    labels[label] ??= { count: 0, messages: [] };
    const entry = labels[label];
    entry.count += 1;
    const text = record.error ?? record.status;
    let message = entry.messages.find((candidate) => candidate.message === text);
    if (message === undefined) {
      message = { message: text, session_ids: [] };
      entry.messages.push(message);
    }
    if (record.sessionId !== null) message.session_ids.push(record.sessionId);
  }
  return labels;
}

function seconds(valuesMs: readonly (number | null)[]): object | null {
  return stats(known(valuesMs).map(msToSec));
}

/** null = no value, as the tool writes for an empty list. */
function stats(values: readonly number[]): object | null {
  const of = distribution(values);
  if (of.n === 0) return null;
  return {
    mean: of.mean,
    min: of.min,
    median: of.at(0.5),
    max: of.max,
    ...Object.fromEntries(RANKS.map((p) => [`p${p}`, of.at(p / 100)])),
  };
}
