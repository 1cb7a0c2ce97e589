/**
 * Rows of Envoy's JSON access log, whose keys the operator chooses: the usual ones of Envoy, Istio and Higress, numbers
 * bare or as text, `-` for unknown. `start_time` is the arrival; `duration` ends with the last byte.
 */
import type { TraceStatus } from '../../types.js';
import type { FormatContext, RecordHandler, SourceColumn } from '../format.js';
import { RowReject } from '../record.js';
import type { RowField } from '../rows.js';
import { countAt, jsonCell, keptJson, textAt, valueAt } from './json-cell.js';
import { operationOfPath } from './operations.js';
import { forgetUncounted, statusOfHttp } from './status.js';

export const ENVOY = {
  time: 0,
  duration: 1,
  code: 2,
  flags: 3,
  path: 4,
  id: 5,
  input: 6,
  output: 7,
  model: 8,
  cached: 9,
  ttft: 10,
  aiLog: 11,
  prompt: 12,
  answer: 13,
} as const;

/** Columns of Envoy itself; a format appends those of its token fields, in the order of `ENVOY`, as far as it has them. */
export const ENVOY_COLUMNS: readonly SourceColumn[] = [
  { name: 'start_time', required: true, meaning: 'arrival at the proxy' },
  { name: 'duration', required: true, meaning: 'to the last byte of the answer, ms' },
  { name: 'response_code', required: true, meaning: 'HTTP status; 0 = none was sent' },
  { name: 'response_flags', required: false, meaning: 'DC = client went away, UT = upstream time-out, …' },
  {
    name: 'x-envoy-origin-path',
    aliases: ['path', 'x_envoy_origin_path', 'uri_path', 'original_path'],
    required: false,
    meaning: 'tells model calls from other traffic',
  },
  {
    name: 'x-request-id',
    aliases: ['request_id', 'x_request_id'],
    required: false,
    meaning: 'the request',
  },
];

export const ENVOY_FILLS: readonly RowField[] = [
  'inputTokens',
  'outputTokens',
  'cachedTokens',
  'requestId',
  'model',
  'operation',
  'status',
  'httpStatus',
  'durationNs',
];

/** Reads one access-log row. Rows with a path that is no model call, and no tokens, are other traffic. */
export function envoyHandler({ pseudonyms, keepsText }: FormatContext, isHigress: boolean): RecordHandler {
  return {
    read(record, row) {
      const path = record.text(ENVOY.path);
      // Newer Higress writes all of a model call into one field.
      const aiLog = isHigress ? jsonCell(record, ENVOY.aiLog) : undefined;
      row.inputTokens = record.count(ENVOY.input) ?? countAt(aiLog, ['input_token']);
      row.outputTokens = record.count(ENVOY.output) ?? countAt(aiLog, ['output_token']);
      row.cachedTokens = record.count(ENVOY.cached) ?? countAt(aiLog, ['cached_tokens']);
      row.operation = path === null ? null : operationOfPath(path);
      if (path !== null && row.operation === null && row.inputTokens === null) return false;
      const time = record.time(ENVOY.time, 'iso');
      if (time === null) throw new RowReject('start_time is missing');
      row.setArrival(time);
      row.requestId = pseudonyms.of('request', record.text(ENVOY.id));
      row.model = record.text(ENVOY.model) ?? textAt(aiLog, ['model']);
      const code = record.count(ENVOY.code);
      row.httpStatus = code === 0 ? null : code;
      row.status = statusOf(record.text(ENVOY.flags), code);
      row.durationNs = record.durationNs(ENVOY.duration, 'ms');
      if (isHigress) {
        row.ttftNs =
          record.durationNs(ENVOY.ttft, 'ms') ?? wholeMs(countAt(aiLog, ['llm_first_token_duration']));
        row.stream = row.ttftNs === null ? null : true;
        row.sessionId = pseudonyms.of('session', textAt(aiLog, ['session_id']));
        row.clientId = pseudonyms.of('client', textAt(aiLog, ['consumer']));
        if (keepsText === true) {
          row.promptText = keptJson(record.text(ENVOY.prompt) ?? valueAt(aiLog, ['question']));
          row.answerText = keptJson(record.text(ENVOY.answer) ?? valueAt(aiLog, ['answer']));
        }
      }
      forgetUncounted(row);
      return true;
    },
  };
}

function wholeMs(count: number | null): bigint | null {
  return count === null ? null : BigInt(count) * 1_000_000n;
}

/** Flags tell more than the code: a client that left during the stream has code 200, one that left before it code 0. */
function statusOf(flags: string | null, code: number | null): TraceStatus | null {
  const set = new Set(flags?.split(',') ?? []);
  if (set.has('DC')) return 'cancelled';
  if (set.has('UT') || set.has('SI') || set.has('DT') || set.has('UMSDR')) return 'timeout';
  if (code !== 0) {
    const byCode = statusOfHttp(code);
    return byCode === 'ok' && (set.has('UC') || set.has('UR')) ? 'truncated' : byCode;
  }
  return 'http_error';
}
