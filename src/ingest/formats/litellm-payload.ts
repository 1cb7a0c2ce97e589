/**
 * LiteLLM's `StandardLoggingPayload`, as its callbacks write it to files, buckets and queues: JSON, times in float epoch
 * seconds. Its `response_time` is the time to first token of a stream, not the duration, so both are computed from the
 * stamps. Prompt tokens include the cached ones, completion tokens the reasoning.
 */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { arrivalNs, elapsedNs, instantNs } from './instants.js';
import { isToolCall, operationOfCallType } from './litellm-calls.js';
import { ANSWERED_FROM_CACHE, forgetUncounted, httpStatusOf, statusOfHttp } from './status.js';

const START = 0;
const END = 1;
const FIRST_TOKEN = 2;
const INPUT = 3;
const OUTPUT = 4;
const CALL_TYPE = 5;
const ID = 6;
const STATUS = 7;
const MODEL = 8;
const STREAM = 9;
const CAP = 10;
const SESSION = 11;
const CACHE_HIT = 12;
const ERROR_CODE = 13;
const END_USER = 14;
const CACHED = 15;
const REASONING = 16;
const USER = 17;

export const litellmPayload: LogFormat = {
  name: 'litellm-payload',
  title: 'LiteLLM standard logging payload (JSON)',
  sourceUrl: 'https://docs.litellm.ai/docs/proxy/logging_spec',
  shape: 'jsonl',
  columns: [
    { name: 'startTime', required: true, meaning: 'arrival at the proxy, epoch s' },
    { name: 'endTime', required: true, meaning: 'end of the answer, epoch s' },
    {
      name: 'completionStartTime',
      required: false,
      meaning: 'first token, epoch s; equal to the end = unknown',
    },
    { name: 'prompt_tokens', required: true, meaning: 'prompt tokens, cached ones inside' },
    { name: 'completion_tokens', required: true, meaning: 'output tokens, reasoning inside' },
    { name: 'call_type', required: true, meaning: 'acompletion, aembedding, …' },
    { name: 'id', required: true, meaning: 'the request' },
    { name: 'status', required: true, meaning: 'success or failure' },
    { name: 'model', aliases: ['model_group'], required: false, meaning: 'model called' },
    { name: 'model_parameters.stream', required: false, meaning: 'whether the answer was streamed' },
    {
      name: 'model_parameters.max_tokens',
      aliases: ['model_parameters.max_completion_tokens'],
      required: false,
      meaning: 'cap on the output',
    },
    { name: 'trace_id', required: false, meaning: 'calls of one conversation or task' },
    { name: 'cache_hit', required: false, meaning: "true = answered from the proxy's own cache" },
    { name: 'error_information.error_code', required: false, meaning: 'HTTP status of a failure' },
    {
      name: 'end_user',
      aliases: ['metadata.user_api_key_end_user_id'],
      required: false,
      meaning: 'who asked',
    },
    {
      name: 'metadata.usage_object.prompt_tokens_details.cached_tokens',
      aliases: ['metadata.usage_object.cache_read_input_tokens'],
      required: false,
      meaning: 'cached part of the prompt',
    },
    {
      name: 'metadata.usage_object.completion_tokens_details.reasoning_tokens',
      required: false,
      meaning: 'reasoning part of the output',
    },
    {
      name: 'metadata.user_api_key_user_id',
      aliases: ['metadata.user_api_key_hash'],
      required: false,
      meaning: 'else: who asked, or with which key',
    },
  ],
  fills: [
    'inputTokens',
    'outputTokens',
    'cachedTokens',
    'reasoningTokens',
    'maxOutputTokens',
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
  ],
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: ['messages'], answer: ['response'] },
  detect: (sample) => detectByKeys(litellmPayload, sample),
  open: ({ pseudonyms }) => ({
    read(record, row) {
      if (isToolCall(record.text(CALL_TYPE))) return false;
      if (record.flag(CACHE_HIT) === true) throw new RowReject(ANSWERED_FROM_CACHE);
      const start = record.time(START, 's');
      if (start === null) throw new RowReject('startTime is missing');
      row.setArrival(start);
      const began = arrivalNs(row);
      const end = instantNs(record, END, 's');
      const first = instantNs(record, FIRST_TOKEN, 's');
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.sessionId = pseudonyms.of('session', record.text(SESSION));
      row.clientId = pseudonyms.of('client', record.text(END_USER) ?? record.text(USER));
      row.model = record.text(MODEL);
      row.operation = operationOfCallType(record.text(CALL_TYPE));
      row.stream = record.flag(STREAM);
      row.maxOutputTokens = record.count(CAP);
      row.httpStatus = httpStatusOf(record.text(ERROR_CODE));
      const outcome = record.text(STATUS);
      const hasFailed = outcome === 'failure';
      if (hasFailed) row.status = statusOfHttp(row.httpStatus) ?? 'http_error';
      else row.status = outcome === 'success' ? 'ok' : null;
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      forgetUncounted(row);
      row.cachedTokens = record.count(CACHED);
      row.reasoningTokens = record.count(REASONING);
      row.durationNs = hasFailed && end === began ? null : elapsedNs(began, end);
      const isFirstKnown = first !== null && end !== null && first > began && first < end;
      if (row.stream !== false && isFirstKnown) row.ttftNs = first - began;
      return true;
    },
  }),
};
