/**
 * Input data of perf_analyzer with a fixed schedule: `{"data": [{"timestamp": [ms], "payload": [{…}]}]}`, and AIPerf's lines
 * of whole payloads (`{"timestamp": ms, "payload": {…}}`). Prompts are counted by the tokenizer and not kept. A payload
 * that ignores the end-of-sequence token has exactly max_tokens of output, others have it as a cap.
 */
import { type Detection, detectByColumns, type Sample } from '../format.js';
import { RowReject } from '../record.js';
import { setArrivalNs } from './instants.js';
import { countAt, jsonCell, sumCounts, textAt, valueAt } from './json-cell.js';
import type { ManyRowsFormat } from './many-rows.js';
import { requestTexts } from './request-texts.js';

const TIME = 0;
const PAYLOAD = 1;
const MS_PLACES = 3;

export const perfAnalyzerSchedule: ManyRowsFormat = {
  name: 'perf-analyzer-schedule',
  title: 'perf_analyzer fixed schedule, AIPerf payloads (JSON)',
  sourceUrl: 'https://github.com/triton-inference-server/perf_analyzer',
  shape: 'jsonl',
  columns: [
    {
      name: 'timestamp',
      required: true,
      meaning: 'arrival, ms from the start, by itself or in a list of one',
    },
    {
      name: 'payload',
      required: true,
      meaning:
        'request body: prompt or messages (counted by the tokenizer, not kept), max_tokens, model, stream',
    },
  ],
  fills: ['inputTokens', 'outputTokens', 'maxOutputTokens', 'model', 'stream', 'operation'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: null,
  texts: { prompt: [], answer: [] },
  // A time alone is no reason to think of payloads.
  detect: (sample: Sample): Detection =>
    sample.names.includes('payload')
      ? detectByColumns(perfAnalyzerSchedule, sample)
      : { score: 0, reason: 'it lacks payload' },
  open: ({ countTokens, keepsText }) => ({
    readAll(record, row, emit) {
      const time = record.text(TIME)?.replace(/^\[\s*(.*?)\s*\]$/, '$1');
      if (time === undefined) throw new RowReject('timestamp is missing');
      if (!/^\d{1,15}$/.test(time)) throw new RowReject('timestamp is no whole number of ms');
      const cell = jsonCell(record, PAYLOAD);
      const payload = Array.isArray(cell) ? (cell as unknown[])[0] : cell;
      if (typeof payload !== 'object' || payload === null) throw new RowReject('payload is no request body');
      setArrivalNs(row, BigInt(time) * 1_000_000n, MS_PLACES);
      const texts = requestTexts(payload);
      row.inputTokens = countTokens === null ? null : sumCounts(...texts.map(countTokens));
      row.maxOutputTokens = countAt(payload, ['max_tokens'], ['max_completion_tokens']);
      row.outputTokens = valueAt(payload, ['ignore_eos']) === true ? row.maxOutputTokens : null;
      row.model = textAt(payload, ['model']);
      if (keepsText && texts.length > 0)
        row.promptText = JSON.stringify(texts.length === 1 ? texts[0] : texts);
      const stream = valueAt(payload, ['stream']);
      row.stream = typeof stream === 'boolean' ? stream : null;
      row.operation = 'messages' in payload ? 'chat' : 'prompt' in payload ? 'completion' : null;
      emit();
      return true;
    },
  }),
};
