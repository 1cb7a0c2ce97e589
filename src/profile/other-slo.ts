/**
 * A profile judged by another SLO than the one that it was made for: every level's terms anew from its percentiles, and
 * with them the capacity. The levels stay those that the first SLO's search ran, so the bracket can be wider.
 */
import type { Slo, SloTerm } from '../slo.js';
import type { MetricSummary } from '../types/run-support.js';
import type { LatencyProfile, LoadLevel, SloResult } from '../types.js';
import { significant } from '../units.js';
import { capacityOf, profileVerdict } from './capacity.js';

/** null when a term asks for something that the levels do not hold: goodput, or a percentile that was not kept. */
export function profileAtSlo(profile: LatencyProfile, slo: Slo): LatencyProfile | null {
  if (slo.text === profile.slo) return profile;
  const levels: LoadLevel[] = [];
  for (const level of profile.levels) {
    const terms = slo.terms.map((term) => termAt(level, term));
    if (terms.some((term) => term === null)) return null;
    levels.push(judged(profile, level, slo, terms as SloResult[]));
  }
  const capacity = capacityOf(levels, 'the levels were chosen for another SLO');
  return {
    ...profile,
    slo: slo.text,
    levels,
    capacity,
    verdict: profileVerdict(levels, capacity, slo.text),
  };
}

function judged(
  { load }: LatencyProfile,
  level: LoadLevel,
  slo: Slo,
  terms: readonly SloResult[],
): LoadLevel {
  const missed = terms.filter((term) => !term.met);
  const countsErrors = slo.terms.some((term) => term.kind === 'error_rate');
  const tooManyErrors = !countsErrors && level.errorRatio > load.maxErrorRatio;
  return {
    ...level,
    slo: terms,
    sloMet: level.requests > 0 && missed.length === 0 && level.steady && !tooManyErrors,
    because: becauseOf(level, missed, tooManyErrors),
    // Goodput was counted by the first SLO's limits.
    goodput: null,
    bands: level.bands?.map((band) => ({ ...band, goodput: null })),
    mlperf: undefined,
  };
}

function becauseOf(level: LoadLevel, missed: readonly SloResult[], tooManyErrors: boolean): string {
  if (missed.length > 0) {
    return missed
      .map((term) =>
        term.value === null
          ? `${term.term} missed: no sample`
          : `${term.term} missed: ${significant(term.value, 4)} ${term.unit}`,
      )
      .join('; ');
  }
  return level.steady && !tooManyErrors ? 'every term met, backlog steady' : level.because;
}

function termAt(level: LoadLevel, term: SloTerm): SloResult | null {
  if (term.kind === 'goodput') return null;
  if (term.kind === 'error_rate') {
    const { errorRatio, requests } = level;
    return result(term.text, errorRatio, term.limit, 'ratio', requests, term.strict);
  }
  const summary = level.metrics[term.metric];
  if (summary === undefined || summary.n === 0) {
    return { term: term.text, value: null, limit: term.limitMs, unit: 'ms', met: false, n: 0 };
  }
  const value = statisticOf(summary, term.statistic);
  return value === null ? null : result(term.text, value, term.limitMs, 'ms', summary.n, term.strict);
}

function result(
  term: string,
  value: number,
  limit: number,
  unit: string,
  n: number,
  strict: boolean,
): SloResult {
  return { term, value, limit, unit, n, met: strict ? value < limit : value <= limit };
}

function statisticOf(
  summary: MetricSummary,
  statistic: Extract<SloTerm, { kind: 'latency' }>['statistic'],
): number | null {
  if (statistic.kind === 'mean') return summary.mean;
  if (statistic.kind === 'max') return summary.max;
  const kept: Readonly<Record<string, number | null>> = {
    '0.5': summary.p50,
    '0.9': summary.p90,
    '0.95': summary.p95,
    '0.99': summary.p99,
    '0.999': summary.p999,
  };
  return kept[String(statistic.p)] ?? null;
}
