/**
 * Langfuse observations as JSON lines (batch export, API). Only generations and embeddings are model calls. In `usageDetails` every key
 * with `input` in it is a part of the prompt, every key with `output` a part of the output, and `input` leaves out the
 * cached parts, unless the total says otherwise; the older `usage` has whole counts. Durations come from the stamps.
 */
import type { LogFormat, RecordHandler, SourceColumn } from '../format.js';
import type { Pseudonyms } from '../pseudonyms.js';
import { RowReject } from '../record.js';
import type { RowField, StagedRow } from '../rows.js';
import { detectByKeys } from './detect-keys.js';
import { arrivalNs, elapsedNs, instantNs } from './instants.js';
import { countAt, jsonCell, sumCounts } from './json-cell.js';

const START = 0;
const TYPE = 1;
const ID = 2;
const END = 3;
const FIRST_TOKEN = 4;
const MODEL = 5;
const DETAILS = 6;
const USAGE = 7;
const LEVEL = 8;
const SESSION = 9;
const CLIENT = 10;
const PARAMETERS = 11;

export const LANGFUSE_COLUMNS: readonly SourceColumn[] = [
  { name: 'startTime', aliases: ['start_time'], required: true, meaning: 'arrival' },
  { name: 'type', required: true, meaning: 'GENERATION, EMBEDDING = model call; others are none' },
  { name: 'id', required: true, meaning: 'the request' },
  { name: 'endTime', aliases: ['end_time'], required: true, meaning: 'end of the answer' },
  {
    name: 'completionStartTime',
    aliases: ['completion_start_time'],
    required: false,
    meaning: 'first token of a streamed answer',
  },
  { name: 'model', aliases: ['providedModelName'], required: false, meaning: 'model called' },
  {
    name: 'usageDetails',
    aliases: ['usage_details'],
    required: false,
    meaning: 'counts by kind; input leaves out the cached tokens',
  },
  { name: 'usage', required: false, meaning: 'older: whole counts' },
  { name: 'level', required: true, meaning: 'ERROR = failed' },
  { name: 'sessionId', aliases: ['session_id', 'trace.sessionId'], required: false, meaning: 'conversation' },
  { name: 'userId', aliases: ['user_id', 'trace.userId'], required: false, meaning: 'who asked' },
  {
    name: 'modelParameters',
    aliases: ['model_parameters'],
    required: false,
    meaning: 'max_tokens is the cap on the output',
  },
];

export const LANGFUSE_FILLS: readonly RowField[] = [
  'inputTokens',
  'outputTokens',
  'cachedTokens',
  'reasoningTokens',
  'maxOutputTokens',
  'requestId',
  'sessionId',
  'clientId',
  'model',
  'operation',
  'stream',
  'status',
  'ttftNs',
  'durationNs',
];

export const langfuse: LogFormat = {
  name: 'langfuse',
  title: 'Langfuse observations (JSON)',
  sourceUrl: 'https://github.com/langfuse/langfuse',
  shape: 'jsonl',
  columns: LANGFUSE_COLUMNS,
  fills: LANGFUSE_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: ['input'], answer: ['output'] },
  detect: (sample) => detectByKeys(langfuse, sample),
  open: ({ pseudonyms }) => langfuseHandler(pseudonyms),
};

/** Reads one observation, whatever its container. */
export function langfuseHandler(pseudonyms: Pseudonyms): RecordHandler {
  return {
    read(record, row) {
      const type = record.text(TYPE);
      if (type !== 'GENERATION' && type !== 'EMBEDDING') return false;
      row.operation = type === 'EMBEDDING' ? 'embedding' : null;
      const start = record.time(START, 'iso');
      if (start === null) throw new RowReject('startTime is missing');
      row.setArrival(start);
      const began = arrivalNs(row);
      const end = instantNs(record, END, 'iso');
      const first = instantNs(record, FIRST_TOKEN, 'iso');
      row.durationNs = elapsedNs(began, end);
      row.ttftNs = elapsedNs(began, first);
      if (row.ttftNs !== null) row.stream = true;
      row.requestId = pseudonyms.of('request', record.text(ID));
      row.sessionId = pseudonyms.of('session', record.text(SESSION));
      row.clientId = pseudonyms.of('client', record.text(CLIENT));
      row.model = record.text(MODEL);
      row.status = record.text(LEVEL) === 'ERROR' ? 'http_error' : 'ok';
      row.maxOutputTokens = countAt(
        jsonCell(record, PARAMETERS),
        ['max_tokens'],
        ['max_completion_tokens'],
        ['maxTokens'],
      );
      readCounts(row, jsonCell(record, DETAILS), jsonCell(record, USAGE));
      return true;
    },
  };
}

function readCounts(row: StagedRow, details: unknown, usage: unknown): void {
  const kinds = typeof details === 'object' && details !== null ? Object.keys(details) : [];
  if (kinds.length === 0) {
    row.inputTokens = countAt(usage, ['promptTokens'], ['input'], ['prompt_tokens']);
    row.outputTokens = countAt(usage, ['completionTokens'], ['output'], ['completion_tokens']);
    return;
  }
  const sum = (pattern: RegExp): number | null =>
    sumCounts(...kinds.filter((kind) => pattern.test(kind)).map((kind) => countAt(details, [kind])));
  const input = sum(/input/);
  const output = sum(/output/);
  const bareInput = countAt(details, ['input']);
  const bareOutput = countAt(details, ['output']);
  const total = countAt(details, ['total']);
  const isWhole = total !== null && total === (bareInput ?? 0) + (bareOutput ?? 0);
  row.inputTokens = isWhole ? bareInput : input;
  row.outputTokens = isWhole ? bareOutput : output;
  row.cachedTokens = sum(/cache_read|cached/);
  row.reasoningTokens = sum(/reasoning/);
}
