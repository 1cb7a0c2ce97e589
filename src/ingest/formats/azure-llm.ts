/** Azure LLM inference traces (2023, 2024, LMM 2025): one CSV row per request, zone-less times with 100 ns digits. */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';

const TIME = 0;
const INPUT = 1;
const OUTPUT = 2;
const IMAGES = 3;

export const azureLlm: LogFormat = {
  name: 'azure-llm',
  title: 'Azure LLM inference trace (CSV)',
  sourceUrl: 'https://github.com/Azure/AzurePublicDataset',
  shape: 'csv',
  columns: [
    { name: 'TIMESTAMP', required: true, meaning: 'arrival; date and time, zone-less or with offset' },
    { name: 'ContextTokens', required: true, meaning: 'prompt tokens, whole prompt' },
    { name: 'GeneratedTokens', required: true, meaning: 'output tokens' },
    { name: 'NumImages', required: false, meaning: 'images in the prompt (LMM 2025)' },
  ],
  fills: ['inputTokens', 'outputTokens', 'images'],
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  plain: {
    arrival: { column: TIME, unit: 'iso' },
    counts: [
      { column: INPUT, field: 'inputTokens' },
      { column: OUTPUT, field: 'outputTokens' },
      { column: IMAGES, field: 'images' },
    ],
  },
  open: () => ({
    read(record, row) {
      const time = record.time(TIME, 'iso');
      if (time === null) throw new RowReject('TIMESTAMP is missing');
      row.setArrival(time);
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      row.images = record.count(IMAGES);
      return true;
    },
  }),
};
