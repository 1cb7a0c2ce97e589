/**
 * Autoscaler advice → the annotations of a Knative Service (serving.knative.dev/v1), as a merge patch for a Service
 * that exists: `kubectl patch kservice NAME --type merge --patch-file knative-patch.yaml`.
 *
 * Knative sees requests, not the engine: concurrency (in flight per replica, what `running` counts while nothing
 * waits) or requests per second. Source: Knative Serving, docs/serving/autoscaling (annotations under
 * autoscaling.knative.dev, bounds in pkg/apis/autoscaling/annotation_validation.go).
 */
import type { AutoscalerAdvice, Threshold } from '../types.js';
import { evidenceOf, type ManifestTarget, renderManifest } from './manifests.js';

const ANNOTATION = 'autoscaling.knative.dev';
/** Knative accepts scale-down delays up to an hour. */
const MOST_DELAY_SEC = 3_600;

/** Knative's metric for a signal; null = it has none. */
export function knativeMetricOf(signal: Threshold['signal']): 'concurrency' | 'rps' | null {
  return signal === 'running' ? 'concurrency' : signal === 'request_rate' ? 'rps' : null;
}

/** The threshold of an advice that Knative can use, the recommended one first; null = none. */
export function knativeThreshold(advice: AutoscalerAdvice): Threshold | null {
  const thresholds = [advice.recommended, ...advice.alternatives];
  return thresholds.find((threshold) => knativeMetricOf(threshold.signal) !== null) ?? null;
}

/** knative-patch.yaml. The advice must have a threshold that Knative can use. */
export function knativeManifest(advice: AutoscalerAdvice, target: ManifestTarget): string {
  const threshold = knativeThreshold(advice)!;
  const annotations = {
    [`${ANNOTATION}/class`]: 'kpa.autoscaling.knative.dev',
    [`${ANNOTATION}/metric`]: knativeMetricOf(threshold.signal)!,
    [`${ANNOTATION}/target`]: String(Math.max(0.01, Math.round(threshold.target * 100) / 100)),
    [`${ANNOTATION}/target-utilization-percentage`]: '100',
    [`${ANNOTATION}/min-scale`]: String(advice.minReplicas),
    [`${ANNOTATION}/max-scale`]: String(advice.maxReplicas),
    [`${ANNOTATION}/initial-scale`]: String(advice.minReplicas),
    [`${ANNOTATION}/window`]: '60s',
    [`${ANNOTATION}/scale-down-delay`]: `${Math.min(MOST_DELAY_SEC, advice.scaleDownWindowSec)}s`,
  };
  const document = {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name: target.deployment, namespace: target.namespace },
    spec: { template: { metadata: { annotations } } },
  };
  const at = ['spec', 'template', 'metadata', 'annotations'];
  return renderManifest(
    document,
    `Instead of hpa.yaml and keda.yaml. A patch for a Service that exists: kubectl patch kservice ${target.deployment} --type merge --patch-file knative-patch.yaml`,
    [
      [[...at, `${ANNOTATION}/target`], `per replica. ${threshold.because}`],
      [[...at, `${ANNOTATION}/target-utilization-percentage`], 'the head-room is in the target already'],
      [[...at, `${ANNOTATION}/min-scale`], evidenceOf(advice, 'minReplicas')],
      [[...at, `${ANNOTATION}/max-scale`], evidenceOf(advice, 'maxReplicas')],
      [[...at, `${ANNOTATION}/scale-down-delay`], evidenceOf(advice, 'scale down')],
    ],
  );
}
