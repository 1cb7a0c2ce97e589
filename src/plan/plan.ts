/**
 * plan: a workload, an engine model and an SLO → CapacityPlan: the smallest static fleet with its evidence, what it
 * costs, and autoscaler settings. The caller brings the workload's requests (a trace's rows, or a function that
 * synthesizes) and a profile of one replica; nothing here reads or writes files.
 */
import { coldStartOf, meanColdStartSec } from '../engine/elastic/cold-start.js';
import { planCost } from '../engine/fleet-cost.js';
import { ToolError } from '../errors.js';
import type { Slo } from '../slo.js';
import type {
  AutoscalerAdvice,
  AutoscalingStudy,
  CapacityPlan,
  EngineModel,
  EngineRequest,
  FleetTrial,
  LatencyProfile,
  Manifest,
  ProgressListener,
  RouterPolicy,
} from '../types.js';
import { formatRatio, significant } from '../units.js';
import { adviseAutoscaler } from './advice.js';
import { BREAK_GROWTH } from './break-tests.js';
import { replicasText } from './evidence.js';
import { testFleets } from './fleet-tests.js';
import { PLAN_DEFAULTS } from './plan-defaults.js';
import { ratePerMinute } from './rates.js';
import type { ScalerKind } from './scaler-spec.js';
import { type Sizing, sizeFleet } from './sizing.js';
import { FRESH_METHODS, type FreshMethod, freshDraw, growTraffic, growthCopy } from './traffic.js';

/** Where requests come from: a log that happened, or a model that draws another one for each seed. */
export type PlanSource =
  | {
      readonly kind: 'trace';
      /** Sorted by arrival, from 0. */
      readonly requests: readonly EngineRequest[];
      readonly fresh: FreshMethod;
    }
  | {
      readonly kind: 'workload-model';
      readonly synthesize: (seed: string) => Promise<readonly EngineRequest[]>;
    };

export interface PlanOptions {
  readonly source: PlanSource;
  readonly workload: { readonly name: string; readonly hash: string; readonly startUtc: string | null };
  readonly engine: EngineModel;
  readonly slo: Slo;
  readonly manifest: Manifest;
  readonly seed: string;
  /** Default least-requests. */
  readonly router?: RouterPolicy;
  /** Default 64. */
  readonly maxReplicas?: number;
  /** Fresh draws that the size must meet. Default 3. */
  readonly freshSeeds?: number;
  /** Traffic multiplier, by superposition. Default 1. */
  readonly growth?: number;
  readonly pricePerReplicaHour?: number | null;
  /** Autoscaler settings come from it; without one there are none. */
  readonly profile?: LatencyProfile | null;
  /** Replicas behind the profiled endpoint. Default 1. */
  readonly profileReplicas?: number;
  readonly reaction?: Partial<AutoscalerAdvice['reactionParts']>;
  /** Which autoscaler is simulated and searched. Default hpa. */
  readonly autoscaler?: ScalerKind;
  /** Autoscaler settings that are tried at most; 0 = the recipe is advised untested. Default 24, fewer for long workloads. */
  readonly scalerTrials?: number;
  /** Share of windows that must meet the SLO. Default 0.95. */
  readonly windowGoal?: number;
  /** Window of attainment over time, seconds; default one minute, longer for workloads of more than a day. */
  readonly attainmentWindowSec?: number;
  /** Whether to show how the plan breaks. Default true. */
  readonly breakTests?: boolean;
  /** Notes of the caller that belong into the plan, e.g. rows left out. */
  readonly warnings?: readonly string[];
  readonly signal?: AbortSignal | null;
  readonly progress?: ProgressListener;
}

/**
 * Plans a fleet. An SLO that no fleet meets is an answer (`infeasible`), not an error.
 * Throws NO_ROWS for an empty workload, BAD_VALUE for a growth that is not above zero.
 */
