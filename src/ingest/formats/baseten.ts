/**
 * Baseten completion traces: one row per request, epoch ms, rows in no order; Parquet, or JSON Lines of its rows. Cancelled
 * requests stay, with what they had produced.
 */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';

const TIME = 0;
const INPUT = 1;
const OUTPUT = 2;
const SESSION = 3;
const CANCELLED = 4;
const DURATION = 5;
const TTFT = 6;
const MODEL = 7;
const ORGANISATION = 8;
const CACHED = 9;

export const baseten: LogFormat = {
  name: 'baseten',
  title: 'Baseten trace (Parquet, or JSON Lines of it)',
  sourceUrl: 'https://github.com/ai-dynamo/aiperf',
  shape: 'jsonl',
  columns: [
    { name: 'timestamp_start_unix_ms', required: true, meaning: 'arrival, epoch ms' },
    { name: 'input_tokens', required: true, meaning: 'prompt tokens' },
    { name: 'output_tokens', required: true, meaning: 'output tokens; 0 for requests cancelled early' },
    {
      name: 'provided_session_id',
      aliases: ['poor_man_session_id'],
      required: false,
      meaning: 'conversation, null where unknown',
    },
    { name: 'request_canceled', required: false, meaning: 'true = the client went away' },
    { name: 'duration_e2e_ms', required: false, meaning: 'duration, ms' },
    { name: 'duration_ttft_ms', required: false, meaning: 'time to first token, ms' },
    { name: 'model_name', required: false, meaning: 'model called' },
    { name: 'org_id', required: false, meaning: 'the caller' },
    { name: 'cached_tokens_reference', required: false, meaning: 'cached part of the prompt' },
  ],
  fills: [
    'inputTokens',
    'outputTokens',
    'cachedTokens',
    'sessionId',
    'clientId',
    'model',
    'operation',
    'status',
    'ttftNs',
    'durationNs',
  ],
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: ['prompt'], answer: ['output_text'] },
  detect: (sample) => detectByKeys(baseten, sample),
  open: ({ pseudonyms }) => ({
    read(record, row) {
      const time = record.time(TIME, 'ms');
      if (time === null) throw new RowReject('timestamp_start_unix_ms is missing');
      row.setArrival(time);
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      row.cachedTokens = record.count(CACHED);
      row.model = record.text(MODEL);
      row.clientId = pseudonyms.of('client', record.text(ORGANISATION));
      row.sessionId = pseudonyms.of('session', record.text(SESSION));
      row.operation = 'completion';
      const cancelled = record.flag(CANCELLED);
      row.status = cancelled === null ? null : cancelled ? 'cancelled' : 'ok';
      row.durationNs = record.durationNs(DURATION, 'ms');
      row.ttftNs = record.durationNs(TTFT, 'ms');
      return true;
    },
  }),
};
