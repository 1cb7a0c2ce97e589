/**
 * What the beginning of an input looks like: CSV, plain text, or JSON in one of its layouts. An input can be looked at in
 * more than one way (an object that holds a list of records may itself be the record), so there is a list of views.
 */
import { CsvReader } from './csv.js';
import type { RecordLayout, Sample } from './format.js';
import { JsonDocumentsReader } from './json-documents.js';

/** Keys under which exports wrap their records. */
const WRAPPER_KEYS = [
  'records',
  'data',
  'value',
  'result',
  'items',
  'observations',
  'logs',
  'rows',
  'results',
];
/** Text logs whose lines begin with a time in brackets look like JSON arrays. */
const STAMPED = /^\s*\[\d{4}-\d\d-\d\d[ T]\d\d:/;
/** What spreadsheets write between columns where the comma is a decimal point, and what other tools do. */
const OTHER_SEPARATORS = [';', '\t', '|'];
/** Lines above a header that are for people. */
const COMMENTS = /^(?:#[^\n]*\n)+/;
/** First lines of which most must be JSON for the others to be noise. */
const NOISE_LINES = 100;
/** Records that are looked at. */
const SAMPLED_RECORDS = 200;

/** The first view of a file's beginning. */
export function takeSample(fileName: string, bytes: Buffer, separator = ','): Sample {
  return takeSamples(fileName, bytes, separator)[0];
}

/** Views of a file's beginning, the likeliest first. */
export function takeSamples(fileName: string, bytes: Buffer, separator = ','): Sample[] {
  if (bytes.subarray(0, 4).toString('latin1') === 'PAR1') {
    return [{ fileName, bytes, shape: 'parquet', names: [] }];
  }
  const first = firstByte(bytes);
  if ((first === '{' || first === '[') && !STAMPED.test(bytes.toString('latin1', 0, 256)))
    return jsonViews(fileName, bytes);
  const text = bytes.toString('utf8');
  const comments = COMMENTS.exec(text)?.[0] ?? '';
  const firstLine = text.slice(comments.length).trimStart().split('\n', 1)[0];
  const shape = /[,;\t|]/.test(firstLine) ? 'csv' : 'text';
  const asked: Sample = {
    fileName,
    bytes,
    shape,
    names: shape === 'csv' ? csvNames(bytes, separator) : [],
    ...(shape === 'csv' && comments !== '' ? { commentLines: comments.split('\n').length - 1 } : {}),
  };
  if (separator !== ',') return [asked];
  const others = OTHER_SEPARATORS.filter((other) => firstLine.includes(other));
  return [
    asked,
    ...others.map((other) => ({ ...asked, names: csvNames(bytes, other), separator: other })),
    ...jsonBelowNoise(fileName, bytes),
  ];
}

/** JSON lines that what a server says of itself at its start stands above. */
function jsonBelowNoise(fileName: string, bytes: Buffer): Sample[] {
  const lines = bytes.toString('utf8').split('\n', NOISE_LINES);
  const isJson = lines.filter(isObject).length * 2 > lines.filter((line) => line.trim() !== '').length;
  return isJson
    ? [{ fileName, bytes, shape: 'jsonl', names: namesOf(lines), layout: { kind: 'lines' } }]
    : [];
}

/** Views of rows that a reader of another container turned into JSON lines (Parquet), by the column names of the file. */
export function rowViews(fileName: string, lines: Buffer, names: readonly string[]): Sample[] {
  const layout: RecordLayout = { kind: 'rows' };
  return [
    { fileName, bytes: lines, shape: 'jsonl', names: namesOf(lines.toString('utf8').split('\n', 1)), layout },
    { fileName, bytes: lines, shape: 'csv', names, layout },
  ];
}

/** The first that is no blank; the escape of a colour is none, and what follows it is no list. */
function firstByte(bytes: Buffer): string {
  for (const byte of bytes) if (!BLANKS.has(byte)) return String.fromCharCode(byte);
  return '';
}

const BLANKS = new Set([9, 10, 13, 32]);

function csvNames(bytes: Buffer, separator: string): string[] {
  const reader = new CsvReader(separator);
  reader.feed(bytes);
  reader.finish();
  reader.skipComments();
  return reader.nextTexts() ?? [];
}

function jsonViews(fileName: string, bytes: Buffer): Sample[] {
  const lines = bytes.toString('utf8').trimStart().split('\n', 20);
  const asLines: Sample = {
    fileName,
    bytes,
    shape: 'jsonl',
    names: namesOf(lines),
    layout: { kind: 'lines' },
  };
  const views: Sample[] = [];
  const isByLine = isObject(lines[0]) || lines.filter(isObject).length * 2 > lines.length;
  if (isByLine) views.push(asLines);
  else {
    const values = viewOf(fileName, bytes, null);
    if (values !== null) views.push(values);
  }
  const opening = /^\s*\{\s*"(\w+)"\s*:\s*\[/.exec(bytes.toString('latin1', 0, 256))?.[1];
  for (const key of WRAPPER_KEYS) {
    if (!bytes.includes(`"${key}"`)) continue;
    const wrapped = viewOf(fileName, bytes, key);
    if (wrapped === null) continue;
    // A file that begins with the list is a wrapper; elsewhere the word may be a field of a record.
    if (key === opening && !isByLine) views.unshift(wrapped);
    else views.push(wrapped);
  }
  // Nothing could be cut out: damaged lines, or a first record longer than the sample.
  return views.length > 0 ? views : [asLines];
}

/** The objects that lie under a key, or by themselves, one a line; null when there is none. */
function viewOf(fileName: string, bytes: Buffer, under: string | null): Sample | null {
  const reader = new JsonDocumentsReader(null, under);
  reader.feed(bytes);
  const records: string[] = [];
  for (let step = reader.nextSpan(); step !== 'more' && step !== 'end'; step = reader.nextSpan()) {
    if (step !== 'row') continue;
    // Newlines occur between tokens only.
    records.push(reader.bytes.toString('utf8', reader.start, reader.end).replace(/[\r\n]+/g, ' '));
    if (records.length === SAMPLED_RECORDS) break;
  }
  if (records.length === 0) return null;
  const layout: RecordLayout = { kind: 'values', under };
  const text = Buffer.from(`${records.join('\n')}\n`);
  return { fileName, bytes: text, shape: 'jsonl', names: namesOf(records), layout };
}

function isObject(line: string): boolean {
  return objectOf(line) !== null;
}

function objectOf(line: string): object | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** Dotted paths of the first line that is an object (a broken one may come first); none when there is none. */
function namesOf(lines: readonly string[]): string[] {
  for (const line of lines) {
    const value = objectOf(line);
    if (value !== null) return pathsOf(value, '');
  }
  return [];
}

function pathsOf(value: object, prefix: string): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const path = `${prefix}${key}`;
    const isNested = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    return isNested ? [path, ...pathsOf(inner as object, `${path}.`)] : [path];
  });
}
