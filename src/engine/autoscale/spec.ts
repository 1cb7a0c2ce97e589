/**
 * Autoscaler files → specs: our own short YAML, or a Kubernetes manifest as it is applied. Base part.
 *
 * ```yaml
 * kind: hpa                 # hpa, keda, knative or static
 * minReplicas: 1
 * maxReplicas: 8
 * metrics:
 *   - signal: running       # or waiting, in_flight, kv_usage, request_rate, …, or a server's metric name
 *     target: 24            # per replica; `per: fleet` for the value as a whole
 * behavior: {}              # as in a HorizontalPodAutoscaler
 * ```
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ToolError } from '../../errors.js';
import { requireFile } from '../../trace/files.js';
import type { AutoscalerSpec, HpaMetric, SampleStatistic } from '../../types.js';
import { readBehavior } from './behavior-fields.js';
import { DEFAULTS, KEDA_DEFAULTS, KNATIVE_DEFAULTS } from './defaults.js';
import { Fields } from './fields.js';
import { readHpaManifest, readKedaManifest, readKnativeManifest } from './manifest.js';
import { queryOfMetricName } from './signals.js';

/** Reads an autoscaler file. Throws FILE_NOT_FOUND, FILE_EMPTY, FORMAT_UNKNOWN, or BAD_AUTOSCALER with every problem. */
export async function readAutoscalerSpec(path: string): Promise<AutoscalerSpec> {
  await requireFile(path, 'an autoscaler file');
  return parseAutoscalerSpec(await readFile(path, 'utf8'), basename(path));
}

/** Parses the text of an autoscaler file; `where` names it in messages. */
export function parseAutoscalerSpec(text: string, where: string): AutoscalerSpec {
  const documents = parseAllDocuments(text);
  const parsed = 'empty' in documents ? [] : documents;
  const broken = parsed.find((document) => document.errors.length > 0);
  if (broken !== undefined) {
    throw new ToolError({
      code: 'FORMAT_UNKNOWN',
      message: `${where} is not YAML: ${broken.errors[0].message.split('\n')[0]}`,
      hint: 'name an hpa.yaml or keda.yaml of a plan, or write `kind: hpa` with metrics',
    });
  }
  for (const document of parsed) {
    const value: unknown = document.toJS();
    const reader = readerOf(value);
    if (reader === null) continue;
    const problems: string[] = [];
    const spec = reader(new Fields(value, where, problems));
    problems.push(...contradictions(spec).map((problem) => `${where}: ${problem}`));
    if (problems.length === 0) return spec;
    throw new ToolError({
      code: 'BAD_AUTOSCALER',
      message: problems.join('\n       '),
      hint: 'correct the file; the bounds are those of the Kubernetes APIs',
    });
  }
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `${where} holds no autoscaler: expected kind hpa, keda, knative or static, a HorizontalPodAutoscaler (autoscaling/v2), a ScaledObject (keda.sh/v1alpha1) or a Knative Service`,
    hint: 'name an hpa.yaml or keda.yaml of a plan, or write `kind: hpa` with metrics',
  });
}

