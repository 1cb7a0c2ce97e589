/** Vidur request traces: one CSV row per request, float seconds from the trace's start. */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';

const TIME = 0;
const INPUT = 1;
const OUTPUT = 2;
const SESSION = 3;

export const vidur: LogFormat = {
  name: 'vidur',
  title: 'Vidur trace (CSV)',
  sourceUrl: 'https://github.com/microsoft/vidur',
  shape: 'csv',
  columns: [
    { name: 'arrived_at', required: true, meaning: 'arrival, s from the trace start' },
    { name: 'num_prefill_tokens', required: true, meaning: 'prompt tokens' },
    { name: 'num_decode_tokens', required: true, meaning: 'output tokens' },
    { name: 'session_id', required: false, meaning: 'conversation (some forks)' },
  ],
  fills: ['inputTokens', 'outputTokens', 'sessionId'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: null,
  open: ({ pseudonyms }) => ({
    read(record, row) {
      const time = record.time(TIME, 's');
      if (time === null) throw new RowReject('arrived_at is missing');
      row.setArrival(time);
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      row.sessionId = pseudonyms.of('session', record.text(SESSION));
      return true;
    },
  }),
};
