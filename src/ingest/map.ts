/**
 * The mapping file of `ingest --map`: which column of a CSV or JSON Lines file is what, in which unit. Checked
 * completely before a byte of the log is read; all problems are reported at once, unknown keys with the nearest.
 */
import { readFile } from 'node:fs/promises';
import { nearestWord, ToolError } from '../errors.js';
import { requireFile } from '../trace/files.js';
import type { ArrivalBasis } from '../types.js';
import type { RecordShape, TimeUnit } from './format.js';

export type MapScalar = string | number | boolean;

/** Where a trace column comes from. */
export interface MapColumn {
  /** Column name (CSV) or dotted path (JSON); several: the first that is there. */
  readonly from?: readonly string[];
  /** The same value in every row. */
  readonly constant?: MapScalar;
  /** Of times and durations. */
  readonly unit?: TimeUnit;
  /** Source word → trace value; words that are not listed: `otherwise`, or the row is rejected. */
  readonly values?: Readonly<Record<string, MapScalar>>;
  readonly otherwise?: MapScalar;
}

/** Keeps rows whose field is one of the words. */
export interface MapFilter {
  readonly column: string;
  readonly oneOf: readonly string[];
}

/** A checked mapping. */
export interface IngestMap {
  readonly name: string;
  readonly format: RecordShape;
  /** CSV only. */
  readonly separator: string;
  /** CSV without a header line: its column names. */
  readonly header: readonly string[] | null;
  /** By trace column (`arrival`, `input_tokens`, …). */
  readonly columns: Readonly<Record<string, MapColumn>>;
  /** What the arrival's timestamp means in the source. */
  readonly arrivalBasis: ArrivalBasis;
  /** Zero of numeric times; `auto`: 1970 when later than the year 2000, else the trace's start. */
  readonly timeOrigin: 'epoch' | 'start' | 'auto';
  readonly blockSize: number | null;
  readonly nullWords: readonly string[];
  readonly where: readonly MapFilter[];
}

/** Trace columns that a mapping may fill, and what each takes. */
export const MAP_TARGETS: Readonly<
  Record<string, 'time' | 'duration' | 'count' | 'id' | 'text' | 'flag' | 'u64list' | 'operation' | 'status'>
> = {
  arrival: 'time',
  input_tokens: 'count',
  output_tokens: 'count',
  cached_tokens: 'count',
  reasoning_tokens: 'count',
  max_output_tokens: 'count',
  request_id: 'id',
  session_id: 'id',
  parent_id: 'id',
  turn: 'count',
  think: 'duration',
  client_id: 'id',
  model: 'text',
  adapter: 'text',
  operation: 'operation',
  stream: 'flag',
  images: 'count',
  block_hashes: 'u64list',
  status: 'status',
  http_status: 'count',
  ttft: 'duration',
  duration: 'duration',
};

export const OPERATIONS = ['chat', 'completion', 'embedding', 'rerank', 'other'];
export const STATUSES = ['ok', 'http_error', 'stream_error', 'truncated', 'timeout', 'cancelled', 'unknown'];
const TIME_UNITS = ['iso', 's', 'ms', 'us', 'ns', 'dotnet-ticks'];
const BASES = ['arrival', 'end', 'log_write', 'unknown'];
const TOP_KEYS = [
  'name',
  'format',
  'separator',
  'header',
  'columns',
  'arrival_basis',
  'time_origin',
  'block_size',
  'null_words',
  'where',
];
const COLUMN_KEYS = ['from', 'constant', 'unit', 'values', 'otherwise'];

/** Reads and checks a mapping file (YAML or JSON). Throws BAD_VALUE listing every problem. */
export async function readIngestMap(path: string): Promise<IngestMap> {
  await requireFile(path, 'a mapping file');
  const { parse } = await import('yaml');
  let document: unknown;
  try {
    document = parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `${path} is not YAML: ${(cause as Error).message.split('\n')[0]}`,
      hint: 'a mapping looks like: format: csv / columns: / arrival: {from: time, unit: iso} / input_tokens: prompt_tokens',
      cause,
    });
  }
  return parseIngestMap(document, path);
}

/** Checks a mapping given as a plain object. */
export function parseIngestMap(document: unknown, name: string): IngestMap {
  const check = new MapChecker();
  const top = check.object(document, 'the mapping', TOP_KEYS);
  const columns: Record<string, MapColumn> = {};
  const given = check.object(top['columns'] ?? {}, 'columns', Object.keys(MAP_TARGETS));
  for (const [target, value] of Object.entries(given)) {
    if (target in MAP_TARGETS) columns[target] = check.column(target, value);
  }
  if (!('arrival' in columns)) check.problem('columns.arrival is required: the time of each request');
  else if (columns['arrival'].from === undefined)
    check.problem('columns.arrival needs from: a column of the source');
  const format = check.word(top['format'], 'format', ['csv', 'jsonl'], 'csv') as RecordShape;
  const separator = top['separator'] === undefined ? ',' : String(top['separator']);
  if (Buffer.byteLength(separator) !== 1 || separator === '"')
    check.problem('separator must be one ASCII character');
  const blockSize = top['block_size'] ?? null;
  if (blockSize !== null && !(Number.isInteger(blockSize) && (blockSize as number) > 0)) {
    check.problem('block_size must be a whole number above 0');
  }
  if ('block_hashes' in columns && blockSize === null)
    check.problem('block_hashes needs block_size: tokens per block');
  const map: IngestMap = {
    name: typeof top['name'] === 'string' ? top['name'] : 'map',
    format,
    separator,
    header: top['header'] === undefined ? null : check.words(top['header'], 'header'),
    columns,
    arrivalBasis: check.word(top['arrival_basis'], 'arrival_basis', BASES, 'arrival') as ArrivalBasis,
    timeOrigin: check.word(
      top['time_origin'],
      'time_origin',
      ['epoch', 'start', 'auto'],
      'auto',
    ) as IngestMap['timeOrigin'],
    blockSize: blockSize as number | null,
    nullWords: top['null_words'] === undefined ? [] : check.words(top['null_words'], 'null_words'),
    where: check.filters(top['where']),
  };
  check.throwIfAny(name);
  return map;
}

