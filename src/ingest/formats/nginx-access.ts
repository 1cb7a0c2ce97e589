/**
 * nginx access logs as JSON, keys named after nginx's variables. A row is written at the end of its request; the arrival
 * is that end less `request_time`. `msec` (milliseconds) goes before `time_iso8601` (whole seconds). No token counts.
 */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { backdate } from './instants.js';
import { operationOfPath } from './operations.js';
import { statusOfHttp } from './status.js';

const DURATION = 0;
const STATUS = 1;
const MSEC = 2;
const ISO = 3;
const PATH = 4;
const ID = 5;

export const nginxAccess: LogFormat = {
  name: 'nginx-access',
  title: 'nginx access logs (JSON)',
  sourceUrl: 'https://nginx.org/en/docs/http/ngx_http_log_module.html',
  shape: 'jsonl',
  columns: [
    { name: 'request_time', required: true, meaning: 'duration, s with ms' },
    { name: 'status', required: true, meaning: 'HTTP status; 499 = client went away' },
    { name: 'msec', required: false, meaning: 'end of the request, epoch s with ms' },
    {
      name: 'time_iso8601',
      required: false,
      meaning: 'end of the request, whole seconds, where msec is missing',
    },
    {
      name: 'request_uri',
      aliases: ['uri', 'request'],
      required: false,
      meaning: 'tells model calls from other traffic',
    },
    { name: 'request_id', required: false, meaning: 'the request' },
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
      if (end === null) throw new RowReject('msec and time_iso8601 are missing');
      row.setArrival(end);
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
