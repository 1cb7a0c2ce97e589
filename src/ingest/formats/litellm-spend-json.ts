/** LiteLLM proxy spend logs as the rows of `/spend/logs`: JSON, times with offset; else as the CSV dump. */
import type { LogFormat } from '../format.js';
import { detectByKeys } from './detect-keys.js';
import { LITELLM_SPEND_COLUMNS, LITELLM_SPEND_FILLS, spendLogHandler } from './litellm-spend.js';

export const litellmSpendJson: LogFormat = {
  name: 'litellm-spend-json',
  title: 'LiteLLM spend logs (JSON)',
  sourceUrl: 'https://github.com/BerriAI/litellm',
  shape: 'jsonl',
  columns: LITELLM_SPEND_COLUMNS,
  fills: LITELLM_SPEND_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: [], answer: [] },
  detect: (sample) => detectByKeys(litellmSpendJson, sample),
  open: spendLogHandler,
};
