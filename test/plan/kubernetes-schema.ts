/**
 * Structural checks of the Kubernetes objects that plan writes: required fields, types, allowed values, no unknown
 * field. Field lists: autoscaling/v2 HorizontalPodAutoscaler (kubernetes.io API reference v1.32), KEDA ScaledObject
 * (keda.sh/docs/2.16 concepts and Prometheus scaler), prometheus-adapter configuration (docs/config.md).
 */

type Check = (value: unknown, path: string) => string[];

export function textOf(pattern = /^.+$/s): Check {
  return (value, path) =>
    typeof value === 'string' && pattern.test(value)
      ? []
      : [`${path}: text like ${pattern}, got ${show(value)}`];
}

export function integerFrom(least: number, most = Number.MAX_SAFE_INTEGER): Check {
  return (value, path) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? []
      : [`${path}: whole number ${least} to ${most}, got ${show(value)}`];
}

export function oneOf(...allowed: readonly unknown[]): Check {
  return (value, path) => (allowed.includes(value) ? [] : [`${path}: one of ${allowed}, got ${show(value)}`]);
}

export function listOf(item: Check, least = 1): Check {
  return (value, path) =>
    Array.isArray(value) && value.length >= least
      ? value.flatMap((entry, i) => item(entry, `${path}[${i}]`))
      : [`${path}: a list of at least ${least}, got ${show(value)}`];
}

export function objectOf(required: Record<string, Check>, optional: Record<string, Check> = {}): Check {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return [`${path}: an object, got ${show(value)}`];
    }
    const record = value as Record<string, unknown>;
    const problems: string[] = [];
    for (const [key, check] of Object.entries(required)) {
      if (key in record) problems.push(...check(record[key], `${path}.${key}`));
      else problems.push(`${path}.${key}: required`);
    }
    for (const [key, entry] of Object.entries(record)) {
      if (key in required) continue;
      if (key in optional) problems.push(...optional[key](entry, `${path}.${key}`));
      else problems.push(`${path}.${key}: unknown field`);
    }
    return problems;
  };
}

const show = (value: unknown): string => JSON.stringify(value) ?? String(value);

const DNS_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const QUANTITY = /^\d+m?$/;

const metadata = objectOf({ name: textOf(DNS_NAME), namespace: textOf(DNS_NAME) });

const target = objectOf({
  apiVersion: oneOf('apps/v1'),
  kind: oneOf('Deployment', 'StatefulSet'),
  name: textOf(DNS_NAME),
});

const scalingRules = objectOf(
  {
    policies: listOf(
      objectOf({
        type: oneOf('Pods', 'Percent'),
        value: integerFrom(1),
        periodSeconds: integerFrom(1, 1_800),
      }),
    ),
  },
  { stabilizationWindowSeconds: integerFrom(0, 3_600), selectPolicy: oneOf('Max', 'Min', 'Disabled') },
);

const behavior = objectOf({}, { scaleUp: scalingRules, scaleDown: scalingRules });

const ordered =
  (low: string, high: string, inner: Check): Check =>
  (value, path) => {
    const record = value as Record<string, number>;
    const problems = inner(value, path);
    return problems.length === 0 && record[low] > record[high] ? [`${path}: ${low} above ${high}`] : problems;
  };

export const HPA: Check = objectOf({
  apiVersion: oneOf('autoscaling/v2'),
  kind: oneOf('HorizontalPodAutoscaler'),
  metadata,
  spec: ordered(
    'minReplicas',
    'maxReplicas',
    objectOf(
      { scaleTargetRef: target, maxReplicas: integerFrom(1) },
      {
        minReplicas: integerFrom(1),
        metrics: listOf(
          objectOf({
            type: oneOf('Pods'),
            pods: objectOf({
              // Custom-metrics names are path segments: no colon, no slash.
              metric: objectOf({ name: textOf(/^[a-z_][a-z0-9_]*$/) }),
              target: objectOf({ type: oneOf('AverageValue'), averageValue: textOf(QUANTITY) }),
            }),
          }),
        ),
        behavior,
      },
    ),
  ),
});

