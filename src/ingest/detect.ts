/** Which format a file has: what the first bytes look like, which formats were tried, and why one was chosen. */
import { nearestWord, ToolError } from '../errors.js';
import {
  type Detection,
  detectByColumns,
  findColumn,
  type KnownFormat,
  normalName,
  type Sample,
  SHAPE_TEXT,
} from './format.js';
import { LOG_FORMATS, MANY_ROWS_FORMATS } from './formats/index.js';
import type { ManyRowsFormat } from './formats/many-rows.js';
import { TRACE_FORMATS } from './trace-format.js';

export { takeSample } from './sample.js';

/** All formats, in the order in which they are tried. */
export const KNOWN_FORMATS: readonly KnownFormat[] = [...LOG_FORMATS, ...MANY_ROWS_FORMATS, ...TRACE_FORMATS];

/** Whether the records and requests of a format are not one to one. */
export function isManyRows(format: KnownFormat): format is ManyRowsFormat {
  return [...TRACE_FORMATS, ...MANY_ROWS_FORMATS].some((candidate) => candidate === format);
}

/** A format with how well it fits. */
export interface Candidate {
  readonly format: KnownFormat;
  readonly detection: Detection;
}

/** What was chosen, and what came second (null = nothing else fits at all). */
export interface Choice {
  readonly format: KnownFormat;
  /** The view that it fits. */
  readonly sample: Sample;
  readonly reason: string;
  readonly second: Candidate | null;
}

/** The format that fits. Throws HEADER_MISMATCH when one nearly fits, else FORMAT_UNKNOWN with all that was tried. */
export function chooseFormat(sample: Sample): Choice {
  return chooseFormatOf([sample]);
}

/** The same for the views of an input: the first view that a format fits is chosen. */
export function chooseFormatOf(views: readonly Sample[]): Choice {
  refuseUsageExport(views);
  for (const sample of views) {
    const [best, second] = ranked(sample);
    if (best.detection.score < 1) continue;
    const isRival = second !== undefined && second.detection.score > 0;
    return { format: best.format, sample, reason: best.detection.reason, second: isRival ? second : null };
  }
  const near = views
    .map((sample) => ({ sample, best: ranked(sample)[0] }))
    .sort((a, b) => b.best.detection.score - a.best.detection.score)[0];
  const { sample, best } = near;
  if (best.detection.score >= 0.5 || hasNearMatch(best.format, sample))
    throw headerMismatch(best.format, sample);
  const tried = ranked(sample)
    .filter(({ detection }) => detection.score > 0)
    .map(({ format, detection }) => `${format.name} (${detection.reason})`);
  const told = tried.length > 0 ? `nearest: ${tried.slice(0, 3).join('; ')}` : 'nothing comes near';
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `no known format fits ${sample.fileName} (${describe(sample)}); tried ${KNOWN_FORMATS.length}, ${told}`,
    hint: hintFor(sample),
  });
}

function ranked(sample: Sample): Candidate[] {
  return KNOWN_FORMATS.map((format) => ({
    format,
    detection: format.detect?.(sample) ?? detectByColumns(format, sample),
  })).sort((a, b) => b.detection.score - a.detection.score);
}

/** Whether a sample is a usage export: buckets, not requests. */
export function isUsageExport({ bytes, names }: Sample): boolean {
  if (names.includes('num_model_requests') && names.includes('start_time')) return true;
  return (
    bytes.includes('"num_model_requests"') ||
    /"object"\s*:\s*"bucket"/.test(bytes.toString('latin1', 0, 65_536))
  );
}

function refuseUsageExport(views: readonly Sample[]): void {
  const usage = views.find(isUsageExport);
  if (usage === undefined) return;
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `${usage.fileName} is a usage export: requests per bucket of time, not single requests, so no trace can be made of it`,
    hint: 'write its rate curve instead: tokentide ingest <files…> --rate-curve rate.csv',
  });
}

/** The view of an input that a given format can read. Throws HEADER_MISMATCH when there is none. */
export function viewFor(format: KnownFormat, views: readonly Sample[]): Sample {
  const fitting = views.find((view) => fits(format, view));
  if (fitting !== undefined) return fitting;
  requireColumns(format, views.find((view) => view.shape === format.shape) ?? views[0]);
  return views[0];
}

function fits(format: KnownFormat, view: Sample): boolean {
  const names = format.headerNames ?? view.names;
  const isShape = view.shape === format.shape || (format.shape === 'csv' && view.shape === 'text');
  return isShape && missingColumns(format, { ...view, names }).length === 0;
}

function hasNearMatch(format: KnownFormat, sample: Sample): boolean {
  const required = format.columns.filter((column) => column.required);
  const near = required.filter((column) => nearestName(column.name, sample.names) !== null);
  return sample.shape === format.shape && near.length === required.length;
}

/** A format by name. Throws FORMAT_UNKNOWN with the nearest. */
export function formatByName(name: string): KnownFormat {
  const format = KNOWN_FORMATS.find((candidate) => candidate.name === name);
  if (format !== undefined) return format;
  const names = KNOWN_FORMATS.map((candidate) => candidate.name);
  const near = nearestWord(name, names);
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `no format is called '${name}'; there are auto, ${names.join(', ')}`,
    hint: near ? `did you mean ${near}?` : '`tokentide ingest --list-formats` describes them',
  });
}

/** Refuses a file that lacks columns which the format requires. */
export function requireColumns(format: KnownFormat, sample: Sample): void {
  if (sample.shape !== format.shape && !(format.shape === 'csv' && sample.shape === 'text')) {
    throw new ToolError({
      code: 'HEADER_MISMATCH',
      message: `${format.name} is ${SHAPE_TEXT[format.shape]}, ${sample.fileName} looks like ${SHAPE_TEXT[sample.shape]}`,
      hint: hintFor(sample),
    });
  }
  if (missingColumns(format, sample).length > 0) throw headerMismatch(format, sample);
}

function missingColumns(format: KnownFormat, sample: Sample): readonly string[] {
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

function headerMismatch(format: KnownFormat, sample: Sample): ToolError {
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
  if (/^chunk-\d+-(trace\.csv|dataset\.json)$/.test(sample.fileName))
    return 'a ServeGen client pool is a model, not a log: tokentide fit --servegen <its folder> -o model.json';
  return sample.shape === 'parquet'
    ? 'Parquet is read from files, not from standard input'
    : '--map spec.yaml says which column is what; `tokentide ingest --list-formats` describes the known formats';
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
