/** EngineModel: what one replica of an inference server costs in time and memory; and what simulation returns. */
import type { ColdStartPhases, ScalingSummary } from './autoscale.js';
import type { FileHeader } from './common.js';
import type { AttainmentOverTime, PlanCost } from './plan.js';
import type { RequestInstants, SloResult } from './run.js';
import type { MetricSummaryMap } from './run-support.js';

export type * from './autoscale.js';

/** Coefficients of one iteration's duration, seconds; all ≥ 0. */
export interface StepCost {
  /** Fixed cost of an iteration. */
  readonly baseSec: number;
  /** Per prompt token computed in the iteration. */
  readonly perPrefillTokenSec: number;
  /** Per sequence that decodes one token. */
  readonly perDecodeSeqSec: number;
  /** Per token of context held by the decoding sequences. */
  readonly perKvTokenSec: number;
  /** Multiplicative noise per iteration: lognormal with mean 1 and this coefficient of variation; 0 = none. */
  readonly noiseCv: number;
}

export interface EngineLimits {
  /** Token budget of an iteration, prefill and decode together. */
  readonly maxBatchedTokens: number;
  readonly maxSeqs: number;
  readonly kvBlocks: number;
  /** Tokens per KV block. */
  readonly blockSize: number;
  /** Longest prompt + output; longer requests are refused with HTTP 400. */
  readonly maxModelLen: number;
}

/**
 * `watermark`: admit when the prompt's blocks fit, grow while decoding, preempt the newest on shortage (vLLM).
 * `reserve`: admit only when prompt + output fit (no preemption ever).
 */
export type KvAdmission = 'watermark' | 'reserve';

/** Who is admitted next: first come first served, or the lowest `priority` value first (vLLM's two policies). */
export type SchedulingPolicy = 'fcfs' | 'priority';

/** Speculative decoding: drafts per sequence and iteration, and how often each is accepted. */
export interface Speculation {
  readonly draftTokens: number;
  /** Probability that a draft is accepted when all before it were, 0–1. */
  readonly acceptanceRatio: number;
  /** What drafting adds to an iteration that decodes, seconds. */
  readonly draftSec: number;
}

/** LoRA adapters: how many fit at once, and what loading one adds to the iteration that first needs it. */
export interface AdapterLimits {
  readonly maxLoaded: number;
  readonly loadSec: number;
}

/** How long the KV of a prompt takes from a prefill replica to a decode replica: latency + tokens × perTokenSec. */
export interface KvTransfer {
  readonly latencySec: number;
  readonly perTokenSec: number;
}

export interface EngineModel extends FileHeader<'engine-model'> {
  /** model-hardware-source, e.g. `llama3-8b-h100-published`. */
  readonly name: string;
  /** Where the coefficients come from and how far to trust them. */
  readonly source: string;
  readonly step: StepCost;
  readonly limits: EngineLimits;
  readonly kvAdmission: KvAdmission;
  readonly prefixCaching: boolean;
  /** From "start a replica" to "ready", seconds. */
  readonly coldStartSec: number;
  /** Absent = fcfs. */
  readonly scheduling?: SchedulingPolicy;
  /** Absent = one token per sequence and iteration. */
  readonly speculation?: Speculation;
  /** Absent = adapters cost nothing and all fit. */
  readonly adapters?: AdapterLimits;
  /** Absent = at once; only disaggregated fleets look at it. */
  readonly kvTransfer?: KvTransfer;
  /** Accelerators of one replica (tensor × pipeline parallel): a factor of its cost; absent = 1. */
  readonly acceleratorsPerReplica?: number;
  /** Phases of the cold start; absent = all of `coldStartSec` is loading. */
  readonly coldStart?: ColdStartPhases;
  /** How well the coefficients explain the measurements; null for models that were not calibrated. */
  readonly calibration: CalibrationQuality | null;
}

export interface CalibrationQuality {
  readonly samples: number;
  readonly runs: number;
  /** Relative error of simulated against measured percentiles at the calibration loads. */
  readonly errors: readonly CalibrationError[];
  /** Each load predicted by a model fitted to the others; absent = fewer than three loads. */
  readonly heldOut?: readonly CalibrationError[];
  /** How sure the coefficients are; absent = too few observations to tell. */
  readonly intervals?: StepCostIntervals;
  /** Where each limit comes from; absent in files of versions before it was noted. */
  readonly limitSources?: Readonly<Record<keyof EngineLimits, LimitSource>>;
}

