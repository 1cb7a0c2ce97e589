/**
 * LiteLLM proxy spend logs, table `LiteLLM_SpendLogs`, as a CSV dump: zone-less times (UTC since LiteLLM's pull request
 * 8190) and JSON inside cells. Prompt tokens include the cached ones, completion tokens the reasoning. A failed row
 * tells neither the duration nor the lengths: start and end are equal and the counts are zero, which means unknown.
 */
import type { FormatContext, LogFormat, RecordHandler, SourceColumn } from '../format.js';
import { RowReject } from '../record.js';
import type { RowField } from '../rows.js';
import { arrivalNs, elapsedNs, instantNs } from './instants.js';
import { countAt, jsonCell, keptJson, textAt } from './json-cell.js';
import { isToolCall, operationOfCallType } from './litellm-calls.js';
import { ANSWERED_FROM_CACHE, forgetUncounted, httpStatusOf, statusOfHttp } from './status.js';

const START = 0;
const END = 1;
const INPUT = 2;
const OUTPUT = 3;
const CALL_TYPE = 4;
const ID = 5;
const FIRST_TOKEN = 6;
const MODEL = 7;
const STATUS = 8;
const METADATA = 9;
const SESSION = 10;
const CACHE_HIT = 11;
const END_USER = 12;
const USER = 13;
const KEY = 14;
const MESSAGES = 15;
const REQUEST = 16;
const RESPONSE = 17;
const DURATION = 18;

export const LITELLM_SPEND_COLUMNS: readonly SourceColumn[] = [
  { name: 'startTime', required: true, meaning: 'arrival at the proxy; zone-less = UTC' },
  { name: 'endTime', required: true, meaning: 'end of the answer' },
  { name: 'prompt_tokens', required: true, meaning: 'prompt tokens, cached ones inside' },
  { name: 'completion_tokens', required: true, meaning: 'output tokens, reasoning inside' },
  { name: 'call_type', required: true, meaning: 'acompletion, aembedding, …' },
  { name: 'request_id', required: true, meaning: 'the request' },
  { name: 'completionStartTime', required: false, meaning: 'first token; equal to the end = unknown' },
  { name: 'model', aliases: ['model_group'], required: false, meaning: 'model called' },
  { name: 'status', required: false, meaning: 'success or failure' },
  {
    name: 'metadata',
    required: false,
    meaning:
      'JSON: usage_object (older: additional_usage_values) has the cached and reasoning tokens, error_information the HTTP status',
  },
  { name: 'session_id', required: false, meaning: 'conversation' },
  { name: 'cache_hit', required: false, meaning: "True = answered from the proxy's own cache" },
  { name: 'end_user', required: false, meaning: 'who asked' },
  { name: 'user', required: false, meaning: 'else: who asked' },
  { name: 'api_key', required: false, meaning: 'else: hash of the key that was used' },
  { name: 'messages', required: false, meaning: 'prompt, of which nothing is kept unless asked' },
  { name: 'proxy_server_request', required: false, meaning: 'the whole request, where messages is empty' },
  { name: 'response', required: false, meaning: 'answer, likewise' },
  { name: 'request_duration_ms', required: false, meaning: 'duration, ms, where the end is not known' },
];

export const LITELLM_SPEND_FILLS: readonly RowField[] = [
  'inputTokens',
  'outputTokens',
  'cachedTokens',
  'reasoningTokens',
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

export const litellmSpend: LogFormat = {
  name: 'litellm-spend',
  title: 'LiteLLM spend logs (CSV)',
  sourceUrl: 'https://github.com/BerriAI/litellm',
  shape: 'csv',
  columns: LITELLM_SPEND_COLUMNS,
  fills: LITELLM_SPEND_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: [], answer: [] },
  open: spendLogHandler,
};

/** Reads a row of the table, whatever its container. */
export function spendLogHandler({ pseudonyms, keepsText }: FormatContext): RecordHandler {
  return {
    read(record, row) {
      const callType = record.text(CALL_TYPE);
      if (isToolCall(callType)) return false;
      if (record.flag(CACHE_HIT) === true) throw new RowReject(ANSWERED_FROM_CACHE);
      const start = record.time(START, 'iso');
      if (start === null) throw new RowReject('startTime is missing');
      row.setArrival(start);
      const began = arrivalNs(row);
      const end = instantNs(record, END, 'iso');
      const first = instantNs(record, FIRST_TOKEN, 'iso');
      const metadata = jsonCell(record, METADATA);
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.sessionId = pseudonyms.of('session', record.text(SESSION));
      const client = record.text(END_USER) ?? record.text(USER) ?? record.text(KEY);
      row.clientId = pseudonyms.of('client', client);
      row.model = record.text(MODEL);
      row.operation = operationOfCallType(callType);
      row.httpStatus = httpStatusOf(textAt(metadata, ['error_information', 'error_code']));
      const outcome = record.text(STATUS)?.toLowerCase();
      const hasFailed = outcome === 'failure';
      if (hasFailed) row.status = statusOfHttp(row.httpStatus) ?? 'http_error';
      else row.status = outcome === 'success' ? 'ok' : null;
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      forgetUncounted(row);
      row.cachedTokens = countAt(
        metadata,
        ['usage_object', 'prompt_tokens_details', 'cached_tokens'],
        ['usage_object', 'cache_read_input_tokens'],
        ['additional_usage_values', 'prompt_tokens_details', 'cached_tokens'],
        ['additional_usage_values', 'cache_read_input_tokens'],
      );
      row.reasoningTokens = countAt(
        metadata,
        ['usage_object', 'completion_tokens_details', 'reasoning_tokens'],
        ['additional_usage_values', 'completion_tokens_details', 'reasoning_tokens'],
      );
      row.durationNs =
        end === null || (hasFailed && end === began)
          ? positive(record.durationNs(DURATION, 'ms'))
          : elapsedNs(began, end);
      // The stamp of the first token equals the end when nothing was streamed, and in old releases always.
      if (first !== null && end !== null && first > began && first < end) {
        row.stream = true;
        row.ttftNs = first - began;
      }
      if (keepsText === true) {
        row.promptText = keptJson(record.text(MESSAGES)) ?? keptJson(record.text(REQUEST));
        row.answerText = keptJson(record.text(RESPONSE));
      }
      return true;
    },
  };
}

/** Nobody waits for no time at all: 0 stands for a duration that was not taken. */
function positive(ns: bigint | null): bigint | null {
  return ns === 0n ? null : ns;
}
