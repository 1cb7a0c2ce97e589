/** What gateways write about how a request ended. */
import type { TraceStatus } from '../../types.js';
import type { StagedRow } from '../rows.js';

/** Why a row that a gateway answered itself is left out: it is no load of any model. */
export const ANSWERED_FROM_CACHE = "answered from the gateway's cache, without a model";

/** 499 is the proxies' "client closed the connection"; 408 and 504 are time-outs; null = unknown. */
export function statusOfHttp(httpStatus: number | null): TraceStatus | null {
  if (httpStatus === null) return null;
  if (httpStatus >= 200 && httpStatus < 300) return 'ok';
  if (httpStatus === 499) return 'cancelled';
  return httpStatus === 408 || httpStatus === 504 ? 'timeout' : 'http_error';
}

/** A text that holds an HTTP status (`429`); null when it holds something else. */
export function httpStatusOf(text: string | null): number | null {
  return text !== null && /^[1-5]\d\d$/.test(text.trim()) ? Number(text) : null;
}

/**
 * Gateways write zeros where a failed request was never counted. No prompt has zero tokens, so both counts of such a
 * row are unknown.
 */
export function forgetUncounted(row: StagedRow): void {
  if (row.status === 'ok' || row.status === null || row.inputTokens !== 0) return;
  row.inputTokens = null;
  if (row.outputTokens === 0) row.outputTokens = null;
}
