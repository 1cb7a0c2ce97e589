/**
 * Kubernetes manifests → autoscaler specs: HorizontalPodAutoscaler (autoscaling/v2), KEDA ScaledObject
 * (keda.sh/v1alpha1) and Knative's annotations. Base part.
 *
 * Fields that say nothing about scaling (the target's name, labels) are read over. A metric that a simulated fleet
 * does not have (CPU, memory, other triggers) is a problem, because leaving it out would change the outcome.
 */
import type { HpaMetric, HpaSpec, KedaSpec, KedaTrigger, KnativeSpec, MetricTarget } from '../../types.js';
import { readBehavior } from './behavior-fields.js';
import { DEFAULTS, KNATIVE_DEFAULTS } from './defaults.js';
import { Fields } from './fields.js';
import { type ParsedQuery, parsePromQuery, queryOfMetricName } from './signals.js';

const UNKNOWN_QUERY: ParsedQuery = {
  query: { signal: 'running', statistic: 'last', windowSec: 0 },
  aggregate: 'sum',
};

/** `autoscaling/v2` HorizontalPodAutoscaler. */
export function readHpaManifest(document: Fields): HpaSpec {
  const spec = document.child('spec') ?? new Fields(undefined, `${document.where}.spec`, document.problems);
  const metrics = spec.list('metrics').map(readHpaMetric);
  if (metrics.length === 0)
    spec.problems.push(`${spec.where}.metrics: expected at least one metric, got none`);
  return {
    kind: 'hpa',
    minReplicas: spec.whole('minReplicas', 1, 1),
    maxReplicas: spec.whole('maxReplicas', undefined, 1),
    metrics,
    behavior: readBehavior(spec.child('behavior'), DEFAULTS.downscaleStabilizationSec),
    ...DEFAULTS,
  };
}

function readHpaMetric(fields: Fields): HpaMetric {
  const type = fields.choice('type', ['Pods', 'Object', 'External', 'Resource', 'ContainerResource']);
  const key = { Pods: 'pods', Object: 'object', External: 'external' }[type as string];
  if (key === undefined) {
    fields.problems.push(
      `${fields.where}.type: ${type} metrics (CPU, memory) cannot be simulated; remove it, or use a metric of the server`,
    );
    return { name: type, source: 'pods', ...UNKNOWN_QUERY, target: { kind: 'average-value', value: 1 } };
  }
  const source = fields.child(key) ?? new Fields(undefined, `${fields.where}.${key}`, fields.problems);
  const metric = source.child('metric') ?? new Fields(undefined, `${source.where}.metric`, fields.problems);
  const name = metric.text('name');
  return {
    name,
    source: type === 'Pods' ? 'pods' : 'external',
    aggregate: 'sum',
    query: metric.attempt('name', () => queryOfMetricName(name), UNKNOWN_QUERY.query),
    target: readTarget(source, type === 'Pods'),
  };
}

function readTarget(source: Fields, averageOnly: boolean): MetricTarget {
  const target = source.child('target') ?? new Fields(undefined, `${source.where}.target`, source.problems);
  const type = target.choice(
    'type',
    averageOnly ? ['AverageValue'] : ['AverageValue', 'Value'],
    'AverageValue',
  );
  return type === 'Value'
    ? { kind: 'value', value: target.number('value', undefined, { min: 1e-3 }) }
    : { kind: 'average-value', value: target.number('averageValue', undefined, { min: 1e-3 }) };
}

