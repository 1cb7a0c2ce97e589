/**
 * What the served engine exports, under vLLM's names, old and new, with vLLM's buckets.
 *
 * Source: vllm/v1/metrics/loggers.py (names, help, buckets, labels) and the names that autoscalers still read. As in
 * vLLM, `time_to_first_token` counts from the arrival at the server, queueing included, and inter-token latency has
 * one sample per token and stream.
 */
import type { Engine } from '../engine/contract.js';
import type { EngineModel } from '../types.js';
import { formatMetrics, Histogram, type LabelText, labelText, type MetricFamily } from './prometheus.js';

const TTFT_BUCKETS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
  2560,
];
const TOKEN_BUCKETS = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];
const REQUEST_BUCKETS = [
  0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
];
const ITERATION_BUCKETS = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];

/** 1, 2, 5, 10, … up to the largest not above `max`. */
function oneTwoFive(max: number): number[] {
  const bounds: number[] = [];
  for (let decade = 1; decade <= max; decade *= 10)
    for (const step of [1, 2, 5]) if (step * decade <= max) bounds.push(step * decade);
  return bounds;
}

export const FINISH_REASONS = ['stop', 'length', 'abort'] as const;
export type FinishReason = (typeof FINISH_REASONS)[number];

/** Times of a finished request, seconds; null = it did not get that far. */
export interface FinishedTimes {
  readonly reason: FinishReason;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly e2eSec: number;
  readonly queueSec: number | null;
  readonly prefillSec: number | null;
  readonly decodeSec: number | null;
}

/** The histograms and counters of one replica. */
export class ReplicaMetrics {
  readonly ttft = new Histogram(TTFT_BUCKETS);
  readonly itl = new Histogram(TOKEN_BUCKETS);
  readonly #tpot = new Histogram(TOKEN_BUCKETS);
  readonly #e2e = new Histogram(REQUEST_BUCKETS);
  readonly #queue = new Histogram(REQUEST_BUCKETS);
  readonly #prefill = new Histogram(REQUEST_BUCKETS);
  readonly #decode = new Histogram(REQUEST_BUCKETS);
  readonly #inference = new Histogram(REQUEST_BUCKETS);
  readonly #promptTokens: Histogram;
  readonly #generatedTokens: Histogram;
  readonly iterationTokens = new Histogram(ITERATION_BUCKETS);
  readonly #finished: Record<FinishReason, number> = { stop: 0, length: 0, abort: 0 };

  constructor(maxModelLen: number) {
    this.#promptTokens = new Histogram(oneTwoFive(maxModelLen));
    this.#generatedTokens = new Histogram(oneTwoFive(maxModelLen));
  }

  finish(times: FinishedTimes): void {
    this.#finished[times.reason] += 1;
    this.#e2e.observe(times.e2eSec);
    this.#promptTokens.observe(times.promptTokens);
    this.#generatedTokens.observe(times.generatedTokens);
    if (times.queueSec !== null) this.#queue.observe(times.queueSec);
    if (times.prefillSec !== null) this.#prefill.observe(times.prefillSec);
    if (times.decodeSec !== null) this.#decode.observe(times.decodeSec);
    if (times.prefillSec !== null && times.decodeSec !== null)
      this.#inference.observe(times.prefillSec + times.decodeSec);
    if (times.decodeSec !== null && times.generatedTokens > 1)
      this.#tpot.observe(times.decodeSec / (times.generatedTokens - 1));
  }

