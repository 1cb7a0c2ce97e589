/** Text logs as tables: a line is a record of one field, and no line names it. */
import type { LogFormat } from '../format.js';

/** Place of the line in a record. */
export const LINE = 0;

/** What a format of text lines declares of its shape; `meaning` says what is in a line. */
export const textLines = (
  meaning: string,
): Pick<LogFormat, 'shape' | 'separator' | 'headerNames' | 'columns'> => ({
  shape: 'csv',
  // Never in a text log: the line is one field.
  separator: '\u0001',
  headerNames: ['line'],
  columns: [{ name: 'line', required: true, meaning }],
});
