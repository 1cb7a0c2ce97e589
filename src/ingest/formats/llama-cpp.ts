/**
 * llama.cpp server: final answers of its OpenAI-compatible endpoints, one JSON object per request, as a client or proxy
 * keeps them. `created` is the second in which the answer was finished; the arrival is that less the processing time,
 * which leaves out any wait in the queue. `timings.prompt_n` counts only what was evaluated: the cached part is added.
 */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { backdate, sumNs } from './instants.js';
import { sumCounts } from './json-cell.js';

const CREATED = 0;
const EVALUATED = 1;
const PROMPT_MS = 2;
const PREDICTED = 3;
const PREDICTED_MS = 4;
const CACHED = 5;
const PROMPT_TOKENS = 6;
const ID = 7;
const MODEL = 8;
const OBJECT = 9;

export const llamaCpp: LogFormat = {
  name: 'llama-cpp',
  title: 'llama.cpp server answers with timings (JSON)',
  sourceUrl: 'https://github.com/ggml-org/llama.cpp/tree/master/tools/server',
  shape: 'jsonl',
  columns: [
    { name: 'created', required: true, meaning: 'end of the answer, epoch s' },
    { name: 'timings.prompt_n', required: true, meaning: 'prompt tokens that were evaluated' },
    { name: 'timings.prompt_ms', required: true, meaning: 'time of their evaluation, ms' },
    { name: 'timings.predicted_n', required: true, meaning: 'output tokens' },
    { name: 'timings.predicted_ms', required: true, meaning: 'time of the generation, ms' },
    { name: 'timings.cache_n', required: false, meaning: 'cached prompt tokens, outside prompt_n' },
    { name: 'usage.prompt_tokens', required: false, meaning: 'whole prompt, where cache_n is missing' },
    { name: 'id', required: false, meaning: 'the request' },
    { name: 'model', required: false, meaning: 'model called' },
    { name: 'object', required: false, meaning: 'chat.completion…, text_completion' },
  ],
  fills: [
    'inputTokens',
    'outputTokens',
    'cachedTokens',
    'requestId',
    'model',
    'operation',
    'stream',
    'durationNs',
    'status',
  ],
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: ['prompt', 'messages'], answer: ['choices'] },
  arrivalDerivation: 'the end of the request less its duration',
  detect: (sample) => detectByKeys(llamaCpp, sample),
  open: ({ pseudonyms }) => ({
    read(record, row) {
      const created = record.time(CREATED, 's');
      if (created === null) throw new RowReject('created is missing');
      row.setArrival(created);
      const prompt = record.durationNs(PROMPT_MS, 'ms');
      const predicted = record.durationNs(PREDICTED_MS, 'ms');
      // The last chunk of a stream carries the timings; the chunks before it are no requests of their own.
      if (prompt === null || predicted === null) return false;
      row.durationNs = sumNs(prompt, predicted);
      backdate(row, row.durationNs);
      const evaluated = record.count(EVALUATED);
      row.cachedTokens = record.count(CACHED);
      row.inputTokens =
        evaluated === null || row.cachedTokens === null
          ? record.count(PROMPT_TOKENS)
          : sumCounts(evaluated, row.cachedTokens);
      row.outputTokens = record.count(PREDICTED);
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.model = record.text(MODEL);
      const kind = record.text(OBJECT);
      row.stream = kind === null ? null : kind.endsWith('.chunk');
      row.operation = kind === null ? null : kind.startsWith('chat') ? 'chat' : 'completion';
      row.status = 'ok';
      return true;
    },
  }),
};
