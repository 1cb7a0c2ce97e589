/**
 * Which endings are worth another attempt, and how long to wait before it. Nothing is retried unless asked for.
 *
 * Source: RFC 9110 §10.2.3 (Retry-After: seconds or an HTTP date). It is a floor of the wait, not its replacement, and
 * it is capped: a server that says "tomorrow" would end the run.
 */
import { randomOf } from '../random.js';
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

export interface RetryMoment {
  /** That failed, from 1. */
  readonly attempt: number;
  /** As the server wrote it; null = it did not. */
  readonly retryAfter: string | null;
  /** The wall clock, for dates. */
  readonly nowUtcMs: number;
  /** 0–1: how far beyond the least wait, in halves of the backoff. */
  readonly jitter: number;
}

/**
 * The wait before the next attempt: the backoff or what the server asked for, whichever is longer, and up to half the
 * backoff beyond it, so that requests that were refused together do not come back together.
 */
export function retryWait(moment: RetryMoment): { readonly waitNs: number; readonly capped: boolean } {
  const backoffNs = Math.min(LONGEST_BACKOFF_NS, BACKOFF_NS * 2 ** (moment.attempt - 1));
  const askedNs = retryAfterNs(moment.retryAfter, moment.nowUtcMs) ?? 0;
  const leastNs = Math.max(backoffNs, Math.min(askedNs, LONGEST_RETRY_AFTER_NS));
  return {
    waitNs: Math.round(leastNs + (moment.jitter * backoffNs) / 2),
    capped: askedNs > LONGEST_RETRY_AFTER_NS,
  };
}

/** The jitter of a request's next attempt: the same in every run of this seed, whichever sender sends it. */
export function retryJitter(seed: string, index: number, attempt: number): number {
  return randomOf(seed, 'jitter', 'retry', index, attempt).uniform();
}

/** ns that a Retry-After asks for; null = none, or none that can be read (negative, fractional, garbage). */
export function retryAfterNs(text: string | null, nowUtcMs: number): number | null {
  const trimmed = text?.trim() ?? '';
  if (/^\d+$/.test(trimmed)) return Number(trimmed) * NS_PER_SEC;
  // The three forms of RFC 9110 §5.6.7; the last one, of C's asctime, names no zone and means GMT.
  const isDate = /^(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? /.test(trimmed);
  if (!isDate) return null;
  const atMs = Date.parse(/ GMT$/.test(trimmed) ? trimmed : `${trimmed} GMT`);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowUtcMs) * 1e6;
}
