/**
 * The fidelity battery: every metric with its definition, each a distance between two samples. Definitions: statistics
 * page §3.1; the 29 judged metrics of its table §3.2, the prefix metrics when both traces allow them, and a few that are
 * for information. Ratios are compared as |ln(b / a)|.
 */
import { percentileSorted } from '../metrics.js';
import { ksTwoSample } from '../stats/ks-two-sample.js';
import { lruHitRatio } from '../stats/lru-curve.js';
import { gridShares, totalVariation } from '../stats/quantile-grid.js';
import { type GroupedSample, groupSorted } from '../stats/sample.js';
import { wassersteinDistance } from '../stats/wasserstein.js';
import type { FidelityGroup, FidelityMetric } from '../types.js';
import { type ArrivalStatistics, arrivalStatistics } from './arrivals.js';
import { atomDistance, type LengthColumn, type LengthStatistics, lengthStatistics } from './lengths.js';
import { type PrefixStatistics, prefixStatistics, type TurnStatistics, turnStatistics } from './prefix.js';
import type { Sample } from './sample.js';
import type { ServingStatistics } from './serving.js';

/** All statistics of one sample; null = undefined for it. */
export interface SampleStatistics {
  readonly lengths: LengthStatistics | null;
  readonly arrivals: ArrivalStatistics;
  readonly serving: ServingStatistics | null;
  readonly prefix: PrefixStatistics | null;
  readonly turns: TurnStatistics | null;
}

/** `serve` null leaves the serving metrics out. */
export function sampleStatistics(
  sample: Sample,
  serve: ((sample: Sample) => ServingStatistics) | null,
): SampleStatistics {
  return {
    lengths: lengthStatistics(sample),
    arrivals: arrivalStatistics(sample),
    serving: serve === null ? null : serve(sample),
    prefix: prefixStatistics(sample),
    turns: turnStatistics(sample),
  };
}

/** What one metric says of two samples. */
export interface Measured {
  readonly a: number | null;
  readonly b: number | null;
  readonly value: number | null;
}

export interface MetricDefinition extends Pick<FidelityMetric, 'id' | 'group' | 'label' | 'kind' | 'unit'> {
  /** Judged against its limit; the others are for information. */
  readonly judged: boolean;
  measure(a: SampleStatistics, b: SampleStatistics): Measured;
}

/** Cache sizes of the LRU metric, blocks. */
export const LRU_SIZES = [1_000, 3_000, 10_000, 30_000, 100_000];

/** Turns of the hazard metric, and requests that both samples need at a turn for it to count. */
const HAZARD_TURNS = 7;
const LEAST_AT_TURN = 50;

const NOTHING: Measured = { a: null, b: null, value: null };

