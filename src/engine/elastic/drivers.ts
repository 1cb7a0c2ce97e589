/** What each kind of autoscaler does with a fleet over time: its loops, and what it is shown. Base part. */

import type { AutoscalerSpec, HpaMetric, HpaSpec, KedaSpec, KnativeSpec } from '../../types.js';
import { HpaController } from '../autoscale/hpa.js';
import type { MetricReading, PodView } from '../autoscale/hpa-metrics.js';
import { KedaController } from '../autoscale/keda.js';
import { KNATIVE_BUCKET_SEC, KnativeController } from '../autoscale/knative.js';

/** A fleet as its autoscaler can see and change it. */
export interface ScaledFleet {
  /** Replicas asked for: all but those that drain. */
  readonly specReplicas: number;
  readonly readyReplicas: number;
  /** Pods that exist, terminating ones included. */
  views(nowSec: number): readonly PodView[];
  /** A metric of each pod, in the order of `views`; null = no sample. */
  podValues(metric: HpaMetric, nowSec: number): readonly (number | null)[];
  /** A metric as one number; null = no series. */
  fleetValue(metric: HpaMetric, nowSec: number): number | null;
  /** Whether the monitoring system answers. */
  monitored(nowSec: number): boolean;
  /** Request-seconds spent in replicas and in the router up to now, and requests that have arrived. */
  inFlightSec(nowSec: number): number;
  readonly arrivals: number;
  /** Calls `fn` once per period, at a phase of its own. */
  every(periodSec: number, name: string, fn: (nowSec: number) => void): void;
  /** Calls `fn` once per whole second. */
  everySecond(fn: (nowSec: number) => void): void;
  scaleTo(nowSec: number, replicas: number, because: string): void;
}

/** Told when a request arrives and no replica is there to take it. */
export type WakeListener = ((nowSec: number) => void) | null;

/** Starts an autoscaler's loops. Returns what listens for requests that nobody can take. */
export function startAutoscaler(spec: AutoscalerSpec, fleet: ScaledFleet, nowSec: number): WakeListener {
  switch (spec.kind) {
    case 'static':
      return null;
    case 'hpa':
      startHpa(spec, fleet, nowSec);
      return null;
    case 'keda':
      startKeda(spec, fleet, nowSec);
      return null;
    case 'knative':
      return startKnative(spec, fleet, nowSec);
  }
}

/** Longest window that a spec's metrics look back over, seconds. */
export function longestWindowSec(spec: AutoscalerSpec): number {
  const metrics =
    spec.kind === 'hpa'
      ? spec.metrics
      : spec.kind === 'keda'
        ? spec.triggers.map((trigger) => trigger.metric)
        : [];
  return metrics.reduce((longest, { query }) => Math.max(longest, query.windowSec), 0);
}

function startHpa(spec: HpaSpec, fleet: ScaledFleet, nowSec: number): void {
  const controller = new HpaController(spec, fleet.specReplicas, nowSec);
  fleet.every(spec.syncSec, 'sync', (atSec) => {
    const decision = controller.sync({
      nowSec: atSec,
      specReplicas: fleet.specReplicas,
      pods: fleet.views(atSec),
      readings: spec.metrics.map((metric) => read(metric, fleet, atSec)),
    });
    fleet.scaleTo(atSec, decision.replicas, decision.because);
  });
}

function read(metric: HpaMetric, fleet: ScaledFleet, nowSec: number): MetricReading {
  if (!fleet.monitored(nowSec)) {
    return metric.source === 'pods'
      ? { kind: 'pods', values: fleet.views(nowSec).map(() => null) }
      : { kind: 'external', value: null };
  }
  return metric.source === 'pods'
    ? { kind: 'pods', values: fleet.podValues(metric, nowSec) }
    : { kind: 'external', value: fleet.fleetValue(metric, nowSec) };
}

function startKeda(spec: KedaSpec, fleet: ScaledFleet, nowSec: number): void {
  const controller = new KedaController(spec, fleet.specReplicas, nowSec);
  // KEDA reads a query without a result as 0 (ignoreNullValues).
  const values = (atSec: number): readonly (number | null)[] =>
    spec.triggers.map(({ metric }) =>
      fleet.monitored(atSec) ? (fleet.fleetValue(metric, atSec) ?? 0) : null,
    );
  fleet.every(spec.pollingSec, 'poll', (atSec) => {
    const { replicas, because } = controller.poll(atSec, fleet.specReplicas, values(atSec));
    fleet.scaleTo(atSec, replicas, because);
  });
  fleet.every(spec.syncSec, 'sync', (atSec) => {
    const { specReplicas } = fleet;
    const decision = controller.sync({
      nowSec: atSec,
      specReplicas,
      pods: fleet.views(atSec),
      values: values(atSec),
    });
    fleet.scaleTo(atSec, decision.replicas, decision.because);
  });
}

function startKnative(spec: KnativeSpec, fleet: ScaledFleet, startSec: number): WakeListener {
  const controller = new KnativeController(spec, fleet.specReplicas, 0);
  let seenSec = fleet.inFlightSec(startSec);
  let seenArrivals = 0;
  fleet.everySecond((atSec) => {
    const inFlightSec = fleet.inFlightSec(atSec);
    const load = spec.metric === 'rps' ? fleet.arrivals - seenArrivals : inFlightSec - seenSec;
    controller.record(Math.round(atSec - startSec) - KNATIVE_BUCKET_SEC, load / KNATIVE_BUCKET_SEC);
    seenSec = inFlightSec;
    seenArrivals = fleet.arrivals;
  });
  fleet.every(spec.tickSec, 'tick', (atSec) => {
    const { specReplicas, readyReplicas } = fleet;
    const { replicas, because } = controller.tick(atSec - startSec, specReplicas, readyReplicas);
    fleet.scaleTo(atSec, replicas, because);
  });
  // The activator reports a buffered request at once; it does not wait for the next tick.
  return (atSec) => {
    if (fleet.specReplicas > 0) return;
    fleet.scaleTo(atSec, controller.activate(atSec - startSec), 'a request came while there was no replica');
  };
}
