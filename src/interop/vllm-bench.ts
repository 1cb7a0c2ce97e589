/**
 * `vllm bench serve --save-result --save-detailed`: one JSON. Keys after vLLM's benchmarks/serve.py. TPOT divides by
 * tokens − 1, percentiles are over completed requests; lists are in seconds, summaries in ms.
 */
import { msToSec } from '../units.js';
import {
  chunkGapsMs,
  completed,
  distribution,
  type ExportedRun,
  epochSec,
  failed,
  known,
  latencyMs,
  perSec,
  promptTokens,
  sentWindowSec,
  sumOf,
  timePerTokenMs,
  ttftMs,
} from './quantities.js';

/** The result document. Generated texts are not kept by a run: they are empty strings. */
export function vllmBenchResult(run: ExportedRun): object {
  const { summary, records } = run;
  const done = completed(run);
  const input = sumOf(done.map(promptTokens));
  const output = sumOf(done.map((record) => record.outputTokens));
  const met = summary.goodput === null ? null : summary.goodput * summary.counts.offered;
  const seconds = (ms: number | null): number => (ms === null ? 0 : msToSec(ms));
  return {
    date: summary.startedUtc.replace(/[-:]/g, '').replace('T', '-').slice(0, 15),
    endpoint_type: summary.target.protocol,
    backend: summary.target.protocol,
    label: null,
    model_id: summary.target.model,
    tokenizer_id: null,
    num_prompts: summary.counts.offered,
    request_rate: summary.load.plannedRatePerSec,
    burstiness: null,
    max_concurrency: summary.load.concurrency,
    duration: sentWindowSec(run),
    completed: done.length,
    failed: failed(run).length,
    total_input_tokens: input,
    total_output_tokens: output,
    request_throughput: perSec(run, done.length),
    request_goodput: met === null ? null : perSec(run, met),
    output_throughput: perSec(run, output),
    total_token_throughput: perSec(run, input + output),
    input_lens: records.map((record) => promptTokens(record) ?? 0),
    output_lens: records.map((record) => record.outputTokens ?? 0),
    ttfts: records.map((record) => seconds(ttftMs(record))),
    itls: records.map((record) => chunkGapsMs(record).map(msToSec)),
    start_times: records.map((record) => epochSec(run, record.sentNs ?? record.intendedNs)),
    generated_texts: records.map(() => ''),
    errors: records.map((record) => (record.status === 'ok' ? '' : (record.error ?? record.status))),
    max_output_tokens_per_s: busiestSecond(run),
    max_concurrent_requests: mostConcurrent(run),
    ...percentiles('ttft', known(done.map(ttftMs))),
    ...percentiles('tpot', known(done.map(timePerTokenMs))),
    ...percentiles('itl', done.flatMap(chunkGapsMs)),
    ...percentiles('e2el', known(done.map(latencyMs))),
  };
}

function percentiles(name: string, valuesMs: readonly number[]): Record<string, number | null> {
  const of = distribution(valuesMs);
  const ranks = [50, 90, 95, 99].map((p) => [`p${p}_${name}_ms`, of.at(p / 100)] as const);
  return {
    [`mean_${name}_ms`]: of.mean,
    [`median_${name}_ms`]: of.at(0.5),
    [`std_${name}_ms`]: of.std,
    ...Object.fromEntries(ranks),
  };
}

/** Chunks with tokens in the busiest second; each stands for its share of the request's tokens. */
function busiestSecond(run: ExportedRun): number {
  const bins = new Map<number, number>();
  for (const record of completed(run)) {
    const chunks = record.chunkNs ?? [];
    const tokensPerChunk = chunks.length === 0 ? 0 : (record.outputTokens ?? 0) / chunks.length;
    for (const ns of chunks) {
      const bin = Math.floor(ns / 1e9);
      bins.set(bin, (bins.get(bin) ?? 0) + tokensPerChunk);
    }
  }
  return Math.max(0, ...bins.values());
}

function mostConcurrent(run: ExportedRun): number {
  const changes: [number, number][] = [];
  for (const { sentNs, endNs } of completed(run)) {
    if (sentNs === null || endNs === null) continue;
    changes.push([sentNs, 1], [endNs, -1]);
  }
  changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let now = 0;
  let most = 0;
  for (const [, change] of changes) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}
