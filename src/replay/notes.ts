/** What a reader of a run must know beside its numbers: exclusions, odd answers, prompt lengths, thin percentiles. */
import type { MetricSummaryMap } from '../types/run-support.js';
import type { RunRecord, RunSummary } from '../types.js';
import { formatCount, formatDurationSec, formatMs, formatRatio, NS_PER_SEC, significant } from '../units.js';

const PERCENTILES = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
] as const;

/** Notes on the measured requests, most important first. */
export function runNotes(
  records: readonly RunRecord[],
  metrics: MetricSummaryMap,
  promptTokens: RunSummary['promptTokens'],
): string[] {
  return [
    ...exclusionNotes(records, metrics),
    ...promptNotes(records, promptTokens),
    ...outputNotes(records),
    ...oddityNotes(records),
    ...steadinessNotes(records, metrics),
  ];
}

/** Failed requests have no latency; those that were cut at a limit bound the percentiles from below. */
function exclusionNotes(records: readonly RunRecord[], metrics: MetricSummaryMap): string[] {
  const notes: string[] = [];
  const failed = records.filter((record) => record.status !== 'ok');
  if (failed.length > 0) {
    const counts = new Map<string, number>();
    for (const { status } of failed) counts.set(status, (counts.get(status) ?? 0) + 1);
    const list = [...counts].map(([status, count]) => `${formatCount(count)} ${status}`).join(', ');
    notes.push(`latency percentiles are over ok requests only; left out: ${list}`);
  }
  const cut = failed.filter(
    (record) => isCut(record.status) && record.sentNs !== null && record.endNs !== null,
  );
  const n = metrics.e2e?.n ?? 0;
  if (cut.length === 0) return notes;
  const leastSec =
    cut.reduce((least, { sentNs, endNs }) => Math.min(least, endNs! - sentNs!), Infinity) / NS_PER_SEC;
  const bounded = PERCENTILES.filter(([, p]) => cut.length / (cut.length + n) > 1 - p).map(([name]) => name);
  if (bounded.length > 0) {
    notes.push(
      `${formatCount(cut.length)} requests were cut at a time limit, the earliest after ${formatDurationSec(leastSec)}: with them ${bounded.join(', ')} of e2e would be at least that`,
    );
  }
  return notes;
}

function isCut(status: RunRecord['status']): boolean {
  return status.startsWith('timeout_') || status === 'cancelled';
}

function promptNotes(records: readonly RunRecord[], promptTokens: RunSummary['promptTokens']): string[] {
  const { compared, exact } = promptTokens;
  if (compared === 0 || exact === compared) return [];
  const differences = new Map<number, number>();
  for (const { inputTokens, inputTokensAsked } of records) {
    if (inputTokens === null || inputTokensAsked === null) continue;
    const difference = inputTokens - inputTokensAsked;
    differences.set(difference, (differences.get(difference) ?? 0) + 1);
  }
  const [most] = [...differences].sort((a, b) => b[1] - a[1]);
  if (most[1] === compared && most[0] > 0) {
    return [
      `the server counted ${most[0]} tokens more than asked in every prompt (its chat template); --calibrate-prompts takes them off`,
    ];
  }
  return [
    `the server counted ${formatCount(exact)} of ${formatCount(compared)} prompts as asked; mean difference ${significant(promptTokens.meanSignedError!)} tokens`,
  ];
}

function outputNotes(records: readonly RunRecord[]): string[] {
  let asked = 0;
  let produced = 0;
  let input = 0;
  let cached: number | null = null;
  let counted = 0;
  for (const record of records) {
    if (record.status !== 'ok') continue;
    if (record.maxOutputTokens !== null && record.outputTokens !== null) {
      asked += record.maxOutputTokens;
      produced += record.outputTokens;
    }
    if (record.cachedTokens !== null) {
      cached = (cached ?? 0) + record.cachedTokens;
      input += record.inputTokens ?? 0;
    }
    if (record.outputTokensSource === 'tokenizer') counted += 1;
  }
  const notes: string[] = [];
  if (asked > 0 && produced !== asked) {
    notes.push(`answers were ${formatRatio(produced / asked)} of the asked output length`);
  }
  if (cached !== null && input > 0) {
    notes.push(`the server took ${formatRatio(cached / input)} of prompt tokens from its prefix cache`);
  }
  if (counted > 0) {
    notes.push(
      `${formatCount(counted)} answers came without usage: their tokens were counted with our tokenizer, which may not be the server’s`,
    );
  }
  return notes;
}

const ODDITIES: Readonly<Record<string, string>> = {
  done_missing: 'ended without the end mark [DONE]',
  finish_missing: 'ended without a finish reason',
  not_streamed: 'were not streamed although that was asked for: no TTFT',
  foreign_event: 'held events that are no JSON',
  cached_exceeds_input: 'told of more cached tokens than prompt tokens',
};

function oddityNotes(records: readonly RunRecord[]): string[] {
  const counts = new Map<string, number>();
  for (const { note } of records) {
    for (const word of note?.split(',') ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, count]) => `${formatCount(count)} answers ${ODDITIES[word] ?? word}`);
}

function steadinessNotes(records: readonly RunRecord[], metrics: MetricSummaryMap): string[] {
  const notes: string[] = [];
  const e2e = metrics.e2e;
  if (e2e !== undefined && e2e.n > 0 && e2e.n < 100) {
    notes.push(`p99 rests on ${e2e.n} requests: it is next to the maximum; 100 are needed for one beyond it`);
  }
  const lastNs = records.reduce((last, record) => Math.max(last, record.intendedNs), 0);
  const firstNs = records.reduce((first, record) => Math.min(first, record.intendedNs), Infinity);
  const spanMs = (lastNs - firstNs) / 1e6;
  if (e2e?.p50 != null && records.length > 1 && spanMs < e2e.p50) {
    notes.push(
      `requests were sent for ${formatMs(spanMs)}, less than the median answer took (${formatMs(e2e.p50)}): the server was never under steady load`,
    );
  }
  return notes;
}