export async function planFleet(options: PlanOptions): Promise<CapacityPlan> {
  const growth = options.growth ?? PLAN_DEFAULTS.growth;
  if (!(growth > 0 && growth <= 1_000)) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `expected a growth factor above 0 and up to 1000, got ${growth}`,
      hint: 'write --growth 1.5 for half as much traffic again',
    });
  }
  checkGoal(options.windowGoal);
  const draw = requestSource(options.source, growth, options.seed);
  const requests = await draw(options.seed, false);
  if (requests.length === 0) {
    throw new ToolError({
      code: 'NO_ROWS',
      message: 'the workload has no request to plan for',
      hint: 'check the trace with `tokentide inspect`, or synthesize for a longer time',
    });
  }
  const router = options.router ?? PLAN_DEFAULTS.router;
  const sizing = await sizeFleet({
    engine: options.engine,
    router,
    slo: options.slo,
    draw,
    seed: options.seed,
    maxReplicas: options.maxReplicas ?? PLAN_DEFAULTS.maxReplicas,
    freshSeeds: options.freshSeeds ?? PLAN_DEFAULTS.freshSeeds,
    signal: options.signal,
    progress: options.progress,
  });
  const facts = workloadFacts(requests);
  const arrivalsSec = Float64Array.from(requests, (request) => request.arrivalSec);
  const profile = options.profile ?? null;
  const coldStartSec = options.reaction?.coldStartSec ?? meanColdStartSec(coldStartOf(options.engine));
  const advice =
    profile === null
      ? null
      : adviseAutoscaler({
          profile,
          profileReplicas: options.profileReplicas ?? 1,
          engine: options.engine,
          slo: options.slo,
          arrivalsSec,
          scrapeSec: options.reaction?.scrapeSec ?? PLAN_DEFAULTS.scrapeSec,
          syncSec: options.reaction?.syncSec ?? PLAN_DEFAULTS.syncSec,
          windowSec: options.reaction?.windowSec ?? PLAN_DEFAULTS.windowSec,
          coldStartSec,
          staticReplicas: sizing.replicas,
        });
  const tested = await testFleets(options, {
    replicas: sizing.replicas,
    advice,
    requests,
    draw,
    coldStartSec,
    grown: () => requestSource(options.source, growth * BREAK_GROWTH, options.seed)(options.seed, false),
  });
  const autoscaler = tested?.advice ?? advice;
  const chosen = chosenTrial(sizing);
  return {
    schemaVersion: 1,
    kind: 'capacity-plan',
    manifest: options.manifest,
    workload: {
      ...options.workload,
      kind: options.source.kind,
      requests: requests.length,
      durationSec: facts.durationSec,
      meanRatePerSec: facts.meanRatePerSec,
      peakRatePerSec: Math.max(...facts.ratePerMinute),
      inputTokens: facts.inputTokens,
      outputTokens: facts.outputTokens,
    },
    engine: { name: options.engine.name, source: options.engine.source },
    router,
    slo: options.slo.text,
    growth,
    freshMethod: FRESH_METHODS[options.source.kind === 'trace' ? options.source.fresh : 'synthesis'],
    replicas: sizing.replicas,
    trials: sizing.trials,
    cost: planCost({
      pricePerReplicaHour: sizing.replicas === null ? null : (options.pricePerReplicaHour ?? null),
      replicas: sizing.replicas ?? 0,
      durationSec: facts.durationSec,
      inputTokens: facts.inputTokens,
      outputTokens: facts.outputTokens,
      goodRequests: (chosen?.goodput ?? 0) * requests.length,
    }),
    autoscaler,
    ...tested?.parts,
    ratePerMinute: facts.ratePerMinute,
    warnings: [
      ...(options.warnings ?? []),
      ...sizing.warnings,
      ...missingAdvice(profile, autoscaler),
      ...(autoscaler?.warnings ?? []),
      ...(tested?.warnings ?? []),
    ],
    verdict: verdictOf(sizing, options, tested?.parts.autoscaling ?? null),
    files: [],
  };
}

