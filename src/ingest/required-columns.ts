/** Which columns a format requires, and what is said when a file lacks them. */
import { nearestWord, ToolError } from '../errors.js';
import { findColumn, type KnownFormat, normalName, type Sample, SHAPE_TEXT } from './format.js';

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

/** Names of the required columns that a file lacks. */
export function missingColumns(format: KnownFormat, sample: Sample): readonly string[] {
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

/** The refusal of a file that lacks required columns, with what they may be called in it. */
export function headerMismatch(format: KnownFormat, sample: Sample): ToolError {
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
export function nearestName(name: string, names: readonly string[]): string | null {
  const exact = names.find((found) => normalName(found) === normalName(name));
  return exact ?? nearestWord(name, names);
}

/** What a file looks like, in a few words. */
export function describeSample(sample: Sample): string {
  const what = SHAPE_TEXT[sample.shape];
  return sample.names.length > 0 ? `${what} with ${list(sample.names)}` : what;
}

/** What to do about a file that fits no format. */
export function hintFor(sample: Sample): string {
  if (/^chunk-\d+-(trace\.csv|dataset\.json)$/.test(sample.fileName))
    return 'a ServeGen client pool is a model, not a log: tokentide fit --servegen <its folder> -o model.json';
  const text = sample.bytes.toString('latin1', 0, 4096);
  if (/^\S+ \S+ \S+ \[\d\d\/[A-Z][a-z]{2}\/\d{4}:/m.test(text))
    return 'access logs in the common form have no durations: have the server log JSON with msec, request_time, status and request_uri';
  if (/"resultType"\s*:\s*"streams"/.test(text))
    return "an answer of Loki's API has lines as pairs: export them with logcli query -o jsonl";
  if (/"field"\s*:\s*"@message"/.test(text))
    return 'results of CloudWatch Logs Insights come as pairs: export them as CSV, or use aws logs filter-log-events';
  return sample.shape === 'parquet'
    ? 'Parquet is read from files, not from standard input'
    : '--map spec.yaml says which column is what; `tokentide ingest --list-formats` describes the known formats';
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
