/** Runs: the raw instants of each request, and the summary that is computed from them. */
import type { EngineLimits } from './engine.js';
import type { Check, FileHeader, MetricSummaryMap, Verdict } from './run-support.js';

/**
 * How a replayed request ended. `empty` = finished without a single token; `unsent` = its instant passed and the run
 * ended first; `skipped` = never due, because the request that it follows failed.
 */
export type RunStatus =
  | 'ok'
  | 'empty'
  | 'truncated'
  | 'stream_error'
  | 'http_error'
  | 'connection_error'
  | 'timeout_connect'
  | 'timeout_first_byte'
  | 'timeout_idle'
  | 'timeout_total'
  | 'cancelled'
  | 'unsent'
  | 'skipped';

/** The instants that metrics are defined on; ns from the run's t0 on a monotonic clock; null = did not happen. */
export interface RequestInstants {
  readonly status: RunStatus;
  readonly stream: boolean;
  /** From the schedule; never null. */
  readonly intendedNs: number;
  /** Request bytes handed to the socket. */
  readonly sentNs: number | null;
  /** Response head. */
  readonly firstByteNs: number | null;
  /** First chunk with generated text of any channel. */
  readonly firstTokenNs: number | null;
  /** First chunk with answer text. */
  readonly firstAnswerTokenNs: number | null;
  readonly lastTokenNs: number | null;
  /** End of the response, however it ended. */
  readonly endNs: number | null;
  readonly outputTokens: number | null;
  readonly inputTokens: number | null;
  readonly tokensInFirstChunk: number | null;
  /** Instants of the chunks that carried tokens, ns from t0; null when not kept. */
  readonly chunkNs: readonly number[] | null;
}

/**
 * `retried` = an attempt that failed and was sent again: on record, in no figure. The request's own row (`measure`) is
 * that of its last attempt, with `sentNs` of the first one.
 */
export type RunPhase = 'warmup' | 'measure' | 'retried';

/** One row of requests.parquet: raw instants only, nothing derived. */
export interface RunRecord extends RequestInstants {
  /** Row of the trace, 0-based; in later passes of a looped trace counted on (row + pass × rows). */
  readonly index: number;
  readonly requestId: string | null;
  readonly sessionId: string | null;
  readonly phase: RunPhase;
  /** When the concurrency cap let it go (its intended instant when a place was free); null = no cap. */
  readonly releasedNs: number | null;
  /** Time to open the connection, look-up and TLS included; null = an open one was reused. */
  readonly connectNs: number | null;
  /** Of `connectNs`, the look-up of the name; null or absent = none was made (an address, an open connection), or not told. */
  readonly dnsNs?: number | null;
  /** Which of the target's addresses served it (`target.endpoints`); null or absent = there is one. */
  readonly endpoint?: string | null;
  readonly httpStatus: number | null;
  /** Short machine-readable reason with the server's message; never prompt text or keys. */
  readonly error: string | null;
  /** What was odd about a request that is no error, e.g. `done_missing`; comma-joined; null = nothing. */
  readonly note: string | null;
  /** Prompt length asked for (from the trace). `inputTokens` is what the server counted. */
  readonly inputTokensAsked: number | null;
  readonly maxOutputTokens: number | null;
  readonly outputTokensSource: 'usage' | 'tokenizer' | null;
  readonly cachedTokens: number | null;
  readonly reasoningTokens: number | null;
  /** Chunks that carried tokens. */
  readonly chunks: number;
  /** e.g. stop, length; null = none seen. */
  readonly finishReason: string | null;
  /** The server's id of the response, to join with its log. */
  readonly responseId: string | null;
  readonly sender: number;
  /** 1 = the first; 0 = none was made. */
  readonly attempt: number;
  /** When it was sent for the last time; null or absent = it was sent once (note `resent`, or several attempts). */
  readonly lastSentNs?: number | null;
  /** `index` of the request that this one waited for; null or absent = it left by the schedule. */
  readonly parentIndex?: number | null;
}

export interface RunCounts {
  readonly offered: number;
  readonly byStatus: Readonly<Partial<Record<RunStatus, number>>>;
  /** Requests that were sent more than once; absent = retries were not asked for. */
  readonly retried?: number;
  /** All attempts of all requests; absent = retries were not asked for. */
  readonly attempts?: number;
}

/** What one of several addresses made of its part of the load. */
export interface EndpointSummary {
  readonly endpoint: string;
  /** Measured requests that were its to serve. */
  readonly offered: number;
  readonly byStatus: RunCounts['byStatus'];
  /** `ttft` and `e2e`. */
  readonly metrics: MetricSummaryMap;
  /** As it told before the load; absent = it told none, or was not asked. */
  readonly serverLimits?: Partial<EngineLimits>;
}

/** Token and request flow; window = first intended send to last end. */
export interface RunThroughput {
  readonly windowSec: number;
  readonly sentPerSec: number;
  readonly okPerSec: number;
  /** Output tokens of ok requests ÷ window. */
  readonly okOutputTokensPerSec: number;
  /** Output tokens of all requests, partial ones included ÷ window. */
  readonly allOutputTokensPerSec: number;
  readonly inputTokensPerSec: number;
}

/** What the server said of itself over the measured part of a run. Failed scrapes are left out and counted. */
export interface GaugeSummary {
  /** One vocabulary for all servers: running, waiting, kv_usage, prefix_hit, preemptions, … */
  readonly name: string;
  /** The server's own metric, e.g. `vllm:num_requests_running`. */
  readonly source?: string;
  readonly samples: number;
  readonly failedScrapes: number;
  /** null for counters. */
  readonly mean: number | null;
  readonly max: number | null;
  /** Last value of a gauge; growth over the run of a counter. */
  readonly last: number | null;
}

