/**
 * Service-level objectives: text → terms → judgement of a run, a simulation or a single request.
 *
 * Grammar: `p99(ttft) < 500ms`, `mean(tpot) <= 50ms`, `goodput >= 0.99`, `error_rate < 1%`; several terms are joined
 * by commas, `and` or repeated flags. Latency terms also define goodput: a request is good when it completed and each
 * latency term's metric is within that term's limit.
 */
import { nearestWord, ToolError } from './errors.js';
import { percentilesOf, REQUEST_METRICS, type Samples, SamplesInMemory } from './metrics.js';
import type { MetricId } from './types/run-support.js';
import type { RequestInstants, SloResult } from './types.js';
import { parseDurationSec, secToMs } from './units.js';

export type SloStatistic =
  | { readonly kind: 'percentile'; readonly p: number }
  | { readonly kind: 'mean' }
  | { readonly kind: 'max' };

export type SloTerm =
  | {
      readonly kind: 'latency';
      readonly metric: Exclude<MetricId, 'itl' | 'queue_wait'>;
      readonly statistic: SloStatistic;
      readonly strict: boolean;
      readonly limitMs: number;
      readonly text: string;
    }
  | { readonly kind: 'goodput'; readonly strict: boolean; readonly limit: number; readonly text: string }
  | { readonly kind: 'error_rate'; readonly strict: boolean; readonly limit: number; readonly text: string };

export interface Slo {
  /** Canonical text of all terms. */
  readonly text: string;
  readonly terms: readonly SloTerm[];
}

const METRIC_NAMES = Object.keys(REQUEST_METRICS);

/** Reads one or several SLO texts. Throws ToolError BAD_VALUE that names the part that is wrong. */
export function parseSlo(texts: string | readonly string[]): Slo {
  const parts = (typeof texts === 'string' ? [texts] : texts)
    .flatMap((text) => text.split(/,|;|&&|\band\b/i))
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length === 0) throw badSlo('an objective', '', 'write it like "p99(ttft) < 500ms"');
  const terms = parts.map(parseTerm);
  return { text: terms.map((term) => term.text).join(', '), terms };
}

/** Judges every term over the requests offered. A latency term without samples is missed. */
export function judgeSlo(slo: Slo, requests: Iterable<RequestInstants>): readonly SloResult[] {
  const tally = new SloTally(slo);
  for (const request of requests) tally.add(request);
  return tally.results();
}

/** Requests that met every latency term ÷ requests offered; null for none. */
export function goodputOf(slo: Slo, requests: readonly RequestInstants[]): number | null {
  if (requests.length === 0) return null;
  let good = 0;
  for (const request of requests) if (isGood(slo, request)) good += 1;
  return good / requests.length;
}

/** Judges request by request: nothing but the samples of percentiles is kept, where `makeSamples` says. */
export class SloTally {
  readonly #slo: Slo;
  /** Of each latency term, in the order of the terms; sum in the order of adding. */
  readonly #latencies: readonly ({ readonly samples: Samples; sum: number } | null)[];
  #offered = 0;
  #failed = 0;
  #good = 0;

  constructor(slo: Slo, makeSamples: () => Samples = () => new SamplesInMemory()) {
    this.#slo = slo;
    this.#latencies = slo.terms.map((term) =>
      term.kind === 'latency' ? { samples: makeSamples(), sum: 0 } : null,
    );
  }

  add(request: RequestInstants): void {
    const ok = request.status === 'ok';
    let good = ok;
    for (const [i, term] of this.#slo.terms.entries()) {
      if (term.kind !== 'latency') continue;
      const value = REQUEST_METRICS[term.metric](request);
      if (typeof value !== 'number') continue;
      const latency = this.#latencies[i]!;
      latency.samples.push(value);
      latency.sum += value;
      if (!below(value, term.limitMs, term.strict)) good = false;
    }
    this.#offered += 1;
    if (!ok) this.#failed += 1;
    if (good) this.#good += 1;
  }

  /** Requests that met every latency term ÷ requests offered; null for none. */
  goodput(): number | null {
    return this.#offered === 0 ? null : this.#good / this.#offered;
  }

  /** Asked for once, at the end. */
  results(): readonly SloResult[] {
    return this.#slo.terms.map((term, i) => {
      const n = this.#offered;
      if (term.kind === 'goodput') {
        const value = this.goodput();
        return result(term, value, term.limit, 'ratio', n, above(value, term.limit, term.strict));
      }
      if (term.kind === 'error_rate') {
        const value = n === 0 ? null : this.#failed / n;
        return result(term, value, term.limit, 'ratio', n, below(value, term.limit, term.strict));
      }
      const { samples, sum } = this.#latencies[i]!;
      const value = statisticOf(samples, sum, term.statistic);
      return result(term, value, term.limitMs, 'ms', samples.length, below(value, term.limitMs, term.strict));
    });
  }
}

