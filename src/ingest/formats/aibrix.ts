/** AIBrix workload files: JSON Lines, ms from the start, every line with all requests of its instant. */
import { RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { countAt, jsonCell, textAt } from './json-cell.js';
import type { ManyRowsFormat } from './many-rows.js';

const TIME = 0;
const REQUESTS = 1;

export const aibrix: ManyRowsFormat = {
  name: 'aibrix',
  title: 'AIBrix workload (JSON Lines)',
  sourceUrl: 'https://github.com/vllm-project/aibrix',
  shape: 'jsonl',
  columns: [
    { name: 'timestamp', required: true, meaning: 'arrival, ms from the start' },
    {
      name: 'requests',
      required: true,
      meaning: 'prompt_length, output_length (null = unknown), session_id, model; the prompt is not kept',
    },
    { name: 'requests.prompt_length', required: true, meaning: 'prompt tokens' },
  ],
  fills: ['inputTokens', 'outputTokens', 'sessionId', 'model'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: null,
  texts: { prompt: [], answer: [] },
  detect: (sample) => detectByKeys(aibrix, sample),
  open: ({ pseudonyms, countTokens, keepsText }) => ({
    readAll(record, row, emit) {
      const requests = jsonCell(record, REQUESTS);
      if (!Array.isArray(requests)) throw new RowReject('requests is no list');
      for (const request of requests as unknown[]) {
        const time = record.time(TIME, 'ms');
        if (time === null) throw new RowReject('timestamp is missing');
        row.setArrival(time);
        const prompt = textAt(request, ['prompt']);
        row.inputTokens =
          countAt(request, ['prompt_length']) ?? (prompt === null ? null : (countTokens?.(prompt) ?? null));
        row.outputTokens = countAt(request, ['output_length']);
        row.sessionId = pseudonyms.of('session', textAt(request, ['session_id']));
        row.model = textAt(request, ['model']);
        if (keepsText && prompt !== null) row.promptText = JSON.stringify(prompt);
        emit();
      }
      return requests.length > 0;
    },
  }),
};
