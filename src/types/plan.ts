/** CapacityPlan: how many replicas, what they cost, which thresholds, and what fewer would have done. */
import type { AttainmentSample, AutoscalerSpec, FleetSample } from './autoscale.js';
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

/** SLO attainment of the requests that arrived in one window. */
export interface AttainmentWindow extends AttainmentSample {
  /** Every SLO term holds for the window's requests alone; null = nothing was offered. */
  readonly met: boolean | null;
}

/** SLO attainment over time, in windows of arrival without gaps. */
export interface AttainmentOverTime {
  readonly windowSec: number;
  readonly windows: readonly AttainmentWindow[];
  /** Windows that meet the SLO ÷ windows with requests; null = none has any. */
  readonly metRatio: number | null;
  /** The window with the lowest share of good requests. */
  readonly worst: AttainmentWindow | null;
}

/** A fleet, fixed or autoscaled, simulated over the whole workload. */
export interface FleetOutcome {
  /** For people: `4 replicas`, `running 20, 1 to 4 replicas`. */
  readonly label: string;
  readonly autoscaler: AutoscalerSpec;
  /** Ready at the first arrival. */
  readonly initialReplicas: number;
  readonly seed: string;
  /** The SLO over the whole run. */
  readonly met: boolean;
  /** The SLO over the whole run and in enough windows. */
  readonly metOverTime: boolean;
  readonly slo: readonly SloResult[];
  readonly goodput: number;
  readonly attainment: AttainmentOverTime;
  readonly replicaHours: number;
  readonly meanReplicas: number;
  readonly peakReplicas: number;
  /** Changes of direction within ten minutes. */
  readonly flaps: number;
  /** Requests cut off with a replica that failed or was killed, and requests that no replica ever took. */
  readonly cutOff: number;
  readonly unserved: number;
  /** Longest time below the SLO's goal; null = not recovered before the end. */
  readonly timeToRecoverSec: number | null;
  readonly cost: PlanCost;
  /** Replicas and load over time, at most 500 samples, each the fullest of its stretch; absent for fixed fleets. */
  readonly timeline?: readonly FleetSample[];
}

/** A setting that the search tried. */
export interface AutoscalerCandidate {
  readonly signal: Threshold['signal'];
  readonly target: number;
  readonly minReplicas: number;
  readonly scaleDownWindowSec: number;
  readonly met: boolean;
  readonly metOverTime: boolean;
  readonly goodput: number;
  /** Share of windows that meet the SLO. */
  readonly windowsMetRatio: number | null;
  readonly replicaHours: number;
  /** Of the whole fleet per hour; null without a price. */
  readonly costPerHour: number | null;
}

/** The advised autoscaler, simulated on the workload and searched for the cheapest setting that keeps the SLO. */
export interface AutoscalingStudy {
  readonly kind: 'hpa' | 'keda' | 'knative';
  /** Share of windows that must meet the SLO. */
  readonly windowGoal: number;
  readonly scrapeSec: number;
  readonly coldStartSec: number;
  /** The smallest fixed fleet, the recipe's setting and the setting found, on the workload itself. */
  readonly static: FleetOutcome;
  readonly recipe: FleetOutcome;
  readonly recommended: FleetOutcome;
  /** The setting found, on fresh draws of the workload. */
  readonly confirm: readonly FleetOutcome[];
  /** Everything that was tried, in order. */
  readonly candidates: readonly AutoscalerCandidate[];
  /** 1 − replica-hours of the setting found ÷ those of the fixed fleet. */
  readonly savingRatio: number;
  readonly because: string;
}

/** How the plan fares when something goes wrong. */
export interface BreakTest {
  readonly id: 'growth' | 'lost-replica' | 'burst';
  /** What happens, with its numbers. */
  readonly text: string;
  readonly static: FleetOutcome;
  /** null = the plan has no autoscaler. */
  readonly autoscaled: FleetOutcome | null;
  /** What it did to the SLO, in one sentence. */
  readonly because: string;
}

/** One fleet of one engine choice, for the front over cost, attainment and latency. */
export interface ParetoPoint {
  /** Name of the engine choice. */
  readonly choice: string;
  readonly fleet: 'static' | 'autoscaled';
  readonly label: string;
  readonly costPerHour: number;
  /** Share of offered requests that met the SLO's latencies. */
  readonly goodput: number;
  /** The SLO term closest to or furthest over its limit. */
  readonly tightest: SloResult | null;
  readonly met: boolean;
  /** Label and choice of a point that is at least as good in everything and better in something; null = on the front. */
  readonly dominatedBy: string | null;
  /** The fleet that the plan recommends. */
  readonly chosen: boolean;
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
  /** Of the smallest fixed fleet on the workload itself; absent when none was found. */
  readonly attainmentOverTime?: AttainmentOverTime;
  /** Absent without an autoscaler or a feasible fixed fleet. */
  readonly autoscaling?: AutoscalingStudy;
  readonly breakTests?: readonly BreakTest[];
  /** Fleets of every engine choice, the cheapest first; absent without a price. */
  readonly pareto?: readonly ParetoPoint[];
  readonly verdict: Verdict<'feasible' | 'infeasible'>;
  readonly files: readonly string[];
}
