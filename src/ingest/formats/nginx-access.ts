/**
 * nginx access logs as JSON, keys named after nginx's variables or as ingress-nginx and common examples name them. A row
 * is written at the end of its request; the arrival is that end less `request_time`. `msec` (milliseconds) goes before
 * `time_iso8601` and `time_local` (whole seconds). No token counts.
 */
import type { LogFormat } from '../format.js';
import { RowReject, shorten } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { backdate, setArrivalNs } from './instants.js';
import { operationOfPath } from './operations.js';
import { statusOfHttp } from './status.js';

const DURATION = 0;
const STATUS = 1;
const MSEC = 2;
const ISO = 3;
const PATH = 4;
const ID = 5;
const LOCAL = 6;

export const nginxAccess: LogFormat = {
  name: 'nginx-access',
  title: 'nginx access logs (JSON)',
  sourceUrl: 'https://nginx.org/en/docs/http/ngx_http_log_module.html',
  shape: 'jsonl',
  columns: [
    { name: 'request_time', required: true, meaning: 'duration, s with ms' },
    { name: 'status', required: true, meaning: 'HTTP status; 499 = client went away' },
    {
      name: 'msec',
      aliases: ['time_epoch'],
      required: false,
      meaning: 'end of the request, epoch s with ms',
    },
    {
      name: 'time_iso8601',
      aliases: ['time', '@timestamp', 'timestamp'],
      required: false,
      meaning: 'end of the request, whole seconds, where msec is missing',
    },
    {
      name: 'request_uri',
      aliases: ['uri', 'request', 'path', 'url'],
      required: false,
      meaning: 'tells model calls from other traffic',
    },
    { name: 'request_id', aliases: ['req_id'], required: false, meaning: 'the request' },
    { name: 'time_local', required: false, meaning: 'the same as 29/Mar/2026:03:00:05 +0200' },
  ],
  fills: ['requestId', 'operation', 'status', 'httpStatus', 'durationNs'],
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  arrivalDerivation: 'the end of the request less its duration',
  detect: (sample) => detectByKeys(nginxAccess, sample),
  open: ({ pseudonyms }) => ({
    read(record, row) {
      const path = record.text(PATH);
      row.operation = path === null ? null : operationOfPath(path);
      if (path !== null && row.operation === null) return false;
      const end = record.time(MSEC, 's') ?? record.time(ISO, 'iso');
      if (end !== null) row.setArrival(end);
      else setArrivalNs(row, commonLogNs(record.text(LOCAL)), 0);
      row.durationNs = record.durationNs(DURATION, 's');
      if (row.durationNs === null) throw new RowReject('request_time is missing: the arrival is not known');
      backdate(row, row.durationNs);
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.httpStatus = record.count(STATUS);
      row.status = statusOfHttp(row.httpStatus);
      return true;
    },
  }),
};

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const COMMON_LOG = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)$/;

/** ns since 1970 of a time in the common log format. */
function commonLogNs(text: string | null): bigint {
  if (text === null) throw new RowReject('msec, time_iso8601 and time_local are missing');
  const [, day, month, year, clock, hours, minutes] = COMMON_LOG.exec(text) ?? [];
  const date = `${year}-${String(MONTHS.indexOf(month) + 1).padStart(2, '0')}-${day}`;
  const ms = Date.parse(`${date}T${clock}${hours}:${minutes}`);
  // Of a 31 February it makes a day in March.
  const isDay = !Number.isNaN(ms) && new Date(`${date}T00:00Z`).toISOString().startsWith(date);
  if (!isDay) throw new RowReject('time_local is no date and time', shorten(text));
  return BigInt(ms) * 1_000_000n;
}