class MapChecker {
  readonly #problems: string[] = [];

  problem(text: string): void {
    this.#problems.push(text);
  }

  throwIfAny(name: string): void {
    if (this.#problems.length === 0) return;
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `mapping ${name}: ${this.#problems.join('; ')}`,
      hint: 'a mapping looks like: format: csv / columns: / arrival: {from: time, unit: iso} / input_tokens: prompt_tokens',
    });
  }

  object(value: unknown, where: string, keys: readonly string[]): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.problem(`${where} must be a list of keys and values`);
      return {};
    }
    for (const key of Object.keys(value)) {
      if (keys.includes(key)) continue;
      const near = nearestWord(key, keys);
      this.problem(`unknown key '${key}' in ${where}${near ? ` (did you mean ${near}?)` : ''}`);
    }
    return value as Record<string, unknown>;
  }

  word(value: unknown, where: string, choices: readonly string[], fallback: string): string {
    if (value === undefined) return fallback;
    if (choices.includes(String(value))) return String(value);
    this.problem(`${where} must be one of ${choices.join(', ')}, got '${String(value)}'`);
    return fallback;
  }

  words(value: unknown, where: string): string[] {
    if (Array.isArray(value) && value.length > 0 && value.every((word) => typeof word !== 'object')) {
      return value.map(String);
    }
    this.problem(`${where} must be a list of words`);
    return [];
  }

  column(target: string, value: unknown): MapColumn {
    const where = `columns.${target}`;
    if (typeof value === 'string' || typeof value === 'number') {
      return this.#complete(target, { from: [String(value)] });
    }
    const given = this.object(value, where, COLUMN_KEYS);
    const from = given['from'];
    if ((from === undefined) === (given['constant'] === undefined)) {
      this.problem(`${where} needs either from or constant`);
    }
    const column: MapColumn = {
      ...(from === undefined
        ? {}
        : { from: Array.isArray(from) ? this.words(from, `${where}.from`) : [String(from)] }),
      ...(given['constant'] === undefined
        ? {}
        : { constant: this.#scalar(given['constant'], `${where}.constant`) }),
      ...(given['unit'] === undefined ? {} : { unit: given['unit'] as TimeUnit }),
      ...(given['values'] === undefined ? {} : { values: this.#values(given['values'], where) }),
      ...(given['otherwise'] === undefined
        ? {}
        : { otherwise: this.#scalar(given['otherwise'], `${where}.otherwise`) }),
    };
    return this.#complete(target, column);
  }

  #complete(target: string, column: MapColumn): MapColumn {
    const where = `columns.${target}`;
    const kind = MAP_TARGETS[target];
    const units =
      kind === 'time' ? TIME_UNITS : kind === 'duration' ? TIME_UNITS.filter((unit) => unit !== 'iso') : [];
    if (units.length > 0) this.word(column.unit ?? '', `${where}.unit`, units, units[0]);
    else if (column.unit !== undefined) this.problem(`${where} takes no unit`);
    const allowed = kind === 'status' ? STATUSES : kind === 'operation' ? OPERATIONS : null;
    const targets = [...Object.values(column.values ?? {}), column.otherwise, column.constant];
    for (const word of targets) {
      if (word === undefined) continue;
      if (allowed !== null) this.word(word, where, allowed, allowed[0]);
      const isNumber = typeof word === 'number' && Number.isInteger(word) && word >= 0;
      if (kind === 'count' && !isNumber) this.problem(`${where}: ${String(word)} is no whole number from 0`);
      if (kind === 'flag' && typeof word !== 'boolean')
        this.problem(`${where}: ${String(word)} is neither true nor false`);
      if (kind === 'time' || kind === 'duration' || kind === 'u64list')
        this.problem(`${where} takes from only`);
    }
    return column;
  }

  #scalar(value: unknown, where: string): MapScalar {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
    this.problem(`${where} must be a text, a number, true or false`);
    return '';
  }

  #values(value: unknown, where: string): Record<string, MapScalar> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.problem(`${where}.values must be a list of source word: trace value`);
      return {};
    }
    return Object.fromEntries(
      Object.entries(value).map(([word, target]) => [word, this.#scalar(target, `${where}.values.${word}`)]),
    );
  }

  filters(value: unknown): MapFilter[] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.problem('where must be a list of {column, one_of}');
      return [];
    }
    return value.map((entry: unknown, index) => {
      const given = this.object(entry, `where[${index}]`, ['column', 'one_of']);
      if (given['column'] === undefined) this.problem(`where[${index}] needs a column`);
      return {
        column: String(given['column']),
        oneOf: this.words(given['one_of'], `where[${index}].one_of`),
      };
    });
  }
}
