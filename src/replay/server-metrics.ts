/**
 * The servers' own metrics in one vocabulary: which names mean the same, how replicas' series add up, samples over the
 * run, and summaries. Sources: vllm/v1/metrics/loggers.py (names since 0.10 and before); sglang's metrics collector; TGI's
 * metrics reference; llama.cpp server's /metrics; Triton's metrics page and its TensorRT-LLM backend's families;
 * dcgm-exporter's default-counters.csv.
 */
import type { GaugeSummary, ServerSample } from '../types.js';
import type { PrometheusPage } from './prometheus.js';

/** A metric of a server: its name, or `name{label=value}`; `scale` brings it to our unit. */
type MetricSource = string | { readonly name: string; readonly scale: number };

interface MetricMapping {
  readonly name: string;
  /** First one present wins: servers export old and new names side by side. */
  readonly sources: readonly MetricSource[];
  /** Gauges of several replicas add up (requests, watts) or average (shares); counters add up. */
  readonly kind: 'gauge-sum' | 'gauge-mean' | 'counter';
}

const TRT_REQUESTS = 'nv_trt_llm_request_metrics';
const TRT_BLOCKS = 'nv_trt_llm_kv_cache_block_metrics';

const MAPPINGS: readonly MetricMapping[] = [
  {
    name: 'running',
    sources: [
      'vllm:num_requests_running',
      'sglang:num_running_reqs',
      'tgi_batch_current_size',
      'llamacpp:requests_processing',
      `${TRT_REQUESTS}{request_type=scheduled}`,
      `${TRT_REQUESTS}{request_type=active}`,
      'trtllm_num_requests_running',
    ],
    kind: 'gauge-sum',
  },
  {
    name: 'waiting',
    sources: [
      'vllm:num_requests_waiting',
      'sglang:num_queue_reqs',
      'tgi_queue_size',
      'llamacpp:requests_deferred',
      `${TRT_REQUESTS}{request_type=waiting}`,
      'trtllm_num_requests_waiting',
      'nv_inference_pending_request_count',
    ],
    kind: 'gauge-sum',
  },
  {
    name: 'kv_usage',
    sources: [
      'vllm:kv_cache_usage_perc',
      'vllm:gpu_cache_usage_perc',
      'sglang:token_usage',
      'llamacpp:kv_cache_usage_ratio',
      `${TRT_BLOCKS}{kv_cache_block_type=fraction}`,
      'trtllm_kv_cache_utilization',
    ],
    kind: 'gauge-mean',
  },
  { name: 'preemptions', sources: ['vllm:num_preemptions_total'], kind: 'counter' },
  {
    name: 'requests_finished',
    sources: [
      'vllm:request_success_total',
      'sglang:num_requests_total',
      'tgi_request_success',
      'nv_inference_request_success',
    ],
    kind: 'counter',
  },
  {
    name: 'prompt_tokens',
    sources: [
      'vllm:prompt_tokens_total',
      'sglang:prompt_tokens_total',
      'tgi_request_input_length_sum',
      'llamacpp:prompt_tokens_total',
    ],
    kind: 'counter',
  },
  {
    name: 'generation_tokens',
    sources: [
      'vllm:generation_tokens_total',
      'sglang:generation_tokens_total',
      'tgi_request_generated_tokens_sum',
      'llamacpp:tokens_predicted_total',
    ],
    kind: 'counter',
  },
  {
    name: 'gpu_usage',
    sources: [{ name: 'DCGM_FI_DEV_GPU_UTIL', scale: 0.01 }, 'nv_gpu_utilization'],
    kind: 'gauge-mean',
  },
  { name: 'gpu_sm_active', sources: ['DCGM_FI_PROF_SM_ACTIVE'], kind: 'gauge-mean' },
  { name: 'gpu_tensor_active', sources: ['DCGM_FI_PROF_PIPE_TENSOR_ACTIVE'], kind: 'gauge-mean' },
  { name: 'gpu_power_watts', sources: ['DCGM_FI_DEV_POWER_USAGE', 'nv_gpu_power_usage'], kind: 'gauge-sum' },
  {
    name: 'gpu_energy_joules',
    sources: [{ name: 'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION', scale: 0.001 }, 'nv_energy_consumption'],
    kind: 'counter',
  },
  {
    name: 'gpu_memory_bytes',
    sources: [{ name: 'DCGM_FI_DEV_FB_USED', scale: 1_048_576 }, 'nv_gpu_memory_used_bytes'],
    kind: 'gauge-sum',
  },
];

/** Used ÷ largest number of blocks, for servers that tell both and no share. */
const KV_BLOCKS = {
  used: `${TRT_BLOCKS}{kv_cache_block_type=used}`,
  max: `${TRT_BLOCKS}{kv_cache_block_type=max}`,
};

