/**
 * OpenAI usage export: buckets of requests, never single ones. Read as a rate curve: requests and mean lengths per
 * bucket. A bucket has one result per model, project or key that it was grouped by, which are added; an empty list of
 * results is a rate of zero, not a gap. Cached tokens are inside the input tokens.
 */
import { ToolError } from '../../errors.js';
import { countAt, valueAt } from './json-cell.js';

export interface UsageBucket {
  /** Epoch seconds, end exclusive. */
  readonly startSec: number;
  readonly endSec: number;
  readonly requests: number;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

/** Buckets of pages of `/organization/usage/completions`, by rising time. Throws BAD_ROWS when it is no such page. */
export function parseOpenAiUsage(pages: readonly unknown[], fileName: string): UsageBucket[] {
  const byStart = new Map<number, UsageBucket>();
  for (const page of pages) {
    const data = valueAt(page, ['data']);
    if (!Array.isArray(data)) throw noUsage(fileName, 'data is no list');
    for (const bucket of data as unknown[]) {
      const startSec = countSeconds(bucket, 'start_time');
      const endSec = countSeconds(bucket, 'end_time');
      if (startSec === null || endSec === null || endSec <= startSec)
        throw noUsage(fileName, 'a bucket has no times');
      const results = valueAt(bucket, ['results']) ?? valueAt(bucket, ['result']);
      if (!Array.isArray(results)) throw noUsage(fileName, 'a bucket has no results');
      const sum = (key: string): number =>
        (results as unknown[]).reduce<number>((total, result) => total + (countAt(result, [key]) ?? 0), 0);
      const before = byStart.get(startSec);
      byStart.set(startSec, {
        startSec,
        endSec,
        requests: (before?.requests ?? 0) + sum('num_model_requests'),
        inputTokens: (before?.inputTokens ?? 0) + sum('input_tokens'),
        cachedTokens: (before?.cachedTokens ?? 0) + sum('input_cached_tokens'),
        outputTokens: (before?.outputTokens ?? 0) + sum('output_tokens'),
      });
    }
  }
  return [...byStart.values()].sort((a, b) => a.startSec - b.startSec);
}

function countSeconds(bucket: unknown, key: string): number | null {
  const value = valueAt(bucket, [key]);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function noUsage(fileName: string, problem: string): ToolError {
  return new ToolError({
    code: 'BAD_ROWS',
    message: `${fileName} is no page of OpenAI's usage API: ${problem}`,
    hint: 'expected {"data": [{"start_time": …, "end_time": …, "results": […]}]}',
  });
}
