/**
 * The words for what is measured: names and formulas of the metric registry (src/metrics.ts computes them) and of the
 * counts and flows that figures show. Each figure prints the definition that it uses.
 */
import type { MetricId } from '../types/run-support.js';

export interface Definition {
  readonly name: string;
  readonly formula: string;
}

/** Every metric of the registry, in the instants of one request. */
export const METRIC_DEFINITIONS: Readonly<Record<MetricId, Definition>> = {
  ttft: { name: 'Time to first token', formula: 'firstToken − sent' },
  ttfa: { name: 'Time to first answer token', formula: 'firstAnswerToken − sent' },
  e2e: { name: 'End-to-end latency', formula: 'lastToken − sent (end − sent when not streamed)' },
  tpot: {
    name: 'Time per output token',
    formula: '(lastToken − firstToken) ÷ (outputTokens − tokensInFirstChunk)',
  },
  itl: { name: 'Gap between chunks', formula: 'gap between consecutive token-carrying chunks, pooled' },
  ntpot: { name: 'Normalised time per output token', formula: 'e2e ÷ outputTokens' },
  send_lag: { name: 'Send lag', formula: 'sent − intended' },
  queue_wait: { name: 'Wait behind the concurrency cap', formula: 'released − intended' },
  'response.ttft': { name: 'Time to first token, from the schedule', formula: 'firstToken − intended' },
  'response.e2e': { name: 'End-to-end latency, from the schedule', formula: 'lastToken − intended' },
};

/** Counts, flows and ratios that figures show beside the metrics. */
export const FLOW_DEFINITIONS = {
  offered_rate: { name: 'Offered rate', formula: 'requests due in the bin ÷ bin width' },
  achieved_rate: { name: 'Achieved rate', formula: 'requests sent in the bin ÷ bin width' },
  sent_rate: { name: 'Sent rate', formula: 'requests sent ÷ window' },
  completed_rate: { name: 'Completed rate', formula: 'completions ÷ window of the measured arrivals' },
  in_flight: { name: 'In flight', formula: 'sent and not yet ended' },
  goodput: { name: 'Goodput', formula: 'requests that met every SLO ÷ requests offered' },
  error_ratio: { name: 'Error ratio', formula: 'requests not ok ÷ requests offered' },
  throughput: { name: 'Throughput', formula: 'numerator ÷ (first intended send → last end)' },
  slo_use: {
    name: 'Share of the limit used',
    formula: 'value ÷ limit; for a minimum (1 − value) ÷ (1 − limit); met below 1',
  },
  input_tokens: { name: 'Input tokens', formula: 'whole prompt, cached part included' },
  output_tokens: { name: 'Output tokens', formula: 'generated tokens, reasoning included' },
  gap: { name: 'Gap between arrivals', formula: 'arrival − previous arrival' },
  count: { name: 'Arrivals', formula: 'requests that arrive in the bin' },
  arrival_rate: { name: 'Arrival rate', formula: 'requests that arrive in the bin ÷ bin width' },
  dispersion: { name: 'Index of dispersion', formula: 'variance ÷ mean of counts per window; Poisson = 1' },
  autocorrelation: {
    name: 'Autocorrelation',
    formula: 'correlation of counts per second with those one lag later',
  },
  length_share: { name: 'Share of requests', formula: 'requests in the cell ÷ requests' },
  lru_hit_ratio: {
    name: 'Prefix cache hit ratio',
    formula: 'blocks found in an LRU cache of that size ÷ blocks asked for',
  },
  turn_hazard: {
    name: 'Conversation goes on',
    formula: 'conversations with another turn ÷ conversations that reached this turn',
  },
  floor_use: {
    name: 'Share of the limit used',
    formula:
      'distance ÷ limit; limit = 95 % point of the distance between random halves of the real trace, ≥ 0.02',
  },
  run_change: { name: 'Change', formula: '(second − first) ÷ first' },
  replicas: { name: 'Replicas', formula: 'replicas asked for, ready and starting at the instant' },
  attainment: { name: 'SLO attainment', formula: 'good requests ÷ requests that arrived in the window' },
  server_requests: {
    name: 'Requests inside the server',
    formula: 'running and waiting, as the server counts them',
  },
  server_tokens: {
    name: 'Tokens per second',
    formula: 'growth of the server’s counter ÷ time between scrapes',
  },
  gpu_usage: { name: 'GPU use', formula: 'share of time with work on the GPU, as its exporter tells it' },
  gpu_power: { name: 'GPU power', formula: 'watts of all GPUs, as their exporter tells it' },
  kv_usage: { name: 'KV cache use', formula: 'KV blocks in use ÷ KV blocks' },
} as const satisfies Record<string, Definition>;

export type FlowId = keyof typeof FLOW_DEFINITIONS;

/** The definition of any id, as `id = formula`. */
export function definitionText(id: MetricId | FlowId): string {
  const known: Readonly<Record<string, Definition>> = { ...METRIC_DEFINITIONS, ...FLOW_DEFINITIONS };
  return `${id} = ${known[id].formula}`;
}
