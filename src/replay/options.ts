/** What a replay can be asked for, with defaults; checked in one place before anything is opened. */
import { ToolError } from '../errors.js';
import { parseSlo, type Slo } from '../slo.js';
import type { ProgressListener, TraceRow } from '../types.js';
import { NS_PER_SEC, type RateSpec } from '../units.js';
import type { ExchangeLimits } from './exchange.js';
import type { LiveState } from './live.js';
import type { LoopSpec, RampSpec } from './load-shape.js';
import type { ConnectionRequest } from './transport.js';
import type { Affinity } from './transports/places.js';

/** A trace in memory. */
export interface InMemoryTrace {
  readonly name: string;
  /** Sorted by arrival. */
  readonly rows: readonly TraceRow[];
  /** Tokens per entry of blockHashes; null = rows have none. */
  readonly blockSize: number | null;
  /** Content hash, for run.json; null = made here. */
  readonly hash?: string | null;
}

export interface ReplayOptions {
  /** Path of a trace file, or rows. */
  readonly trace: string | InMemoryTrace;
  /** Origin, API root or endpoint. */
  readonly url: string;
  /** Further addresses that serve the same; requests are spread over all. */
  readonly otherUrls?: readonly string[];
  /** How requests are spread over several addresses. Default round-robin. */
  readonly affinity?: Affinity;
  /** Certificates, unix socket, HTTP version. */
  readonly connection?: ConnectionRequest;
  /** Folder of the run; made when missing. */
  readonly outDir: string;
  /** Replaces a run that is already there. Default false. */
  readonly force?: boolean;
  /** Default openai-chat. */
  readonly protocol?: string;
  /** Default: the first that the endpoint lists. */
  readonly model?: string | null;
  readonly apiKey?: string | null;
  /** `Name: value` each. */
  readonly headers?: readonly string[];
  /** Members added to every request's body. */
  readonly extraBody?: Readonly<Record<string, unknown>> | null;
  readonly speed?: number;
  readonly rate?: RateSpec | null;
  readonly window?: { readonly fromSec: number; readonly toSec: number | null } | null;
  readonly maxGapSec?: number | null;
  /** Passes over the trace, or for how long. Default one pass. */
  readonly loop?: LoopSpec | null;
  /** The rate rises over the first seconds. Default none. */
  readonly ramp?: RampSpec | null;
  /** Requests leave as soon as a place under `concurrency` is free, whatever the trace's instants. Default false. */
  readonly closedLoop?: boolean;
  /**
   * How turns of a session leave. `open` (default): at their recorded instants, whatever the server does, so that a slow
   * server is not spared load. `closed`: think time after the answer before. `hybrid`: the later of the two.
   */
  readonly sessions?: 'open' | 'closed' | 'hybrid';
  /** What stands for answers in a conversation: the server's, or words of the recorded length. Default `real`. */
  readonly history?: 'real' | 'synthetic';
  /** Factor on recorded think times. Default: they run with the load's speed. */
  readonly thinkScale?: number | null;
  /** Whether a turn is sent when the one before it failed. Default `end`: it and what follows is skipped. */
  readonly onFailedTurn?: 'end' | 'continue';
  /** Most attempts beyond the first, for refusals and broken connections; Retry-After is waited for. Default 0. */
  readonly retries?: number;
  /** At most so many requests of the trace. */
  readonly requests?: number | null;
  readonly maxOutput?: number | null;
  /** Default `trace`. */
  readonly stream?: 'trace' | 'always' | 'never';
  /** Ask the server for the full output length. Default true. */
  readonly ignoreEos?: boolean;
  /** Most requests in flight; the rest wait. null = none (open loop). */
  readonly concurrency?: number | null;
  /** Requests of the same kind before t0; never in the results. Default 0. */
  readonly warmup?: number;
  /** So many first requests of the schedule are sent on time and recorded, but not measured. Default 0. */
  readonly unmeasured?: number;
  readonly slo?: readonly string[];
  /** Seconds; null = none. Defaults 10, 600, 600, none. */
  readonly timeoutConnectSec?: number | null;
  readonly timeoutFirstByteSec?: number | null;
  readonly timeoutIdleSec?: number | null;
  readonly timeoutTotalSec?: number | null;
  /** How long requests in flight may take after the last one was sent, seconds. Default 120. */
  readonly drainSec?: number;
  /** `random`, `none`, or a text. Default random. */
  readonly salt?: string;
  readonly seed?: string | number;
  readonly senders?: number | 'auto';
  /** Senders get real-time priority, or the run fails (Linux, with the right to). Default false. */
  readonly realTime?: boolean;
  /** Connections that each sender opens before t0. Default 0. */
  readonly preconnect?: number;
  /** Default true. */
  readonly keepChunks?: boolean;
  /**
   * null = the endpoint's own /metrics if it answers, of every address; several replicas' pages with commas; `none` = no
   * scraping.
   */
  readonly metricsUrl?: string | null;
  /** Page of a DCGM exporter (or several, with commas): use and power of GPUs. */
  readonly dcgmUrl?: string | null;
  /** Send one small request first, and refuse to load an endpoint that refuses it. Default true. */
  readonly trial?: boolean;
  /** Learn how many tokens the chat template adds, and take them off every prompt. Default false. */
  readonly calibratePrompts?: boolean;
  /** Run the senders' code against a loopback mock first. Default true. */
  readonly warmUpCode?: boolean;
  /** For answers without usage. Default cl100k_base. */
  readonly encoding?: string;
  /** Tokens per prefix block, when the trace does not say it. */
  readonly blockSize?: number | null;
  /** Nominal rate for run.json, when the rows were drawn for one. */
  readonly plannedRatePerSec?: number | null;
  readonly progress?: ProgressListener;
  /** A live view: shown a state whenever it is due. */
  readonly live?: { readonly due: boolean; show(state: LiveState): void } | null;
  readonly signal?: AbortSignal | null;
}

