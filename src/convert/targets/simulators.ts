/** Traces of two simulators, CSV with float seconds from the start: Vidur and SplitwiseSim. */
import { formatDecimal } from '../decimal.js';
import type { TextTarget } from '../target.js';

const SECONDS = 9;

export const vidur: TextTarget = {
  kind: 'text',
  name: 'vidur',
  title: 'Vidur trace (CSV)',
  readAs: 'vidur',
  sourceUrl: 'https://github.com/microsoft/vidur',
  columns: [
    { name: 'arrived_at', from: 'arrivalNs', meaning: 'arrival, s from the first request' },
    { name: 'num_prefill_tokens', from: 'inputTokens', meaning: 'prompt tokens' },
    { name: 'num_decode_tokens', from: 'outputTokens', meaning: 'output tokens' },
  ],
  required: ['inputTokens', 'outputTokens'],
  stepNs: 1n,
  hasStart: false,
  blockSize: null,
  writesPrompts: false,
  advice: () => [],
  open: () => ({
    begin: 'arrived_at,num_prefill_tokens,num_decode_tokens\n',
    row: (row) => `${formatDecimal(row.arrivalNs, SECONDS)},${row.inputTokens},${row.outputTokens}\n`,
    end: '',
  }),
};

export const splitwiseSim: TextTarget = {
  kind: 'text',
  name: 'splitwise-sim',
  title: 'SplitwiseSim trace (CSV)',
  readAs: 'splitwise-sim',
  sourceUrl: 'https://github.com/Mutinifni/splitwise-sim',
  columns: [
    { name: 'arrival_timestamp', from: 'arrivalNs', meaning: 'arrival, s from the first request' },
    { name: 'prompt_size', from: 'inputTokens', meaning: 'prompt tokens' },
    { name: 'token_size', from: 'outputTokens', meaning: 'output tokens' },
  ],
  required: ['inputTokens', 'outputTokens'],
  stepNs: 1n,
  hasStart: false,
  blockSize: null,
  writesPrompts: false,
  advice: () => [
    'request_id counts the rows from 0; request_type is 2 (language model), application_id 0, batch_size 1',
  ],
  open: () => {
    let id = 0;
    return {
      begin: 'request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size\n',
      row: (row) =>
        `${id++},2,0,${formatDecimal(row.arrivalNs, SECONDS)},1,${row.inputTokens},${row.outputTokens}\n`,
      end: '',
    };
  },
};
