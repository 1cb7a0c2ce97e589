/**
 * Kong Gateway log entries with AI plugins: JSON, `started_at` in epoch ms. The plugin's name is a key of its own and
 * varies (`ai-proxy`, `ai-proxy-advanced`, `proxy`), as does the spelling of the counts (`prompt_token`,
 * `prompt_tokens`); details of the counts came with 3.11, the time to first token with 3.12. Beside the plugins lies the
 * request's payload. Entries without AI part that are no model call are other traffic of the gateway.
 */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { msNs } from './instants.js';
import { countAt, type JsonPath, jsonCell, keptJson, textAt, valueAt } from './json-cell.js';
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
    { name: 'ai', required: false, meaning: 'by plugin: usage, meta (model), cache, payload' },
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
    'cachedTokens',
    'reasoningTokens',
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
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: [], answer: [] },
  detect: (sample) => detectByKeys(kongAi, sample),
  open: ({ pseudonyms, keepsText }) => ({
    read(record, row) {
      const path = record.text(PATH);
      const ai = jsonCell(record, AI);
      const plugins = pluginsOf(ai);
      const plugin = plugins.find((found) => valueAt(found, ['usage']) !== undefined) ?? plugins[0] ?? null;
      row.operation = path === null ? null : operationOfPath(path);
      if (plugin === null && row.operation === null) return false;
      if (plugins.some((found) => textAt(found, ['cache', 'cache_status'])?.toLowerCase() === 'hit'))
        throw new RowReject(ANSWERED_FROM_CACHE);
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
      row.cachedTokens = countAt(plugin, ['usage', 'prompt_tokens_details', 'cached_tokens']);
      row.reasoningTokens = countAt(plugin, ['usage', 'completion_tokens_details', 'reasoning_tokens']);
      row.durationNs = record.durationNs(DURATION, 'ms');
      row.ttftNs = msNs(valueAt(plugin, ['usage', 'time_to_first_token']));
      const mode = textAt(plugin, ['meta', 'request_mode']);
      row.stream = mode === null ? (row.ttftNs === null ? null : true) : /stream/i.test(mode);
      if (keepsText === true) {
        const kept = (name: string): string | null =>
          [...plugins, ai].map((part) => keptJson(payloadOf(part, name))).find((text) => text !== null) ??
          null;
        row.promptText = kept('request');
        row.answerText = kept('response');
      }
      return true;
    },
  }),
};

/** What each plugin logged. */
function pluginsOf(ai: unknown): readonly unknown[] {
  if (typeof ai !== 'object' || ai === null) return [];
  return Object.entries(ai)
    .filter(([name, value]) => name !== 'payload' && typeof value === 'object' && value !== null)
    .map(([, value]) => value as unknown);
}

function payloadOf(part: unknown, name: string): unknown {
  const paths: readonly JsonPath[] = [
    ['payload', name],
    ['payload', `${name}_body`],
  ];
  return paths.map((path) => valueAt(part, path)).find((found) => found !== undefined);
}
