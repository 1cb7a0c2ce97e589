/** Comparisons: a real trace with a synthetic one (the fidelity battery), and one run with another. */
import type { FileHeader, Verdict } from './common.js';
import type { RunRecord } from './run.js';
import type { MetricId, MetricSummaryMap } from './run-support.js';

/** One of the two traces, as it was compared. */
export interface ComparedTrace {
  readonly name: string;
  /** Content hash of the trace file. */
  readonly hash: string;
  /** Rows of the file, and those within the compared window. */
  readonly rows: number;
  readonly comparedRows: number;
  /** Compared rows with input and output of at least one token: lengths and simulations read only these. */
  readonly usableRows: number;
  readonly durationSec: number;
  readonly ratePerSec: number;
  /** Grid that coarse times were spread over, seconds; null = times as they are. */
  readonly spreadGridSec: number | null;
}

export type FidelityGroup = 'lengths' | 'joint' | 'arrivals' | 'serving' | 'prefix';

/**
 * One metric of the battery. `value` is a distance, never negative: |b − a|, a distance of distributions, or
 * |ln(b / a)| for `log_ratio`.
 */
export interface FidelityMetric {
  readonly id: string;
  readonly group: FidelityGroup;
  readonly label: string;
  readonly kind: 'distance' | 'log_ratio';
  /** The statistic of either trace, where the metric compares one number of each; null otherwise or if undefined. */
  readonly a: number | null;
  readonly b: number | null;
  readonly unit: string;
  /** null = could not be measured on these traces. */
  readonly value: number | null;
  /** The same metric between random halves of the real trace: median and 95 % point; null = not measured. */
  readonly floorP50: number | null;
  readonly floorP95: number | null;
  /** max(0.02, floorP95). */
  readonly limit: number;
  /** null = for information, or not measured. */
  readonly pass: boolean | null;
  /** First half of the real trace against its second half: what a perfect copy of the first half would get. */
  readonly drift: number | null;
}

export interface FloorMethod {
  readonly repeats: number;
  readonly blockSec: number;
  readonly blocksPerHalf: number;
}

/** What both traces need of the same engine. */
export interface CapacityComparison {
  /** Least engine speed that meets the objective; null = none in 1e-4 … 1e4. */
  readonly speedA: number | null;
  readonly speedB: number | null;
  /** speedB / speedA. */
  readonly ratio: number | null;
  /** Speeds that the halves of the real trace need, in order of time. */
  readonly speedHalves: readonly [number | null, number | null];
  /** 5 % and 95 % points of the speed that block resamples of the real trace need; null = not computed. */
  readonly interval: {
    readonly low: number;
    readonly high: number;
    readonly resamples: number;
    readonly blockSec: number;
  } | null;
  /** Within ±5 % of the real trace or inside the interval; null = not measured. */
  readonly pass: boolean | null;
}

export interface ServingCheck {
  readonly engine: { readonly name: string; readonly source: string };
  /** The objective that sets the speed, e.g. `p99(ttft) <= 2s`. */
  readonly objective: string;
  readonly seed: string;
  /** Engine speed of the battery's serving metrics. */
  readonly speed: number;
  readonly capacity: CapacityComparison;
  /** Rows longer than the engine takes, per trace; not in the latencies. */
  readonly refusedA: number;
  readonly refusedB: number;
}

/** The same statistic of both traces along one axis; null = undefined there. */
export interface PairedSeries {
  readonly x: readonly number[];
  readonly a: readonly (number | null)[];
  readonly b: readonly (number | null)[];
}

/** Quantiles of both traces at equal probabilities: x against y is the Q–Q plot, probs against either the ECDF. */
export interface PairedQuantiles {
  readonly id: 'input_tokens' | 'output_tokens' | 'gap_sec' | 'ttft_sec';
  readonly unit: 'tokens' | 's';
  readonly probs: readonly number[];
  readonly a: readonly number[];
  readonly b: readonly number[];
}

/** Shares of requests by input (rows) and output (columns) length; edges in tokens, lower inclusive. */
export interface LengthHeatMap {
  readonly inputEdges: readonly number[];
  readonly outputEdges: readonly number[];
  /** Row by row, (inputEdges − 1) × (outputEdges − 1). */
  readonly a: readonly number[];
  readonly b: readonly number[];
}

export interface ComparisonFigures {
  readonly quantiles: readonly PairedQuantiles[];
  /** Requests per bin; x = start of the bin in seconds. */
  readonly countsOverTime: PairedSeries & { readonly binSec: number };
  /** Index of dispersion of counts by window in seconds. */
  readonly dispersion: PairedSeries;
  /** Autocorrelation of counts per second by lag in seconds. */
  readonly autocorrelation: PairedSeries;
  readonly heatMap: LengthHeatMap | null;
  /** Share of blocks found in an LRU cache by its size in blocks; null without block hashes in both. */
  readonly lruHitRatio: PairedSeries | null;
  /** Probability that a conversation goes on after turn x; null without hashes or sessions in both. */
  readonly turnHazard: PairedSeries | null;
}

