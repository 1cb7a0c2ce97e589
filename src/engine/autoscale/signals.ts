/**
 * From the metric names of manifests and the queries of triggers to the signals that a simulated fleet has.
 *
 * Base part. Names: vLLM's gauges, old and new, as Prometheus and its adapters spell them (`vllm:x`, `vllm_x`, GKE's
 * `prometheus.googleapis.com|vllm:x|gauge`), SGLang's, TGI's and the queue of the inference gateway. Queries: the
 * subset of PromQL that such triggers consist of, `sum(x{…})`, `avg(rate(x{…}[1m]))`, `sum(a) + sum(b)`; label
 * selectors are read over, because the simulated fleet is all there is.
 */
import { nearestWord, ToolError } from '../../errors.js';
import type { HpaMetric, SampleStatistic, ScalingSignal, SignalQuery } from '../../types.js';
import { parseDurationSec } from '../../units.js';

interface KnownMetric {
  readonly signal: ScalingSignal;
  /** A counter: only its growth per second is a signal. */
  readonly counter: boolean;
}

const gauge = (signal: ScalingSignal): KnownMetric => ({ signal, counter: false });
const counter = (signal: ScalingSignal): KnownMetric => ({ signal, counter: true });

/** By the metric's name with the prefix of the server cut off and everything but letters and digits as `_`. */
const METRICS: Readonly<Record<string, KnownMetric>> = {
  vllm_num_requests_running: gauge('running'),
  vllm_num_requests_waiting: gauge('waiting'),
  vllm_kv_cache_usage_perc: gauge('kv_usage'),
  vllm_gpu_cache_usage_perc: gauge('kv_usage'),
  vllm_request_success_total: counter('request_rate'),
  vllm_prompt_tokens_total: counter('prompt_token_rate'),
  vllm_generation_tokens_total: counter('generation_token_rate'),
  sglang_num_running_reqs: gauge('running'),
  sglang_num_queue_reqs: gauge('waiting'),
  sglang_token_usage: gauge('kv_usage'),
  tgi_queue_size: gauge('waiting'),
  tgi_batch_current_size: gauge('running'),
  trtllm_num_requests_running: gauge('running'),
  trtllm_num_requests_waiting: gauge('waiting'),
  trtllm_kv_cache_utilization: gauge('kv_usage'),
  inference_extension_flow_control_queue_size: gauge('gateway_queue'),
  llm_d_epp_flow_control_queue_size: gauge('gateway_queue'),
  inference_objective_running_requests: gauge('in_flight'),
};

/** Rates that prometheus-adapter serves under a name of their own, `x_total` as `x_per_second`. */
const RATE_SUFFIX = /_per_second$/;

export const SIGNALS: readonly ScalingSignal[] = [
  'running',
  'waiting',
  'in_flight',
  'kv_usage',
  'request_rate',
  'prompt_token_rate',
  'generation_token_rate',
  'gateway_queue',
];

/** Range of a rate that a name implies without saying it. */
const DEFAULT_RATE_WINDOW_SEC = 60;

/** Whether a signal is the growth of a counter. */
export function isRate(signal: ScalingSignal): boolean {
  return signal.endsWith('_rate');
}

/** The query behind a custom or external metric's name. Throws ToolError BAD_VALUE for names that no signal stands for. */
export function queryOfMetricName(name: string): SignalQuery {
  const key = normalize(name);
  if (RATE_SUFFIX.test(key)) {
    const total = METRICS[key.replace(RATE_SUFFIX, '_total')];
    if (total?.counter)
      return { signal: total.signal, statistic: 'rate', windowSec: DEFAULT_RATE_WINDOW_SEC };
  }
  const known = lookUp(name);
  return known.counter
    ? { signal: known.signal, statistic: 'rate', windowSec: DEFAULT_RATE_WINDOW_SEC }
    : { signal: known.signal, statistic: 'last', windowSec: 0 };
}

