/** Helicone's request export as CSV: the columns of the JSON export; the properties' JSON cell is not read. */
import type { LogFormat } from '../format.js';
import { HELICONE_COLUMNS, HELICONE_FILLS, heliconeHandler } from './helicone.js';

export const heliconeCsv: LogFormat = {
  name: 'helicone-csv',
  title: 'Helicone request export (CSV)',
  sourceUrl: 'https://github.com/Helicone/helicone',
  shape: 'csv',
  columns: HELICONE_COLUMNS,
  fills: HELICONE_FILLS.filter((field) => field !== 'sessionId'),
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  open: ({ pseudonyms }) => heliconeHandler(pseudonyms),
};
