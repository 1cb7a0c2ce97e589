/**
 * Kong Gateway log entries with AI plugins: JSON, `started_at` in epoch ms. The plugin's name is a key of its own and
 * varies (`ai-proxy`, `ai-proxy-advanced`, `proxy`), as does the spelling of the counts (`prompt_token`,
 * `prompt_tokens`). Entries without AI part that are no model call are other traffic of the gateway.
 */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { countAt, jsonCell, textAt, valueAt } from './json-cell.js';
import { operationOfPath } from './operations.js';
import { ANSWERED_FROM_CACHE, forgetUncounted, statusOfHttp } from './status.js';

const TIME = 0;
const DURATION = 1;
const AI = 2;
const STATUS = 3;
const PATH = 4;
const ID = 5;
const CLIENT = 6;

export const kongAi: LogFormat = {
  name: 'kong-ai',
  title: 'Kong AI Gateway logs (JSON)',
  sourceUrl: 'https://developer.konghq.com/ai-gateway/ai-audit-log-reference/',
  shape: 'jsonl',
  columns: [
    { name: 'started_at', required: true, meaning: 'arrival, epoch ms' },
    { name: 'latencies.request', required: true, meaning: 'duration, ms' },
    { name: 'ai', required: false, meaning: 'by plugin: usage, meta (model), cache' },
    { name: 'response.status', aliases: ['upstream_status'], required: true, meaning: 'HTTP status' },
    { name: 'request.uri', required: false, meaning: 'tells model calls from other traffic' },
    { name: 'request.id', required: false, meaning: 'the request' },
    {
      name: 'consumer.id',
      aliases: ['authenticated_entity.id', 'consumer.username'],
      required: false,
      meaning: 'who asked',
    },
  ],
  fills: [
    'inputTokens',
    'outputTokens',
    'requestId',
    'clientId',
    'model',
    'operation',
    'status',
    'httpStatus',
    'durationNs',
  ],
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  detect: (sample) => detectByKeys(kongAi, sample),
  open: ({ pseudonyms }) => ({
    read(record, row) {
      const path = record.text(PATH);
      const plugin = aiPlugin(jsonCell(record, AI));
      row.operation = path === null ? null : operationOfPath(path);
      if (plugin === null && row.operation === null) return false;
      if (textAt(plugin, ['cache', 'cache_status'])?.toLowerCase() === 'hit') {
        throw new RowReject(ANSWERED_FROM_CACHE);
      }
      const time = record.time(TIME, 'ms');
      if (time === null) throw new RowReject('started_at is missing');
      row.setArrival(time);
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.clientId = pseudonyms.of('client', record.text(CLIENT));
      row.model = textAt(plugin, ['meta', 'response_model'], ['meta', 'request_model']);
      row.httpStatus = record.count(STATUS);
      row.status = statusOfHttp(row.httpStatus);
      row.inputTokens = countAt(plugin, ['usage', 'prompt_tokens'], ['usage', 'prompt_token']);
      row.outputTokens = countAt(plugin, ['usage', 'completion_tokens'], ['usage', 'completion_token']);
      forgetUncounted(row);
      row.durationNs = record.durationNs(DURATION, 'ms');
      return true;
    },
  }),
};

/** What the first plugin with token counts logged, else the first plugin; null = none. */
function aiPlugin(ai: unknown): unknown {
  if (typeof ai !== 'object' || ai === null) return null;
  const plugins = Object.values(ai).filter((value) => typeof value === 'object' && value !== null);
  return plugins.find((plugin) => valueAt(plugin, ['usage']) !== undefined) ?? plugins[0] ?? null;
}
