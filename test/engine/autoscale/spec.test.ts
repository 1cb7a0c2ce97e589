/** Autoscaler files: our own YAML, the manifests that `plan` writes, other people's manifests, and refusals. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseQuantity } from '../../../src/engine/autoscale/quantity.js';
import { parsePromQuery, queryOfMetricName } from '../../../src/engine/autoscale/signals.js';
import { parseAutoscalerSpec, readAutoscalerSpec } from '../../../src/engine/autoscale/spec.js';
import { type ErrorCode, ToolError } from '../../../src/errors.js';
import { hpaManifest, kedaManifest } from '../../../src/plan/manifests.js';
import type { AutoscalerAdvice, HpaSpec, KedaSpec, KnativeSpec } from '../../../src/types.js';

const is =
  (code: ErrorCode, ...parts: RegExp[]) =>
  (error: unknown) => {
    assert.ok(error instanceof ToolError && error.code === code, String(error));
    for (const part of parts) assert.match(`${error.message} ${error.hint}`, part);
    return true;
  };

test('quantities', () => {
  const cases: readonly (readonly [unknown, number | null])[] = [
    ['24', 24],
    ['7500m', 7.5],
    ['0.29', 0.29],
    ['.5', 0.5],
    ['2k', 2_000],
    ['1Ki', 1_024],
    ['1e3', 1_000],
    [3, 3],
    ['1e3m', null],
    ['three', null],
    ['', null],
    [null, null],
  ];
  for (const [text, value] of cases) assert.equal(parseQuantity(text), value, String(text));
});

test('metric names: old and new, with colon, through adapters, of other servers', () => {
  const cases = {
    'vllm:num_requests_running': 'running',
    vllm_num_requests_waiting: 'waiting',
    'vllm:gpu_cache_usage_perc': 'kv_usage',
    'vllm:kv_cache_usage_perc': 'kv_usage',
    'pods|prometheus.googleapis.com|vllm:num_requests_waiting|gauge': 'waiting',
    'prometheus.googleapis.com|tgi_queue_size|gauge': 'waiting',
    'sglang:num_queue_reqs': 'waiting',
    inference_extension_flow_control_queue_size: 'gateway_queue',
    in_flight: 'in_flight',
  } as const;
  for (const [name, signal] of Object.entries(cases))
    assert.deepEqual(queryOfMetricName(name), { signal, statistic: 'last', windowSec: 0 }, name);
  assert.deepEqual(queryOfMetricName('vllm_request_success_per_second'), {
    signal: 'request_rate',
    statistic: 'rate',
    windowSec: 60,
  });
  assert.throws(
    () => queryOfMetricName('vllm:num_request_waiting'),
    is('BAD_VALUE', /vllm:num_requests_waiting/),
  );
});

test('queries', () => {
  const last = (signal: string, aggregate = 'sum') => ({
    query: { signal, statistic: 'last', windowSec: 0 },
    aggregate,
  });
  assert.deepEqual(
    parsePromQuery('sum(vllm:num_requests_running{namespace="a",pod=~"vllm-.*"})'),
    last('running'),
  );
  assert.deepEqual(parsePromQuery('avg(vllm:kv_cache_usage_perc)'), last('kv_usage', 'mean'));
  assert.deepEqual(
    parsePromQuery('sum(vllm:num_requests_running) + sum(vllm:num_requests_waiting)'),
    last('in_flight'),
  );
  assert.deepEqual(parsePromQuery('sum by (namespace) (rate(vllm:request_success_total[2m]))'), {
    query: { signal: 'request_rate', statistic: 'rate', windowSec: 120 },
    aggregate: 'sum',
  });
  assert.deepEqual(parsePromQuery('max(max_over_time(vllm:num_requests_waiting[30s]))'), {
    query: { signal: 'waiting', statistic: 'max', windowSec: 30 },
    aggregate: 'max',
  });
  for (const query of [
    'histogram_quantile(0.95, sum(rate(vllm:e2e_request_latency_seconds_bucket[1m])) by (le))',
    'sum(vllm:request_success_total)',
    'sum(rate(vllm:num_requests_running[1m]))',
    'sum(vllm:num_requests_running) / 2',
  ])
    assert.throws(() => parsePromQuery(query), is('BAD_VALUE'), query);
});

test('our own short form, with the defaults of Kubernetes', () => {
  const text = `
kind: hpa
maxReplicas: 8
metrics:
  - signal: running
    target: 24
  - signal: kv_usage
    statistic: mean
    window: 30s
    target: 0.7
  - signal: in_flight
    per: fleet
    target: 200
behavior:
  scaleUp: { policies: [{ type: Pods, value: 2, periodSeconds: 60 }] }
`;
  const spec = parseAutoscalerSpec(text, 'a.yaml') as HpaSpec;
  assert.deepEqual(
    [spec.kind, spec.minReplicas, spec.maxReplicas, spec.syncSec, spec.toleranceRatio],
    ['hpa', 1, 8, 15, 0.1],
  );
  assert.deepEqual(
    spec.metrics.map(({ source, query, target }) => [
      source,
      query.signal,
      query.statistic,
      query.windowSec,
      target.kind,
      target.value,
    ]),
    [
      ['pods', 'running', 'last', 0, 'average-value', 24],
      ['pods', 'kv_usage', 'mean', 30, 'average-value', 0.7],
      ['external', 'in_flight', 'last', 0, 'value', 200],
    ],
  );
  assert.deepEqual(spec.behavior!.scaleUp.policies, [{ type: 'Pods', value: 2, periodSec: 60 }]);
  assert.deepEqual(
    [spec.behavior!.scaleDown.stabilizationSec, spec.behavior!.scaleDown.policies.length],
    [300, 1],
  );
  assert.equal(
    (
      parseAutoscalerSpec(
        'kind: hpa\nmaxReplicas: 2\nmetrics: [{signal: running, target: 1}]',
        'a',
      ) as HpaSpec
    ).behavior,
    null,
  );
});

test('KEDA, Knative and a fixed size in the short form', () => {
  const keda = parseAutoscalerSpec(
    'kind: keda\nmaxReplicas: 4\nmetrics: [{signal: gateway_queue, target: 5, activation: 1}]\nfallback: {failureThreshold: 3, replicas: 2}',
    'k',
  ) as KedaSpec;
  assert.deepEqual(
    [keda.minReplicas, keda.pollingSec, keda.cooldownSec, keda.triggers[0].activationThreshold],
    [0, 30, 300, 1],
  );
  assert.deepEqual(keda.fallback, { failureThreshold: 3, replicas: 2 });
  const knative = parseAutoscalerSpec('kind: knative\ntarget: 20\nstableWindow: 90s', 'n') as KnativeSpec;
  assert.deepEqual([knative.panicSec, knative.panicThresholdRatio, knative.utilizationRatio], [9, 2, 0.7]);
  assert.deepEqual(parseAutoscalerSpec('kind: static\nreplicas: 3', 's'), { kind: 'static', replicas: 3 });
});

const advice: AutoscalerAdvice = {
  recommended: { signal: 'running', query: 'vllm:num_requests_running', target: 21.5, because: 'because' },
  alternatives: [],
  minReplicas: 2,
  maxReplicas: 9,
  capacityPerReplicaPerSec: 4,
  sizedPerReplicaPerSec: 3,
  reactionSec: 60,
  headroom: 0.75,
  reactionParts: { scrapeSec: 15, syncSec: 15, windowSec: 30, coldStartSec: 0 },
  ramp: 1.3,
  scaleUpPods: 2,
  scaleUpPeriodSec: 15,
  scaleDownPods: 1,
  scaleDownPeriodSec: 60,
  scaleDownWindowSec: 450,
  evidence: [],
  warnings: [],
};
const target = {
  deployment: 'vllm',
  namespace: 'serving',
  prometheusUrl: 'http://p:9090',
  fallbackReplicas: 5,
};

test('the manifests of a plan, as they are written', () => {
  const hpa = parseAutoscalerSpec(hpaManifest(advice, target), 'hpa.yaml') as HpaSpec;
  assert.deepEqual([hpa.kind, hpa.minReplicas, hpa.maxReplicas], ['hpa', 2, 9]);
  assert.deepEqual(hpa.metrics, [
    {
      name: 'vllm_num_requests_running',
      source: 'pods',
      aggregate: 'sum',
      query: { signal: 'running', statistic: 'last', windowSec: 0 },
      target: { kind: 'average-value', value: 21.5 },
    },
  ]);
  assert.deepEqual(hpa.behavior!.scaleDown, {
    stabilizationSec: 450,
    selectPolicy: 'Max',
    policies: [{ type: 'Pods', value: 1, periodSec: 60 }],
    toleranceRatio: null,
  });
  const keda = parseAutoscalerSpec(kedaManifest(advice, target), 'keda.yaml') as KedaSpec;
  assert.deepEqual([keda.minReplicas, keda.maxReplicas, keda.pollingSec, keda.cooldownSec], [2, 9, 15, 450]);
  assert.deepEqual(keda.fallback, { failureThreshold: 3, replicas: 5 });
  assert.deepEqual(
    [keda.triggers[0].metric.query.signal, keda.triggers[0].metric.target.value],
    ['running', 21.5],
  );
  assert.deepEqual(keda.behavior, hpa.behavior);
  const rate = {
    ...advice,
    recommended: {
      ...advice.recommended,
      signal: 'request_rate' as const,
      query: 'rate(vllm:request_success_total[1m])',
    },
  };
  for (const text of [hpaManifest(rate, target), kedaManifest(rate, target)]) {
    const spec = parseAutoscalerSpec(text, 'rate') as HpaSpec | KedaSpec;
    const metric = spec.kind === 'hpa' ? spec.metrics[0] : spec.triggers[0].metric;
    assert.deepEqual(metric.query, { signal: 'request_rate', statistic: 'rate', windowSec: 60 });
  }
});

test('Knative annotations of a Service; a manifest among other documents', () => {
  const text = `
apiVersion: v1
kind: ConfigMap
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: llm }
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/metric: concurrency
        autoscaling.knative.dev/target: "16"
        autoscaling.knative.dev/min-scale: "1"
        autoscaling.knative.dev/max-scale: "6"
        autoscaling.knative.dev/window: 120s
        autoscaling.knative.dev/panic-threshold-percentage: "150"
`;
  const spec = parseAutoscalerSpec(text, 'service.yaml') as KnativeSpec;
  assert.deepEqual(
    [
      spec.target,
      spec.minReplicas,
      spec.maxReplicas,
      spec.stableSec,
      spec.panicSec,
      spec.panicThresholdRatio,
    ],
    [16, 1, 6, 120, 12, 1.5],
  );
});

test('every problem of a file is named at once', () => {
  const bad = `
kind: hpa
minReplicas: 5
maxReplicas: 3
metrics:
  - signal: runing
    target: 0
    windw: 3
behavior: { scaleUp: { selectPolicy: Most, policies: [{ type: Pods, value: 0, periodSeconds: 5000 }] } }
`;
  assert.throws(
    () => parseAutoscalerSpec(bad, 'bad.yaml'),
    is(
      'BAD_AUTOSCALER',
      /at most 3 replicas but at least 5/,
      /metrics\[0\]\.signal.*runing/,
      /metrics\[0\]\.target: expected a number from 0\.001, got 0/,
      /unknown key 'windw' \(did you mean window\?\)|unknown key 'windw'/,
      /selectPolicy: expected one of Max, Min, Disabled/,
      /value: expected a whole number from 1, got 0/,
      /periodSeconds: expected a whole number from 1 to 1800, got 5000/,
    ),
  );
});

test('what cannot be simulated is refused, not left out', () => {
  const cpu = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
spec: { maxReplicas: 3, metrics: [{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 60 } } }] }
`;
  assert.throws(() => parseAutoscalerSpec(cpu, 'cpu.yaml'), is('BAD_AUTOSCALER', /cannot be simulated/));
  const cron =
    'apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nspec: { triggers: [{ type: cron, metadata: {} }] }';
  assert.throws(
    () => parseAutoscalerSpec(cron, 'cron.yaml'),
    is('BAD_AUTOSCALER', /only prometheus triggers/),
  );
  const old = 'apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler';
  assert.throws(() => parseAutoscalerSpec(old, 'old.yaml'), is('FORMAT_UNKNOWN', /v2beta2/));
  assert.throws(
    () => parseAutoscalerSpec('kind: Deployment', 'd.yaml'),
    is('FORMAT_UNKNOWN', /holds no autoscaler/),
  );
  assert.throws(() => parseAutoscalerSpec('a: [', 'y.yaml'), is('FORMAT_UNKNOWN', /not YAML/));
});

test('files: read, missing, empty', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-autoscaler-'));
  after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'a.yaml');
  writeFileSync(path, 'kind: static\nreplicas: 2\n');
  assert.deepEqual(await readAutoscalerSpec(path), { kind: 'static', replicas: 2 });
  await assert.rejects(readAutoscalerSpec(join(folder, 'b.yaml')), is('FILE_NOT_FOUND'));
  writeFileSync(path, '');
  await assert.rejects(readAutoscalerSpec(path), is('FILE_EMPTY'));
});