/** What `compare` found about two traces: a is real, b stands in for it. */
export interface TraceComparison extends FileHeader<'trace-comparison'> {
  readonly a: ComparedTrace;
  readonly b: ComparedTrace;
  readonly seed: string;
  /** null = the real trace is too short to be split. */
  readonly floor: FloorMethod | null;
  readonly metrics: readonly FidelityMetric[];
  /** Judged metrics that could be measured, and those within their limits. */
  readonly judged: number;
  readonly passed: number;
  /** null = left out or impossible. */
  readonly serving: ServingCheck | null;
  readonly figures: ComparisonFigures;
  readonly verdict: Verdict<'faithful' | 'different' | 'not_judged'>;
  readonly notes: readonly string[];
}

/** What a result file of another tool says, in our vocabulary: summaries always, requests where the file has them. */
export interface OtherToolResult {
  /** Name of the importer, e.g. `vllm-bench`. */
  readonly tool: string;
  readonly model: string | null;
  readonly url: string | null;
  readonly startedUtc: string | null;
  /** Requests offered, and those that ended ok; null = the file does not say. */
  readonly offered: number | null;
  readonly ok: number | null;
  readonly okPerSec: number | null;
  readonly okOutputTokensPerSec: number | null;
  /** Only quantities that the tool defines as we do; ms. */
  readonly metrics: MetricSummaryMap;
  /** null = the file holds summaries only. `intendedNs` equals `sentNs`. */
  readonly records: readonly RunRecord[] | null;
  /** What the file cannot say, for the reader. */
  readonly notes: readonly string[];
}

/** One of the two runs. */
export interface ComparedRun {
  readonly name: string;
  readonly url: string;
  readonly model: string | null;
  readonly traceName: string;
  readonly traceHash: string;
  /** null = a file of another tool that does not say. */
  readonly startedUtc: string | null;
  /** Tool that measured it; absent = this one. */
  readonly tool?: string;
  /** By this tool's own checks; runs of other tools count as valid, with a note. */
  readonly valid: boolean;
  /** Measured requests offered, and those that ended ok. */
  readonly offered: number;
  readonly ok: number;
}

export type RunChange = 'better' | 'worse' | 'no_difference_shown';

/** One quantity of two runs. The interval is of the difference b − a, by block bootstrap. */
export interface RunDifference {
  /** Metric id, or `error_rate`, `goodput`, `requests_per_sec`, `output_tokens_per_sec`. */
  readonly id: MetricId | 'error_rate' | 'goodput' | 'requests_per_sec' | 'output_tokens_per_sec';
  /** e.g. `p99`, `mean`; null for rates and shares. */
  readonly statistic: string | null;
  readonly unit: 'ms' | 'ratio' | '1/s';
  /** Samples in either. */
  readonly nA: number;
  readonly nB: number;
  readonly a: number | null;
  readonly b: number | null;
  readonly difference: number | null;
  /** (b − a) / a; null when a is zero or unknown. */
  readonly relative: number | null;
  /** 95 % interval of the difference; null = too few blocks or samples. */
  readonly low: number | null;
  readonly high: number | null;
  /** Interval of the family of judged quantities (Bonferroni), on which `change` rests; null for those not judged. */
  readonly familyLow: number | null;
  readonly familyHigh: number | null;
  readonly change: RunChange | null;
}

/** Median and p99 per bin of due time, ms; null = no sample in the bin. */
export interface LatencyPerBin {
  readonly p50: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
}

/** One metric of both runs over time. */
export interface RunLatencyOverTime {
  readonly id: MetricId;
  readonly binSec: number;
  /** Start of each bin, seconds from either run's first measured request. */
  readonly x: readonly number[];
  readonly a: LatencyPerBin;
  readonly b: LatencyPerBin;
}

/** What changed from run a to run b. */
export interface RunComparison extends FileHeader<'run-comparison'> {
  readonly a: ComparedRun;
  readonly b: ComparedRun;
  readonly seed: string;
  readonly bootstrap: {
    readonly resamples: number;
    readonly blockSec: number;
    readonly blocks: number;
    /** Both runs sent the same rows of the same trace: blocks of rows are drawn for both at once. */
    readonly paired: boolean;
    readonly pairedRows: number;
  };
  readonly differences: readonly RunDifference[];
  /** Objective that goodput was counted by; null without. */
  readonly slo: string | null;
  /** Quantiles of both runs at equal probabilities, ms. */
  readonly quantiles: readonly {
    readonly id: MetricId;
    readonly probs: readonly number[];
    readonly a: readonly number[];
    readonly b: readonly number[];
  }[];
  /** Absent in comparisons of older versions. */
  readonly overTime?: readonly RunLatencyOverTime[];
  readonly verdict: Verdict<RunChange | 'mixed' | 'not_comparable'>;
  readonly notes: readonly string[];
}
