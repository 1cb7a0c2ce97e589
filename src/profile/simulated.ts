/**
 * Levels in virtual time: the engine model stands in for the endpoint, so that a model can be profiled in seconds and
 * `plan` knows one replica's capacity without a server. The gauges carry the names that a server would export.
 */
import { simulateFleet } from '../engine/fleet.js';
import type {
  EngineModel,
  EngineRequest,
  GaugeSummary,
  MeanMax,
  RouterPolicy,
  SimulationResult,
  TraceRow,
} from '../types.js';
import type { LevelRun } from './judge.js';
import type { LevelPlan } from './profile.js';

export interface SimulatedLevelOptions {
  readonly engine: EngineModel;
  /** Default 1. */
  readonly replicas?: number;
  readonly router?: RouterPolicy;
  /** Trace rows as the engine takes them (prefix blocks cut to the engine's size). */
  readonly requestsOf: (rows: readonly TraceRow[]) => readonly EngineRequest[];
}

/** A `runLevel` for `profileLoad` that simulates. */
export function simulatedLevels(options: SimulatedLevelOptions): (plan: LevelPlan) => Promise<LevelRun> {
  return async (plan) => {
    const result = simulateFleet({
      requests: options.requestsOf(plan.rows),
      engine: options.engine,
      replicas: options.replicas ?? 1,
      router: options.router,
      seed: plan.seed,
      signal: plan.signal ?? undefined,
    });
    return {
      records: result.requests.map((request, index) => ({
        ...request,
        phase: index < plan.warmupRequests ? 'warmup' : 'measure',
      })),
      gauges: gaugesOf(result),
      valid: true,
      invalidBecause: null,
      runDir: null,
    };
  };
}

function gaugesOf(result: SimulationResult): GaugeSummary[] {
  const gauge = (name: string, value: MeanMax): GaugeSummary => ({
    name,
    samples: result.requests.length,
    failedScrapes: 0,
    mean: value.mean,
    max: value.max,
    last: null,
  });
  return [
    gauge('vllm:num_requests_running', result.running),
    gauge('vllm:num_requests_waiting', result.waiting),
    gauge('vllm:kv_cache_usage_perc', result.kvUsage),
    {
      ...gauge('vllm:num_preemptions_total', { mean: 0, max: 0 }),
      mean: null,
      max: null,
      last: result.preemptions,
    },
  ];
}
