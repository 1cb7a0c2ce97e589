/** Which format a file has: what the first bytes look like, which formats were tried, and why one was chosen. */
import { nearestWord, ToolError } from '../errors.js';
import { CsvReader } from './csv.js';
import {
  type Detection,
  detectByColumns,
  findColumn,
  type LogFormat,
  normalName,
  type Sample,
  SHAPE_TEXT,
} from './format.js';
import { LOG_FORMATS } from './formats/index.js';

/** A format with how well it fits. */
export interface Candidate {
  readonly format: LogFormat;
  readonly detection: Detection;
}

/** What was chosen, and what came second (null = nothing else fits at all). */
export interface Choice {
  readonly format: LogFormat;
  readonly reason: string;
  readonly second: Candidate | null;
}

/** Looks at the beginning of a file. */
export function takeSample(fileName: string, bytes: Buffer, separator = ','): Sample {
  const text = bytes.toString('utf8').trimStart();
  const shape = shapeOf(bytes, text);
  return { fileName, bytes, shape, names: shape === 'csv' ? csvNames(bytes, separator) : jsonNames(text) };
}

function shapeOf(bytes: Buffer, text: string): Sample['shape'] {
  if (bytes.subarray(0, 4).toString('latin1') === 'PAR1') return 'parquet';
  if (text.startsWith('{')) return 'jsonl';
  if (text.startsWith('[')) return 'json-array';
  const firstLine = text.split('\n', 1)[0];
  return /[,;\t|]/.test(firstLine) ? 'csv' : 'text';
}

function csvNames(bytes: Buffer, separator: string): string[] {
  const reader = new CsvReader(separator);
  reader.feed(bytes);
  reader.finish();
  return reader.nextTexts() ?? [];
}

/** Dotted paths of the first line's object; none when it does not parse. */
function jsonNames(text: string): string[] {
  for (const line of text.split('\n', 20)) {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === 'object' && value !== null) return pathsOf(value, '');
    } catch {
      // A broken first line: the next one may do.
    }
  }
  return [];
}

function pathsOf(value: object, prefix: string): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const path = `${prefix}${key}`;
    const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    return isObject ? [path, ...pathsOf(inner as object, `${path}.`)] : [path];
  });
}

/** The format that fits. Throws HEADER_MISMATCH when one nearly fits, else FORMAT_UNKNOWN with all that was tried. */
export function chooseFormat(sample: Sample): Choice {
  const candidates = LOG_FORMATS.map((format) => ({
    format,
    detection: format.detect?.(sample) ?? detectByColumns(format, sample),
  })).sort((a, b) => b.detection.score - a.detection.score);
  const [best, second] = candidates;
  if (best.detection.score === 1) {
    const isRival = second !== undefined && second.detection.score > 0;
    return { format: best.format, reason: best.detection.reason, second: isRival ? second : null };
  }
  if (best.detection.score >= 0.5 || hasNearMatch(best.format, sample))
    throw headerMismatch(best.format, sample);
  const tried = candidates.map(({ format, detection }) => `${format.name} (${detection.reason})`).join('; ');
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `no known format fits ${sample.fileName} (${describe(sample)}); tried ${tried}`,
    hint: hintFor(sample),
  });
}

function hasNearMatch(format: LogFormat, sample: Sample): boolean {
  const required = format.columns.filter((column) => column.required);
  const near = required.filter((column) => nearestName(column.name, sample.names) !== null);
  return sample.shape === format.shape && near.length === required.length;
}

/** A format by name. Throws FORMAT_UNKNOWN with the nearest. */
export function formatByName(name: string): LogFormat {
  const format = LOG_FORMATS.find((candidate) => candidate.name === name);
  if (format !== undefined) return format;
  const names = LOG_FORMATS.map((candidate) => candidate.name);
  const near = nearestWord(name, names);
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `no format is called '${name}'; there are auto, ${names.join(', ')}`,
    hint: near ? `did you mean ${near}?` : '`tokentide ingest --list-formats` describes them',
  });
}

/** Refuses a file that lacks columns which the format requires. */
export function requireColumns(format: LogFormat, sample: Sample): void {
  if (sample.shape !== format.shape && !(format.shape === 'csv' && sample.shape === 'text')) {
    throw new ToolError({
      code: 'HEADER_MISMATCH',
      message: `${format.name} is ${SHAPE_TEXT[format.shape]}, ${sample.fileName} looks like ${SHAPE_TEXT[sample.shape]}`,
      hint: hintFor(sample),
    });
  }
  if (missingColumns(format, sample).length > 0) throw headerMismatch(format, sample);
}

function missingColumns(format: LogFormat, sample: Sample): readonly string[] {
  // Fields may be absent in one JSON line and present in the next: only a line without any of them tells.
  const isLoose = format.shape === 'jsonl';
  const required = format.columns.filter((column) => column.required);
  const missing = required.filter((column) =>
    isLoose
      ? ![column.name, ...(column.aliases ?? [])].some((name) => sample.names.includes(name))
      : findColumn(column, sample.names) < 0,
  );
  return isLoose && missing.length < required.length ? [] : missing.map((column) => column.name);
}

function headerMismatch(format: LogFormat, sample: Sample): ToolError {
  const missing = format.columns.filter((column) => column.required && !isPresent(column.name, sample));
  const near = missing.flatMap((column) => {
    const name = nearestName(column.name, sample.names);
    return name === null ? [] : [`${column.name} may be '${name}'`];
  });
  return new ToolError({
    code: 'HEADER_MISMATCH',
    message: `${sample.fileName} lacks ${missing.map((column) => column.name).join(', ')} of format ${format.name}; it has ${list(sample.names)}`,
    hint:
      near.length > 0 ? `${near.join('; ')}: rename the columns, or map them with --map` : hintFor(sample),
  });
}

function isPresent(name: string, sample: Sample): boolean {
  return sample.shape === 'csv'
    ? sample.names.some((found) => normalName(found) === normalName(name))
    : sample.names.includes(name);
}

/** The file's name for a column under another spelling: close in letters, or one that contains the other. */
function nearestName(name: string, names: readonly string[]): string | null {
  const exact = names.find((found) => normalName(found) === normalName(name));
  return exact ?? nearestWord(name, names);
}

function describe(sample: Sample): string {
  const what = SHAPE_TEXT[sample.shape];
  return sample.names.length > 0 ? `${what} with ${list(sample.names)}` : what;
}

function hintFor(sample: Sample): string {
  switch (sample.shape) {
    case 'parquet':
      return 'Parquet with our column names is a trace already: name it where a trace is asked for';
    case 'json-array':
      return `turn the array into lines first: jq -c '.[]' ${sample.fileName}`;
    default:
      return '--map spec.yaml says which column is what; `tokentide ingest --list-formats` describes the known formats';
  }
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
