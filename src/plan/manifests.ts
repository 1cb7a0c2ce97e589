/**
 * Autoscaler advice → Kubernetes manifests: HorizontalPodAutoscaler (autoscaling/v2), KEDA ScaledObject
 * (keda.sh/v1alpha1) and the prometheus-adapter rules that give the HPA its metric. Each number that was derived
 * carries its evidence as a comment. Alternatives to each other: apply hpa.yaml with the adapter's rules, or keda.yaml.
 */
import { Document, isMap, isScalar, type Pair, type Scalar } from 'yaml';
import type { AutoscalerAdvice, Threshold } from '../types.js';

export interface ManifestTarget {
  /** Name of the Deployment to scale. */
  readonly deployment: string;
  readonly namespace: string;
  /** Prometheus that KEDA asks, e.g. `http://prometheus.monitoring:9090`. */
  readonly prometheusUrl: string;
  /** Replicas that KEDA falls back to when Prometheus is silent; null = leave it out. */
  readonly fallbackReplicas: number | null;
}

type Comments = readonly (readonly [path: readonly (string | number)[], text: string])[];

/** hpa.yaml */
export function hpaManifest(advice: AutoscalerAdvice, target: ManifestTarget): string {
  const { recommended } = advice;
  const document = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: target.deployment, namespace: target.namespace },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target.deployment },
      minReplicas: advice.minReplicas,
      maxReplicas: advice.maxReplicas,
      metrics: [
        {
          type: 'Pods',
          pods: {
            metric: { name: adapterName(recommended) },
            target: { type: 'AverageValue', averageValue: quantity(recommended.target) },
          },
        },
      ],
      behavior: behaviorOf(advice),
    },
  };
  return renderManifest(document, `Needs the rules of prometheus-adapter.yaml. ${alternativesText(advice)}`, [
    [['spec', 'minReplicas'], evidenceOf(advice, 'minReplicas')],
    [['spec', 'maxReplicas'], evidenceOf(advice, 'maxReplicas')],
    [['spec', 'metrics', 0, 'pods', 'target'], recommended.because],
    [['spec', 'behavior', 'scaleUp'], evidenceOf(advice, 'scale up')],
    [['spec', 'behavior', 'scaleDown'], evidenceOf(advice, 'scale down')],
  ]);
}

/** keda.yaml */
export function kedaManifest(advice: AutoscalerAdvice, target: ManifestTarget): string {
  const { recommended } = advice;
  const document = {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: { name: target.deployment, namespace: target.namespace },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target.deployment },
      pollingInterval: Math.max(1, Math.round(advice.reactionParts.scrapeSec)),
      cooldownPeriod: advice.scaleDownWindowSec,
      minReplicaCount: advice.minReplicas,
      maxReplicaCount: advice.maxReplicas,
      ...(target.fallbackReplicas === null
        ? {}
        : { fallback: { failureThreshold: 3, replicas: target.fallbackReplicas } }),
      advanced: { horizontalPodAutoscalerConfig: { behavior: behaviorOf(advice) } },
      triggers: [
        {
          type: 'prometheus',
          metricType: 'AverageValue',
          metadata: {
            serverAddress: target.prometheusUrl,
            query: fleetQuery(recommended, target),
            threshold: decimal(recommended.target),
          },
        },
      ],
    },
  };
  return renderManifest(document, `Instead of hpa.yaml, not beside it. ${alternativesText(advice)}`, [
    [['spec', 'minReplicaCount'], evidenceOf(advice, 'minReplicas')],
    [['spec', 'maxReplicaCount'], evidenceOf(advice, 'maxReplicas')],
    [['spec', 'fallback'], 'when Prometheus has been silent for three polls: the static size of the plan'],
    [
      ['spec', 'advanced', 'horizontalPodAutoscalerConfig', 'behavior', 'scaleUp'],
      evidenceOf(advice, 'scale up'),
    ],
    [
      ['spec', 'advanced', 'horizontalPodAutoscalerConfig', 'behavior', 'scaleDown'],
      evidenceOf(advice, 'scale down'),
    ],
    [
      ['spec', 'triggers', 0, 'metadata', 'threshold'],
      `per replica: KEDA divides the query by their number. ${recommended.because}`,
    ],
  ]);
}

/** prometheus-adapter.yaml: a ConfigMap whose rules belong into the adapter's own configuration. */
export function adapterManifest(advice: AutoscalerAdvice, target: ManifestTarget): string {
  const signals = [advice.recommended, ...advice.alternatives];
  const rules = { rules: signals.map((threshold) => adapterRule(threshold)) };
  const document = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `${target.deployment}-prometheus-adapter`, namespace: target.namespace },
    data: { 'config.yaml': new Document(rules).toString({ lineWidth: 0 }) },
  };
  return renderManifest(
    document,
    'Merge these rules into the configuration of prometheus-adapter (Helm value rules.custom, or its ConfigMap config.yaml). Older vLLM exports vllm:gpu_cache_usage_perc instead of vllm:kv_cache_usage_perc.',
    [],
  );
}

