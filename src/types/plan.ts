/** CapacityPlan: how many replicas, what they cost, which thresholds, and what fewer would have done. */
import type { FileHeader, Verdict } from './common.js';
import type { MeanMax, RouterPolicy } from './engine.js';
import type { SloResult } from './run.js';
import type { MetricSummaryMap } from './run-support.js';

/** A simulated fleet of one size on one seed. */
export interface FleetTrial {
  readonly replicas: number;
  readonly seed: string;
  /** `search` trials on the workload itself, `confirm` fresh seed, `fewer` one replica less on the fresh seed. */
  readonly role: 'search' | 'confirm' | 'fewer';
  readonly met: boolean;
  readonly slo: readonly SloResult[];
  readonly metrics: MetricSummaryMap;
  readonly goodput: number;
  readonly utilisation: number;
  readonly running: MeanMax;
  readonly waiting: MeanMax;
  readonly kvUsage: MeanMax;
  readonly preemptions: number;
}

export interface PlanCost {
  /** Price of one replica-hour; null when not given. */
  readonly pricePerReplicaHour: number | null;
  readonly perHour: number | null;
  readonly perMillionOutputTokens: number | null;
  readonly perMillionTokens: number | null;
  /** Per thousand requests that met the SLO. */
  readonly perThousandGoodRequests: number | null;
}

/** One autoscaler signal with its target and the evidence for it. */
export interface Threshold {
  readonly signal: 'waiting' | 'running' | 'kv_usage' | 'request_rate';
  /** Prometheus metric or query it reads. */
  readonly query: string;
  /** Per replica. */
  readonly target: number;
  readonly because: string;
}

export interface AutoscalerAdvice {
  readonly recommended: Threshold;
  readonly alternatives: readonly Threshold[];
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Per-replica rate at the SLO, and after head-room for the reaction time. */
  readonly capacityPerReplicaPerSec: number;
  readonly sizedPerReplicaPerSec: number;
  readonly reactionSec: number;
  readonly headroom: number;
  /** reaction = scrape + sync + metric window + cold start, seconds each. */
  readonly reactionParts: {
    readonly scrapeSec: number;
    readonly syncSec: number;
    readonly windowSec: number;
    readonly coldStartSec: number;
  };
  /** p99 over time of the rate one reaction time later ÷ the rate now (never below one replica's capacity). */
  readonly ramp: number;
  readonly scaleUpPods: number;
  readonly scaleUpPeriodSec: number;
  readonly scaleDownPods: number;
  readonly scaleDownPeriodSec: number;
  readonly scaleDownWindowSec: number;
  /** One sentence per number that is not a threshold: min, max, policies, windows. */
  readonly evidence: readonly string[];
  readonly warnings: readonly string[];
}

/** plan.json */
export interface CapacityPlan extends FileHeader<'capacity-plan'> {
  readonly workload: {
    readonly name: string;
    readonly hash: string;
    readonly kind: 'trace' | 'workload-model';
    readonly requests: number;
    readonly durationSec: number;
    readonly meanRatePerSec: number;
    /** Highest rate over a minute. */
    readonly peakRatePerSec: number;
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly startUtc: string | null;
  };
  readonly engine: { readonly name: string; readonly source: string };
  readonly router: RouterPolicy;
  readonly slo: string;
  /** Traffic multiplier that the plan is for; 1 = as logged. */
  readonly growth: number;
  /** How the fresh seeds' workloads differ from the search's. */
  readonly freshMethod: string;
  /** null = no fleet up to the limit meets the SLO. */
  readonly replicas: number | null;
  readonly trials: readonly FleetTrial[];
  readonly cost: PlanCost;
  readonly autoscaler: AutoscalerAdvice | null;
  readonly warnings: readonly string[];
  /** Offered rate per minute over the trace, for the chart. */
  readonly ratePerMinute: readonly number[];
  readonly verdict: Verdict<'feasible' | 'infeasible'>;
  readonly files: readonly string[];
}
