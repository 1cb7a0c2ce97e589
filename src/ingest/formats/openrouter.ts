/**
 * OpenRouter's `GET /generation` objects, bare or inside `data`. Counts by the model's own tokenizer (`native_…`) go
 * before OpenRouter's normalised ones; cached and reasoning tokens are parts of the native counts. Latency is the time
 * to first token, generation time what came after it.
 */
import type { TraceStatus } from '../../types.js';
import type { LogFormat, SourceColumn } from '../format.js';
import { RowReject, type SourceRecord } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { sumNs } from './instants.js';

const TIME = 0;
const ID = 1;
const NATIVE_INPUT = 2;
const NATIVE_OUTPUT = 3;
const INPUT = 4;
const OUTPUT = 5;
const CACHED = 6;
const REASONING = 7;
const MODEL = 8;
const STREAMED = 9;
const CANCELLED = 10;
const LATENCY = 11;
const GENERATION = 12;
const FINISH = 13;
const SESSION = 14;
const CLIENT = 15;

const field = (name: string, meaning: string, required = false): SourceColumn => ({
  name: `data.${name}`,
  aliases: [name],
  required,
  meaning,
});

export const openRouter: LogFormat = {
  name: 'openrouter',
  title: 'OpenRouter generations (JSON)',
  sourceUrl: 'https://openrouter.ai/docs',
  shape: 'jsonl',
  columns: [
    field('created_at', 'when OpenRouter wrote the generation down', true),
    field('id', 'the request', true),
    field('native_tokens_prompt', "prompt tokens by the model's tokenizer, cached ones inside", true),
    field('native_tokens_completion', "output tokens by the model's tokenizer, reasoning inside", true),
    field('tokens_prompt', 'prompt tokens by a common tokenizer, where no native count is known'),
    field('tokens_completion', 'output tokens by a common tokenizer'),
    field('native_tokens_cached', 'cached part of the prompt'),
    field('native_tokens_reasoning', 'reasoning part of the output'),
    field('model', 'model called'),
    field('streamed', 'whether the answer was streamed'),
    field('cancelled', 'true = the client went away'),
    field('latency', 'time to first token, ms'),
    field('generation_time', 'from there to the end, ms'),
    field('finish_reason', 'null = did not finish'),
    field('session_id', 'conversation'),
    field('external_user', 'who asked'),
  ],
  fills: [
    'inputTokens',
    'outputTokens',
    'cachedTokens',
    'reasoningTokens',
    'requestId',
    'sessionId',
    'clientId',
    'model',
    'stream',
    'status',
    'ttftNs',
    'durationNs',
  ],
  arrivalBasis: 'unknown',
  timeOrigin: 'epoch',
  blockSize: null,
  detect: (sample) => detectByKeys(openRouter, sample),
  open: ({ pseudonyms }) => ({
    read(record, row) {
      const time = record.time(TIME, 'iso');
      if (time === null) throw new RowReject('created_at is missing');
      row.setArrival(time);
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.sessionId = pseudonyms.of('session', record.text(SESSION));
      row.clientId = pseudonyms.of('client', record.text(CLIENT));
      row.model = record.text(MODEL);
      const nativeInput = record.count(NATIVE_INPUT);
      const nativeOutput = record.count(NATIVE_OUTPUT);
      row.inputTokens = nativeInput ?? record.count(INPUT);
      row.outputTokens = nativeOutput ?? record.count(OUTPUT);
      row.cachedTokens = nativeInput === null ? null : record.count(CACHED);
      row.reasoningTokens = nativeOutput === null ? null : record.count(REASONING);
      row.stream = record.flag(STREAMED);
      row.status = statusOf(record);
      const latency = record.durationNs(LATENCY, 'ms');
      const generation = record.durationNs(GENERATION, 'ms');
      row.ttftNs = row.stream === true ? latency : null;
      row.durationNs = latency === null || generation === null ? null : sumNs(latency, generation);
      return true;
    },
  }),
};

function statusOf(record: SourceRecord): TraceStatus | null {
  if (record.flag(CANCELLED) === true) return 'cancelled';
  const finish = record.text(FINISH);
  if (finish === null) return null;
  return finish === 'error' ? 'stream_error' : 'ok';
}