/** One percentile, measured and simulated on the same requests. */
export interface CalibrationError {
  readonly metric: string;
  readonly percentile: number;
  readonly ratePerSec: number;
  readonly measuredMs: number;
  readonly simulatedMs: number;
}

/** `given` by the user, told by the `server`, taken from the `base` model, `seen` in the runs, or a default `assumed`. */
export type LimitSource = 'given' | 'server' | 'base' | 'seen' | 'assumed';

/** Confidence intervals of the step cost, from resampling windows of the runs; both ends in the coefficient's unit. */
export interface StepCostIntervals {
  /** Confidence, e.g. 0.95. */
  readonly level: number;
  readonly resamples: number;
  /** Windows that were drawn from. */
  readonly windows: number;
  readonly baseSec: readonly [number, number];
  readonly perPrefillTokenSec: readonly [number, number];
  readonly perDecodeSeqSec: readonly [number, number];
  readonly perKvTokenSec: readonly [number, number];
}

/** What the engine needs to know of a request. Times are seconds of the engine's clock. */
export interface EngineRequest {
  /** Unique within one engine or fleet. */
  readonly id: number;
  readonly arrivalSec: number;
  readonly inputTokens: number;
  /** Tokens that will be generated, ≥ 1. */
  readonly outputTokens: number;
  /**
   * Chained ids of the full engine-sized blocks (block i stands for all tokens up to its end); entries beyond the
   * prompt name blocks of the answer, where they are known. null = no sharing.
   */
  readonly prefixHashes: ArrayLike<bigint> | null;
  readonly sessionKey: string | null;
  /** Lower = earlier, for engines that schedule by priority; absent = 0. */
  readonly priority?: number;
  /** LoRA adapter; absent or null = base model. */
  readonly adapter?: string | null;
  /** Prompt tokens whose KV comes with the request (from a prefill replica); absent = 0. */
  readonly computedTokens?: number;
}

export type RouterPolicy =
  | 'round-robin'
  | 'least-requests'
  | 'least-tokens'
  | 'session-affinity'
  | 'prefix-aware';

/** State of the engine between iterations, as a server would export it. */
export interface EngineGauges {
  readonly running: number;
  readonly waiting: number;
  /** Used share of KV blocks, 0–1. */
  readonly kvUsage: number;
  readonly preemptions: number;
  readonly prefixQueriedTokens: number;
  readonly prefixHitTokens: number;
  readonly iterations: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** LoRA adapters loaded so far; 0 for engines without adapter limits. */
  readonly adapterLoads: number;
}

/** Result of simulating a trace on a fleet. */
export interface SimulationResult {
  readonly replicas: number;
  /** In arrival order; instants in ns from the trace's start (intended = sent = arrival). */
  readonly requests: readonly RequestInstants[];
  /** From arrival to first admission, ms; same order; null = refused. */
  readonly queueWaitMs: readonly (number | null)[];
  /** Time from first arrival to last token, seconds. */
  readonly makespanSec: number;
  /** Time with an iteration in flight, summed over replicas, seconds. */
  readonly busySec: number;
  /** Busy share of the replicas over the makespan, 0–1. */
  readonly utilisation: number;
  /** Time-weighted mean and maximum over replicas and time. */
  readonly running: MeanMax;
  readonly waiting: MeanMax;
  readonly kvUsage: MeanMax;
  readonly preemptions: number;
  /** Cached ÷ prompt tokens, 0–1; null when nothing was looked up. */
  readonly prefixHitRatio: number | null;
  readonly refused: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** LoRA adapters loaded, summed over replicas; 0 for engines without adapter limits. */
  readonly adapterLoads: number;
}

export interface MeanMax {
  readonly mean: number;
  readonly max: number;
}

/**
 * How a served request ended. `refused` = answered with an HTTP error; `cancelled` = the client went away; `cut` = the
 * server broke the connection, because a fault was asked for.
 */
export type ServedStatus = 'ok' | 'refused' | 'cancelled' | 'cut';

/**
 * One line of the server's own record (`serve --record`). Instants are absolute ns on the machine's monotonic clock
 * (`monotonicNs`), so that a client on the same machine can be compared; null = did not happen.
 */