  histograms(): readonly (readonly [string, string, Histogram])[] {
    return [
      ['vllm:time_to_first_token_seconds', 'Time to first token, queueing included.', this.ttft],
      ['vllm:inter_token_latency_seconds', 'Time between tokens of a stream.', this.itl],
      [
        'vllm:time_per_output_token_seconds',
        'Time between tokens of a stream (name before vLLM 0.11).',
        this.itl,
      ],
      ['vllm:request_time_per_output_token_seconds', 'Mean time per output token of a request.', this.#tpot],
      ['vllm:e2e_request_latency_seconds', 'End-to-end latency of a request.', this.#e2e],
      ['vllm:request_queue_time_seconds', 'Time of a request in the queue.', this.#queue],
      ['vllm:request_inference_time_seconds', 'Time of a request in the batch.', this.#inference],
      [
        'vllm:request_prefill_time_seconds',
        'Time of a request from admission to first token.',
        this.#prefill,
      ],
      ['vllm:request_decode_time_seconds', 'Time of a request from first to last token.', this.#decode],
      ['vllm:request_prompt_tokens', 'Prompt tokens of a request.', this.#promptTokens],
      ['vllm:request_generation_tokens', 'Generated tokens of a request.', this.#generatedTokens],
      ['vllm:iteration_tokens_total', 'Tokens of an iteration.', this.iterationTokens],
    ];
  }

  finished(reason: FinishReason): number {
    return this.#finished[reason];
  }
}

export interface ExportedReplica {
  /** Its place among all replicas, also those that are down and export nothing. */
  readonly index: number;
  readonly engine: Engine;
  readonly metrics: ReplicaMetrics;
}

/** The page of GET /metrics. */
export function metricsPage(
  model: EngineModel,
  modelName: string,
  replicas: readonly ExportedReplica[],
): string {
  if (replicas.length === 0) return '';
  const labels = replicas.map(({ index }) => labelText({ model_name: modelName, engine: index }));
  const gauges = replicas.map((replica) => replica.engine.gauges());
  const perReplica = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    value: (gauge: (typeof gauges)[number]) => number,
  ): MetricFamily => ({
    name,
    help,
    type,
    samples: gauges.map((gauge, i) => ({ labels: labels[i], value: value(gauge) })),
  });
  const histogram = (index: number): MetricFamily => {
    const [name, help] = replicas[0].metrics.histograms()[index];
    const samples = replicas.map((r, i) => r.metrics.histograms()[index][2].lines(name, labels[i]));
    return { name, help, type: 'histogram', samples };
  };
  return formatMetrics([
    perReplica('gauge', 'vllm:num_requests_running', 'Requests in the batch.', (g) => g.running),
    perReplica('gauge', 'vllm:num_requests_waiting', 'Requests in the queue.', (g) => g.waiting),
    perReplica('gauge', 'vllm:kv_cache_usage_perc', 'Used share of KV blocks, 0-1.', (g) => g.kvUsage),
    perReplica(
      'gauge',
      'vllm:gpu_cache_usage_perc',
      'Used share of KV blocks, 0-1 (name before vLLM 0.10).',
      (g) => g.kvUsage,
    ),
    ...['vllm:prefix_cache_queries_total', 'vllm:gpu_prefix_cache_queries_total'].map((name) =>
      perReplica(
        'counter',
        name,
        'Prompt tokens looked up in the prefix cache.',
        (g) => g.prefixQueriedTokens,
      ),
    ),
    ...['vllm:prefix_cache_hits_total', 'vllm:gpu_prefix_cache_hits_total'].map((name) =>
      perReplica('counter', name, 'Prompt tokens found in the prefix cache.', (g) => g.prefixHitTokens),
    ),
    perReplica('counter', 'vllm:num_preemptions_total', 'Preemptions.', (g) => g.preemptions),
    perReplica('counter', 'vllm:prompt_tokens_total', 'Prompt tokens processed.', (g) => g.promptTokens),
    perReplica('counter', 'vllm:generation_tokens_total', 'Tokens generated.', (g) => g.generatedTokens),
    {
      name: 'vllm:request_success_total',
      help: 'Requests finished, by reason.',
      type: 'counter',
      samples: replicas.flatMap((replica, i) =>
        FINISH_REASONS.map((reason) => ({
          labels: `${labels[i]},finished_reason="${reason}"`,
          value: replica.metrics.finished(reason),
        })),
      ),
    },
    ...replicas[0].metrics.histograms().map((_, index) => histogram(index)),
    {
      name: 'vllm:cache_config_info',
      help: 'Configuration of the KV cache.',
      type: 'gauge',
      samples: replicas.map(({ index }) => ({ labels: cacheConfigLabels(model, index), value: 1 })),
    },
  ]);
}

function cacheConfigLabels(model: EngineModel, engine: number): LabelText {
  return labelText({
    block_size: model.limits.blockSize,
    enable_prefix_caching: model.prefixCaching ? 'True' : 'False',
    num_gpu_blocks: model.limits.kvBlocks,
    engine,
  });
}
