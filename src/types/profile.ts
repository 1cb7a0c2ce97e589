/** LatencyProfile: one endpoint at many load levels, with the knee and the capacity at the SLO. */
import type { Check, FileHeader, Verdict } from './common.js';
import type { EngineLimits, EngineModel } from './engine.js';
import type { GaugeSummary, RunTarget, RunThroughput, SloResult } from './run.js';
import type { MetricId, MetricSummaryMap } from './run-support.js';
import type { QuantileCurve } from './sessions.js';

/** One load level = one run. Figures are over the measured part: the warm-up at its start is left out. */
export interface LoadLevel {
  /** Offered, requests per second. */
  readonly ratePerSec: number;
  /** Sent ÷ window. */
  readonly achievedPerSec: number;
  /** 1 = first run at this rate; 2 = repeated because the first contradicted its neighbours or was invalid. */
  readonly attempt: number;
  readonly seed: string;
  /** Measured requests; those of the warm-up and of the cool-down are not among them. */
  readonly requests: number;
  /** Sent before and after the measured ones. */
  readonly warmupRequests: number;
  /** Of the measured arrivals. */
  readonly durationSec: number;
  readonly metrics: MetricSummaryMap;
  readonly throughput: RunThroughput;
  /** Not ok ÷ offered, 0–1. */
  readonly errorRatio: number;
  readonly goodput: number | null;
  /** Of the endpoint's price, at the level's tokens per second; only where a price was given. */
  readonly cost?: LevelCost;
  readonly slo: readonly SloResult[];
  /** Every term met, the level steady, and errors within the profile's limit. */
  readonly sloMet: boolean;
  /** false: the backlog grew through the level (offered load above what the server completes). */
  readonly steady: boolean;
  /** Mean requests in the system while the measured ones arrived; null when none were sent. */
  readonly inFlightMean: number | null;
  /** Completions ÷ measured arrivals' window, requests per second. */
  readonly completedPerSec: number;
  /** One sentence: why `sloMet` is what it is. */
  readonly because: string;
  readonly valid: boolean;
  readonly invalidBecause: string | null;
  /** e.g. too few samples for the asked percentile. */
  readonly notes: readonly string[];
  readonly gauges: readonly GaugeSummary[];
  /** Directory of the run, relative to the profile; null when not kept. */
  readonly runDir: string | null;
  /** 95 % confidence intervals of p50, p90 and p99 of ttft, tpot and e2e, and of the SLO's percentiles. */
  readonly intervals?: readonly PercentileInterval[];
  /** The same requests by length of their prompt: what a profile is corrected with for another mix. */
  readonly bands?: readonly LengthBand[];
  /** Judgement by the rules of MLPerf LoadGen; only in that mode. */
  readonly mlperf?: MlperfResult;
}

/** Price per hour ÷ tokens per hour, per million; null when no token came. */
export interface LevelCost {
  readonly pricePerHour: number;
  readonly perMillionOutputTokens: number | null;
  /** Prompt and output tokens together. */
  readonly perMillionTokens: number | null;
}

/** A percentile with its confidence interval from whole blocks of time. */
export interface PercentileInterval {
  readonly metric: MetricId;
  /** 0–1. */
  readonly percentile: number;
  /** Confidence, e.g. 0.95. */
  readonly level: number;
  readonly n: number;
  readonly valueMs: number;
  readonly lowMs: number;
  /** null = no bound: so few samples lie beyond the percentile that it may be above the largest. */
  readonly highMs: number | null;
}

/** Requests whose prompt has `fromTokens` up to below `toTokens`; null = no upper end. */
export interface LengthBand {
  readonly fromTokens: number;
  readonly toTokens: number | null;
  /** Measured requests, failed ones included. */
  readonly requests: number;
  readonly meanInputTokens: number;
  readonly meanOutputTokens: number;
  readonly failed: number;
  /** Requests that met every SLO term ÷ requests; null = none. */
  readonly goodput: number | null;
  /** Latency of the completed ones, ms; null = none. */
  readonly ttft: QuantileCurve | null;
  readonly tpot: QuantileCurve | null;
  readonly e2e: QuantileCurve | null;
}