export interface ServedRequest {
  readonly responseId: string;
  /** `x-request-id` of the client, else null. */
  readonly requestId: string | null;
  readonly replica: number | null;
  /** null = refused before the body was understood. */
  readonly stream: boolean | null;
  readonly status: ServedStatus;
  readonly httpStatus: number;
  readonly finishReason: string | null;
  readonly error: string | null;
  /** Request head read. */
  readonly headNs: number;
  /** Body fully read. */
  readonly readNs: number | null;
  /** Handed to the engine, prompt counted. */
  readonly queuedNs: number | null;
  /** Start of the iteration that admitted it, or its being queued where that iteration had begun late. */
  readonly admittedNs: number | null;
  /** First token handed to the socket, and when its iteration was planned to end. */
  readonly firstTokenNs: number | null;
  readonly firstTokenPlannedNs: number | null;
  readonly lastTokenNs: number | null;
  readonly lastTokenPlannedNs: number | null;
  /** Response ended, or the client's leaving noticed. */
  readonly endNs: number;
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number;
  readonly preemptions: number;
}

/** What `simulate` found: a trace on a fleet of engines in virtual time. */
export interface SimulationDocument extends FileHeader<'simulation'> {
  readonly trace: {
    readonly name: string;
    readonly hash: string;
    readonly rows: number;
    /** From the first to the last arrival of the trace as it is, seconds. */
    readonly durationSec: number;
  };
  readonly engine: { readonly name: string; readonly source: string };
  readonly replicas: number;
  readonly router: RouterPolicy;
  /** Arrival times were divided by this. */
  readonly speed: number;
  /** Iteration times were divided by this. */
  readonly engineSpeed: number;
  readonly counts: {
    /** Rows that were simulated, refused ones included. */
    readonly offered: number;
    readonly ok: number;
    /** Longer than the model's context or than the whole KV cache. */
    readonly refused: number;
    /** Rows left out because no engine could run them as they are, by reason. */
    readonly excluded: Readonly<Record<string, number>>;
  };
  /** Mean offered rate over the scaled span of arrivals; null for fewer than two requests. */
  readonly offeredPerSec: number | null;
  readonly outputTokensPerSec: number | null;
  readonly metrics: MetricSummaryMap;
  /** Wait for admission to a batch, ms; the server's queue, not the client's. */
  readonly queueWaitMs: WaitSummary;
  readonly makespanSec: number;
  readonly utilisation: number;
  readonly running: MeanMax;
  readonly waiting: MeanMax;
  readonly kvUsage: MeanMax;
  readonly preemptions: number;
  readonly prefixHitRatio: number | null;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly slo: readonly SloResult[];
  /** null without SLO. */
  readonly sloMet: boolean | null;
  readonly goodput: number | null;
  /** The SLO window by window of arrival; absent without SLO. */
  readonly attainmentOverTime?: AttainmentOverTime;
  /** Absent without a price. Without SLO every completed request counts as good. */
  readonly cost?: PlanCost;
  /** Times that a LoRA adapter was loaded; only for engines with adapter limits. */
  readonly adapterLoads?: number;
  /** Only for prefill and decode on replicas of their own; everything else is then of both pools together. */
  readonly disaggregated?: DisaggregatedSummary;
  /** Only for an autoscaled fleet; `replicas` is then the most at once. */
  readonly scaling?: ScalingSummary;
  readonly notes: readonly string[];
}

/** One pool of a disaggregated fleet. */
export interface PoolSummary {
  readonly engine: string;
  readonly replicas: number;
  readonly router: RouterPolicy;
  readonly utilisation: number;
  readonly running: MeanMax;
  readonly waiting: MeanMax;
  readonly kvUsage: MeanMax;
  readonly preemptions: number;
  readonly queueWaitMs: WaitSummary;
}

export interface DisaggregatedSummary {
  readonly prefill: PoolSummary;
  readonly decode: PoolSummary;
  /** Mean time that the KV of a prompt travelled, ms; null when none did. */
  readonly meanTransferMs: number | null;
}

/** Per request of one trace, the value on the other fleet less that on the first, ms. */
export interface PairedDifference {
  readonly metric: 'ttft' | 'tpot' | 'e2e';
  /** Requests with a value on both. */
  readonly n: number;
  readonly meanMs: number | null;
  readonly p05Ms: number | null;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  /** Shares of requests that were faster and slower on the other fleet, 0–1; the rest did not change. */
  readonly fasterRatio: number | null;
  readonly slowerRatio: number | null;
}

/** Two fleets on one trace (`simulate --versus`). Differences are other − base; null = unknown on one side. */
export interface FleetComparison extends FileHeader<'fleet-comparison'> {
  readonly base: SimulationDocument;
  readonly other: SimulationDocument;
  readonly paired: readonly PairedDifference[];
  readonly goodput: number | null;
  readonly replicaHours: number | null;
}

export interface WaitSummary {
  readonly n: number;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}
