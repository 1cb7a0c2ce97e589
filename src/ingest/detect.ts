/** Which format a file has: what the first bytes look like, which formats were tried, and why one was chosen. */
import { nearestWord, ToolError } from '../errors.js';
import { type Detection, detectByColumns, type KnownFormat, type Sample } from './format.js';
import { LOG_FORMATS, MANY_ROWS_FORMATS } from './formats/index.js';
import type { ManyRowsFormat } from './formats/many-rows.js';
import {
  describeSample,
  headerMismatch,
  hintFor,
  missingColumns,
  nearestName,
  requireColumns,
} from './required-columns.js';
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
    if (best.detection.score < 1 || isWrapped(best.format, sample)) continue;
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
    message: `no known format fits ${sample.fileName} (${isBinary(sample) ? 'binary data' : describeSample(sample)}); tried ${KNOWN_FORMATS.length}, ${told}`,
    hint: isBinary(sample)
      ? 'dumps of a program (pickle) cannot be read safely: export the log as JSON, CSV, Parquet or text'
      : hintFor(sample),
  });
}

/** Whether a format's fields are somewhere in the records but none at their top: they lie in a list inside. */
function isWrapped(format: KnownFormat, sample: Sample): boolean {
  const areJson = format.shape === 'jsonl' && sample.shape === 'jsonl';
  return areJson && missingColumns(format, sample).length > 0;
}

/** No text has a zero byte. */
function isBinary({ bytes, shape }: Sample): boolean {
  return shape !== 'parquet' && bytes.subarray(0, 4096).includes(0);
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