/** `keda.sh/v1alpha1` ScaledObject. */
export function readKedaManifest(document: Fields): KedaSpec {
  const spec = document.child('spec') ?? new Fields(undefined, `${document.where}.spec`, document.problems);
  const triggers = spec.list('triggers').map(readTrigger);
  if (triggers.length === 0)
    spec.problems.push(`${spec.where}.triggers: expected at least one trigger, got none`);
  const config = spec.child('advanced')?.child('horizontalPodAutoscalerConfig') ?? null;
  const fallback = spec.child('fallback');
  return {
    kind: 'keda',
    minReplicas: spec.whole('minReplicaCount', 0),
    maxReplicas: spec.whole('maxReplicaCount', 100, 1),
    idleReplicas: spec.whole('idleReplicaCount', null),
    triggers,
    pollingSec: spec.whole('pollingInterval', 30, 1),
    cooldownSec: spec.whole('cooldownPeriod', 300),
    fallback:
      fallback === null
        ? null
        : { failureThreshold: fallback.whole('failureThreshold'), replicas: fallback.whole('replicas') },
    behavior: readBehavior(config?.child('behavior') ?? null, DEFAULTS.downscaleStabilizationSec),
    ...DEFAULTS,
  };
}

function readTrigger(fields: Fields): KedaTrigger {
  const type = fields.text('type');
  if (type !== 'prometheus')
    fields.problems.push(`${fields.where}.type: only prometheus triggers can be simulated, got ${type}`);
  const metadata =
    fields.child('metadata') ?? new Fields(undefined, `${fields.where}.metadata`, fields.problems);
  const query = metadata.text('query');
  const parsed = metadata.attempt('query', () => parsePromQuery(query), UNKNOWN_QUERY);
  const value = metadata.number('threshold', undefined, { min: 1e-3 });
  const kind = fields.choice('metricType', ['AverageValue', 'Value'], 'AverageValue');
  return {
    metric: {
      name: fields.text('name', query.replace(/\{[^}]*\}/g, '')),
      source: 'external',
      ...parsed,
      target: kind === 'Value' ? { kind: 'value', value } : { kind: 'average-value', value },
    },
    activationThreshold: metadata.number('activationThreshold', 0),
  };
}

const ANNOTATION = 'autoscaling.knative.dev/';

/** Annotations `autoscaling.knative.dev/*` of a Service, a Revision template or a PodAutoscaler. */
export function readKnativeManifest(document: Fields): KnativeSpec {
  const template = document.child('spec')?.child('template')?.child('metadata')?.child('annotations');
  const own = document.child('metadata')?.child('annotations');
  const fields =
    template ?? own ?? new Fields({}, `${document.where}.metadata.annotations`, document.problems);
  const metric = fields.choice(`${ANNOTATION}metric`, ['concurrency', 'rps'], 'concurrency');
  const stableSec = fields.seconds(`${ANNOTATION}window`, KNATIVE_DEFAULTS.stableSec);
  const panicPercent = fields.number(`${ANNOTATION}panic-window-percentage`, 10, { min: 1, max: 100 });
  const maxScale = fields.whole(`${ANNOTATION}max-scale`, 0);
  return {
    ...KNATIVE_DEFAULTS,
    minReplicas: fields.whole(`${ANNOTATION}min-scale`, 0),
    maxReplicas: maxScale === 0 ? null : maxScale,
    activationReplicas: fields.whole(`${ANNOTATION}activation-scale`, KNATIVE_DEFAULTS.activationReplicas, 1),
    metric,
    target: fields.number(`${ANNOTATION}target`, metric === 'rps' ? 200 : 100, { min: 0.01 }),
    utilizationRatio:
      fields.number(`${ANNOTATION}target-utilization-percentage`, KNATIVE_DEFAULTS.utilizationRatio * 100, {
        min: 1,
        max: 100,
      }) / 100,
    stableSec,
    panicSec: (stableSec * panicPercent) / 100,
    panicThresholdRatio:
      fields.number(`${ANNOTATION}panic-threshold-percentage`, KNATIVE_DEFAULTS.panicThresholdRatio * 100, {
        min: 110,
        max: 1_000,
      }) / 100,
    scaleDownDelaySec: fields.seconds(`${ANNOTATION}scale-down-delay`, KNATIVE_DEFAULTS.scaleDownDelaySec),
  };
}