/**
 * One line of server.jsonl in a run's folder (keys on disk: `at_ns`, `source`, `values`, `metrics`), a scrape of the server's own
 * metrics about every second. `readServerSamples` in replay/server-log.ts reads them.
 */
export interface ServerSample {
  /** Middle of the scrape, ns from the run's t0. */
  readonly atNs: number;
  /** `server` = the engine's page (all replicas together), `gpu` = the DCGM exporter's. */
  readonly source: 'server' | 'gpu';
  /**
   * In the vocabulary of GaugeSummary: gauges (running, waiting, kv_usage 0–1, prefix_hit 0–1, gpu_usage 0–1,
   * gpu_power_watts, …) as they are, counters (generation_tokens, preemptions, gpu_energy_joules, …) as the server counts.
   * null = the scrape failed; an absent name = the server does not tell it.
   */
  readonly values: Readonly<Record<string, number>> | null;
  /** The server's own metric behind each value; in a file only those that differ from the samples before. */
  readonly metrics?: Readonly<Record<string, string>>;
}

/** What the client did to itself while measuring. */
export interface ClientHealth {
  readonly senders: number;
  /** Event-loop delay of the worst sender, ms. */
  readonly loopDelayP99Ms: number | null;
  readonly loopDelayMaxMs: number | null;
  readonly gcTotalMs: number | null;
  readonly gcMaxMs: number | null;
  /** CPU seconds ÷ elapsed seconds of the busiest sender, without the timer's polling, 0–1+. */
  readonly cpuShare: number | null;
  /** Time that the worst sender was ready to run but had no core ÷ elapsed, 0–1; null = the system does not tell. */
  readonly cpuWaitShare: number | null;
  readonly connectionsOpened: number;
  /** Requests that left on an open connection; null or absent = not counted. */
  readonly connectionsReused?: number | null;
  /** Time to look up names and to open connections, ms in all; no part of any latency. */
  readonly dnsTotalMs?: number | null;
  readonly connectTotalMs?: number | null;
  /** Each process of the client: the senders, and the one that builds prompts and records (`run`). */
  readonly processes?: readonly ProcessHealth[];
}

/** One process of the client over the measured part of a run. */
export interface ProcessHealth {
  readonly name: string;
  /** CPU seconds ÷ elapsed seconds, 0–1+. */
  readonly cpuShare: number;
  readonly cpuWaitShare: number | null;
  readonly loopDelayP99Ms: number | null;
  readonly gcMaxMs: number | null;
}

/** Result of one SLO term on a run. */
export interface SloResult {
  readonly term: string;
  readonly value: number | null;
  readonly limit: number;
  readonly unit: string;
  readonly met: boolean;
  readonly n: number;
}

export interface RunTarget {
  /** Without credentials or query. */
  readonly url: string;
  /** Every address that served the load, `url` first; absent = `url` alone. */
  readonly endpoints?: readonly string[];
  readonly protocol: string;
  readonly model: string | null;
}

export interface RunLoad {
  readonly traceName: string;
  readonly traceHash: string;
  readonly rows: number;
  readonly durationSec: number;
  readonly speed: number;
  readonly rate: string | null;
  readonly window: string | null;
  readonly concurrency: number | null;
  readonly warmupRequests: number;
  readonly salt: string | null;
  readonly plannedRatePerSec: number;
  /** How turns of a session leave; absent = by the schedule (open). */
  readonly sessions?: RunSessions | null;
  /** Passes over the trace; absent = one. */
  readonly loops?: number;
  /** Rate at the start and at the end of a ramp, as multiples of the planned rate; absent = none. */
  readonly ramp?: { readonly from: number; readonly to: number; readonly sec: number } | null;
  /** Requests left as soon as a place under the cap was free, whatever the trace's instants. */
  readonly closedLoop?: boolean;
  /** Most attempts beyond the first; absent = 0. */
  readonly retries?: number;
}

/** Turns that waited for answers. */
export interface RunSessions {
  /** `closed`: think time after the parent's answer; `hybrid`: the recorded instant, but never before that answer. */
  readonly mode: 'closed' | 'hybrid';
  readonly answers: 'real' | 'synthetic';
  readonly sessions: number;
  /** Requests that waited for another one. */
  readonly followers: number;
  /** Of these, with the conversation so far in their prompt; the others had a prompt of their own in the trace. */
  readonly withHistory: number;
}

/** run.json */
export interface RunSummary extends FileHeader<'run'> {
  readonly target: RunTarget;
  readonly load: RunLoad;
  readonly startedUtc: string;
  readonly interrupted: boolean;
  readonly counts: RunCounts;
  readonly metrics: MetricSummaryMap;
  /** By address, in the order of `target.endpoints`; absent = there is one. */
  readonly endpoints?: readonly EndpointSummary[];
  readonly throughput: RunThroughput;
  /** Requests that met every SLO ÷ offered; null without SLO. */
  readonly goodput: number | null;
  readonly slo: readonly SloResult[];
  readonly validity: Verdict<'valid' | 'invalid'> & { readonly checks: readonly Check[] };
  readonly client: ClientHealth;
  /** As the server told before the load (of several the first; each is in `endpoints`); absent = it told none, or was not asked. */
  readonly serverLimits?: Partial<EngineLimits>;
  readonly server: { readonly gauges: readonly GaugeSummary[] } | null;
  readonly promptTokens: {
    readonly compared: number;
    readonly exact: number;
    readonly meanSignedError: number | null;
  };
  readonly notes: readonly string[];
}
