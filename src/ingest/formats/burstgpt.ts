/**
 * BurstGPT (Azure OpenAI usage of a campus, 2023–24): one CSV row per request, seconds from the first day's midnight.
 * Release 1 has six columns; the newer one adds `Session ID` and `Elapsed time`, in another order. A request that
 * failed is a row with zero response tokens: it stays, because it arrived.
 */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';

const TIME = 0;
const MODEL = 1;
const INPUT = 2;
const OUTPUT = 3;
const LOG_TYPE = 4;
const SESSION = 5;
const ELAPSED = 6;

export const burstGpt: LogFormat = {
  name: 'burstgpt',
  title: 'BurstGPT trace (CSV)',
  sourceUrl: 'https://github.com/HPMLL/BurstGPT',
  shape: 'csv',
  columns: [
    { name: 'Timestamp', required: true, meaning: 'arrival, s from midnight of the first day' },
    { name: 'Model', required: true, meaning: 'model called' },
    { name: 'Request tokens', required: true, meaning: 'prompt tokens, whole prompt' },
    { name: 'Response tokens', required: true, meaning: 'output tokens; 0 = the request failed' },
    { name: 'Log Type', required: true, meaning: 'Conversation log or API log' },
    { name: 'Session ID', required: false, meaning: 'conversation (newer release)' },
    { name: 'Elapsed time', required: false, meaning: 'duration, s (newer release)' },
  ],
  fills: ['model', 'inputTokens', 'outputTokens', 'operation', 'sessionId', 'durationNs', 'status'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: null,
  open: ({ pseudonyms }) => ({
    read(record, row) {
      const time = record.time(TIME, 's');
      if (time === null) throw new RowReject('Timestamp is missing');
      row.setArrival(time);
      row.model = record.text(MODEL);
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      row.operation = record.text(LOG_TYPE) === 'Conversation log' ? 'chat' : null;
      row.sessionId = pseudonyms.of('session', record.text(SESSION));
      row.durationNs = record.durationNs(ELAPSED, 's');
      // The log does not say how a request failed, only that nothing came back.
      row.status = row.outputTokens === null ? null : row.outputTokens === 0 ? 'http_error' : 'ok';
      return true;
    },
  }),
};
