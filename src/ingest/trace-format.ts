/**
 * Our own traces as an input: to filter, to rename, or to join them. Rows of Parquet come as JSON lines (parquet-input.ts)
 * with two more fields from the file's metadata, the trace's start and its block size; what `convert` writes as JSON Lines
 * and CSV says both in the rows, as `arrival_time` and `block_size`. Identifiers that are pseudonyms already get new ones,
 * unless they are kept.
 */
import type { Operation, TraceStatus } from '../types.js';
import { setArrivalNs } from './formats/instants.js';
import type { ManyRowsFormat } from './formats/many-rows.js';
import { OPERATIONS, STATUSES } from './map.js';
import { RowReject, type SourceRecord } from './record.js';
import type { StagedRow } from './rows.js';

/** Fields that the Parquet reader adds: ns since 1970, and tokens. */
export const TRACE_START_FIELD = 'tokentide_start_ns';
export const TRACE_BLOCK_FIELD = 'tokentide_block_size';

const COUNTS = {
  input_tokens: 'inputTokens',
  output_tokens: 'outputTokens',
  cached_tokens: 'cachedTokens',
  reasoning_tokens: 'reasoningTokens',
  max_output_tokens: 'maxOutputTokens',
  turn: 'turn',
  images: 'images',
  http_status: 'httpStatus',
} as const;
const DURATIONS = { think_ns: 'thinkNs', ttft_ns: 'ttftNs', duration_ns: 'durationNs' } as const;
const IDS = {
  request_id: ['requestId', 'request'],
  parent_id: ['parentId', 'request'],
  session_id: ['sessionId', 'session'],
  client_id: ['clientId', 'client'],
} as const;
const TEXTS = { model: 'model', adapter: 'adapter' } as const;

const NAMES = [
  'arrival_ns',
  ...Object.keys(COUNTS),
  ...Object.keys(DURATIONS),
  ...Object.keys(IDS),
  ...Object.keys(TEXTS),
  'operation',
  'status',
  'stream',
  'block_hashes',
  TRACE_START_FIELD,
  TRACE_BLOCK_FIELD,
  'arrival_time',
  'block_size',
];
const at = (name: string): number => NAMES.indexOf(name);

export const tokentideTrace: ManyRowsFormat = {
  name: 'tokentide-trace',
  title: "tokentide's own trace (Parquet, or JSON Lines of its columns)",
  sourceUrl: 'https://parquet.apache.org',
  shape: 'jsonl',
  columns: NAMES.map((name) => ({
    name,
    required: ['arrival_ns', 'operation', 'status'].includes(name),
    meaning: 'column of a trace',
  })),
  fills: [
    ...Object.values(COUNTS),
    ...Object.values(DURATIONS),
    ...Object.values(IDS).map(([field]) => field),
    ...Object.values(TEXTS),
    'operation',
    'status',
    'stream',
    'blockHashes',
  ],
  arrivalBasis: 'arrival',
  timeOrigin: 'auto',
  blockSize: null,
  open: ({ pseudonyms }) => {
    let blockSize: number | null = null;
    return {
      get blockSize() {
        return blockSize;
      },
      readAll(record, row, emit) {
        readArrival(record, row);
        const block = record.count(at(TRACE_BLOCK_FIELD)) ?? record.count(at('block_size'));
        if (block !== null && blockSize !== null && block !== blockSize)
          throw new RowReject('block size is not that of the trace before', String(block));
        blockSize ??= block;
        for (const [name, field] of Object.entries(COUNTS)) row[field] = record.count(at(name));
        for (const [name, field] of Object.entries(DURATIONS)) row[field] = record.durationNs(at(name), 'ns');
        for (const [name, [field, kind]] of Object.entries(IDS))
          row[field] = pseudonyms.of(kind, record.text(at(name)));
        for (const [name, field] of Object.entries(TEXTS)) row[field] = record.text(at(name));
        row.operation = wordAt<Operation>(record, at('operation'), OPERATIONS);
        row.status = wordAt<TraceStatus>(record, at('status'), STATUSES);
        row.stream = record.flag(at('stream'));
        readHashes(record, row);
        emit();
        return true;
      },
    };
  },
};

/** The same with the columns as CSV. */
export const tokentideCsv: ManyRowsFormat = {
  ...tokentideTrace,
  name: 'tokentide-csv',
  title: "tokentide's own trace as CSV",
  sourceUrl: 'https://www.rfc-editor.org/rfc/rfc4180',
  shape: 'csv',
};

export const TRACE_FORMATS: readonly ManyRowsFormat[] = [tokentideTrace, tokentideCsv];

/** The instant where the row has it, else the offset from the start. */
function readArrival(record: SourceRecord, row: StagedRow): void {
  const time = record.time(at('arrival_time'), 'iso');
  if (time !== null) {
    row.setArrival(time);
    return;
  }
  const arrival = bigAt(record, at('arrival_ns'));
  if (arrival === null) throw new RowReject('arrival_ns is missing');
  setArrivalNs(row, arrival + (bigAt(record, at(TRACE_START_FIELD)) ?? 0n), 9);
}

function readHashes(record: SourceRecord, row: StagedRow): void {
  if (record.u64List(at('block_hashes'), row.hashes)) row.blockHashes = row.hashes;
}

function bigAt(record: SourceRecord, column: number): bigint | null {
  const text = record.text(column);
  if (text === null) return null;
  if (!/^-?\d{1,19}$/.test(text)) throw new RowReject(`${NAMES[column]} is no whole number of ns`);
  return BigInt(text);
}

function wordAt<T extends string>(record: SourceRecord, column: number, words: readonly string[]): T {
  const word = record.text(column) ?? '';
  if (!words.includes(word)) throw new RowReject(`${NAMES[column]} is none of ${words.join(', ')}`);
  return word as T;
}
