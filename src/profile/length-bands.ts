/**
 * Latency by length of the prompt: the same requests of a level in bands, so that a profile shows whom a load hurts and can
 * be corrected for another mix of lengths (mix.ts). Edges come from the workload once (quantiles 25, 50, 75 and 95 % of the
 * prompts), so the bands of all levels, and of the mix that a plan asks for, are the same.
 */
import { percentileSorted, REQUEST_METRICS } from '../metrics.js';
import { goodputOf, type Slo } from '../slo.js';
import { quantileCurve } from '../stats/quantile-curve.js';
import type { LengthBand, QuantileCurve, RequestInstants, TraceRow } from '../types.js';

const EDGE_QUANTILES = [0.25, 0.5, 0.75, 0.95] as const;

/** Edges between bands, prompt tokens, rising; fewer where the workload's lengths repeat. */
export function bandEdgesOf(rows: readonly Pick<TraceRow, 'inputTokens'>[]): number[] {
  const lengths = Float64Array.from(
    rows.flatMap(({ inputTokens }) => (inputTokens === null ? [] : [inputTokens])),
  ).sort();
  if (lengths.length === 0) return [];
  const edges = EDGE_QUANTILES.map((q) => Math.round(percentileSorted(lengths, q)!));
  return [...new Set(edges)].filter((edge) => edge > lengths[0] && edge <= lengths[lengths.length - 1]);
}

/** Which band a prompt belongs to: edges are the first length of the next one. */
export function bandOf(inputTokens: number, edges: readonly number[]): number {
  let band = 0;
  while (band < edges.length && inputTokens >= edges[band]) band += 1;
  return band;
}

/** A request with the prompt that was asked for, where the server did not count it. */
type MeasuredRequest = RequestInstants & { readonly inputTokensAsked?: number | null };

/** Measured requests by band; requests of unknown length are left out. */
export function lengthBandsOf(
  measured: readonly MeasuredRequest[],
  edges: readonly number[],
  slo: Slo,
): LengthBand[] {
  const members: MeasuredRequest[][] = Array.from({ length: edges.length + 1 }, () => []);
  for (const request of measured) {
    const inputTokens = request.inputTokens ?? request.inputTokensAsked ?? null;
    if (inputTokens !== null) members[bandOf(inputTokens, edges)].push(request);
  }
  return members.map((requests, band) => ({
    fromTokens: band === 0 ? 0 : edges[band - 1],
    toTokens: band < edges.length ? edges[band] : null,
    requests: requests.length,
    meanInputTokens: meanOf(requests.map((one) => one.inputTokens ?? one.inputTokensAsked ?? 0)),
    meanOutputTokens: meanOf(requests.flatMap((one) => one.outputTokens ?? [])),
    failed: requests.filter((one) => one.status !== 'ok').length,
    goodput: goodputOf(slo, requests),
    ttft: curveOf(requests, 'ttft'),
    tpot: curveOf(requests, 'tpot'),
    e2e: curveOf(requests, 'e2e'),
  }));
}

/** 0 for none: a band without requests has no share either. */
const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

function curveOf(
  requests: readonly RequestInstants[],
  metric: 'ttft' | 'tpot' | 'e2e',
): QuantileCurve | null {
  const values = requests.flatMap((request) => {
    const value = REQUEST_METRICS[metric](request);
    return typeof value === 'number' ? [value] : [];
  });
  return values.length === 0 ? null : quantileCurve(Float64Array.from(values).sort());
}
