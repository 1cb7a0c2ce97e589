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
} as const satisfies Record<string, Definition>;

export type FlowId = keyof typeof FLOW_DEFINITIONS;

/** The definition of any id, as `id = formula`. */
export function definitionText(id: MetricId | FlowId): string {
  const known: Readonly<Record<string, Definition>> = { ...METRIC_DEFINITIONS, ...FLOW_DEFINITIONS };
  return `${id} = ${known[id].formula}`;
}
