/**
 * Levels in virtual time: the engine model stands in for the endpoint, so that a model can be profiled in seconds and
 * `plan` knows one replica's capacity without a server. The gauges are named as a run's are.
 */
import { simulateFleet } from '../engine/fleet.js';
import type {
  EngineModel,
  EngineRequest,
  GaugeSummary,
  RouterPolicy,
  RunTarget,
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
  readonly requestsOf: (rows: readonly TraceRow[]) => Promise<readonly EngineRequest[]>;
}

/** A `runLevel` for `profileLoad` that simulates. */
export function simulatedLevels(options: SimulatedLevelOptions): (plan: LevelPlan) => Promise<LevelRun> {
  return async (plan) => {
    const result = simulateFleet({
      requests: await options.requestsOf(plan.rows),
      engine: options.engine,
      replicas: options.replicas ?? 1,
      router: options.router,
      seed: plan.seed,
      signal: plan.signal ?? undefined,
    });
    return {
      target: simulationTarget(options.engine, options.replicas ?? 1),
      records: result.requests.map((request, index) => ({
        ...request,
        phase: index < plan.warmupRequests ? 'warmup' : 'measure',
      })),
      gauges: gaugesOf(result),
      valid: true,
      invalidBecause: null,
      runDir: null,
      stoppedEarly: null,
    };
  };
}

/** What a simulated profile says it measured. */
function simulationTarget(engine: EngineModel, replicas: number): RunTarget {
  return { url: `simulation of ${replicas} × ${engine.name}`, protocol: 'none', model: engine.name };
}

function gaugesOf(result: SimulationResult): GaugeSummary[] {
  const common = { source: 'simulation', samples: result.requests.length, failedScrapes: 0, last: null };
  return [
    { ...common, name: 'running', ...result.running },
    { ...common, name: 'waiting', ...result.waiting },
    { ...common, name: 'kv_usage', ...result.kvUsage },
    { ...common, name: 'preemptions', mean: null, max: null, last: result.preemptions },
  ];
}
