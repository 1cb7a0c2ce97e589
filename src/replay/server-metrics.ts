/**
 * The servers' own metrics in one vocabulary: which names mean the same, how replicas' series add up, and summaries over
 * a run. Sources: vllm/v1/metrics/loggers.py (names since 0.10 and before), sglang's metrics collector, TGI's and
 * llama.cpp's /metrics pages.
 */
import type { GaugeSummary } from '../types.js';
import type { PrometheusPage } from './prometheus.js';

interface MetricMapping {
  readonly name: string;
  /** First one present wins: servers export old and new names side by side. */
  readonly sources: readonly string[];
  /** Gauges of several replicas add up (requests) or average (shares); counters add up. */
  readonly kind: 'gauge-sum' | 'gauge-mean' | 'counter';
}

const MAPPINGS: readonly MetricMapping[] = [
  {
    name: 'running',
    sources: [
      'vllm:num_requests_running',
      'sglang:num_running_reqs',
      'tgi_batch_current_size',
      'llamacpp:requests_processing',
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
    ],
    kind: 'gauge-mean',
  },
  { name: 'preemptions', sources: ['vllm:num_preemptions_total'], kind: 'counter' },
  {
    name: 'prompt_tokens',
    sources: ['vllm:prompt_tokens_total', 'sglang:prompt_tokens_total', 'llamacpp:prompt_tokens_total'],
    kind: 'counter',
  },
  {
    name: 'generation_tokens',
    sources: [
      'vllm:generation_tokens_total',
      'sglang:generation_tokens_total',
      'llamacpp:tokens_predicted_total',
    ],
    kind: 'counter',
  },
];

/** Hits ÷ queries over the run, both in tokens. */
const PREFIX_HITS = ['vllm:prefix_cache_hits_total', 'vllm:gpu_prefix_cache_hits_total'];
const PREFIX_QUERIES = ['vllm:prefix_cache_queries_total', 'vllm:gpu_prefix_cache_queries_total'];
/** Servers that export only the rate. */
const PREFIX_RATES = ['sglang:cache_hit_rate', 'vllm:gpu_prefix_cache_hit_rate'];

/** Collects scrapes; null = the scrape failed. */
export class ServerMetrics {
  readonly #pages: PrometheusPage[] = [];
  #failed = 0;

  add(page: PrometheusPage | null): void {
    if (page === null) this.#failed += 1;
    else this.#pages.push(page);
  }

  /** Summaries of what the server exports; counters need two scrapes. */
  summarize(): GaugeSummary[] {
    const summaries = MAPPINGS.flatMap((mapping) => this.#summarize(mapping) ?? []);
    const prefixHit = this.#prefixHit();
    return prefixHit === null ? summaries : [...summaries, prefixHit];
  }

  #summarize(mapping: MetricMapping): GaugeSummary | null {
    const source = this.#present(mapping.sources);
    if (source === null) return null;
    const values = this.#values(source, mapping.kind);
    const common = { name: mapping.name, source, samples: values.length, failedScrapes: this.#failed };
    if (mapping.kind === 'counter') return { ...common, mean: null, max: null, last: growthOf(values) };
    return { ...common, ...gaugeFigures(values) };
  }

  #prefixHit(): GaugeSummary | null {
    const queries = this.#present(PREFIX_QUERIES);
    const hits = this.#present(PREFIX_HITS);
    if (queries !== null && hits !== null) {
      const hitValues = this.#values(hits, 'counter');
      const hit = growthOf(hitValues);
      const queried = growthOf(this.#values(queries, 'counter'));
      const ratio = hit === null || queried === null || queried === 0 ? null : hit / queried;
      return {
        name: 'prefix_hit',
        source: hits,
        samples: hitValues.length,
        failedScrapes: this.#failed,
        mean: ratio,
        max: null,
        last: null,
      };
    }
    const rate = this.#present(PREFIX_RATES);
    if (rate === null) return null;
    const values = this.#values(rate, 'gauge-mean');
    return {
      name: 'prefix_hit',
      source: rate,
      samples: values.length,
      failedScrapes: this.#failed,
      ...gaugeFigures(values),
    };
  }

  #present(sources: readonly string[]): string | null {
    return sources.find((source) => this.#pages.some((page) => page.has(source))) ?? null;
  }

  #values(source: string, kind: MetricMapping['kind']): number[] {
    return this.#pages.flatMap((page) => {
      const series = page.get(source);
      if (series === undefined) return [];
      const sum = series.reduce((total, value) => total + value, 0);
      return [kind === 'gauge-mean' ? sum / series.length : sum];
    });
  }
}

function gaugeFigures(values: readonly number[]): Pick<GaugeSummary, 'mean' | 'max' | 'last'> {
  if (values.length === 0) return { mean: null, max: null, last: null };
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
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