function checkGoal(windowGoal: number | undefined): void {
  if (windowGoal === undefined || (windowGoal > 0 && windowGoal <= 1)) return;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected a share of windows above 0 and up to 1, got ${windowGoal}`,
    hint: 'write --window-goal 0.95 for 95 % of the windows',
  });
}

/** Requests of a trial: the workload itself, or a fresh draw; grown by superposition where asked. */
function requestSource(
  source: PlanSource,
  growth: number,
  baseSeed: string,
): (seed: string, fresh: boolean) => Promise<readonly EngineRequest[]> {
  const grown = async (seed: string): Promise<readonly EngineRequest[]> => {
    if (source.kind === 'trace') {
      return growTraffic(source.requests, growth, seed, (copy) => growthCopy(source.requests, copy, seed));
    }
    return growTraffic(await source.synthesize(seed), growth, seed, (copy) =>
      source.synthesize(`${seed}/copy-${copy}`),
    );
  };
  const kept = new Map<string, readonly EngineRequest[]>();
  return async (seed, fresh) => {
    const known = kept.get(baseSeed);
    if (!fresh && seed === baseSeed && known !== undefined) return known;
    const requests = await grown(seed);
    if (fresh) return source.kind === 'trace' ? freshDraw(requests, source.fresh, seed) : requests;
    if (seed === baseSeed) kept.set(seed, requests);
    return requests;
  };
}

interface WorkloadFacts {
  readonly durationSec: number;
  readonly meanRatePerSec: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly ratePerMinute: readonly number[];
}

function workloadFacts(requests: readonly EngineRequest[]): WorkloadFacts {
  const first = requests[0].arrivalSec;
  const last = requests[requests.length - 1].arrivalSec;
  // n requests have n − 1 gaps; with one request, or all at once, there is no rate: it counts as one second.
  const overTime = last - first >= 1e-9;
  const durationSec = overTime ? last - first : 1;
  const gaps = overTime ? requests.length - 1 : requests.length;
  let inputTokens = 0;
  let outputTokens = 0;
  for (const request of requests) {
    inputTokens += request.inputTokens;
    outputTokens += request.outputTokens;
  }
  const arrivals = Float64Array.from(requests, (request) => request.arrivalSec - first);
  return {
    durationSec,
    meanRatePerSec: gaps / durationSec,
    inputTokens,
    outputTokens,
    ratePerMinute: ratePerMinute(arrivals),
  };
}

function chosenTrial(sizing: Sizing): FleetTrial | null {
  return sizing.trials.find((trial) => trial.replicas === sizing.replicas && trial.role === 'search') ?? null;
}

function missingAdvice(profile: LatencyProfile | null, advice: AutoscalerAdvice | null): string[] {
  if (advice !== null) return [];
  if (profile === null) return ['no profile: no autoscaler thresholds'];
  return [`no autoscaler thresholds: the profile knows no capacity (${profile.verdict.because})`];
}

function verdictOf(
  sizing: Sizing,
  options: PlanOptions,
  study: AutoscalingStudy | null,
): CapacityPlan['verdict'] {
  if (sizing.replicas === null) {
    return {
      verdict: 'infeasible',
      because: sizing.because,
      recommendation: sizing.because.startsWith('no fleet helps')
        ? `loosen the SLO "${options.slo.text}" or take a faster engine: more replicas do not shorten a request that waits for nobody`
        : sizing.because.includes('do not fit the engine')
          ? 'take an engine with a longer context or more KV blocks, or leave these requests out'
          : `raise --max-replicas above ${significant(options.maxReplicas ?? PLAN_DEFAULTS.maxReplicas)}, loosen the SLO, or take a faster engine`,
    };
  }
  return {
    verdict: 'feasible',
    because: sizing.because,
    recommendation: `run ${replicasText(sizing.replicas)}${scalerRecommendation(study)}`,
  };
}

function scalerRecommendation(study: AutoscalingStudy | null): string {
  if (study === null) return ', or start the autoscaler from hpa.yaml or keda.yaml';
  const { recommended, savingRatio, kind, confirm } = study;
  const holds = recommended.metOverTime && confirm.every((outcome) => outcome.met);
  const file = MANIFEST_OF[kind];
  if (!holds) return `; the autoscaler in ${file} does not keep the SLO on every fresh draw`;
  return savingRatio > 0.005
    ? `, or save ${formatRatio(savingRatio)} of the replica-hours with the autoscaler in ${file}`
    : `; the autoscaler in ${file} saves nothing here`;
}

const MANIFEST_OF: Readonly<Record<ScalerKind, string>> = {
  hpa: 'hpa.yaml',
  keda: 'keda.yaml',
  knative: 'knative-patch.yaml',
};