/** Servers that export only the rate of hits. */
const PREFIX_RATES = ['sglang:cache_hit_rate', 'vllm:gpu_prefix_cache_hit_rate'];

/** Hits ÷ queries over the run, both in tokens: counters of samples that have no summary of their own. */
const PREFIX_PARTS: readonly MetricMapping[] = [
  {
    name: 'prefix_hit_tokens',
    sources: ['vllm:prefix_cache_hits_total', 'vllm:gpu_prefix_cache_hits_total'],
    kind: 'counter',
  },
  {
    name: 'prefix_query_tokens',
    sources: ['vllm:prefix_cache_queries_total', 'vllm:gpu_prefix_cache_queries_total'],
    kind: 'counter',
  },
];

/** One page in our vocabulary: gauges as they are, counters as the server counts; what it does not tell is absent. */
export function valuesOf(page: PrometheusPage): Required<Pick<ServerSample, 'metrics'>> & {
  readonly values: Record<string, number>;
} {
  const values: Record<string, number> = {};
  const metrics: Record<string, string> = {};
  const take = (name: string, source: string, value: number): void => {
    values[name] = value;
    metrics[name] = source;
  };
  for (const { name, sources, kind } of [...MAPPINGS, ...PREFIX_PARTS]) {
    const source = sources.find((one) => page.has(nameOf(one)));
    if (source !== undefined) take(name, nameOf(source), valueOn(page, source, kind)!);
  }
  const used = page.get(KV_BLOCKS.used);
  const max = page.get(KV_BLOCKS.max);
  if (values['kv_usage'] === undefined && used !== undefined && max !== undefined && sumOf(max) > 0) {
    take('kv_usage', KV_BLOCKS.used, sumOf(used) / sumOf(max));
  }
  const rate = PREFIX_RATES.find((name) => page.has(name));
  if (rate !== undefined) take('prefix_hit', rate, valueOn(page, rate, 'gauge-mean')!);
  return { values, metrics };
}

/** Summaries of what the server exported; counters need two scrapes. The samples of one source, in order of time. */
export function summarizeServer(samples: readonly ServerSample[]): GaugeSummary[] {
  const failedScrapes = samples.filter(({ values }) => values === null).length;
  const summaries: GaugeSummary[] = [];
  const add = (
    from: string,
    figuresOf: (values: readonly number[]) => Pick<GaugeSummary, 'mean' | 'max' | 'last'>,
    name = from,
  ): void => {
    const values = valuesIn(samples, from);
    if (values.length === 0) return;
    const source = samples.find(({ metrics }) => metrics?.[from] !== undefined)?.metrics?.[from];
    summaries.push({
      name,
      ...(source === undefined ? {} : { source }),
      samples: values.length,
      failedScrapes,
      ...figuresOf(values),
    });
  };
  for (const { name, kind } of MAPPINGS) add(name, kind === 'counter' ? counterFigures : gaugeFigures);
  const queried = growthOf(valuesIn(samples, 'prefix_query_tokens'));
  if (samples.some(({ values }) => values?.['prefix_query_tokens'] !== undefined)) {
    add(
      'prefix_hit_tokens',
      (hits) => ({ mean: ratioOf(growthOf(hits), queried), max: null, last: null }),
      'prefix_hit',
    );
  }
  if (!summaries.some(({ name }) => name === 'prefix_hit')) add('prefix_hit', gaugeFigures);
  return summaries;
}

const valuesIn = (samples: readonly ServerSample[], name: string): number[] =>
  samples.flatMap(({ values }) => values?.[name] ?? []);

const ratioOf = (above: number | null, below: number | null): number | null =>
  above === null || below === null || below === 0 ? null : above / below;

const counterFigures = (values: readonly number[]): Pick<GaugeSummary, 'mean' | 'max' | 'last'> => ({
  mean: null,
  max: null,
  last: growthOf(values),
});

const nameOf = (source: MetricSource): string => (typeof source === 'string' ? source : source.name);
const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

function valueOn(page: PrometheusPage, source: MetricSource, kind: MetricMapping['kind']): number | null {
  const series = page.get(nameOf(source));
  if (series === undefined) return null;
  const sum = sumOf(series) * (typeof source === 'string' ? 1 : source.scale);
  return kind === 'gauge-mean' ? sum / series.length : sum;
}

function gaugeFigures(values: readonly number[]): Pick<GaugeSummary, 'mean' | 'max' | 'last'> {
  if (values.length === 0) return { mean: null, max: null, last: null };
  return {
    mean: sumOf(values) / values.length,
    max: values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY),
    last: values[values.length - 1],
  };
}

/** Growth of a counter; a restart of the server (a fall) counts from zero again. */
function growthOf(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  let growth = 0;
  for (let i = 1; i < values.length; i++) {
    growth += values[i] >= values[i - 1] ? values[i] - values[i - 1] : values[i];
  }
  return growth;
}
