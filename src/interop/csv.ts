/** One line per request: the raw instants (ns from t0), the counts, and the registry's metrics (ms). RFC 4180. */
import { REQUEST_METRICS } from '../metrics.js';
import { RUN_COLUMNS } from '../trace/run-records.js';
import type { RunRecord } from '../types.js';
import type { ExportedRun } from './quantities.js';

/** Lists do not fit a cell that spreadsheets can use. */
const COLUMNS = RUN_COLUMNS.filter((column) => !column.type.startsWith('list'));
const METRICS = Object.keys(REQUEST_METRICS) as (keyof typeof REQUEST_METRICS)[];

/** The header and one line per measured request. Unknown is an empty cell. */
export function* csvLines(run: ExportedRun): Generator<string> {
  yield [...COLUMNS.map(({ name }) => name), ...METRICS.map((id) => `${id}_ms`)].join(',');
  for (const record of run.records) {
    const cells = COLUMNS.map(({ code }) => cell(record[code]));
    for (const id of METRICS) cells.push(metricCell(record, id));
    yield cells.join(',');
  }
}

function metricCell(record: RunRecord, id: keyof typeof REQUEST_METRICS): string {
  const value = REQUEST_METRICS[id](record);
  return typeof value === 'number' ? String(value) : '';
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
