/** Autoscalers as data: what HPA, KEDA and Knative are told, what they may look at, and what a scaled fleet did. */

/**
 * What an autoscaler can look at. `in_flight` = running + waiting; `gateway_queue` = requests that the router holds
 * because no replica is ready (the only signal that exists while there is no replica).
 */
export type ScalingSignal =
  | 'running'
  | 'waiting'
  | 'in_flight'
  | 'kv_usage'
  | 'request_rate'
  | 'prompt_token_rate'
  | 'generation_token_rate'
  | 'gateway_queue';

/** How one replica's samples become its value: the newest one, or mean, maximum or growth per second in the window. */
export type SampleStatistic = 'last' | 'mean' | 'max' | 'rate';

/** A signal as a monitoring system is asked for it. */
export interface SignalQuery {
  readonly signal: ScalingSignal;
  readonly statistic: SampleStatistic;
  /** Range that `mean`, `max` and `rate` look back over, seconds; 0 for `last`. */
  readonly windowSec: number;
}

/** Target of a metric: per replica, or for the value as a whole. */
export type MetricTarget =
  | { readonly kind: 'average-value'; readonly value: number }
  | { readonly kind: 'value'; readonly value: number };

/**
 * One metric of a HorizontalPodAutoscaler. `pods`: one value per pod (custom metrics API), average-value only.
 * `external`: one number, made of all replicas by `aggregate` (KEDA, external and object metrics).
 */
export interface HpaMetric {
  /** As the manifest calls it. */
  readonly name: string;
  readonly source: 'pods' | 'external';
  readonly aggregate: 'sum' | 'mean' | 'max';
  readonly query: SignalQuery;
  readonly target: MetricTarget;
}

export interface ScalingPolicy {
  readonly type: 'Pods' | 'Percent';
  readonly value: number;
  readonly periodSec: number;
}

/** One direction of `spec.behavior`, defaults filled in. */
export interface ScalingRules {
  readonly stabilizationSec: number;
  readonly selectPolicy: 'Max' | 'Min' | 'Disabled';
  readonly policies: readonly ScalingPolicy[];
  /** Tolerance of this direction; null = the controller's. */
  readonly toleranceRatio: number | null;
}

export interface ScalingBehavior {
  readonly scaleUp: ScalingRules;
  readonly scaleDown: ScalingRules;
}

/** HorizontalPodAutoscaler, autoscaling/v2, with the controller's flags. */
export interface HpaSpec {
  readonly kind: 'hpa';
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly metrics: readonly HpaMetric[];
  /** null = absent in the manifest: the controller then doubles at most (or to 4) per sync. */
  readonly behavior: ScalingBehavior | null;
  /** `--horizontal-pod-autoscaler-tolerance`. */
  readonly toleranceRatio: number;
  /** `--horizontal-pod-autoscaler-sync-period`. */
  readonly syncSec: number;
  /** `--horizontal-pod-autoscaler-downscale-stabilization`: used where a manifest sets no window. */
  readonly downscaleStabilizationSec: number;
}

/** A trigger of a KEDA ScaledObject: a metric of the HPA behind it, with the value above which it is active. */
export interface KedaTrigger {
  readonly metric: HpaMetric;
  readonly activationThreshold: number;
}

/** KEDA ScaledObject, keda.sh/v1alpha1. */
export interface KedaSpec {
  readonly kind: 'keda';
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Replicas while no trigger is active, below `minReplicas`; null = not used. */
  readonly idleReplicas: number | null;
  readonly triggers: readonly KedaTrigger[];
  readonly pollingSec: number;
  readonly cooldownSec: number;
  readonly fallback: { readonly failureThreshold: number; readonly replicas: number } | null;
  readonly behavior: ScalingBehavior | null;
  readonly toleranceRatio: number;
  readonly syncSec: number;
  readonly downscaleStabilizationSec: number;
}

