/**
 * Helicone's request export as JSON (objects or lines; the CSV has the same columns). Durations are recomputed from
 * the two stamps; tokens read from and written to a provider's cache are counted apart from the prompt's others. Its own negative status codes mark requests that never got an answer.
 */
import type { TraceStatus } from '../../types.js';
import type { LogFormat, RecordHandler, SourceColumn } from '../format.js';
import type { Pseudonyms } from '../pseudonyms.js';
import { RowReject } from '../record.js';
import type { RowField } from '../rows.js';
import { detectByKeys } from './detect-keys.js';
import { arrivalNs, elapsedNs, instantNs } from './instants.js';
import { jsonCell, sumCounts, textAt } from './json-cell.js';
import { operationOfPath } from './operations.js';
import { forgetUncounted, httpStatusOf, statusOfHttp } from './status.js';

const START = 0;
const ID = 1;
const STATUS = 2;
const INPUT = 3;
const OUTPUT = 4;
const END = 5;
const DELAY = 6;
const TTFT = 7;
const MODEL = 8;
const CLIENT = 9;
const PATH = 10;
const PROPERTIES = 11;
const CACHED = 12;
const WRITTEN = 13;

/** Helicone's own codes of requests without an answer. */
const UNANSWERED: Readonly<Record<string, TraceStatus>> = { '-1': 'timeout', '-3': 'cancelled' };

export const HELICONE_COLUMNS: readonly SourceColumn[] = [
  { name: 'request_created_at', required: true, meaning: 'arrival at the gateway' },
  { name: 'request_id', required: true, meaning: 'the request' },
  { name: 'response_status', required: true, meaning: 'HTTP status; -1 = timed out, -3 = cancelled' },
  { name: 'prompt_tokens', required: true, meaning: 'prompt tokens, as the provider counts them' },
  { name: 'completion_tokens', required: true, meaning: 'output tokens' },
  { name: 'response_created_at', required: false, meaning: 'end of the answer' },
  {
    name: 'delay_ms',
    aliases: ['latency'],
    required: false,
    meaning: 'duration, ms, where the end is unknown',
  },
  { name: 'time_to_first_token', required: false, meaning: 'ms, of streamed answers' },
  { name: 'model', aliases: ['request_model'], required: false, meaning: 'model called' },
  { name: 'request_user_id', required: false, meaning: 'who asked' },
  { name: 'request_path', required: false, meaning: 'tells chat from embeddings' },
  {
    name: 'request_properties',
    aliases: ['properties'],
    required: false,
    meaning: 'Helicone-Session-Id is the conversation',
  },
  {
    name: 'prompt_cache_read_tokens',
    required: false,
    meaning: 'cached prompt tokens, outside prompt_tokens',
  },
  {
    name: 'prompt_cache_write_tokens',
    required: false,
    meaning: 'prompt tokens written to the cache, outside prompt_tokens',
  },
];

export const HELICONE_FILLS: readonly RowField[] = [
  'inputTokens',
  'outputTokens',
  'cachedTokens',
  'requestId',
  'sessionId',
  'clientId',
  'model',
  'operation',
  'stream',
  'status',
  'httpStatus',
  'ttftNs',
  'durationNs',
];

/** The bodies, which the exporter includes when asked for. */
export const HELICONE_TEXTS = { prompt: ['request_body'], answer: ['response_body'] };

export const helicone: LogFormat = {
  name: 'helicone',
  title: 'Helicone request export (JSON)',
  sourceUrl: 'https://github.com/Helicone/helicone',
  shape: 'jsonl',
  columns: HELICONE_COLUMNS,
  fills: HELICONE_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: HELICONE_TEXTS,
  detect: (sample) => detectByKeys(helicone, sample),
  open: ({ pseudonyms }) => heliconeHandler(pseudonyms),
};

/** Reads a row of the export, whatever its container. */
export function heliconeHandler(pseudonyms: Pseudonyms): RecordHandler {
  return {
    read(record, row) {
      const start = record.time(START, 'iso');
      if (start === null) throw new RowReject('request_created_at is missing');
      row.setArrival(start);
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.sessionId = pseudonyms.of('session', textAt(jsonCell(record, PROPERTIES), ['Helicone-Session-Id']));
      row.clientId = pseudonyms.of('client', record.text(CLIENT));
      row.model = record.text(MODEL);
      const path = record.text(PATH);
      row.operation = path === null ? null : operationOfPath(path);
      const status = record.text(STATUS);
      row.httpStatus = httpStatusOf(status);
      row.status = status === null ? null : (UNANSWERED[status] ?? statusOfHttp(row.httpStatus));
      row.cachedTokens = record.count(CACHED);
      const uncached = record.count(INPUT);
      row.inputTokens =
        uncached === null ? null : sumCounts(uncached, row.cachedTokens, record.count(WRITTEN));
      row.outputTokens = record.count(OUTPUT);
      forgetUncounted(row);
      const end = instantNs(record, END, 'iso');
      row.durationNs = elapsedNs(arrivalNs(row), end) ?? record.durationNs(DELAY, 'ms');
      const ttft = record.durationNs(TTFT, 'ms');
      if (ttft !== null && ttft > 0n) {
        row.ttftNs = ttft;
        row.stream = true;
      }
      return true;
    },
  };
}
