/** LatencyProfile: one endpoint at many load levels, with the knee and the capacity at the SLO. */
import type { FileHeader, Verdict } from './common.js';
import type { EngineModel } from './engine.js';
import type { GaugeSummary, RunTarget, RunThroughput, SloResult } from './run.js';
import type { MetricSummaryMap } from './run-support.js';

/** One load level = one run. Figures are over the measured part: the warm-up at its start is left out. */
export interface LoadLevel {
  /** Offered, requests per second. */
  readonly ratePerSec: number;
  /** Sent ÷ window. */
  readonly achievedPerSec: number;
  /** 1 = first run at this rate; 2 = repeated because the first contradicted its neighbours or was invalid. */
  readonly attempt: number;
  readonly seed: string;
  /** Measured requests; the warm-up's are not among them. */
  readonly requests: number;
  readonly warmupRequests: number;
  /** Of the measured arrivals. */
  readonly durationSec: number;
  readonly metrics: MetricSummaryMap;
  readonly throughput: RunThroughput;
  /** Not ok ÷ offered, 0–1. */
  readonly errorRatio: number;
  readonly goodput: number | null;
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
  /** What a reader should know before trusting the numbers. */
  readonly warnings: readonly string[];
  /** Fitted to the levels' runs; null when there was too little to fit. */
  readonly engine: EngineModel | null;
  readonly verdict: Verdict<'capacity found' | 'slo never met' | 'never saturated' | 'invalid'>;
}