/** `pods|prometheus.googleapis.com|vllm:x|gauge`, `s0-prometheus-vllm:x`, `vllm:x` → `vllm_x`. */
function normalize(name: string): string {
  const last = name.includes('|')
    ? (name.split('|').find((part) => /[:_]/.test(part) && !part.includes('.')) ?? name)
    : name;
  return last.toLowerCase().replace(/[^a-z0-9]+/g, '_');
}

function lookUp(name: string): KnownMetric {
  const key = normalize(name);
  const known = METRICS[key];
  if (known !== undefined) return known;
  if (SIGNALS.includes(key as ScalingSignal)) {
    const signal = key as ScalingSignal;
    return { signal, counter: isRate(signal) };
  }
  const near = nearestWord(key, Object.keys(METRICS));
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected a metric that a simulated server exports, got '${name}'`,
    hint:
      near !== null
        ? `did you mean ${near.replace('_', ':')}?`
        : `known: ${Object.keys(METRICS)
            .map((metric) => metric.replace('_', ':'))
            .join(', ')}`,
  });
}

/** A query as the sum of terms, each an aggregation over replicas of what one replica's samples say. */
export interface ParsedQuery {
  readonly query: SignalQuery;
  readonly aggregate: HpaMetric['aggregate'];
}

const AGGREGATES: Readonly<Record<string, HpaMetric['aggregate']>> = { sum: 'sum', avg: 'mean', max: 'max' };
const RANGE_FUNCTIONS: Readonly<Record<string, SampleStatistic>> = {
  rate: 'rate',
  avg_over_time: 'mean',
  max_over_time: 'max',
};

/**
 * Reads a trigger's query. `sum(running) + sum(waiting)` is `in_flight`; other sums of terms are refused.
 * Throws ToolError BAD_VALUE that names what is understood.
 */
export function parsePromQuery(text: string): ParsedQuery {
  const bare = text
    .replace(/\{[^}]*\}/g, '')
    .replace(/\b(?:by|without)\s*\([^)]*\)/g, '')
    .replace(/\s+/g, '');
  const terms = bare.split('+').map((term) => parseTerm(term, text));
  if (terms.length === 1) return terms[0];
  const [a, b] = terms;
  const signals = new Set(terms.map((term) => term.query.signal));
  const alike =
    a.aggregate === b.aggregate &&
    a.query.statistic === b.query.statistic &&
    a.query.windowSec === b.query.windowSec;
  if (
    terms.length === 2 &&
    alike &&
    signals.has('running') &&
    signals.has('waiting') &&
    a.aggregate !== 'max'
  )
    return { query: { ...a.query, signal: 'in_flight' }, aggregate: a.aggregate };
  throw notUnderstood(text);
}

function parseTerm(term: string, text: string): ParsedQuery {
  const outer = /^(sum|avg|max)\((.*)\)$/.exec(term);
  const inner = outer === null ? term : outer[2];
  const aggregate = outer === null ? 'sum' : AGGREGATES[outer[1]];
  const ranged = /^(rate|avg_over_time|max_over_time)\(([\w:]+)\[(\w+)\]\)$/.exec(inner);
  if (ranged !== null) {
    const known = lookUp(ranged[2]);
    const statistic = RANGE_FUNCTIONS[ranged[1]];
    if (known.counter !== (statistic === 'rate')) throw notUnderstood(text);
    return { query: { signal: known.signal, statistic, windowSec: parseDurationSec(ranged[3]) }, aggregate };
  }
  if (!/^[\w:]+$/.test(inner)) throw notUnderstood(text);
  const known = lookUp(inner);
  if (known.counter) throw notUnderstood(text);
  return { query: { signal: known.signal, statistic: 'last', windowSec: 0 }, aggregate };
}

function notUnderstood(text: string): ToolError {
  return new ToolError({
    code: 'BAD_VALUE',
    message: `expected a query like sum(vllm:num_requests_running) or sum(rate(vllm:request_success_total[1m])), got '${text}'`,
    hint: 'use sum, avg or max over a gauge, over avg_over_time or max_over_time of a gauge, or over rate of a counter',
  });
}
