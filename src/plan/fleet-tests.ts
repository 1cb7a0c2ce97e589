/** What a plan's fleets do over time: the fixed one, the autoscaler that the advice makes, and both when things go wrong. */
import { attainmentWindowSec } from '../engine/slo-over-time.js';
import type { AutoscalerAdvice, CapacityPlan, EngineRequest } from '../types.js';
import { breakTests } from './break-tests.js';
import { burstDraw } from './burst.js';
import { type FleetConditions, fixedFleet, simulateOutcome } from './outcome.js';
import type { PlanOptions } from './plan.js';
import { PLAN_DEFAULTS } from './plan-defaults.js';
import { type FreshDraw, studyAutoscaler } from './scaler-study.js';
import { type DrawRequests, freshSeedsOf } from './sizing.js';

/** Requests that the autoscaler's search may simulate altogether, beyond its fewest trials. */
const SEARCH_REQUESTS = 2_000_000;
const FEWEST_TRIALS = 8;

export interface TestedFleets {
  readonly advice: AutoscalerAdvice | null;
  readonly warnings: readonly string[];
  readonly parts: Pick<CapacityPlan, 'attainmentOverTime' | 'autoscaling' | 'breakTests'>;
}

/** The fixed fleet over time, the autoscaler's study and how both break; null when no fixed fleet meets the SLO. */
export async function testFleets(
  options: PlanOptions,
  plan: {
    /** Of the smallest fixed fleet; null = none meets the SLO. */
    readonly replicas: number | null;
    readonly advice: AutoscalerAdvice | null;
    readonly requests: readonly EngineRequest[];
    readonly draw: DrawRequests;
    readonly coldStartSec: number;
    /** The workload with a fifth more customers. */
    readonly grown: () => Promise<readonly EngineRequest[]>;
  },
): Promise<TestedFleets | null> {
  const { replicas, advice, requests, draw, coldStartSec, grown } = plan;
  const { seed, engine, slo, signal, progress } = options;
  if (replicas === null) return null;
  const spanSec = requests[requests.length - 1].arrivalSec - requests[0].arrivalSec;
  const conditions: FleetConditions = {
    engine,
    slo,
    signal,
    progress,
    router: options.router ?? PLAN_DEFAULTS.router,
    windowSec: options.attainmentWindowSec ?? attainmentWindowSec(spanSec),
    windowGoal: options.windowGoal ?? PLAN_DEFAULTS.windowGoal,
    scrapeSec: options.reaction?.scrapeSec ?? PLAN_DEFAULTS.scrapeSec,
    coldStartSec: options.reaction?.coldStartSec ?? null,
    pricePerReplicaHour: options.pricePerReplicaHour ?? null,
  };
  const asked = options.scalerTrials ?? PLAN_DEFAULTS.scalerTrials;
  const trials = Math.min(asked, Math.max(FEWEST_TRIALS, Math.floor(SEARCH_REQUESTS / requests.length)));
  const reactionSec = advice?.reactionSec ?? 60 + coldStartSec;
  const burst = burstDraw({ requests, engine, stretchSec: reactionSec, seed });
  const fresh: FreshDraw[] = [];
  const studied = advice !== null && trials > 0;
  if (studied) {
    for (const freshSeed of freshSeedsOf(options))
      fresh.push({ seed: freshSeed, requests: await draw(freshSeed, true) });
  }
  const study = !studied
    ? null
    : await studyAutoscaler({
        conditions,
        kind: options.autoscaler ?? PLAN_DEFAULTS.autoscaler,
        advice,
        staticReplicas: replicas,
        requests,
        seed,
        fresh,
        burst,
        windowGoal: conditions.windowGoal,
        trials,
      });
  const fixed =
    study?.study.static ?? (await simulateOutcome(conditions, { ...fixedFleet(replicas), requests, seed }));
  const tests =
    options.breakTests === false
      ? undefined
      : await breakTests({
          conditions: study?.conditions ?? conditions,
          replicas,
          autoscaled: study?.runOf ?? null,
          requests,
          grown,
          burst,
          reactionSec,
          coldStartSec,
          seed,
        });
  return {
    advice: study?.advice ?? null,
    warnings: study?.warnings ?? [],
    parts: {
      attainmentOverTime: fixed.attainment,
      ...(study === null ? {} : { autoscaling: study.study }),
      ...(tests === undefined ? {} : { breakTests: tests }),
    },
  };
}
