/** SplitwiseSim traces: one CSV row per request, float seconds from the trace's start. */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';

const TIME = 0;
const INPUT = 1;
const OUTPUT = 2;
const TYPE = 3;
const ID = 4;
const APPLICATION = 5;

/** request_type of a language-model request; the simulator's other kinds have no tokens. */
const LLM_REQUEST = '2';

export const splitwiseSim: LogFormat = {
  name: 'splitwise-sim',
  title: 'SplitwiseSim trace (CSV)',
  sourceUrl: 'https://github.com/Mutinifni/splitwise-sim',
  shape: 'csv',
  columns: [
    { name: 'arrival_timestamp', required: true, meaning: 'arrival, s from the trace start' },
    { name: 'prompt_size', required: true, meaning: 'prompt tokens' },
    { name: 'token_size', required: true, meaning: 'output tokens' },
    {
      name: 'request_type',
      required: false,
      meaning: '2 = language model; rows of other kinds are no request',
    },
    { name: 'request_id', required: false, meaning: 'number of the request' },
    { name: 'application_id', required: false, meaning: 'the deployed model that serves it' },
  ],
  fills: ['inputTokens', 'outputTokens', 'requestId', 'model'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: null,
  open: ({ pseudonyms }) => ({
    read(record, row) {
      const kind = record.text(TYPE);
      if (kind !== null && kind.trim() !== LLM_REQUEST) return false;
      const time = record.time(TIME, 's');
      if (time === null) throw new RowReject('arrival_timestamp is missing');
      row.setArrival(time);
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      row.requestId = pseudonyms.of('request', record.text(ID));
      const application = record.text(APPLICATION);
      row.model = application === null ? null : `application-${application}`;
      return true;
    },
  }),
};
