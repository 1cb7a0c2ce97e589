/**
 * How many replicas one metric of a HorizontalPodAutoscaler asks for.
 *
 * Base part, pure. Source: Kubernetes, pkg/controller/podautoscaler/replica_calculator.go as of 1.33 (functions
 * calcPlainMetricReplicas, getUsageRatioReplicaCount, GetExternalPerPodMetricReplicas, groupPods) and the page
 * "Horizontal Pod Autoscaling", algorithm details. Values and targets are compared in thousandths, as quantities are.
 */
import type { HpaMetric } from '../../types.js';

/** A pod of the scaled workload, as the controller sees it. */
export interface PodView {
  /** `pending`: not scheduled, or its image is being pulled. `terminating`: its deletion was asked for. */
  readonly phase: 'pending' | 'running' | 'terminating';
  /** Its readiness probe passes. */
  readonly ready: boolean;
}

/** What a metrics API answered for one metric; null = no value. */
export type MetricReading =
  | {
      readonly kind: 'pods';
      /** One per pod, in the order of the pods. */
      readonly values: readonly (number | null)[];
    }
  | { readonly kind: 'external'; readonly value: number | null };

/** Shares of the target within which nothing is done, by direction. */
export interface Tolerances {
  readonly up: number;
  readonly down: number;
}

/** Replicas that a metric asks for, or why it cannot say. */
export type Proposal = { readonly replicas: number } | { readonly missing: string };

export interface ProposalContext {
  /** `spec.replicas` of the workload. */
  readonly specReplicas: number;
  readonly pods: readonly PodView[];
  readonly tolerances: Tolerances;
}

/** The proposal of one metric. */
export function proposeReplicas(
  metric: HpaMetric,
  reading: MetricReading,
  context: ProposalContext,
): Proposal {
  const { target } = metric;
  if (reading.kind === 'pods') return proposeForPods(toMilli(target.value), reading.values, context);
  if (reading.value === null) return { missing: `${metric.name}: no value` };
  const value = milliOf(reading.value);
  return target.kind === 'value'
    ? proposeForValue(value / toMilli(target.value), context)
    : proposeForAverage(value, toMilli(target.value), context);
}

/** Target in thousandths, at least one. */
function toMilli(value: number): number {
  return Math.max(1, Math.round(value * 1_000));
}

/** A measured value in thousandths; adapters cut the rest off. */
function milliOf(value: number): number {
  return Math.trunc(value * 1_000);
}

/** Whether a ratio of value and target is close enough to 1. */
export function isWithin(ratio: number, { up, down }: Tolerances): boolean {
  return 1 - down <= ratio && ratio <= 1 + up;
}

/**
 * Pods metric, average-value: pending pods count 0 on the way up and not at all on the way down; running pods without
 * a value count 0 on the way up and exactly the target on the way down; terminating pods do not exist. When that turns
 * the direction around, nothing is done.
 */
function proposeForPods(
  targetMilli: number,
  values: readonly (number | null)[],
  context: ProposalContext,
): Proposal {
  const { pods, specReplicas, tolerances } = context;
  if (pods.length === 0) return { missing: 'no pods' };
  let sum = 0;
  let measured = 0;
  let missing = 0;
  let pending = 0;
  for (const [i, pod] of pods.entries()) {
    if (pod.phase === 'terminating') continue;
    const value = values[i];
    if (pod.phase === 'pending') pending += 1;
    else if (value === null) missing += 1;
    else {
      sum += milliOf(value);
      measured += 1;
    }
  }
  if (measured === 0) return { missing: 'no metrics of running pods' };
  const ratio = ratioOf(sum, measured, targetMilli);
  const upWithPending = pending > 0 && ratio > 1;
  if (!upWithPending && missing === 0) {
    return { replicas: isWithin(ratio, tolerances) ? specReplicas : Math.ceil(ratio * measured) };
  }
  let counted = measured;
  // At exactly the target no value is put in for missing pods, and they are not counted either.
  if (ratio < 1) {
    sum += missing * targetMilli;
    counted += missing;
  } else if (ratio > 1) counted += missing;
  if (upWithPending) counted += pending;
  const careful = ratioOf(sum, counted, targetMilli);
  const turned = (ratio < 1 && careful > 1) || (ratio > 1 && careful < 1);
  if (isWithin(careful, tolerances) || turned) return { replicas: specReplicas };
  const replicas = Math.ceil(careful * counted);
  const backwards = (careful < 1 && replicas > specReplicas) || (careful > 1 && replicas < specReplicas);
  return { replicas: backwards ? specReplicas : replicas };
}

/** Mean in whole thousandths ÷ target. */
function ratioOf(sumMilli: number, count: number, targetMilli: number): number {
  return Math.trunc(sumMilli / count) / targetMilli;
}

/** External or object metric with a target for the value as a whole: scales the pods that are ready. */
function proposeForValue(ratio: number, context: ProposalContext): Proposal {
  const { specReplicas, pods, tolerances } = context;
  if (specReplicas === 0) return { replicas: Math.ceil(ratio) };
  if (isWithin(ratio, tolerances)) return { replicas: specReplicas };
  if (pods.length === 0) return { missing: 'no pods' };
  const ready = pods.filter((pod) => pod.phase !== 'pending' && pod.ready).length;
  return { replicas: Math.ceil(ratio * ready) };
}

/** External or object metric with a target per pod: the pods that exist count, ready or not. */
function proposeForAverage(valueMilli: number, targetMilli: number, context: ProposalContext): Proposal {
  const existing = context.pods.filter((pod) => pod.phase !== 'terminating').length;
  const ratio = valueMilli / (targetMilli * existing);
  return {
    replicas: isWithin(ratio, context.tolerances) ? existing : Math.ceil(valueMilli / targetMilli),
  };
}
