/** The pools of a disaggregated fleet, and waits, in a simulation's document. */
import type { DisaggregatedResult, Pool } from '../engine/disaggregated.js';
import { DEFAULT_ROUTER } from '../engine/router.js';
import { summarizeSamples } from '../metrics.js';
import type { DisaggregatedSummary, PoolSummary, SimulationResult, WaitSummary } from '../types.js';
import type { SimulateTraceOptions } from './simulate.js';

export function poolsOf(
  options: SimulateTraceOptions,
  prefill: Pool,
  pools: DisaggregatedResult,
): DisaggregatedSummary {
  const decode = { engine: options.engine, router: options.router };
  return {
    prefill: poolOf(prefill, pools.prefill),
    decode: poolOf(decode, pools.decode),
    meanTransferMs: pools.meanTransferMs,
  };
}

function poolOf(pool: Omit<Pool, 'replicas'>, result: SimulationResult): PoolSummary {
  const { replicas, utilisation, running, waiting, kvUsage, preemptions } = result;
  return {
    engine: pool.engine.name,
    replicas,
    router: pool.router ?? DEFAULT_ROUTER,
    utilisation,
    running,
    waiting,
    kvUsage,
    preemptions,
    queueWaitMs: waitOf(result),
  };
}

/** Summary of the waits for admission. */
export function waitOf(result: SimulationResult): WaitSummary {
  const samples = result.queueWaitMs.filter((wait) => wait !== null);
  const { n, mean, p50, p99, max } = summarizeSamples('queue_wait', samples);
  return { n, mean, p50, p99, max };
}
