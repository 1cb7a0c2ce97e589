/** Langfuse observations as CSV: usage and parameters are JSON in cells, text cells have newlines inside. */
import type { LogFormat } from '../format.js';
import { LANGFUSE_COLUMNS, LANGFUSE_FILLS, langfuseHandler } from './langfuse.js';

export const langfuseCsv: LogFormat = {
  name: 'langfuse-csv',
  title: 'Langfuse observations (CSV)',
  sourceUrl: 'https://github.com/langfuse/langfuse',
  shape: 'csv',
  columns: LANGFUSE_COLUMNS,
  fills: LANGFUSE_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: ['input'], answer: ['output'] },
  open: ({ pseudonyms }) => langfuseHandler(pseudonyms),
};
