/** Metric ids and summaries, shared by runs, simulations, profiles and plans. */
export type { Check, FileHeader, Verdict } from './common.js';

/** Ids of the metric registry (src/metrics.ts holds the only formulas). Values are ms. */
export type MetricId =
  | 'ttft'
  | 'ttfa'
  | 'e2e'
  | 'tpot'
  | 'itl'
  | 'ntpot'
  | 'send_lag'
  | 'queue_wait'
  | 'response.ttft'
  | 'response.e2e';

/** Percentiles of one metric: linear interpolation (type 7) on raw samples. */
export interface MetricSummary {
  readonly id: MetricId;
  readonly unit: 'ms';
  /** Samples in the percentiles. */
  readonly n: number;
  /** Requests without a value, by reason (status or `no_token`, `one_token`, `not_streamed`, …). */
  readonly excluded: Readonly<Record<string, number>>;
  /** null when n = 0. */
  readonly mean: number | null;
  readonly sd: number | null;
  readonly min: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

export type MetricSummaryMap = Readonly<Partial<Record<MetricId, MetricSummary>>>;
