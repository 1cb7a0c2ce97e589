/** What a reader of a run must know beside its numbers: exclusions, odd answers, prompt lengths, thin percentiles. */
import type { MetricSummaryMap } from '../types/run-support.js';
import type { RunCounts, RunRecord, RunSummary } from '../types.js';
import { formatCount, formatDurationSec, formatMs, formatRatio, NS_PER_SEC, significant } from '../units.js';

const PERCENTILES = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
] as const;

/** Gathers what the notes are about, record by record. */
export class NoteTally {
  readonly #failed = new Map<string, number>();
  /** Reasons of failures, numbers left out so that like ones count together. */
  readonly #reasons = new Map<string, { count: number; example: string }>();
  readonly #differences = new Map<number, number>();
  readonly #oddities = new Map<string, number>();
  #cut = 0;
  #leastCutNs = Number.POSITIVE_INFINITY;
  #asked = 0;
  #produced = 0;
  #input = 0;
  #cached: number | null = null;
  #counted = 0;
  #records = 0;
  #firstNs = Number.POSITIVE_INFINITY;
  #lastNs = Number.NEGATIVE_INFINITY;

  add(record: RunRecord): void {
    this.#records += 1;
    this.#firstNs = Math.min(this.#firstNs, record.intendedNs);
    this.#lastNs = Math.max(this.#lastNs, record.intendedNs);
    for (const word of record.note?.split(',') ?? []) count(this.#oddities, word);
    const { inputTokens, inputTokensAsked } = record;
    if (inputTokens !== null && inputTokensAsked !== null)
      count(this.#differences, inputTokens - inputTokensAsked);
    if (record.status !== 'ok') {
      count(this.#failed, record.status);
      if (record.error !== null && record.status !== 'skipped') this.#addReason(record.error);
      if (isCut(record.status) && record.sentNs !== null && record.endNs !== null) {
        this.#cut += 1;
        this.#leastCutNs = Math.min(this.#leastCutNs, record.endNs - record.sentNs);
      }
      return;
    }
    if (record.maxOutputTokens !== null && record.outputTokens !== null) {
      this.#asked += record.maxOutputTokens;
      this.#produced += record.outputTokens;
    }
    if (record.cachedTokens !== null) {
      this.#cached = (this.#cached ?? 0) + record.cachedTokens;
      this.#input += record.inputTokens ?? 0;
    }
    if (record.outputTokensSource === 'tokenizer') this.#counted += 1;
  }

  #addReason(error: string): void {
    const key = error.replace(/\d+/g, '#');
    const found = this.#reasons.get(key);
    if (found !== undefined) found.count += 1;
    else if (this.#reasons.size < MOST_REASONS) this.#reasons.set(key, { count: 1, example: error });
  }

  /** Notes on the measured requests, most important first. */
  notes(metrics: MetricSummaryMap, promptTokens: RunSummary['promptTokens'], counts: RunCounts): string[] {
    return [
      ...this.#exclusions(metrics),
      ...retryNotes(counts),
      ...this.#prompts(promptTokens),
      ...this.#outputs(),
      ...[...this.#oddities].map(([word, n]) => `${formatCount(n)} answers ${ODDITIES[word] ?? word}`),
      ...this.#steadiness(metrics),
    ];
  }

  /** Failed requests have no latency; those that were cut at a limit bound the percentiles from below. */
  #exclusions(metrics: MetricSummaryMap): string[] {
    const notes: string[] = [];
    if (this.#failed.size > 0) {
      const list = [...this.#failed].map(([status, n]) => `${formatCount(n)} ${status}`).join(', ');
      notes.push(`latency percentiles are over ok requests only; left out: ${list}`);
    }
    const reasons = [...this.#reasons.values()].sort((a, b) => b.count - a.count);
    for (const { count: n, example } of reasons.slice(0, SHOWN_REASONS)) {
      notes.push(`${formatCount(n)} failed with ${n > 1 ? 'for example ' : ''}‘${example}’`);
    }
    const skipped = this.#failed.get('skipped') ?? 0;
    if (skipped > 0) {
      notes.push(
        `${formatCount(skipped)} turns were never due, because a turn before them failed (--on-failed-turn continue sends them)`,
      );
    }
    const n = metrics.e2e?.n ?? 0;
    const cut = this.#cut;
    if (cut === 0) return notes;
    const bounded = PERCENTILES.filter(([, p]) => cut / (cut + n) > 1 - p).map(([name]) => name);
    if (bounded.length > 0) {
      notes.push(
        `${formatCount(cut)} requests were cut at a time limit, the earliest after ${formatDurationSec(this.#leastCutNs / NS_PER_SEC)}: with them ${bounded.join(', ')} of e2e would be at least that`,
      );
    }
    return notes;
  }

  #prompts(promptTokens: RunSummary['promptTokens']): string[] {
    const { compared, exact } = promptTokens;
    if (compared === 0 || exact === compared) return [];
    const [most] = [...this.#differences].sort((a, b) => b[1] - a[1]);
    if (most[1] === compared && most[0] > 0) {
      return [
        `the server counted ${most[0]} tokens more than asked in every prompt (its chat template); --calibrate-prompts takes them off`,
      ];
    }
    return [
      `the server counted ${formatCount(exact)} of ${formatCount(compared)} prompts as asked; mean difference ${significant(promptTokens.meanSignedError!)} tokens`,
    ];
  }

  #outputs(): string[] {
    const notes: string[] = [];
    if (this.#asked > 0 && this.#produced !== this.#asked) {
      notes.push(`answers were ${formatRatio(this.#produced / this.#asked)} of the asked output length`);
    }
    if (this.#cached !== null && this.#input > 0) {
      notes.push(
        `the server took ${formatRatio(this.#cached / this.#input)} of prompt tokens from its prefix cache`,
      );
    }
    if (this.#counted > 0) {
      notes.push(
        `${formatCount(this.#counted)} answers came without usage: their tokens were counted with our tokenizer, which may not be the server’s`,
      );
    }
    return notes;
  }

  #steadiness(metrics: MetricSummaryMap): string[] {
    const notes: string[] = [];
    const e2e = metrics.e2e;
    if (e2e !== undefined && e2e.n > 0 && e2e.n < 100) {
      notes.push(
        `p99 rests on ${e2e.n} requests: it is next to the maximum; 100 are needed for one beyond it`,
      );
    }
    const spanMs = (Math.max(0, this.#lastNs) - this.#firstNs) / 1e6;
    if (e2e?.p50 != null && this.#records > 1 && spanMs < e2e.p50) {
      notes.push(
        `requests were sent for ${formatMs(spanMs)}, less than the median answer took (${formatMs(e2e.p50)}): the server was never under steady load`,
      );
    }
    return notes;
  }
}

/** Kinds of failures that are kept apart, and that are shown. */
const MOST_REASONS = 200;
const SHOWN_REASONS = 3;

function retryNotes({ retried, attempts, offered }: RunCounts): string[] {
  if (retried === undefined || retried === 0) return [];
  return [
    `${formatCount(retried)} requests were sent more than once (${formatCount(attempts!)} attempts for ${formatCount(offered)} requests); their latency counts from the first attempt`,
  ];
}

function isCut(status: RunRecord['status']): boolean {
  return status.startsWith('timeout_') || status === 'cancelled';
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

const ODDITIES: Readonly<Record<string, string>> = {
  done_missing: 'ended without the end mark [DONE]',
  finish_missing: 'ended without a finish reason',
  not_streamed: 'were not streamed although that was asked for: no TTFT',
  foreign_event: 'held events that are no JSON',
  cached_exceeds_input: 'told of more cached tokens than prompt tokens',
  retry_after_capped: 'asked for a longer wait than 60 s before the next attempt: 60 s were waited',
  resent:
    'were to requests that were sent once more, because the server was closing the kept connection as they left: latency counts from the first time (--no-resend counts them as failures)',
  retry_cut: 'were not asked for again, because the run ended first',
};
