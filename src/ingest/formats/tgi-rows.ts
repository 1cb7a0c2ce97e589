/**
 * What Text Generation Inference's router says of a request, in whichever form it writes its log. A success is said once,
 * by the span of the endpoint, with durations as Rust prints them, each with its own unit; a failure by a span inside of
 * it, without any. No line has token counts, but `time_per_token` is the inference time divided by the output tokens,
 * which gives these back.
 * Source: text-generation-inference, router/src/server.rs and router/src/infer/mod.rs.
 */
import { RowReject } from '../record.js';
import type { RowField, StagedRow } from '../rows.js';
import { backdate, parseRustDurationNs } from './instants.js';
import { sumCounts } from './json-cell.js';

export const TGI_FILLS: readonly RowField[] = [
  'outputTokens',
  'maxOutputTokens',
  'operation',
  'stream',
  'status',
  'durationNs',
];

/** A line; null = not in it. */
export interface TgiLine {
  readonly level: string | null;
  readonly message: string | null;
  /** Names of the spans around it, from the outside in. */
  readonly spans: readonly string[];
  readonly totalTime: string | null;
  readonly inferenceTime: string | null;
  readonly timePerToken: string | null;
  readonly parameters: string | null;
}

/** Spans of endpoints that generate; others call these. */
const ENDPOINTS = new Set(['generate', 'generate_stream', 'completions', 'chat_completions']);

/** Whether a line ends a request; others tell of start-up, health, batches, single tokens. */
export function endsTgiRequest({
  level,
  message,
  spans,
}: Pick<TgiLine, 'level' | 'message' | 'spans'>): boolean {
  return spans.some((name) => ENDPOINTS.has(name)) && (message === 'Success' || level === 'ERROR');
}

/** Fills a row whose arrival is the line's time from a line that ends a request. */
export function fillFromTgi(line: TgiLine, row: StagedRow): void {
  const { spans } = line;
  const isFailed = line.message !== 'Success';
  row.operation = spans.includes('chat_completions') ? 'chat' : 'completion';
  // What does not stream collects a stream itself: its span stands around that of the stream.
  if (spans.includes('generate')) row.stream = false;
  else if (spans.includes('generate_stream')) row.stream = true;
  // A stream has status 200 before anything can fail.
  if (!isFailed) row.status = 'ok';
  else row.status = row.stream === true ? 'stream_error' : 'http_error';
  row.durationNs = rustDuration(line.totalTime, 'total_time');
  if (row.durationNs === null && !isFailed) {
    throw new RowReject('total_time is missing: the arrival is not known');
  }
  // A failure is refused at once or cut off: without a duration, its end stands for its arrival.
  if (row.durationNs !== null) backdate(row, row.durationNs);
  const inference = rustDuration(line.inferenceTime, 'inference_time');
  const perToken = rustDuration(line.timePerToken, 'time_per_token');
  if (inference !== null && perToken !== null && perToken > 0n) {
    row.outputTokens = sumCounts(Math.round(Number(inference) / Number(perToken)));
  }
  // Older routers have the number itself.
  const cap = /max_new_tokens: (?:Some\()?(\d{1,9})\b/.exec(line.parameters ?? '');
  row.maxOutputTokens = cap === null ? null : Number(cap[1]);
}

function rustDuration(text: string | null, name: string): bigint | null {
  if (text === null) return null;
  const duration = parseRustDurationNs(text);
  if (duration === null) throw new RowReject(`${name} is no duration`, text.slice(0, 40));
  return duration;
}
