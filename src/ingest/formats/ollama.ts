/**
 * Ollama: final answers of `/api/chat` and `/api/generate`, one JSON object per request. `created_at` is the end of the
 * answer; the arrival is that less `total_duration`. A missing `prompt_eval_count` is unknown, never zero: older builds
 * leave it out when the prompt was cached. Chunks of a stream (`done` false) and loads of a model are no requests.
 */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { backdate } from './instants.js';

const CREATED = 0;
const TOTAL = 1;
const DONE = 2;
const INPUT = 3;
const OUTPUT = 4;
const CACHED = 5;
const MODEL = 6;
const REASON = 7;
const MESSAGE = 8;

export const ollama: LogFormat = {
  name: 'ollama',
  title: 'Ollama answers (JSON)',
  sourceUrl: 'https://github.com/ollama/ollama/blob/main/docs/api.md',
  shape: 'jsonl',
  columns: [
    { name: 'created_at', required: true, meaning: 'end of the answer, up to 9 fraction digits' },
    { name: 'total_duration', required: true, meaning: 'duration, loading included, ns' },
    { name: 'done', required: true, meaning: 'false = chunk of a stream' },
    { name: 'prompt_eval_count', required: false, meaning: 'prompt tokens; missing = unknown' },
    { name: 'eval_count', required: false, meaning: 'output tokens' },
    { name: 'prompt_eval_cached_count', required: false, meaning: 'cached part of the prompt, inside' },
    { name: 'model', required: false, meaning: 'model called' },
    { name: 'done_reason', required: false, meaning: 'stop, length; load and unload are no requests' },
    { name: 'message', required: false, meaning: 'there = chat; the answer' },
  ],
  fills: ['inputTokens', 'outputTokens', 'cachedTokens', 'model', 'operation', 'durationNs', 'status'],
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: ['prompt', 'messages'], answer: ['message', 'response'] },
  arrivalDerivation: 'the end of the request less its duration',
  detect: (sample) => detectByKeys(ollama, sample),
  open: () => ({
    read(record, row) {
      const reason = record.text(REASON);
      if (record.flag(DONE) === false || reason === 'load' || reason === 'unload') return false;
      const created = record.time(CREATED, 'iso');
      if (created === null) throw new RowReject('created_at is missing');
      row.setArrival(created);
      row.durationNs = record.durationNs(TOTAL, 'ns');
      if (row.durationNs === null) throw new RowReject('total_duration is missing: the arrival is not known');
      backdate(row, row.durationNs);
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      row.cachedTokens = record.count(CACHED);
      row.model = record.text(MODEL);
      row.operation = record.isUnknown(MESSAGE) ? 'completion' : 'chat';
      row.status = 'ok';
      return true;
    },
  }),
};
