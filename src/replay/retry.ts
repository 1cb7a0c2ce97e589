/**
 * Which endings are worth another attempt, and how long to wait before it. Nothing is retried unless asked for.
 *
 * Source: RFC 9110 §10.2.3 (Retry-After: seconds or an HTTP date). It is a floor of the wait, not its replacement, and
 * it is capped: a server that says "tomorrow" would end the run.
 */
import { NS_PER_SEC } from '../units.js';
import type { Outcome } from './exchange.js';

const RETRYABLE_HTTP = new Set([408, 425, 429, 500, 502, 503, 504, 529]);

/** First wait without Retry-After; doubles with every attempt. */
const BACKOFF_NS = 0.5 * NS_PER_SEC;
const LONGEST_BACKOFF_NS = 8 * NS_PER_SEC;
/** Longest Retry-After that is waited for. */
export const LONGEST_RETRY_AFTER_NS = 60 * NS_PER_SEC;

/** Whether another attempt may end better. Once a token has come, an answer is not asked for again. */
export function isRetryable(outcome: Outcome): boolean {
  switch (outcome.status) {
    case 'http_error':
      return outcome.httpStatus !== null && RETRYABLE_HTTP.has(outcome.httpStatus);
    case 'connection_error':
      return outcome.firstByteNs === null;
    case 'timeout_connect':
      return true;
    default:
      return false;
  }
}

/** The wait after attempt `attempt` (from 1). `nowUtcMs` is the wall clock, for dates. */
export function retryWait(
  attempt: number,
  retryAfter: string | null,
  nowUtcMs: number,
): { readonly waitNs: number; readonly capped: boolean } {
  const backoffNs = Math.min(LONGEST_BACKOFF_NS, BACKOFF_NS * 2 ** (attempt - 1));
  const askedNs = retryAfterNs(retryAfter, nowUtcMs);
  if (askedNs === null) return { waitNs: backoffNs, capped: false };
  const capped = askedNs > LONGEST_RETRY_AFTER_NS;
  return { waitNs: Math.max(backoffNs, Math.min(askedNs, LONGEST_RETRY_AFTER_NS)), capped };
}

/** ns that a Retry-After asks for; null = none, or none that can be read (negative, fractional, garbage). */
export function retryAfterNs(text: string | null, nowUtcMs: number): number | null {
  const trimmed = text?.trim() ?? '';
  if (/^\d+$/.test(trimmed)) return Number(trimmed) * NS_PER_SEC;
  if (!/^[A-Za-z]{3}, /.test(trimmed)) return null;
  const atMs = Date.parse(trimmed);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowUtcMs) * 1e6;
}