export const BATTERY: readonly MetricDefinition[] = [
  ...lengthMetrics('in', (s) => s.lengths?.input),
  ...lengthMetrics('out', (s) => s.lengths?.output),
  difference('joint', 'd_spearman', 'rank correlation of input and output', '', (s) => s.lengths?.spearman),
  distance('joint', 'tv2d', 'input–output grid, total variation', (a, b) => {
    if (a.lengths === null || b.lengths === null) return null;
    const { inputValues, outputValues } = b.lengths;
    return totalVariation(a.lengths.gridShares, gridShares(a.lengths.grid, inputValues, outputValues));
  }),
  forInformation(
    difference('joint', 'd_kendall', 'Kendall’s τ_b of input and output', '', (s) => s.lengths?.kendall),
  ),
  forInformation(
    difference(
      'joint',
      'd_mutual_information',
      'mutual information of input and output',
      'bit',
      (s) => s.lengths?.mutualInformation,
    ),
  ),
  difference('joint', 'tie50_in_diff', 'inputs repeated within 50 requests', '', (s) => s.lengths?.tie50),
  ratio('arrivals', 'rate_ratio', 'request rate', '1/s', (s) => s.arrivals.ratePerSec),
  ratio('arrivals', 'idc1_ratio', 'dispersion of counts, 1 s', '', (s) => s.arrivals.perSecond.dispersion),
  ratio('arrivals', 'idc10_ratio', 'dispersion of counts, 10 s', '', (s) => s.arrivals.per10Sec.dispersion),
  ratio('arrivals', 'idc60_ratio', 'dispersion of counts, 60 s', '', (s) => s.arrivals.per60Sec.dispersion),
  distance('arrivals', 'acf60_maxdiff', 'autocorrelation of counts, lags 1–60 s', (a, b) =>
    largestDifference(a.arrivals.autocorrelation, b.arrivals.autocorrelation),
  ),
  forInformation(
    ratio('arrivals', 'c1_p99_ratio', 'p99 of counts per second', '', (s) => s.arrivals.perSecond.p99),
  ),
  ratio('arrivals', 'c10_max_ratio', 'largest count in 10 s', '', (s) => s.arrivals.per10Sec.max),
  distance('arrivals', 'ks_count1', 'counts per second, KS', (a, b) =>
    ks(a.arrivals.perSecond.grouped, b.arrivals.perSecond.grouped),
  ),
  distance('arrivals', 'ks_count10', 'counts per 10 s, KS', (a, b) =>
    ks(a.arrivals.per10Sec.grouped, b.arrivals.per10Sec.grouped),
  ),
  distance('arrivals', 'ks_iat', 'gaps between arrivals, KS', (a, b) => ks(a.arrivals.gaps, b.arrivals.gaps)),
  ratio('arrivals', 'cv_ratio', 'variation of gaps', '', (s) => s.arrivals.gapCv),
  ratio(
    'arrivals',
    'tokidc10_ratio',
    'dispersion of input tokens, 10 s',
    '',
    (s) => s.arrivals.tokenDispersion10,
  ),
  ratio(
    'arrivals',
    'tokidc60_ratio',
    'dispersion of input tokens, 60 s',
    '',
    (s) => s.arrivals.tokenDispersion60,
  ),
  ratio('serving', 'ttft_p50_ratio', 'p50 TTFT', 's', (s) => quantile(s.serving?.ttftSec, 0.5)),
  ratio('serving', 'ttft_p90_ratio', 'p90 TTFT', 's', (s) => quantile(s.serving?.ttftSec, 0.9)),
  ratio('serving', 'ttft_p99_ratio', 'p99 TTFT', 's', (s) => quantile(s.serving?.ttftSec, 0.99)),
  distance('serving', 'ks_ttft', 'TTFT, KS', (a, b) =>
    a.serving === null || b.serving === null
      ? null
      : ks(groupSorted(a.serving.ttftSec), groupSorted(b.serving.ttftSec)),
  ),
  ratio('serving', 'tpot_p99_ratio', 'p99 TPOT', 's', (s) => quantile(s.serving?.tpotSec, 0.99)),
  ratio('serving', 'e2e_p99_ratio', 'p99 end to end', 's', (s) => quantile(s.serving?.e2eSec, 0.99)),
  difference('prefix', 'inf_hit_diff', 'hit ratio, endless cache', '', (s) => s.prefix?.hitRatio),
  forInformation(
    difference('prefix', 'inf_hit_token_diff', 'the same by tokens', '', (s) => s.prefix?.tokenHitRatio),
  ),
  distance('prefix', 'lru_maxdiff', 'LRU hit ratio, 1 k … 100 k blocks', (a, b) => {
    const { prefix: p } = a;
    const { prefix: q } = b;
    if (p === null || q === null) return null;
    return Math.max(...LRU_SIZES.map((size) => Math.abs(lruHitRatio(p, size) - lruHitRatio(q, size))));
  }),
  distance('prefix', 'ks_hit', 'hit share per request, KS', (a, b) =>
    a.prefix === null || b.prefix === null
      ? null
      : ks(groupSorted(a.prefix.requestHits), groupSorted(b.prefix.requestHits)),
  ),
  difference('prefix', 'linked_diff', 'requests that go on a conversation', '', (s) => s.turns?.linkedShare),
  distance('prefix', 'hazard_maxdiff', 'going on after turns 1–7', (a, b) =>
    a.turns === null || b.turns === null
      ? null
      : largestDifference(hazard(a.turns, HAZARD_TURNS), hazard(b.turns, HAZARD_TURNS)),
  ),
];

/** Probability of going on after turn m + 1, null where fewer than 50 requests were at that turn. */
export function hazard({ atTurn, followed }: TurnStatistics, turns: number): (number | null)[] {
  return Array.from({ length: turns }, (_, m) =>
    (atTurn[m] ?? 0) >= LEAST_AT_TURN ? followed[m] / atTurn[m] : null,
  );
}