export const REPLAY_DEFAULTS = {
  protocol: 'openai-chat',
  timeoutConnectSec: 10,
  timeoutFirstByteSec: 600,
  timeoutIdleSec: 600,
  timeoutTotalSec: null,
  drainSec: 120,
  salt: 'random',
  seed: '1',
  encoding: 'cl100k_base',
} as const;

/** After a finish reason without the end mark. */
const GRACE_SEC = 2;
/** For the server to end the response after the end mark. */
const LINGER_SEC = 1;

/** Limits of an exchange. */
export function limitsOf(options: ReplayOptions): ExchangeLimits {
  const ns = (sec: number | null | undefined, fallback: number | null): number | null => {
    const value = sec === undefined ? fallback : sec;
    return value === null ? null : value * NS_PER_SEC;
  };
  return {
    connectNs: ns(options.timeoutConnectSec, REPLAY_DEFAULTS.timeoutConnectSec),
    firstByteNs: ns(options.timeoutFirstByteSec, REPLAY_DEFAULTS.timeoutFirstByteSec),
    idleNs: ns(options.timeoutIdleSec, REPLAY_DEFAULTS.timeoutIdleSec),
    totalNs: ns(options.timeoutTotalSec, REPLAY_DEFAULTS.timeoutTotalSec),
    graceNs: GRACE_SEC * NS_PER_SEC,
    lingerNs: LINGER_SEC * NS_PER_SEC,
  };
}

/** The SLO, or null. */
export function sloOf(options: ReplayOptions): Slo | null {
  return options.slo === undefined || options.slo.length === 0 ? null : parseSlo(options.slo);
}

/** Refuses values that cannot be, naming the flag. */
export function checkReplayOptions(options: ReplayOptions): void {
  const wholeFrom = (flag: string, value: number | null | undefined, least: number): void => {
    if (value == null || (Number.isSafeInteger(value) && value >= least)) return;
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `${flag} must be a whole number from ${least}, got ${value}`,
      hint: `write for example ${flag} ${Math.max(least, 10)}`,
    });
  };
  wholeFrom('--concurrency', options.concurrency, 1);
  wholeFrom('--warmup', options.warmup, 0);
  wholeFrom('--retries', options.retries, 0);
  wholeFrom('--loop', options.loop?.kind === 'passes' ? options.loop.passes : null, 1);
  if (options.closedLoop === true && options.concurrency == null) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: 'a closed loop (--rate max) needs a cap: how many requests to keep in flight',
      hint: 'add for example --concurrency 8',
    });
  }
  const { thinkScale, ramp } = options;
  if (thinkScale != null && !(Number.isFinite(thinkScale) && thinkScale >= 0)) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `expected a factor from 0 on think times, got ${thinkScale}`,
      hint: 'write --think-scale 1 for the recorded times, 0 for none',
    });
  }
  if (
    ramp != null &&
    !(ramp.sec > 0 && (ramp.rates === null || (ramp.rates.fromPerSec >= 0 && ramp.rates.toPerSec > 0)))
  ) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: 'a ramp needs a length above 0 and a rate above 0 at its end',
      hint: 'write --ramp 60s, or --rate 1..50/60s',
    });
  }
  wholeFrom('--requests', options.requests, 1);
  wholeFrom('--max-output', options.maxOutput, 1);
  wholeFrom('--preconnect', options.preconnect, 0);
  wholeFrom('--block-size', options.blockSize, 1);
  if (options.senders !== 'auto') wholeFrom('--senders', options.senders, 1);
}
