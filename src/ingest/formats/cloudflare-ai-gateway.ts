/**
 * Cloudflare AI Gateway logs (API and Logpush): JSON, one object per request. Rows with `cached` were answered by the
 * gateway itself and are left out. A row may claim status 200 and still have failed (`success` false): an error inside
 * of the answer.
 */
import type { TraceStatus } from '../../types.js';
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { operationOfPath } from './operations.js';
import { ANSWERED_FROM_CACHE, forgetUncounted, statusOfHttp } from './status.js';

const TIME = 0;
const ID = 1;
const INPUT = 2;
const OUTPUT = 3;
const CACHED = 5;
const MODEL = 6;
const PATH = 7;
const STATUS = 8;
const SUCCESS = 9;
const DURATION = 10;

export const cloudflareAiGateway: LogFormat = {
  name: 'cloudflare-ai-gateway',
  title: 'Cloudflare AI Gateway logs (JSON)',
  sourceUrl: 'https://developers.cloudflare.com/ai-gateway/',
  shape: 'jsonl',
  columns: [
    { name: 'created_at', required: true, meaning: 'when the gateway wrote the request down' },
    { name: 'id', required: true, meaning: 'the request' },
    { name: 'tokens_in', required: true, meaning: 'prompt tokens' },
    { name: 'tokens_out', required: true, meaning: 'output tokens' },
    { name: 'provider', required: true, meaning: 'who served it; not kept' },
    { name: 'cached', required: true, meaning: "true = answered from the gateway's cache" },
    { name: 'model', required: false, meaning: 'model called' },
    { name: 'path', required: false, meaning: 'tells chat from embeddings' },
    { name: 'status_code', required: false, meaning: 'HTTP status' },
    { name: 'success', required: false, meaning: 'false = failed, whatever the status' },
    { name: 'duration', required: false, meaning: 'ms' },
  ],
  fills: [
    'inputTokens',
    'outputTokens',
    'requestId',
    'model',
    'operation',
    'status',
    'httpStatus',
    'durationNs',
  ],
  arrivalBasis: 'unknown',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: ['request', 'request_head'], answer: ['response', 'response_head'] },
  detect: (sample) => detectByKeys(cloudflareAiGateway, sample),
  open: ({ pseudonyms }) => ({
    read(record, row) {
      if (record.flag(CACHED) === true) throw new RowReject(ANSWERED_FROM_CACHE);
      const time = record.time(TIME, 'iso');
      if (time === null) throw new RowReject('created_at is missing');
      row.setArrival(time);
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.model = record.text(MODEL);
      const path = record.text(PATH);
      row.operation = path === null ? null : operationOfPath(path);
      row.httpStatus = record.count(STATUS);
      row.status = statusOf(record.flag(SUCCESS), row.httpStatus);
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      forgetUncounted(row);
      row.durationNs = record.durationNs(DURATION, 'ms');
      return true;
    },
  }),
};

function statusOf(success: boolean | null, httpStatus: number | null): TraceStatus | null {
  const byCode = statusOfHttp(httpStatus);
  return success === false && (byCode === 'ok' || byCode === null) ? 'stream_error' : byCode;
}