/** Knative pod autoscaler. */
export interface KnativeSpec {
  readonly kind: 'knative';
  readonly minReplicas: number;
  /** null = no limit. */
  readonly maxReplicas: number | null;
  /** Replicas that a revision starts with and that a start from zero aims at. */
  readonly activationReplicas: number;
  readonly metric: 'concurrency' | 'rps';
  /** Per replica, before `utilizationRatio`. */
  readonly target: number;
  readonly utilizationRatio: number;
  readonly stableSec: number;
  readonly panicSec: number;
  /** Panic when the panic window wants at least this many times the ready replicas. */
  readonly panicThresholdRatio: number;
  readonly maxScaleUpRate: number;
  readonly maxScaleDownRate: number;
  readonly scaleDownDelaySec: number;
  readonly scaleToZeroGraceSec: number;
  readonly tickSec: number;
}

/** A fleet whose size nobody changes: the baseline of a comparison. */
export interface StaticSpec {
  readonly kind: 'static';
  readonly replicas: number;
}

export type AutoscalerSpec = HpaSpec | KedaSpec | KnativeSpec | StaticSpec;

/** A duration: fixed, or drawn anew each time (lognormal with this mean and coefficient of variation). */
export type RandomDuration = number | { readonly meanSec: number; readonly cv: number };

/**
 * From "one more replica" to "ready". Scheduled and pulled, the pod is pending; loading and warming up, it runs
 * without being ready and without metrics (an inference server opens its port last).
 */
export interface ColdStartPhases {
  readonly scheduleSec: RandomDuration;
  readonly pullSec: RandomDuration;
  readonly loadSec: RandomDuration;
  readonly warmupSec: RandomDuration;
}

/** The fleet at one instant. */
export interface FleetSample {
  readonly atSec: number;
  /** What the autoscaler asks for. */
  readonly desired: number;
  readonly starting: number;
  readonly ready: number;
  readonly draining: number;
  readonly running: number;
  readonly waiting: number;
  /** Held by the router because no replica is ready. */
  readonly held: number;
}

export interface ScaleEvent {
  readonly atSec: number;
  readonly from: number;
  readonly to: number;
  readonly because: string;
}

/** A replica from its creation to its end; null = did not happen before the simulation ended. */
export interface ReplicaLife {
  readonly replica: number;
  readonly createdSec: number;
  readonly readySec: number | null;
  /** When its removal was decided. */
  readonly drainingSec: number | null;
  readonly endSec: number | null;
}

/** SLO attainment of the requests that arrived in one interval. */
export interface AttainmentSample {
  readonly fromSec: number;
  readonly offered: number;
  readonly good: number;
  /** null = nothing was offered. */
  readonly ratio: number | null;
}

/** A time in which the SLO was missed, from the first interval below the goal to the first at or above it. */
export interface BreachEpisode {
  readonly fromSec: number;
  /** null = not recovered before the end. */
  readonly recoveredSec: number | null;
  /** Lowest attainment of an interval, 0–1. */
  readonly worst: number;
  /** First scale-up decided from the episode's start on, and the first replica that became ready after that. */
  readonly scaledUpSec: number | null;
  readonly readySec: number | null;
}

/** Part of a simulation's document: how an autoscaled fleet was driven and how it did. Times are the trace's seconds. */
export interface ScalingSummary {
  readonly autoscaler: AutoscalerSpec;
  readonly initialReplicas: number;
  readonly scrapeSec: number;
  readonly coldStart: ColdStartPhases;
  /** null = removed replicas finish their requests. */
  readonly terminationGraceSec: number | null;
  readonly replicaHours: number;
  /** Replica-hours × accelerators per replica. */
  readonly acceleratorHours: number;
  /** null for a simulation without duration. */
  readonly meanReplicas: number | null;
  readonly peakReplicas: number;
  /** Changes of direction within ten minutes. */
  readonly flaps: number;
  /** Requests cut off with a replica that was killed, and requests that no replica ever took. */
  readonly cutOff: number;
  readonly unserved: number;
  /** Share of good requests that the SLO asks for, and how it was met per minute; null and empty without SLO. */
  readonly goal: number | null;
  readonly attainment: readonly AttainmentSample[];
  readonly breaches: readonly BreachEpisode[];
  /** Longest breach; null = still open at the end, or no SLO. */
  readonly timeToRecoverSec: number | null;
  readonly scaleEvents: readonly ScaleEvent[];
  readonly timeline: readonly FleetSample[];
  readonly lives: readonly ReplicaLife[];
}
