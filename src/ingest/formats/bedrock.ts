/**
 * Amazon Bedrock model invocation logs: JSON, times of whole seconds. Prompt tokens come in three disjoint counters
 * (uncached, cache read, cache write) that are added. The body of a streamed answer is an array of the provider's
 * events, whose usage is cumulative, so that the last value of each field counts; its last event has the latencies.
 */
import type { Operation } from '../../types.js';
import type { LogFormat } from '../format.js';
import { RowReject, type SourceRecord } from '../record.js';
import type { StagedRow } from '../rows.js';
import { detectByKeys } from './detect-keys.js';
import { countAt, jsonCell, sumCounts } from './json-cell.js';
import { statusOfHttp } from './status.js';

const TIME = 0;
const ID = 1;
const OPERATION = 2;
const MODEL = 3;
const INPUT = 4;
const CACHE_READ = 5;
const CACHE_WRITE = 6;
const OUTPUT = 7;
const BODY = 8;
const CAP = 9;
const ERROR = 10;
const CLIENT = 11;
const SCHEMA = 12;

export const bedrock: LogFormat = {
  name: 'bedrock',
  title: 'Amazon Bedrock model invocation log (JSON)',
  sourceUrl: 'https://docs.aws.amazon.com/bedrock/latest/userguide/',
  shape: 'jsonl',
  columns: [
    { name: 'timestamp', required: true, meaning: 'time of the invocation, whole seconds' },
    { name: 'requestId', required: true, meaning: 'the request' },
    { name: 'operation', required: true, meaning: 'InvokeModel, Converse, and their streams' },
    { name: 'modelId', required: true, meaning: 'model called, perhaps as an ARN' },
    { name: 'input.inputTokenCount', required: false, meaning: 'uncached prompt tokens' },
    {
      name: 'input.cacheReadInputTokenCount',
      required: false,
      meaning: 'cached prompt tokens, outside inputTokenCount',
    },
    {
      name: 'input.cacheWriteInputTokenCount',
      required: false,
      meaning: 'prompt tokens written to the cache, outside inputTokenCount',
    },
    { name: 'output.outputTokenCount', required: false, meaning: 'output tokens, reasoning inside' },
    { name: 'output.outputBodyJson', required: false, meaning: 'answer or events: usage and latencies' },
    {
      name: 'input.inputBodyJson.max_tokens',
      aliases: ['input.inputBodyJson.inferenceConfig.maxTokens'],
      required: false,
      meaning: 'cap on the output',
    },
    { name: 'errorCode', required: false, meaning: 'there = failed' },
    { name: 'identity.arn', required: false, meaning: 'who asked' },
    { name: 'schemaType', required: true, meaning: 'ModelInvocationLog' },
  ],
  fills: [
    'inputTokens',
    'outputTokens',
    'cachedTokens',
    'maxOutputTokens',
    'requestId',
    'clientId',
    'model',
    'operation',
    'stream',
    'status',
    'httpStatus',
    'ttftNs',
    'durationNs',
  ],
  arrivalBasis: 'unknown',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: ['input.inputBodyJson'], answer: ['output.outputBodyJson'] },
  detect: (sample) => detectByKeys(bedrock, sample),
  open: ({ pseudonyms }) => ({
    read(record, row) {
      if ((record.text(SCHEMA) ?? SCHEMA_TYPE) !== SCHEMA_TYPE) return false;
      const time = record.time(TIME, 'iso');
      if (time === null) throw new RowReject('timestamp is missing');
      row.setArrival(time);
      const operation = record.text(OPERATION);
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.clientId = pseudonyms.of('client', record.text(CLIENT));
      // An ARN names the account, which is nobody's business; its last step is the model or profile.
      row.model = record.text(MODEL)?.split('/').at(-1) ?? null;
      row.operation = operationOf(operation, row.model);
      row.stream = operation === null ? null : operation.endsWith('Stream');
      row.maxOutputTokens = record.count(CAP);
      const error = record.text(ERROR);
      row.httpStatus = error === null ? null : (HTTP_STATUS_OF_ERROR[error] ?? null);
      row.status = error === null ? 'ok' : (statusOfHttp(row.httpStatus) ?? 'http_error');
      readCounts(record, row);
      return true;
    },
  }),
};

const SCHEMA_TYPE = 'ModelInvocationLog';

/** HTTP statuses of the exceptions of Bedrock's runtime API. */
const HTTP_STATUS_OF_ERROR: Readonly<Record<string, number>> = {
  AccessDeniedException: 403,
  InternalServerException: 500,
  ModelErrorException: 424,
  ModelNotReadyException: 429,
  ModelTimeoutException: 408,
  ResourceNotFoundException: 404,
  ServiceQuotaExceededException: 400,
  ServiceUnavailableException: 503,
  ThrottlingException: 429,
  ValidationException: 400,
};

function operationOf(operation: string | null, model: string | null): Operation | null {
  if (model !== null && /embed/i.test(model)) return 'embedding';
  if (model !== null && /rerank/i.test(model)) return 'rerank';
  if (operation?.startsWith('Converse') === true || model?.includes('anthropic.') === true) return 'chat';
  return null;
}

const METRICS = 'amazon-bedrock-invocationMetrics';

/** Counts and latencies: the log's own counters first, then what the answer says. */
function readCounts(record: SourceRecord, row: StagedRow): void {
  const body = jsonCell(record, BODY);
  const events = Array.isArray(body) ? (body as unknown[]) : [body];
  const seen = (...paths: readonly (readonly string[])[]): number | null => {
    let last: number | null = null;
    for (const event of events) last = countAt(event, ...paths) ?? last;
    return last;
  };
  const uncached =
    record.count(INPUT) ??
    seen(
      [METRICS, 'inputTokenCount'],
      ['usage', 'input_tokens'],
      ['usage', 'inputTokens'],
      ['message', 'usage', 'input_tokens'],
      ['metadata', 'usage', 'inputTokens'],
    );
  row.cachedTokens =
    record.count(CACHE_READ) ??
    seen(
      [METRICS, 'cacheReadInputTokenCount'],
      ['usage', 'cache_read_input_tokens'],
      ['usage', 'cacheReadInputTokens'],
      ['message', 'usage', 'cache_read_input_tokens'],
      ['metadata', 'usage', 'cacheReadInputTokens'],
    );
  const written =
    record.count(CACHE_WRITE) ??
    seen(
      [METRICS, 'cacheWriteInputTokenCount'],
      ['usage', 'cache_creation_input_tokens'],
      ['usage', 'cacheWriteInputTokens'],
      ['message', 'usage', 'cache_creation_input_tokens'],
      ['metadata', 'usage', 'cacheWriteInputTokens'],
    );
  row.inputTokens = uncached === null ? null : sumCounts(uncached, row.cachedTokens, written);
  row.outputTokens =
    record.count(OUTPUT) ??
    seen(
      [METRICS, 'outputTokenCount'],
      ['usage', 'output_tokens'],
      ['usage', 'outputTokens'],
      ['message', 'usage', 'output_tokens'],
      ['metadata', 'usage', 'outputTokens'],
    );
  const duration = seen(
    [METRICS, 'invocationLatency'],
    ['metrics', 'latencyMs'],
    ['metadata', 'metrics', 'latencyMs'],
  );
  const ttft = seen([METRICS, 'firstByteLatency']);
  row.durationNs = duration === null ? null : BigInt(duration) * NS_PER_MS;
  row.ttftNs = ttft === null || row.stream === false ? null : BigInt(ttft) * NS_PER_MS;
}

const NS_PER_MS = 1_000_000n;
