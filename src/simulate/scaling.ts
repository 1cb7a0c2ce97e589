/** The autoscaled part of a simulation's document, and what a person should know about it. */
import { coldStartOf, meanColdStartSec } from '../engine/elastic/cold-start.js';
import type { ElasticFleetResult } from '../engine/elastic/elastic-fleet.js';
import { judgeElasticFleet } from '../engine/elastic/simulate-autoscaled.js';
import type { HpaMetric, ScalingSummary } from '../types.js';
import { formatDurationSec } from '../units.js';
import { autoscalerOf, type SimulateTraceOptions } from './simulate.js';

/** Samples of the timeline in a document at most; the fleet is sampled every 15 s. */
const MAX_SAMPLES = 5_760;

export function scalingOf(options: SimulateTraceOptions, elastic: ElasticFleetResult): ScalingSummary {
  const judged = judgeElasticFleet(elastic, options.slo ?? null);
  const { engine, scaling = {} } = options;
  const everyNth = Math.ceil(judged.timeline.length / MAX_SAMPLES);
  return {
    autoscaler: autoscalerOf(options)!,
    initialReplicas: judged.timeline[0]?.ready ?? 0,
    scrapeSec: scaling.scrapeSec ?? 15,
    coldStart: scaling.coldStart ?? coldStartOf(engine),
    terminationGraceSec: scaling.terminationGraceSec ?? null,
    replicaHours: judged.replicaHours,
    acceleratorHours: judged.replicaHours * (engine.acceleratorsPerReplica ?? 1),
    meanReplicas: judged.meanReplicas,
    peakReplicas: judged.simulation.replicas,
    flaps: judged.flaps,
    cutOff: judged.cutOff,
    unserved: judged.unserved,
    goal: judged.goal,
    attainment: judged.attainment,
    breaches: judged.breaches,
    timeToRecoverSec: judged.timeToRecoverSec,
    scaleEvents: judged.scaleEvents,
    timeline: judged.timeline.filter((_, i) => i % everyNth === 0),
    lives: judged.lives,
  };
}

/** What is easily overlooked. */
export function scalingNotes(scaling: ScalingSummary): string[] {
  const { autoscaler, cutOff, unserved, coldStart, terminationGraceSec } = scaling;
  const notes: string[] = [];
  if (autoscaler.kind !== 'static' && meanColdStartSec(coldStart) === 0)
    notes.push(
      'cold start is 0 s: replicas are ready at once; give --cold-start, or an engine model that knows it',
    );
  if (cutOff > 0)
    notes.push(
      terminationGraceSec === null
        ? `${cutOff} requests cut off with replicas that died`
        : `${cutOff} requests cut off: a removed replica has ${formatDurationSec(terminationGraceSec)} to finish (terminationGracePeriodSeconds)`,
    );
  if (unserved > 0) notes.push(`${unserved} requests were never served: no replica came for them`);
  if (autoscaler.kind === 'keda' && autoscaler.minReplicas === 0) {
    const metrics = autoscaler.triggers.map((trigger) => trigger.metric);
    if (!metrics.some(existsWithoutReplicas))
      notes.push(
        'no trigger exists while there is no replica: a fleet at zero is never woken; add a trigger on the gateway, or minReplicaCount 1',
      );
  }
  return notes;
}

const existsWithoutReplicas = (metric: HpaMetric): boolean => metric.query.signal === 'gateway_queue';
