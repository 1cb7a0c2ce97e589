/** Requests through an autoscaled fleet, and how well it did: what `simulate --autoscaler` and `plan` rest on. Base part. */
import type { Slo } from '../../slo.js';
import type { AttainmentSample, BreachEpisode, EngineRequest, ProgressListener } from '../../types.js';
import { SEC_PER_HOUR } from '../../units.js';
import { fromColumns, type RequestColumns } from '../fleet.js';
import { createElasticFleet, type ElasticFleetOptions, type ElasticFleetResult } from './elastic-fleet.js';
import { ATTAINMENT_SEC, attainmentGoal, attainmentOverTime, breachEpisodes, countFlaps } from './outcome.js';

export interface SimulateAutoscaledFleetOptions extends ElasticFleetOptions {
  /** In order of arrival. */
  readonly requests: Iterable<EngineRequest> | RequestColumns;
  /** Judged over time. */
  readonly slo?: Slo;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

/** An elastic fleet's result with its judgement. */
export interface AutoscaledFleetResult extends ElasticFleetResult {
  readonly replicaHours: number;
  /** Replica-seconds ÷ makespan; null for a makespan of zero. */
  readonly meanReplicas: number | null;
  readonly flaps: number;
  /** Per minute of arrival; empty without SLO. */
  readonly attainment: readonly AttainmentSample[];
  /** Share of good requests that the SLO asks for; null without SLO. */
  readonly goal: number | null;
  readonly breaches: readonly BreachEpisode[];
  /** Longest breach, seconds; 0 = none, null = one was still open at the end, or there is no SLO. */
  readonly timeToRecoverSec: number | null;
}

const REQUESTS_PER_REPORT = 8_192;

/**
 * Runs all requests through a fleet that an autoscaler resizes. Ids are replaced by the position in the order of
 * arrival. Throws ToolError BAD_TRACE for arrivals out of order, BAD_VALUE for impossible options, the signal's reason.
 */
export function simulateAutoscaledFleet(options: SimulateAutoscaledFleetOptions): AutoscaledFleetResult {
  const { signal, progress } = options;
  const fleet = createElasticFleet(options);
  const columns = 'arrivalSec' in options.requests ? options.requests : null;
  const total = columns?.arrivalSec.length ?? null;
  const requests = columns === null ? (options.requests as Iterable<EngineRequest>) : fromColumns(columns);
  for (const request of requests) {
    fleet.offer(request);
    if (fleet.offered % REQUESTS_PER_REPORT === 0) {
      signal?.throwIfAborted();
      progress?.({ stage: 'simulating', done: fleet.offered, total, unit: 'requests' });
    }
  }
  return judgeElasticFleet(fleet.finish(), options.slo ?? null);
}

/** What a result means: cost, flapping, attainment and breaches. */
export function judgeElasticFleet(result: ElasticFleetResult, slo: Slo | null): AutoscaledFleetResult {
  const { simulation, scaleEvents, lives, replicaSec } = result;
  const attainment = slo === null ? [] : attainmentOverTime(slo, simulation.requests, ATTAINMENT_SEC);
  const goal = slo === null ? null : attainmentGoal(slo);
  const breaches = goal === null ? [] : breachEpisodes(attainment, goal, scaleEvents, lives);
  return {
    ...result,
    replicaHours: replicaSec / SEC_PER_HOUR,
    meanReplicas: simulation.makespanSec > 0 ? replicaSec / simulation.makespanSec : null,
    flaps: countFlaps(scaleEvents),
    attainment,
    goal,
    breaches,
    timeToRecoverSec: goal === null ? null : longestBreachSec(breaches),
  };
}

function longestBreachSec(breaches: readonly BreachEpisode[]): number | null {
  let longest = 0;
  for (const { fromSec, recoveredSec } of breaches) {
    if (recoveredSec === null) return null;
    longest = Math.max(longest, recoveredSec - fromSec);
  }
  return longest;
}
