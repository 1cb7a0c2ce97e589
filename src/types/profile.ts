/** LatencyProfile: one endpoint at many load levels, with the knee and the capacity at the SLO. */
import type { FileHeader, Verdict } from './common.js';
import type { EngineModel } from './engine.js';
import type { GaugeSummary, RunTarget, RunThroughput, SloResult } from './run.js';
import type { MetricSummaryMap } from './run-support.js';

/** One load level = one run. */
export interface LoadLevel {
  /** Offered, requests per second. */
  readonly ratePerSec: number;
  /** Sent ÷ window. */
  readonly achievedPerSec: number;
  readonly requests: number;
  readonly durationSec: number;
  readonly metrics: MetricSummaryMap;
  readonly throughput: RunThroughput;
  /** Not ok ÷ offered, 0–1. */
  readonly errorRatio: number;
  readonly goodput: number | null;
  readonly slo: readonly SloResult[];
  readonly sloMet: boolean;
  readonly valid: boolean;
  readonly invalidBecause: string | null;
  readonly gauges: readonly GaugeSummary[];
  /** Directory of the run, relative to the profile; null when not kept. */
  readonly runDir: string | null;
}

export interface Knee {
  /** Offered rate beyond which latency rises faster than load; null = not reached. */
  readonly ratePerSec: number | null;
  readonly because: string;
}

export interface ProfileCapacity {
  /** Largest rate that meets the SLO; null = none does. */
  readonly ratePerSec: number | null;
  /** The tightest levels around it: met below, missed above; null = unbounded on that side. */
  readonly metAtPerSec: number | null;
  readonly missedAtPerSec: number | null;
  readonly because: string;
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
  readonly levels: readonly LoadLevel[];
  readonly knee: Knee;
  readonly capacity: ProfileCapacity;
  /** Fitted to the levels' runs; null when there was too little to fit. */
  readonly engine: EngineModel | null;
  readonly verdict: Verdict<'capacity found' | 'slo never met' | 'never saturated' | 'invalid'>;
}