/** How often each band occurs in other traffic, and how long its requests are. Bands as in the profile's levels. */
export interface LengthMix {
  readonly bands: readonly {
    /** Share of requests, 0–1; all sum to 1. */
    readonly share: number;
    readonly meanInputTokens: number;
    readonly meanOutputTokens: number;
  }[];
}

/** Verdict of one level by the rules of MLPerf LoadGen (server scenario). */
export interface MlperfResult {
  readonly verdict: 'VALID' | 'INVALID';
  readonly checks: readonly Check[];
  /** Early stopping per percentile term of the SLO. */
  readonly earlyStopping: readonly {
    readonly term: string;
    /** Queries, and those over the limit (failed ones among them). */
    readonly queries: number;
    readonly over: number;
    /** Queries that so many over the limit need at 99 % confidence. */
    readonly queriesNeeded: number;
    readonly met: boolean;
  }[];
}

export interface Knee {
  /** Offered rate beyond which latency rises faster than load; null = not reached. */
  readonly ratePerSec: number | null;
  /** The rule in words, e.g. `p50(e2e) ≤ 2 × its value at the lowest level`. */
  readonly method: string;
  readonly because: string;
}

export interface ProfileCapacity {
  /** Largest rate that meets the SLO; null = none does. */
  readonly ratePerSec: number | null;
  /** The tightest levels around it: met below, missed above; null = unbounded on that side. */
  readonly metAtPerSec: number | null;
  readonly missedAtPerSec: number | null;
  /** Relative half-width of that bracket, 0–1; null without both sides. */
  readonly toleranceRatio: number | null;
  readonly because: string;
}

/**
 * `stationary`: arrivals of a renewal process at the level's rate, lengths resampled jointly from the workload's
 * rows. `trace`: the workload's own arrivals with time scaled to the level's rate.
 */
export interface ProfileLoad {
  readonly shape: 'stationary' | 'trace';
  /** Coefficient of variation of the gaps; 1 = Poisson; null for `trace`. */
  readonly gapCv: number | null;
  /** Share of each level left out as warm-up, 0–1. */
  readonly warmupRatio: number;
  /** Errors above this share miss the level even when no SLO term counts them, 0–1. */
  readonly maxErrorRatio: number;
  /** `endpoint` = over HTTP on the real clock; `simulation` = the engine model in virtual time. */
  readonly clock: 'endpoint' | 'simulation';
}

export interface LatencyProfile extends FileHeader<'latency-profile'> {
  readonly target: RunTarget;
  readonly workload: {
    readonly name: string;
    readonly hash: string;
    readonly meanInputTokens: number;
    readonly meanOutputTokens: number;
  };
  readonly slo: string;
  /** How each level's requests were made. */
  readonly load: ProfileLoad;
  /** By rate, then attempt. */
  readonly levels: readonly LoadLevel[];
  readonly knee: Knee;
  readonly capacity: ProfileCapacity;
  /** true = broken off: the levels are those that had ended. */
  readonly interrupted?: boolean;
  /** Absent = judged by our own rules alone. */
  readonly mode?: 'mlperf';
  /** Edges between the levels' length bands, prompt tokens, rising; absent in older files. */
  readonly bandEdges?: readonly number[];
  /** Limits as the profiled server itself told them, e.g. its KV blocks; absent where it told none. */
  readonly serverLimits?: Partial<EngineLimits>;
  /** What a reader should know before trusting the numbers. */
  readonly warnings: readonly string[];
  /** Fitted to the levels' runs; null when there was too little to fit. */
  readonly engine: EngineModel | null;
  readonly verdict: Verdict<'capacity found' | 'slo never met' | 'never saturated' | 'invalid'>;
}
