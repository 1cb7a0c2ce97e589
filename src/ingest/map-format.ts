/** A log format made from a mapping: every trace column from a column of the source, a constant, or a table of words. */
import type { Operation, TraceStatus } from '../types.js';
import type { LogFormat, PlainColumns, PlainField, SourceColumn, TimeUnit } from './format.js';
import { type IngestMap, MAP_TARGETS, type MapColumn, type MapScalar, OPERATIONS, STATUSES } from './map.js';
import type { Pseudonyms } from './pseudonyms.js';
import { RowReject, type SourceRecord, shortenWord } from './record.js';
import type { RowField, StagedRow } from './rows.js';

/** Fills one trace column of the staged row from a record. */
type Filler = (record: SourceRecord, row: StagedRow) => void;

/** The format that a mapping describes. */
export function formatOfMap(map: IngestMap): LogFormat {
  const columns: SourceColumn[] = [];
  const indexOf = (names: readonly string[], required: boolean, meaning: string): number => {
    const [name, ...aliases] = names;
    return columns.push({ name, aliases, required, meaning }) - 1;
  };
  const targets = Object.entries(map.columns).map(([target, column]) => {
    const isNeeded = map.format === 'csv' || target === 'arrival';
    const index = column.from === undefined ? -1 : indexOf(column.from, isNeeded, target);
    return { target, column, index };
  });
  const filters = map.where.map((filter) => ({
    index: indexOf([filter.column], map.format === 'csv', 'filter'),
    oneOf: new Set(filter.oneOf),
  }));
  const derivesStatus = 'http_status' in map.columns && !('status' in map.columns);
  const fills = targets.filter(({ target }) => target !== 'arrival').map(({ target }) => FIELDS[target]);
  return {
    name: map.name,
    title: 'mapped file',
    sourceUrl: '',
    shape: map.format,
    columns,
    fills: derivesStatus ? [...fills, 'status'] : fills,
    arrivalBasis: map.arrivalBasis,
    timeOrigin: map.columns['arrival'].unit === 'iso' ? 'epoch' : map.timeOrigin,
    blockSize: map.blockSize,
    separator: map.separator,
    headerNames: map.header ?? undefined,
    nullWords: map.nullWords,
    plain: plainColumnsOf(map, targets, filters.length === 0),
    open: ({ pseudonyms }) => {
      const fillers = targets.map(({ target, column, index }) => fillerOf(target, column, index, pseudonyms));
      return {
        read(record, row) {
          for (const { index, oneOf } of filters) {
            const word = record.text(index);
            if (word === null || !oneOf.has(word)) return false;
          }
          for (const fill of fillers) fill(record, row);
          if (derivesStatus) row.status = statusOfHttp(row.httpStatus);
          return true;
        },
      };
    },
  };
}

/** The mapping as plain columns, where it is nothing but an arrival and counts. */
function plainColumnsOf(
  map: IngestMap,
  targets: readonly { readonly target: string; readonly column: MapColumn; readonly index: number }[],
  isUnfiltered: boolean,
): PlainColumns | undefined {
  if (map.format !== 'csv' || !isUnfiltered || map.columns['arrival'].unit !== 'iso') return undefined;
  const isPlain = targets.every(
    ({ target, column, index }) =>
      index >= 0 && column.values === undefined && (target === 'arrival' || target in PLAIN_FIELDS),
  );
  if (!isPlain) return undefined;
  return {
    arrival: { column: targets.find(({ target }) => target === 'arrival')!.index, unit: 'iso' },
    counts: targets.flatMap(({ target, index }) =>
      target === 'arrival' ? [] : [{ column: index, field: PLAIN_FIELDS[target] }],
    ),
  };
}

const PLAIN_FIELDS: Readonly<Record<string, PlainField>> = {
  input_tokens: 'inputTokens',
  output_tokens: 'outputTokens',
  max_output_tokens: 'maxOutputTokens',
  images: 'images',
};

