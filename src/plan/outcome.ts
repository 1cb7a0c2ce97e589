/** One fleet, fixed or autoscaled, over a whole workload in virtual time, judged over the run and over time. */
import { coldStartOf } from '../engine/elastic/cold-start.js';
import { createElasticFleet } from '../engine/elastic/elastic-fleet.js';
import { judgeElasticFleet } from '../engine/elastic/simulate-autoscaled.js';
import { planCost } from '../engine/fleet-cost.js';
import { sloOverTime } from '../engine/slo-over-time.js';
import { goodputOf, judgeSlo, type Slo } from '../slo.js';
import type {
  AutoscalerSpec,
  EngineModel,
  EngineRequest,
  FleetOutcome,
  ProgressListener,
  RouterPolicy,
} from '../types.js';
import { significant } from '../units.js';
import { replicasText } from './evidence.js';
import { countsErrors, MAX_REFUSED_RATIO } from './sizing.js';
import { thinnedTimeline } from './timeline.js';

/** Requests between two turns of the event loop. */
const REQUESTS_PER_BREATH = 8_192;

/** What surrounds every simulated fleet of a plan. */
export interface FleetConditions {
  readonly engine: EngineModel;
  readonly router: RouterPolicy;
  readonly slo: Slo;
  /** Window of attainment over time, seconds. */
  readonly windowSec: number;
  /** Share of windows that must meet the SLO. */
  readonly windowGoal: number;
  readonly scrapeSec: number;
  /** From creation to ready; null = the engine model's phases. */
  readonly coldStartSec: number | null;
  readonly pricePerReplicaHour: number | null;
  readonly signal?: AbortSignal | null;
  readonly progress?: ProgressListener;
}

export interface FleetRun {
  readonly label: string;
  readonly autoscaler: AutoscalerSpec;
  readonly requests: readonly EngineRequest[];
  readonly seed: string;
  /** Ready at the first arrival; default: the autoscaler's minimum. */
  readonly initialReplicas?: number;
  /** When a replica dies, seconds of the workload. */
  readonly failuresSec?: readonly number[];
}

/** Simulates a fleet. Throws the signal's reason. */
export async function simulateOutcome(conditions: FleetConditions, run: FleetRun): Promise<FleetOutcome> {
  const { engine, router, slo, coldStartSec, signal, progress } = conditions;
  const { requests, autoscaler, seed } = run;
  const fleet = createElasticFleet({
    engine,
    router,
    seed,
    autoscaler,
    scrapeSec: conditions.scrapeSec,
    initialReplicas: run.initialReplicas,
    failuresSec: run.failuresSec,
    coldStart:
      coldStartSec === null
        ? coldStartOf(engine)
        : { scheduleSec: 0, pullSec: 0, loadSec: coldStartSec, warmupSec: 0 },
  });
  for (let from = 0; from < requests.length; from += REQUESTS_PER_BREATH) {
    signal?.throwIfAborted();
    progress?.({ stage: run.label, done: from, total: requests.length, unit: 'requests' });
    for (const request of requests.slice(from, from + REQUESTS_PER_BREATH)) fleet.offer(request);
    // An interrupt or a timer is seen only when the event loop turns.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const judged = judgeElasticFleet(fleet.finish(), slo);
  const { simulation } = judged;
  const results = judgeSlo(slo, simulation.requests);
  const refusedRatio = simulation.refused / Math.max(1, simulation.requests.length);
  const lost = judged.unserved + judged.cutOff;
  const met =
    results.every((term) => term.met) &&
    (countsErrors(slo) ||
      (refusedRatio <= MAX_REFUSED_RATIO && lost <= MAX_REFUSED_RATIO * simulation.requests.length));
  const attainment = sloOverTime(slo, simulation.requests, conditions.windowSec);
  const goodput = goodputOf(slo, simulation.requests) ?? 0;
  const meanReplicas = judged.meanReplicas ?? simulation.replicas;
  const answered = simulation.requests.filter((request) => request.status === 'ok');
  return {
    label: run.label,
    autoscaler,
    initialReplicas: judged.timeline[0]?.ready ?? 0,
    seed,
    met,
    metOverTime: met && (attainment.metRatio ?? 0) >= conditions.windowGoal,
    slo: results,
    goodput,
    attainment,
    replicaHours: judged.replicaHours,
    meanReplicas,
    peakReplicas: simulation.replicas,
    flaps: judged.flaps,
    cutOff: judged.cutOff,
    unserved: judged.unserved,
    timeToRecoverSec: judged.timeToRecoverSec,
    cost: planCost({
      pricePerReplicaHour: conditions.pricePerReplicaHour,
      replicas: meanReplicas,
      durationSec: simulation.makespanSec,
      inputTokens: answered.reduce((sum, request) => sum + (request.inputTokens ?? 0), 0),
      outputTokens: answered.reduce((sum, request) => sum + (request.outputTokens ?? 0), 0),
      goodRequests: goodput * simulation.requests.length,
    }),
    ...(autoscaler.kind === 'static' ? {} : { timeline: thinnedTimeline(judged.timeline) }),
  };
}

/** A fleet of fixed size. */
export function fixedFleet(replicas: number): Pick<FleetRun, 'label' | 'autoscaler'> {
  return {
    label: replicasText(replicas),
    autoscaler: { kind: 'static', replicas },
  };
}

/** `1.2 replicas on average`, or the number where it never changed. */
export function meanText({ meanReplicas }: FleetOutcome): string {
  const whole = Math.round(meanReplicas);
  return Math.abs(meanReplicas - whole) < 0.005
    ? replicasText(whole)
    : `${significant(meanReplicas)} replicas on average`;
}
