/**
 * A HorizontalPodAutoscaler: from metric readings to `spec.replicas`, once per sync.
 *
 * Base part. Source: Kubernetes, pkg/controller/podautoscaler/horizontal.go as of 1.33 (reconcileAutoscaler,
 * computeReplicasForMetrics, tolerancesForHpa): the largest proposal wins; a metric that is missing forbids scaling
 * down; when all are missing nothing happens and nothing is remembered.
 */
import type { HpaSpec } from '../../types.js';
import { type NormalizedWish, ScalingHistory } from './hpa-behavior.js';
import {
  type MetricReading,
  type PodView,
  type Proposal,
  proposeReplicas,
  type Tolerances,
} from './hpa-metrics.js';

/** Everything the controller looks at in one sync. */
export interface HpaObservation {
  readonly nowSec: number;
  /** `spec.replicas` of the workload. */
  readonly specReplicas: number;
  /** Terminating ones included. */
  readonly pods: readonly PodView[];
  /** One per metric of the spec, in its order. */
  readonly readings: readonly MetricReading[];
}

export interface HpaDecision {
  /** The new `spec.replicas`; equal to the old one when nothing is done. */
  readonly replicas: number;
  /** What each metric asked for; empty when none was read. */
  readonly proposals: readonly Proposal[];
  /** Largest proposal before windows, policies and bounds; null = none could be made. */
  readonly wish: number | null;
  readonly because: string;
}

/** The controller of one HorizontalPodAutoscaler. */
export class HpaController {
  readonly #spec: HpaSpec;
  readonly #tolerances: Tolerances;
  readonly #history: ScalingHistory;

  /** `initialReplicas`: size of the workload when the controller first sees it. */
  constructor(spec: HpaSpec, initialReplicas: number, nowSec: number) {
    this.#spec = spec;
    const { behavior, toleranceRatio } = spec;
    this.#tolerances = {
      up: behavior?.scaleUp.toleranceRatio ?? toleranceRatio,
      down: behavior?.scaleDown.toleranceRatio ?? toleranceRatio,
    };
    this.#history = new ScalingHistory(initialReplicas, nowSec);
  }

  /** One sync. The caller carries out what is decided. */
  sync(observation: HpaObservation): HpaDecision {
    const decision = this.#decide(observation);
    const { behavior } = this.#spec;
    const { nowSec, specReplicas } = observation;
    if (behavior !== null && decision.replicas !== specReplicas)
      this.#history.noteChange(nowSec, specReplicas, decision.replicas, behavior);
    return decision;
  }

  #decide(observation: HpaObservation): HpaDecision {
    const { specReplicas, nowSec, pods, readings } = observation;
    const { minReplicas, maxReplicas, metrics, behavior, downscaleStabilizationSec } = this.#spec;
    const unread = { proposals: [], wish: null };
    if (specReplicas === 0 && minReplicas !== 0)
      return { ...unread, replicas: 0, because: 'scaled to zero: autoscaling is off' };
    if (specReplicas > maxReplicas) return { ...unread, replicas: maxReplicas, because: 'above maxReplicas' };
    if (specReplicas < minReplicas) return { ...unread, replicas: minReplicas, because: 'below minReplicas' };

    const context = { specReplicas, pods, tolerances: this.#tolerances };
    const proposals = metrics.map((metric, i) => proposeReplicas(metric, readings[i], context));
    let wish = 0;
    let asking = '';
    let missing = '';
    for (const [i, proposal] of proposals.entries()) {
      if ('missing' in proposal) missing ||= proposal.missing;
      else if (asking === '' || proposal.replicas > wish) {
        wish = proposal.replicas;
        asking = metrics[i].name;
      }
    }
    if (asking === '' || (missing !== '' && wish < specReplicas)) {
      const because = `${missing}: ${asking === '' ? 'nothing to go by' : 'no scaling down'}`;
      return { replicas: specReplicas, proposals, wish: asking === '' ? null : wish, because };
    }
    const limits = { currentReplicas: specReplicas, minReplicas, maxReplicas };
    const normalized =
      behavior === null
        ? this.#history.normalizeByFlags(nowSec, wish, downscaleStabilizationSec, limits)
        : this.#history.normalizeByBehavior(nowSec, wish, behavior, limits);
    return {
      replicas: normalized.replicas,
      proposals,
      wish,
      because: reasonOf(asking, wish, specReplicas, normalized),
    };
  }
}

function reasonOf(asking: string, wish: number, current: number, normalized: NormalizedWish): string {
  const want =
    wish > current
      ? `${asking} asks for ${wish}`
      : wish < current
        ? `all metrics ask for ${wish} at most`
        : `${asking} is at its target`;
  return normalized.heldBackBy === null
    ? want
    : `${want}, held at ${normalized.replicas} by the ${normalized.heldBackBy}`;
}