function readerOf(value: unknown): ((fields: Fields) => AutoscalerSpec) | null {
  if (typeof value !== 'object' || value === null) return null;
  const { kind, apiVersion = '' } = value as { kind?: unknown; apiVersion?: unknown };
  if (kind === 'HorizontalPodAutoscaler') {
    if (apiVersion === 'autoscaling/v2') return readHpaManifest;
    throw new ToolError({
      code: 'FORMAT_UNKNOWN',
      message: `expected a HorizontalPodAutoscaler of autoscaling/v2, got ${String(apiVersion)}`,
      hint: 'write it for autoscaling/v2; older versions are not served any more',
    });
  }
  if (kind === 'ScaledObject' && String(apiVersion).startsWith('keda.sh/')) return readKedaManifest;
  if (/^(serving|autoscaling(\.internal)?)\.knative\.dev\//.test(String(apiVersion)))
    return readKnativeManifest;
  if (typeof kind === 'string' && kind in OWN_READERS) return OWN_READERS[kind as keyof typeof OWN_READERS];
  return null;
}

const OWN_READERS = { hpa: readHpa, keda: readKeda, knative: readKnative, static: readStatic } as const;

function readHpa(fields: Fields): AutoscalerSpec {
  fields.raw('kind');
  const spec = {
    kind: 'hpa' as const,
    minReplicas: fields.whole('minReplicas', 1, 1),
    maxReplicas: fields.whole('maxReplicas', undefined, 1),
    metrics: fields.list('metrics').map((metric) => readMetric(metric, 'pods').metric),
    ...readController(fields),
  };
  if (spec.metrics.length === 0)
    fields.problems.push(`${fields.where}.metrics: expected at least one metric, got none`);
  fields.refuseUnknown();
  return spec;
}

function readKeda(fields: Fields): AutoscalerSpec {
  fields.raw('kind');
  const fallback = fields.child('fallback');
  const spec = {
    kind: 'keda' as const,
    minReplicas: fields.whole('minReplicas', 0),
    maxReplicas: fields.whole('maxReplicas', undefined, 1),
    idleReplicas: fields.whole('idleReplicas', null),
    triggers: fields.list('metrics').map((metric) => readMetric(metric, 'external')),
    pollingSec: fields.seconds('polling', KEDA_DEFAULTS.pollingSec),
    cooldownSec: fields.seconds('cooldown', KEDA_DEFAULTS.cooldownSec),
    fallback:
      fallback === null
        ? null
        : { failureThreshold: fallback.whole('failureThreshold'), replicas: fallback.whole('replicas') },
    ...readController(fields),
  };
  if (spec.triggers.length === 0)
    fields.problems.push(`${fields.where}.metrics: expected at least one metric, got none`);
  fields.refuseUnknown();
  return spec;
}

function readController(fields: Fields) {
  const downscaleStabilizationSec = fields.seconds(
    'downscaleStabilization',
    DEFAULTS.downscaleStabilizationSec,
  );
  return {
    behavior: readBehavior(fields.child('behavior'), downscaleStabilizationSec),
    toleranceRatio: fields.number('tolerance', DEFAULTS.toleranceRatio, { max: 1 }),
    syncSec: fields.seconds('sync', DEFAULTS.syncSec),
    downscaleStabilizationSec,
  };
}

function readMetric(
  fields: Fields,
  source: HpaMetric['source'],
): { readonly metric: HpaMetric; readonly activationThreshold: number } {
  const name = fields.text('signal');
  const base = fields.attempt('signal', () => queryOfMetricName(name), {
    signal: 'running' as const,
    statistic: 'last' as const,
    windowSec: 0,
  });
  const statistics: readonly SampleStatistic[] =
    base.statistic === 'rate' ? ['rate'] : ['last', 'mean', 'max'];
  const statistic = fields.choice('statistic', statistics, base.statistic);
  const windowSec =
    statistic === 'last' ? 0 : fields.seconds('window', base.windowSec === 0 ? 60 : base.windowSec);
  const per = fields.choice('per', ['replica', 'fleet'], 'replica');
  const value = fields.number('target', undefined, { min: 1e-3 });
  const activationThreshold = source === 'external' ? fields.number('activation', 0) : 0;
  fields.refuseUnknown();
  const whole = per === 'fleet' || base.signal === 'gateway_queue';
  return {
    metric: {
      name,
      source: whole ? 'external' : source,
      aggregate: 'sum',
      query: { signal: base.signal, statistic, windowSec },
      target: per === 'fleet' ? { kind: 'value', value } : { kind: 'average-value', value },
    },
    activationThreshold,
  };
}

function readKnative(fields: Fields): AutoscalerSpec {
  fields.raw('kind');
  const metric = fields.choice('metric', ['concurrency', 'rps'], 'concurrency');
  const d = KNATIVE_DEFAULTS;
  const stableSec = fields.seconds('stableWindow', d.stableSec);
  const spec = {
    kind: 'knative' as const,
    minReplicas: fields.whole('minReplicas', d.minReplicas),
    maxReplicas: fields.whole('maxReplicas', null, 1),
    activationReplicas: fields.whole('activationReplicas', d.activationReplicas, 1),
    metric,
    target: fields.number('target', metric === 'rps' ? 200 : 100, { min: 0.01 }),
    utilizationRatio: fields.number('utilization', d.utilizationRatio, { min: 0.01, max: 1 }),
    stableSec,
    panicSec: fields.seconds('panicWindow', stableSec / 10),
    panicThresholdRatio: fields.number('panicThreshold', d.panicThresholdRatio, { min: 1.1, max: 10 }),
    maxScaleUpRate: fields.number('maxScaleUpRate', d.maxScaleUpRate, { min: 1.01 }),
    maxScaleDownRate: fields.number('maxScaleDownRate', d.maxScaleDownRate, { min: 1.01 }),
    scaleDownDelaySec: fields.seconds('scaleDownDelay', d.scaleDownDelaySec),
    scaleToZeroGraceSec: fields.seconds('scaleToZeroGrace', d.scaleToZeroGraceSec),
    tickSec: d.tickSec,
  };
  fields.refuseUnknown();
  return spec;
}

function readStatic(fields: Fields): AutoscalerSpec {
  fields.raw('kind');
  const spec = { kind: 'static' as const, replicas: fields.whole('replicas', undefined, 1) };
  fields.refuseUnknown();
  return spec;
}

/** What no single field shows. */
function contradictions(spec: AutoscalerSpec): string[] {
  const problems: string[] = [];
  if (spec.kind === 'static') return problems;
  if (spec.maxReplicas !== null && spec.maxReplicas < spec.minReplicas)
    problems.push(`at most ${spec.maxReplicas} replicas but at least ${spec.minReplicas}`);
  if (spec.kind === 'keda' && spec.idleReplicas !== null && spec.idleReplicas >= spec.minReplicas)
    problems.push(`${spec.idleReplicas} idle replicas must be fewer than the minimum of ${spec.minReplicas}`);
  if (spec.kind === 'knative') {
    if (spec.stableSec < 1 || spec.panicSec < 1) problems.push('windows are at least one second long');
    if (spec.panicSec > spec.stableSec) problems.push('the panic window is longer than the stable one');
  } else {
    if (spec.syncSec <= 0) problems.push('the sync period must be above zero');
    if (spec.kind === 'keda' && spec.pollingSec <= 0)
      problems.push('the polling interval must be above zero');
    const metrics = spec.kind === 'hpa' ? spec.metrics : spec.triggers.map((trigger) => trigger.metric);
    if (metrics.some(({ query }) => query.statistic !== 'last' && query.windowSec <= 0))
      problems.push('a metric window must be above zero');
  }
  return problems;
}
