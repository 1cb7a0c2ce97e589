/**
 * Autoscaler advice → the spec that is simulated, read back from the very manifest that the plan writes: what is
 * simulated cannot drift from what is applied.
 */
import { parseAutoscalerSpec } from '../engine/autoscale/spec.js';
import type { AutoscalerAdvice, AutoscalerSpec, AutoscalingStudy, Threshold } from '../types.js';
import { significant } from '../units.js';
import { CANONICAL_QUERIES } from './advice.js';
import { replicaRangeText } from './evidence.js';
import { knativeManifest, knativeMetricOf } from './knative-manifest.js';
import { hpaManifest, kedaManifest } from './manifests.js';

export type ScalerKind = AutoscalingStudy['kind'];

const NAMES = {
  deployment: 'server',
  namespace: 'default',
  prometheusUrl: 'http://prometheus',
  fallbackReplicas: null,
};

/** The autoscaler that the advice's recommended threshold makes. */
export function scalerSpec(advice: AutoscalerAdvice, kind: ScalerKind): AutoscalerSpec {
  // Every server's gauge of this kind reads alike; the simulated fleet exports vLLM's names.
  const recommended = { ...advice.recommended, query: CANONICAL_QUERIES[advice.recommended.signal] };
  const canonical = { ...advice, recommended, alternatives: [] };
  const text = {
    hpa: () => hpaManifest(canonical, NAMES),
    keda: () => kedaManifest(canonical, NAMES),
    knative: () => knativeManifest(canonical, NAMES),
  }[kind]();
  return parseAutoscalerSpec(text, `${kind}.yaml`);
}

/** Whether this kind of autoscaler can scale on the signal. */
export function scalesOn(kind: ScalerKind, signal: Threshold['signal']): boolean {
  return kind !== 'knative' || knativeMetricOf(signal) !== null;
}

/** For people. */
export function scalerLabel(advice: AutoscalerAdvice): string {
  const { recommended, minReplicas, maxReplicas } = advice;
  return `${recommended.signal} ${significant(recommended.target)} per replica, ${replicaRangeText(minReplicas, maxReplicas)}`;
}
