/** Helicone's request export as CSV: the columns of the JSON export. */
import type { LogFormat } from '../format.js';
import { HELICONE_COLUMNS, HELICONE_FILLS, HELICONE_TEXTS, heliconeHandler } from './helicone.js';

export const heliconeCsv: LogFormat = {
  name: 'helicone-csv',
  title: 'Helicone request export (CSV)',
  sourceUrl: 'https://github.com/Helicone/helicone',
  shape: 'csv',
  // Helicone's own exporter writes the answer's id only.
  columns: HELICONE_COLUMNS.map((column) =>
    column.name === 'request_id' ? { ...column, aliases: ['response_id'] } : column,
  ),
  fills: HELICONE_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: HELICONE_TEXTS,
  open: ({ pseudonyms }) => heliconeHandler(pseudonyms),
};