const FIELDS: Readonly<Record<string, RowField>> = {
  input_tokens: 'inputTokens',
  output_tokens: 'outputTokens',
  cached_tokens: 'cachedTokens',
  reasoning_tokens: 'reasoningTokens',
  max_output_tokens: 'maxOutputTokens',
  request_id: 'requestId',
  session_id: 'sessionId',
  parent_id: 'parentId',
  turn: 'turn',
  think: 'thinkNs',
  client_id: 'clientId',
  model: 'model',
  adapter: 'adapter',
  operation: 'operation',
  stream: 'stream',
  images: 'images',
  block_hashes: 'blockHashes',
  status: 'status',
  http_status: 'httpStatus',
  ttft: 'ttftNs',
  duration: 'durationNs',
};

function fillerOf(target: string, column: MapColumn, index: number, pseudonyms: Pseudonyms): Filler {
  if (target === 'arrival') return arrivalFiller(column, index);
  const field = FIELDS[target];
  const read = readerOf(target, column, index, pseudonyms);
  return (record, row) => {
    row[field] = read(record, row) as never;
  };
}

function arrivalFiller({ from, unit }: MapColumn, index: number): Filler {
  const name = from![0];
  return (record, row) => {
    const time = record.time(index, unit as TimeUnit);
    if (time === null) throw new RowReject(`${name} is missing`);
    row.setArrival(time);
  };
}

type Reader = (record: SourceRecord, row: StagedRow) => unknown;

function readerOf(target: string, column: MapColumn, index: number, pseudonyms: Pseudonyms): Reader {
  const kind = MAP_TARGETS[target];
  const identifier = identifierKind(target);
  const finish = (value: MapScalar | null): unknown =>
    identifier === null || value === null ? value : pseudonyms.of(identifier, String(value));
  if (column.constant !== undefined) {
    const constant = finish(kind === 'text' || kind === 'id' ? String(column.constant) : column.constant);
    return () => constant;
  }
  const { values } = column;
  if (values !== undefined) {
    return (record) => {
      const word = record.text(index);
      if (word === null) return null;
      const mapped = Object.hasOwn(values, word) ? values[word] : column.otherwise;
      if (mapped === undefined)
        throw new RowReject(`${column.from![0]} is none of the mapped words`, shortenWord(word));
      return finish(mapped);
    };
  }
  switch (kind) {
    case 'count':
      return (record) => record.count(index);
    case 'flag':
      return (record) => record.flag(index);
    case 'duration':
      return (record) => record.durationNs(index, column.unit as Exclude<TimeUnit, 'iso'>);
    case 'u64list':
      return (record, row) => (record.u64List(index, row.hashes) ? row.hashes : null);
    case 'operation':
      return (record) => oneOf<Operation>(record, index, OPERATIONS, column);
    case 'status':
      return (record) => oneOf<TraceStatus>(record, index, STATUSES, column);
    default:
      return (record) => finish(record.text(index));
  }
}

function identifierKind(target: string): 'request' | 'session' | 'client' | null {
  if (target === 'request_id' || target === 'parent_id') return 'request';
  if (target === 'session_id') return 'session';
  return target === 'client_id' ? 'client' : null;
}

function oneOf<T extends string>(
  record: SourceRecord,
  index: number,
  words: readonly string[],
  column: MapColumn,
): T | null {
  const word = record.text(index);
  if (word === null) return null;
  if (!words.includes(word)) {
    if (column.otherwise !== undefined) return String(column.otherwise) as T;
    throw new RowReject(`${column.from![0]} is none of ${words.join(', ')}`, shortenWord(word));
  }
  return word as T;
}

/** What an HTTP status says about the request; 499 is the proxies' "client closed the connection". */
function statusOfHttp(httpStatus: number | null): TraceStatus | null {
  if (httpStatus === null) return null;
  if (httpStatus >= 200 && httpStatus < 300) return 'ok';
  if (httpStatus === 499) return 'cancelled';
  return httpStatus === 408 || httpStatus === 504 ? 'timeout' : 'http_error';
}
