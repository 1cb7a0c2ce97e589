/**
 * What a log format is: one file in `formats/` exports one `LogFormat` const, `formats/index.ts` lists it.
 *
 * A format declares its columns (so that header checks, detection and documentation need no code of their own) and
 * turns one record into one staged row. Records of CSV and JSON Lines look the same to it: a span of bytes per declared
 * column, read by typed accessors that never pass through a lossy number. Formats that join several records into one
 * row keep their state in the handler that `open` returns.
 */
import type { ArrivalBasis } from '../types.js';
import type { ManyRowsFormat } from './formats/many-rows.js';
import type { LogWrapping } from './log-lines.js';
import type { Pseudonyms } from './pseudonyms.js';
import type { SourceRecord } from './record.js';
import type { RowField, StagedRow } from './rows.js';

/** How a time is written. `iso`: date and time with 0–9 fraction digits, with or without offset. */
export type TimeUnit = 'iso' | 's' | 'ms' | 'us' | 'ns' | 'dotnet-ticks';

/** The container of the records. */
export type RecordShape = 'csv' | 'jsonl';

/** A column or field of the source. */
export interface SourceColumn {
  /** Header name (CSV) or dotted path (JSON). */
  readonly name: string;
  /** Other spellings of the same column. Case, blanks, `_` and `-` never matter in CSV headers. */
  readonly aliases?: readonly string[];
  readonly required: boolean;
  /** Unit and meaning, for `--list-formats` and the documentation. */
  readonly meaning: string;
}

/**
 * How JSON records lie in their file: one a line; anywhere, by themselves or in a list, or in the list under a key of a
 * wrapping object; or as lines made from the rows of a table (Parquet).
 */
export type RecordLayout =
  | { readonly kind: 'lines' }
  | { readonly kind: 'values'; readonly under: string | null }
  | { readonly kind: 'rows' };

/** Beginning of a file, decoded; of JSON in whatever layout, a record a line. */
export interface Sample {
  readonly fileName: string;
  /** 64 KiB or the first line, whichever is longer. */
  readonly bytes: Buffer;
  readonly shape: RecordShape | 'parquet' | 'text';
  /** CSV: the first record's fields; JSON: the dotted paths of the first record. */
  readonly names: readonly string[];
  /** JSON and tables only; default `lines`. */
  readonly layout?: RecordLayout;
  /** CSV only: what separates its columns, where it is another character than the one asked for. */
  readonly separator?: string;
  /** CSV only: lines above the header that begin with `#`; default 0. */
  readonly commentLines?: number;
  /** What the records were taken out of; absent = they stand by themselves. */
  readonly wrapping?: LogWrapping;
}

/** How well a format fits a sample. */
export interface Detection {
  /** 0–1; 1 = everything that the format requires is there. */
  readonly score: number;
  readonly reason: string;
}

/** What a format may ask of the ingest that runs it. */
export interface FormatContext {
  readonly pseudonyms: Pseudonyms;
  /** Whether the row's promptText and answerText are wanted. */
  readonly keepsText?: boolean;
}

/** Where a format has text: names of a field with other spellings; none where the handler sets it itself. */
export interface TextFields {
  readonly prompt: readonly string[];
  readonly answer: readonly string[];
}

/** Turns records into rows. */
export interface RecordHandler {
  /** Fills the staged row, which starts with everything unknown. Returns false when the record is no request. */
  read(record: SourceRecord, row: StagedRow): boolean;
}

/**
 * A format in which a row may be nothing but an arrival and counts (JSON Lines: and block ids): such rows are read without
 * going through a record. What its handler would do with the columns must come to the same, whatever it does with others.
 */
export interface PlainColumns {
  /** CSV: a date and time; JSON Lines: ms. */
  readonly arrival: { readonly column: number; readonly unit: 'iso' | 'ms' };
  readonly counts: readonly { readonly column: number; readonly field: PlainField }[];
  /** JSON Lines: the column of block_hashes. */
  readonly blocks?: { readonly column: number };
}

export type PlainField = 'inputTokens' | 'outputTokens' | 'maxOutputTokens' | 'images';

export interface LogFormat {
  readonly name: string;
  readonly title: string;
  readonly sourceUrl: string;
  readonly shape: RecordShape;
  readonly columns: readonly SourceColumn[];
  /** Trace columns that it can fill, beside the arrival. */
  readonly fills: readonly RowField[];
  readonly arrivalBasis: ArrivalBasis;
  /** Whether times count from 1970 (or are dates) or from the trace's start; `auto` = epoch when after the year 2000. */
  readonly timeOrigin: 'epoch' | 'start' | 'auto';
  /** Tokens per block of block_hashes; null = the source has none. */
  readonly blockSize: number | null;
  /** CSV: field separator, default a comma; names when the file has no header line. */
  readonly separator?: string;
  readonly headerNames?: readonly string[];
  /** Words that mean unknown, beside the usual ones. */
  readonly nullWords?: readonly string[];
  /**
   * Whether records must be read one after the other, in order, because one is understood by those before it. Others
   * are read in several threads at once.
   */
  readonly isSequential?: boolean | ((sample: Sample) => boolean);
  readonly plain?: PlainColumns;
  /** What was done to get the arrival, when it is no field of the source, e.g. `end less duration`. */
  readonly arrivalDerivation?: string;
  /** Whether rows are complete in another order than their requests arrive, as records are joined. */
  readonly joins?: boolean;
  /** Texts that `--keep-text` keeps beside the trace; absent = it has none. */
  readonly texts?: TextFields;
  /** Default: by the share of required columns in the sample. */
  detect?(sample: Sample): Detection;
  open(context: FormatContext): RecordHandler;
}

/** Any format: one request per record, or records and requests that are not one to one. */
export type KnownFormat = LogFormat | ManyRowsFormat;

/** Whether names agree apart from case, blanks, `_` and `-`. */
export function normalName(name: string): string {
  return name.toLowerCase().replace(/[\s_-]+/g, '');
}

/** All spellings of a column. */
export function spellings(column: SourceColumn): readonly string[] {
  return [column.name, ...(column.aliases ?? [])];
}

/** The names among `found` under which a CSV column may appear; exact spelling first. −1 when absent. */
export function findColumn(column: SourceColumn, found: readonly string[]): number {
  for (const name of spellings(column)) {
    const exact = found.indexOf(name);
    if (exact >= 0) return exact;
  }
  const normal = found.map(normalName);
  for (const name of spellings(column)) {
    const near = normal.indexOf(normalName(name));
    if (near >= 0) return near;
  }
  return -1;
}

/** Shapes in words. */
export const SHAPE_TEXT: Readonly<Record<Sample['shape'], string>> = {
  csv: 'CSV',
  jsonl: 'JSON Lines',
  parquet: 'Parquet',
  text: 'plain text',
};

/** The default detector: the share of required columns that the sample has. */
export function detectByColumns(format: KnownFormat, sample: Sample): Detection {
  if (sample.shape !== format.shape) return { score: 0, reason: `it is not ${SHAPE_TEXT[format.shape]}` };
  const required = format.columns.filter((column) => column.required);
  const isPresent = (column: SourceColumn): boolean =>
    format.shape === 'csv'
      ? findColumn(column, sample.names) >= 0
      : spellings(column).some((name) => sample.names.includes(name));
  const missing = required.filter((column) => !isPresent(column)).map((column) => column.name);
  const score = (required.length - missing.length) / Math.max(required.length, 1);
  return missing.length === 0
    ? { score, reason: `it has ${required.map((column) => column.name).join(', ')}` }
    : { score, reason: `it lacks ${missing.join(', ')}` };
}
