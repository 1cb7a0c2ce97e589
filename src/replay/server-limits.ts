/**
 * What a server says of its own limits, so that nobody has to look them up: kept in run.json for calibrate.
 *
 * vLLM: labels of `vllm:cache_config_info` on /metrics, `max_model_len` of /v1/models. SGLang: /get_server_info. TGI:
 * /info. llama.cpp: /props (slots, context of a slot; its KV is reserved per slot). An address that does not answer, or
 * answers something else, tells nothing and costs a second at most.
 */
import { type Dispatcher, request } from 'undici';
import type { EngineLimits } from '../types.js';

export interface ServerLimits {
  readonly limits: Partial<EngineLimits>;
  /** Which page told which limit, e.g. `kvBlocks 7936 (/metrics)`. */
  readonly told: readonly string[];
}

/** Text of a page, or null when it cannot be had. */
export type PageReader = (path: string) => Promise<string | null>;

const TIME_LIMIT_MS = 1_000;
const BLOCK_TOKENS = 16;

export interface LimitOptions {
  /** Its metrics page, when that is elsewhere. */
  readonly metricsUrl?: string | null;
  /** name, value, name, value …; for the origin of `url` alone. */
  readonly headers?: readonly string[];
  /** Carries the requests to the origin, e.g. with the load's certificates. */
  readonly dispatcher?: Dispatcher;
}

/** Asks the server at the origin of `url`. Never throws: what is not told is missing. */
export async function readServerLimits(url: string, options: LimitOptions = {}): Promise<ServerLimits> {
  const origin = new URL(url).origin;
  const { metricsUrl, headers, dispatcher } = options;
  return serverLimits(async (path) => {
    const page = path === '/metrics' && metricsUrl != null ? metricsUrl : `${origin}${path}`;
    try {
      const { statusCode, body } = await request(page, {
        ...(page.startsWith(`${origin}/`) ? { headers: [...(headers ?? [])], dispatcher } : {}),
        signal: AbortSignal.timeout(TIME_LIMIT_MS),
      });
      const text = await body.text();
      return statusCode === 200 ? text : null;
    } catch {
      return null;
    }
  });
}

/** Reads every page that may tell a limit; where two tell the same one, the first in this list counts. */
export async function serverLimits(read: PageReader): Promise<ServerLimits> {
  const pages: readonly (readonly [path: string, parse: (text: string) => Partial<EngineLimits>])[] = [
    ['/metrics', fromMetrics],
    ['/v1/models', (text) => fromModels(parsed(text))],
    ['/get_server_info', (text) => fromSglang(parsed(text))],
    ['/info', (text) => fromTgi(parsed(text))],
    ['/props', (text) => fromLlamaCpp(parsed(text))],
  ];
  const texts = await Promise.all(pages.map(([path]) => read(path)));
  const limits: { -readonly [K in keyof EngineLimits]?: EngineLimits[K] } = {};
  const told: string[] = [];
  pages.forEach(([path, parse], i) => {
    const text = texts[i];
    if (text === null) return;
    for (const [key, value] of Object.entries(parse(text)) as [keyof EngineLimits, number | undefined][]) {
      if (value === undefined || limits[key] !== undefined) continue;
      limits[key] = value;
      told.push(`${key} ${value} (${path})`);
    }
  });
  return { limits, told };
}

/** Where the addresses of one load tell different limits: they are not one engine. */
export function limitNotes(endpoints: readonly string[], limits: readonly Partial<EngineLimits>[]): string[] {
  const keys = new Set(limits.flatMap((told) => Object.keys(told) as (keyof EngineLimits)[]));
  const differences = [...keys].flatMap((key) => {
    const byValue = new Map<number, string[]>();
    limits.forEach(({ [key]: value }, i) => {
      if (value !== undefined)
        byValue.set(value, [...(byValue.get(value) ?? []), new URL(endpoints[i]).host]);
    });
    if (byValue.size < 2) return [];
    return [`${key} ${[...byValue].map(([value, hosts]) => `${value} (${hosts.join(', ')})`).join(', ')}`];
  });
  return differences.length === 0
    ? []
    : [
        `the addresses tell unequal limits: ${differences.join('; ')}; one calibration of them all is wrong: replay against each kind by itself`,
      ];
}

function fromMetrics(text: string): Partial<EngineLimits> {
  const line = /^vllm:cache_config_info\{(.*)\}/m.exec(text)?.[1];
  if (line === undefined) return {};
  const label = (name: string): number | undefined =>
    whole(new RegExp(`(?:^|,)${name}="(\\d+)"`).exec(line)?.[1]);
  return { kvBlocks: label('num_gpu_blocks'), blockSize: label('block_size') };
}

function fromModels(document: unknown): Partial<EngineLimits> {
  const [first] = list(member(document, 'data'));
  return { maxModelLen: whole(member(first, 'max_model_len')) };
}

function fromSglang(document: unknown): Partial<EngineLimits> {
  const tokens = whole(member(document, 'max_total_num_tokens'));
  const pageSize = whole(member(document, 'page_size'));
  return {
    kvBlocks:
      tokens === undefined || pageSize === undefined ? undefined : Math.floor(tokens / pageSize) || undefined,
    blockSize: tokens === undefined ? undefined : pageSize,
    maxSeqs: whole(member(document, 'max_running_requests')),
    maxBatchedTokens: whole(member(document, 'chunked_prefill_size')),
    maxModelLen: whole(member(document, 'context_length')),
  };
}

function fromTgi(document: unknown): Partial<EngineLimits> {
  return {
    maxModelLen: whole(member(document, 'max_total_tokens')),
    maxBatchedTokens: whole(member(document, 'max_batch_prefill_tokens')),
    maxSeqs: whole(member(document, 'max_batch_size')),
  };
}

/** One slot = one sequence with a context of its own, which is reserved whole: blocks are ours, to count in. */
function fromLlamaCpp(document: unknown): Partial<EngineLimits> {
  const slots = whole(member(document, 'total_slots'));
  const context = whole(member(member(document, 'default_generation_settings'), 'n_ctx'));
  if (slots === undefined || context === undefined) return {};
  const kvBlocks = slots * Math.ceil(context / BLOCK_TOKENS);
  return { maxSeqs: slots, maxModelLen: context, kvBlocks, blockSize: BLOCK_TOKENS };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const member = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** A whole number from 1; servers write `null`, -1 or `None` for "not set". */
function whole(value: unknown): number | undefined {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 1 ? number : undefined;
}