/**
 * Whether one request met every latency term. Requests that did not complete never do; a term whose metric is not
 * defined for a completed request (a one-token answer has no TPOT) is met.
 */
export function isGood(slo: Slo, request: RequestInstants): boolean {
  if (request.status !== 'ok') return false;
  for (const term of slo.terms) {
    if (term.kind !== 'latency') continue;
    const value = REQUEST_METRICS[term.metric](request);
    if (typeof value === 'number' && !below(value, term.limitMs, term.strict)) return false;
  }
  return true;
}

function parseTerm(text: string): SloTerm {
  const match = /^([\w.]+)(?:\(\s*([\w.]+)\s*\))?\s*(<=|>=|<|>|≤|≥)\s*(.+)$/.exec(text);
  if (!match) throw badSlo('an objective', text, 'write it like "p99(ttft) < 500ms"');
  const [, head, inner, rawOperator, limitText] = match;
  const strict = rawOperator === '<' || rawOperator === '>';
  const upper = rawOperator === '<' || rawOperator === '<=' || rawOperator === '≤';
  const operator = rawOperator.replace('≤', '<=').replace('≥', '>=');
  if (inner === undefined && (head === 'goodput' || head === 'error_rate')) {
    if (upper === (head === 'goodput')) {
      throw badSlo(
        `${head} ${head === 'goodput' ? '> or >=' : '< or <='} a ratio`,
        text,
        'turn the comparison around',
      );
    }
    const limit = parseRatio(limitText, text);
    return { kind: head, strict, limit, text: `${head} ${operator} ${limit}` };
  }
  if (inner === undefined || !upper) {
    throw badSlo('a statistic of a metric below a limit', text, 'write it like "p99(ttft) < 500ms"');
  }
  const metric = inner.toLowerCase();
  if (!METRIC_NAMES.includes(metric)) {
    const near = nearestWord(metric, METRIC_NAMES);
    throw badSlo(
      `one of the metrics ${METRIC_NAMES.join(', ')}`,
      inner,
      near ? `did you mean ${near}?` : 'pick one of them',
    );
  }
  const limitMs = secToMs(parseDurationSec(limitText));
  return {
    kind: 'latency',
    metric: metric as Exclude<MetricId, 'itl' | 'queue_wait'>,
    statistic: parseStatistic(head, text),
    strict,
    limitMs,
    text: `${head.toLowerCase()}(${metric}) ${operator} ${limitText.trim()}`,
  };
}

function parseStatistic(head: string, text: string): SloStatistic {
  const name = head.toLowerCase();
  if (name === 'mean' || name === 'avg') return { kind: 'mean' };
  if (name === 'max') return { kind: 'max' };
  const match = /^p(\d{1,2}(?:\.\d+)?|100|999|9999)$/.exec(name);
  if (!match)
    throw badSlo(
      'a percentile such as p99, mean or max',
      `${head} in '${text}'`,
      'use p50, p90, p99, p99.9, mean or max',
    );
  const digits = match[1];
  const p = digits === '999' ? 0.999 : digits === '9999' ? 0.9999 : Number(digits) / 100;
  return { kind: 'percentile', p };
}

function parseRatio(limitText: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(limitText.trim());
  const value = match ? Number(match[1]) / (match[2] === '%' ? 100 : 1) : Number.NaN;
  if (!(value >= 0 && value <= 1))
    throw badSlo('a ratio from 0 to 1 or a percentage', text, 'write it like goodput >= 0.99 or 99%');
  return value;
}

function statisticOf(samples: Samples, sum: number, statistic: SloStatistic): number | null {
  if (samples.length === 0) return null;
  if (statistic.kind === 'mean') return sum / samples.length;
  return percentilesOf(samples, [statistic.kind === 'max' ? 1 : statistic.p])[0];
}

const below = (value: number | null, limit: number, strict: boolean): boolean =>
  value !== null && (strict ? value < limit : value <= limit);
const above = (value: number | null, limit: number, strict: boolean): boolean =>
  value !== null && (strict ? value > limit : value >= limit);

function result(
  term: SloTerm,
  value: number | null,
  limit: number,
  unit: string,
  n: number,
  met: boolean,
): SloResult {
  return { term: term.text, value, limit, unit, met, n };
}

function badSlo(wanted: string, got: string, hint: string): ToolError {
  return new ToolError({ code: 'BAD_VALUE', message: `expected ${wanted}, got '${got}'`, hint });
}