export const SCALED_OBJECT: Check = objectOf({
  apiVersion: oneOf('keda.sh/v1alpha1'),
  kind: oneOf('ScaledObject'),
  metadata,
  spec: ordered(
    'minReplicaCount',
    'maxReplicaCount',
    objectOf(
      {
        scaleTargetRef: objectOf({ name: textOf(DNS_NAME) }, { apiVersion: textOf(), kind: textOf() }),
        triggers: listOf(
          objectOf(
            {
              type: oneOf('prometheus'),
              metadata: objectOf(
                {
                  serverAddress: textOf(/^https?:\/\//),
                  query: textOf(/^sum\(.+\)$/),
                  threshold: textOf(/^\d+(\.\d+)?$/),
                },
                { activationThreshold: textOf(/^\d+(\.\d+)?$/), ignoreNullValues: textOf() },
              ),
            },
            { metricType: oneOf('AverageValue', 'Value') },
          ),
        ),
      },
      {
        pollingInterval: integerFrom(1),
        cooldownPeriod: integerFrom(0),
        minReplicaCount: integerFrom(0),
        maxReplicaCount: integerFrom(1),
        fallback: objectOf({ failureThreshold: integerFrom(1), replicas: integerFrom(1) }),
        advanced: objectOf({}, { horizontalPodAutoscalerConfig: objectOf({}, { behavior }) }),
      },
    ),
  ),
});

export const CONFIG_MAP: Check = objectOf({
  apiVersion: oneOf('v1'),
  kind: oneOf('ConfigMap'),
  metadata,
  data: objectOf({ 'config.yaml': textOf() }),
});

export const ADAPTER_RULES: Check = objectOf({
  rules: listOf(
    objectOf({
      seriesQuery: textOf(/^[a-z_:]+\{.+\}$/),
      resources: objectOf({
        overrides: objectOf({
          namespace: objectOf({ resource: oneOf('namespace') }),
          pod: objectOf({ resource: oneOf('pod') }),
        }),
      }),
      name: objectOf({ matches: textOf(), as: textOf(/^[a-z_][a-z0-9_]*$/) }),
      metricsQuery: textOf(/<<\.Series>>.*<<\.LabelMatchers>>.*<<\.GroupBy>>/),
    }),
  ),
});

/** Annotation values are strings. Bounds: Knative Serving, pkg/apis/autoscaling/annotation_validation.go. */
const annotation = 'autoscaling.knative.dev/';
const whole = textOf(/^\d+$/);
const duration = textOf(/^\d+s$/);

export const KNATIVE_PATCH: Check = objectOf({
  apiVersion: oneOf('serving.knative.dev/v1'),
  kind: oneOf('Service'),
  metadata,
  spec: objectOf({
    template: objectOf({
      metadata: objectOf({
        annotations: objectOf(
          {
            [`${annotation}metric`]: oneOf('concurrency', 'rps'),
            [`${annotation}target`]: textOf(/^\d+(\.\d{1,2})?$/),
          },
          {
            [`${annotation}class`]: oneOf('kpa.autoscaling.knative.dev'),
            [`${annotation}target-utilization-percentage`]: textOf(/^(100|[1-9]\d?)$/),
            [`${annotation}min-scale`]: whole,
            [`${annotation}max-scale`]: whole,
            [`${annotation}initial-scale`]: textOf(/^[1-9]\d*$/),
            [`${annotation}window`]: duration,
            [`${annotation}scale-down-delay`]: duration,
            [`${annotation}panic-window-percentage`]: textOf(/^\d+(\.\d+)?$/),
            [`${annotation}panic-threshold-percentage`]: textOf(/^\d+(\.\d+)?$/),
          },
        ),
      }),
    }),
  }),
});
