/**
 * Vertex AI request-response logs, exported from BigQuery as JSON: 64-bit numbers as text, times as
 * `2026-09-04 11:20:31.120 UTC`, JSON columns as objects or as text. The time is that of the log's write. Cached tokens
 * are inside the prompt count; thoughts are outside the candidates' count, what tools gave outside the prompt's. Claude's
 * answers have its own usage, cached tokens outside. Streams keep their parts in `response_payload`,
 * usage in the last. Logging may be sampled (`sampling_rate`): the rate is then that share of the real one.
 */
import type { LogFormat } from '../format.js';
import { RowReject, type SourceRecord } from '../record.js';
import type { StagedRow } from '../rows.js';
import { detectByKeys } from './detect-keys.js';
import { countAt, jsonCell, sumCounts, valueAt } from './json-cell.js';
import { statusOfHttp } from './status.js';

const TIME = 0;
const ID = 1;
const METHOD = 2;
const RESPONSE = 3;
const PAYLOAD = 4;
const MODEL = 5;
const REQUEST = 6;

export const vertexAi: LogFormat = {
  name: 'vertex-ai',
  title: 'Vertex AI request-response log (JSON from BigQuery)',
  sourceUrl: 'https://github.com/elastic/beats',
  shape: 'jsonl',
  columns: [
    { name: 'logging_time', required: true, meaning: 'when the row was written' },
    { name: 'request_id', required: true, meaning: 'the request, a number above 2^53' },
    { name: 'api_method', required: true, meaning: 'generateContent, streamGenerateContent, …' },
    { name: 'full_response', required: true, meaning: 'usageMetadata has the counts' },
    {
      name: 'response_payload',
      required: false,
      meaning: 'parts of a stream, where full_response is missing',
    },
    { name: 'model', aliases: ['deployed_model_id'], required: false, meaning: 'model called' },
    {
      name: 'full_request',
      required: false,
      meaning: 'generationConfig.maxOutputTokens is the cap on the output',
    },
  ],
  fills: [
    'inputTokens',
    'outputTokens',
    'cachedTokens',
    'reasoningTokens',
    'maxOutputTokens',
    'requestId',
    'model',
    'operation',
    'stream',
    'status',
    'httpStatus',
  ],
  arrivalBasis: 'log_write',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: ['full_request', 'request_payload'], answer: ['full_response', 'response_payload'] },
  detect: (sample) => detectByKeys(vertexAi, sample),
  open: ({ pseudonyms }) => ({
    read(record, row) {
      const time = record.time(TIME, 'iso');
      if (time === null) throw new RowReject('logging_time is missing');
      row.setArrival(time);
      const method = record.text(METHOD);
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.model = record.text(MODEL)?.split('/').at(-1) ?? null;
      row.operation = method === null ? null : /embed/i.test(method) ? 'embedding' : 'chat';
      row.stream = method === null ? null : method.startsWith('stream');
      row.maxOutputTokens = countAt(jsonCell(record, REQUEST), ['generationConfig', 'maxOutputTokens']);
      const parts = answerParts(record);
      const usage = parts
        .map((part) => valueAt(part, ['usageMetadata']) ?? valueAt(part, ['usage']))
        .findLast((found) => found !== undefined);
      readUsage(usage, row);
      row.httpStatus =
        parts.map((part) => countAt(part, ['error', 'code'])).findLast((code) => code !== null) ?? null;
      row.status = statusOfHttp(row.httpStatus) ?? (usage === undefined ? null : 'ok');
      return true;
    },
  }),
};

function readUsage(usage: unknown, row: StagedRow): void {
  const prompt = countAt(usage, ['promptTokenCount']);
  const uncached = countAt(usage, ['input_tokens']);
  row.cachedTokens = countAt(usage, ['cachedContentTokenCount'], ['cache_read_input_tokens']);
  row.reasoningTokens = countAt(usage, ['thoughtsTokenCount']);
  const outside =
    prompt === null
      ? sumCounts(row.cachedTokens, countAt(usage, ['cache_creation_input_tokens']))
      : countAt(usage, ['toolUsePromptTokenCount']);
  row.inputTokens = prompt === null && uncached === null ? null : sumCounts(prompt ?? uncached, outside);
  row.outputTokens =
    countAt(usage, ['output_tokens']) ??
    sumCounts(countAt(usage, ['candidatesTokenCount']), row.reasoningTokens);
}

/** The answer, or the parts of it, in order. */
function answerParts(record: SourceRecord): readonly unknown[] {
  const payload = jsonCell(record, PAYLOAD);
  const parts = Array.isArray(payload) ? payload.map(parsedText) : [];
  const whole = jsonCell(record, RESPONSE);
  return [...parts, ...(Array.isArray(whole) ? (whole as unknown[]) : whole === undefined ? [] : [whole])];
}

function parsedText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