function lengthMetrics(
  suffix: 'in' | 'out',
  of: (statistics: SampleStatistics) => LengthColumn | undefined,
): MetricDefinition[] {
  const name = suffix === 'in' ? 'input' : 'output';
  const both = (
    measure: (a: LengthColumn, b: LengthColumn) => number | null,
  ): ((a: SampleStatistics, b: SampleStatistics) => number | null) => {
    return (a, b) => {
      const first = of(a);
      const second = of(b);
      return first === undefined || second === undefined ? null : measure(first, second);
    };
  };
  const quantileRatio = (id: string, p: number, text: string): MetricDefinition =>
    ratio('lengths', `${id}_ratio_${suffix}`, `${text} ${name} length`, 'tokens', (s) =>
      quantile(of(s)?.sorted, p),
    );
  return [
    distance(
      'lengths',
      `ks_${suffix}`,
      `${name} lengths, KS`,
      both((a, b) => ks(a.grouped, b.grouped)),
    ),
    distance(
      'lengths',
      `w1n_${suffix}`,
      `${name} lengths, Wasserstein-1 ÷ mean`,
      both((a, b) => wassersteinDistance(a.grouped, b.grouped) / a.mean),
    ),
    forInformation(
      ratio('lengths', `mean_ratio_${suffix}`, `mean ${name} length`, 'tokens', (s) => of(s)?.mean),
    ),
    forInformation(quantileRatio('q50', 0.5, 'p50')),
    forInformation(quantileRatio('q90', 0.9, 'p90')),
    quantileRatio('q99', 0.99, 'p99'),
    forInformation(quantileRatio('q99.9', 0.999, 'p99.9')),
    distance(
      'lengths',
      `atom10_abs_${suffix}`,
      `ten commonest ${name} lengths`,
      both((a, b) => atomDistance(a.grouped, b.grouped)),
    ),
  ];
}

type Statistic = (statistics: SampleStatistics) => number | null | undefined;

function ratio(
  group: FidelityGroup,
  id: string,
  label: string,
  unit: string,
  of: Statistic,
): MetricDefinition {
  return {
    id,
    group,
    label,
    kind: 'log_ratio',
    unit,
    judged: true,
    measure(first, second) {
      const a = of(first) ?? null;
      const b = of(second) ?? null;
      // A statistic of zero has no ratio: equal zeros agree, one zero cannot be measured.
      if (a === 0 && b === 0) return { a, b, value: 0 };
      return { a, b, value: a === null || b === null || a <= 0 || b <= 0 ? null : Math.abs(Math.log(b / a)) };
    },
  };
}

function difference(
  group: FidelityGroup,
  id: string,
  label: string,
  unit: string,
  of: Statistic,
): MetricDefinition {
  return {
    id,
    group,
    label,
    kind: 'distance',
    unit,
    judged: true,
    measure(first, second) {
      const a = of(first) ?? null;
      const b = of(second) ?? null;
      return { a, b, value: a === null || b === null ? null : Math.abs(b - a) };
    },
  };
}

function distance(
  group: FidelityGroup,
  id: string,
  label: string,
  measure: (a: SampleStatistics, b: SampleStatistics) => number | null,
): MetricDefinition {
  return {
    id,
    group,
    label,
    kind: 'distance',
    unit: '',
    judged: true,
    measure: (a, b) => ({ ...NOTHING, value: measure(a, b) }),
  };
}

function forInformation(definition: MetricDefinition): MetricDefinition {
  return { ...definition, judged: false };
}

function ks(a: GroupedSample, b: GroupedSample): number | null {
  return a.n === 0 || b.n === 0 ? null : ksTwoSample(a, b).distance;
}

function quantile(sorted: ArrayLike<number> | undefined, p: number): number | null {
  return sorted === undefined ? null : percentileSorted(sorted, p);
}

/** Largest |a − b| over places where both are known; null where none is. */
function largestDifference(a: readonly (number | null)[], b: readonly (number | null)[]): number | null {
  let largest: number | null = null;
  a.forEach((value, i) => {
    const other = b[i] ?? null;
    if (value !== null && other !== null) largest = Math.max(largest ?? 0, Math.abs(value - other));
  });
  return largest;
}