function adapterRule(threshold: Threshold): object {
  const series = seriesOf(threshold);
  const counter = threshold.signal === 'request_rate';
  return {
    seriesQuery: `${series}{namespace!="",pod!=""}`,
    resources: { overrides: { namespace: { resource: 'namespace' }, pod: { resource: 'pod' } } },
    name: { matches: `^${series}$`, as: adapterName(threshold) },
    metricsQuery: counter
      ? 'sum(rate(<<.Series>>{<<.LabelMatchers>>}[1m])) by (<<.GroupBy>>)'
      : 'sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)',
  };
}

/** The Prometheus series behind a threshold's query: a gauge by its name, or the counter inside `rate(…[1m])`. */
function seriesOf(threshold: Threshold): string {
  return /^rate\(([\w:]+)\[/.exec(threshold.query)?.[1] ?? threshold.query;
}

/** Name that prometheus-adapter serves a signal under: the custom-metrics API takes no colon. */
function adapterName(threshold: Threshold): string {
  const name = seriesOf(threshold).replace(':', '_');
  return threshold.signal === 'request_rate' ? `${name.replace(/_total$/, '')}_per_second` : name;
}

/** Sum over the fleet's pods: KEDA's AverageValue divides it by the number of replicas. */
function fleetQuery(threshold: Threshold, target: ManifestTarget): string {
  const pods = `${seriesOf(threshold)}{namespace="${target.namespace}",pod=~"${target.deployment}-.*"}`;
  return threshold.signal === 'request_rate' ? `sum(rate(${pods}[1m]))` : `sum(${pods})`;
}

function behaviorOf(advice: AutoscalerAdvice): object {
  return {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [{ type: 'Pods', value: advice.scaleUpPods, periodSeconds: advice.scaleUpPeriodSec }],
    },
    scaleDown: {
      stabilizationWindowSeconds: advice.scaleDownWindowSec,
      selectPolicy: 'Max',
      policies: [{ type: 'Pods', value: advice.scaleDownPods, periodSeconds: advice.scaleDownPeriodSec }],
    },
  };
}

/** The evidence sentence that begins with these words; '' when there is none. */
export function evidenceOf(advice: AutoscalerAdvice, start: string): string {
  return advice.evidence.find((sentence) => sentence.startsWith(start)) ?? '';
}

function alternativesText(advice: AutoscalerAdvice): string {
  const others = advice.alternatives.map((one) => `${adapterName(one)} at ${decimal(one.target)}`);
  const sized = advice.evidence.filter((sentence) => /^(reaction|head-room)/.test(sentence)).join('. ');
  return `${sized}.${others.length === 0 ? '' : ` Other signals that would do: ${others.join(', ')} per replica.`}`;
}

/** A Kubernetes quantity: whole, or in thousandths. */
export function quantity(value: number): string {
  const milli = Math.max(1, Math.round(value * 1_000));
  return milli % 1_000 === 0 ? String(milli / 1_000) : `${milli}m`;
}

/** Decimal text with three digits after the point at most. */
function decimal(value: number): string {
  return String(Math.max(1, Math.round(value * 1_000)) / 1_000);
}

/** YAML text with a head comment and a comment above each named key. */
export function renderManifest(content: object, head: string, comments: Comments): string {
  const document = new Document(content);
  document.commentBefore = wrap(
    `Written by tokentide plan; every threshold is explained in plan.json.\n${head}`,
  );
  for (const [path, text] of comments) {
    const key = keyAt(document, path);
    if (key !== null && text !== '') key.commentBefore = wrap(text);
  }
  return document.toString({ lineWidth: 0 });
}

/** The key node at a path, whose comment is printed above it; null where the path does not exist. */
function keyAt(document: Document, path: readonly (string | number)[]): Scalar | null {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return null;
  const name = path[path.length - 1];
  const pair = (parent.items as Pair[]).find((item) => isScalar(item.key) && item.key.value === name);
  return pair !== undefined && isScalar(pair.key) ? pair.key : null;
}

/** Comment lines of at most 96 characters. */
function wrap(text: string): string {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line.length + word.length + 1 > 96) {
        lines.push(line);
        line = '';
      }
      line += ` ${word}`;
    }
    lines.push(line);
  }
  return lines.join('\n');
}
