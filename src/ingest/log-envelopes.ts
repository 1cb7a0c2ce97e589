/**
 * Records that hold a log line in one of their fields, as collectors and log stores keep them: a record a line, in a list,
 * in the list under a key, or a row of CSV. The field may be the line's text, its bytes as numbers (the systemd journal, of lines with
 * colours), or an object where the store has parsed the line already; what is in it comes out with every digit.
 */
import { CsvReader } from './csv.js';
import { JsonDocumentsReader } from './json-documents.js';
import { JsonScanner, pathTree } from './json-scan.js';
import { firstLine, type LayerReader, LineParts, LineReader, type LogLayer } from './log-lines.js';
import { SourceRecord } from './record.js';
import { TimeReader } from './time.js';
import { parseZone } from './zone.js';

interface Envelope {
  readonly title: string;
  /** Dotted path to the line. */
  readonly field: string;
  /** Keys of which the record has one, so that it is not taken for another. */
  readonly beside?: readonly string[];
  /** The only key under which such records lie, where the keys beside say too little. */
  readonly under?: string;
  /** Whether the field says too little by itself: only where it holds an object. */
  readonly isObject?: boolean;
  /** What marks a part of a line of which more is to come. */
  readonly parts?: 'no line end' | 'logtag P';
}

const ENVELOPES: readonly Envelope[] = [
  {
    title: 'records of Fluent Bit',
    field: 'log',
    beside: ['kubernetes', 'logtag', 'date'],
    parts: 'logtag P',
  },
  { title: "Docker's json-file records", field: 'log', beside: ['stream'], parts: 'no line end' },
  {
    title: 'records of the systemd journal',
    field: 'MESSAGE',
    beside: ['__REALTIME_TIMESTAMP', '_HOSTNAME'],
  },
  {
    title: 'CloudWatch Logs events',
    field: 'message',
    beside: ['ingestionTime', 'eventId', 'logStreamName'],
  },
  { title: 'CloudWatch Logs events', field: 'message', beside: ['id'], under: 'logEvents' },
  { title: 'CloudWatch Logs Insights results', field: '@message', beside: ['@timestamp', '@ptr', '@log'] },
  { title: 'Loki entries', field: 'line', beside: ['labels', 'fields', 'timestamp'] },
  { title: 'Google Cloud Logging entries', field: 'textPayload', beside: ['insertId', 'logName'] },
  { title: 'Google Cloud Logging entries', field: 'jsonPayload', beside: ['insertId', 'logName'] },
  { title: 'Splunk events', field: 'result._raw', beside: ['result'] },
  { title: 'Splunk events', field: '_raw', beside: ['_time', 'sourcetype'] },
  { title: 'Elasticsearch documents', field: '_source', beside: ['_index', '_id'] },
  { title: 'Splunk events', field: 'event', beside: ['sourcetype', 'index'], isObject: true },
  { title: 'Datadog logs', field: 'attributes.message', beside: ['type'], isObject: true },
  { title: 'Datadog logs', field: 'attributes.attributes', beside: ['type'], isObject: true },
  {
    title: 'records of a log shipper',
    field: 'message',
    beside: ['agent', 'ecs', 'source_type', '@version', 'kubernetes'],
  },
  { title: 'records of a log shipper', field: 'message', isObject: true },
];

/** Columns of CSV that such lines are in. */
const COLUMNS = /^(?:@?message|_raw|line|log|textpayload)$/i;

/** Keys of lists that such records lie in. */
const LISTS = ['events', 'logEvents', 'data'];

/** The records with the line in a field that a sample has; null = it has none. */
export function findEnvelope(sample: Buffer): LogLayer | null {
  const line = firstLine(sample);
  if (!/^[{[]/.test(line)) return findTable(sample);
  const byLine = envelopeOf(parsed(line), null);
  if (byLine !== null) {
    const { title } = byLine;
    return { title, open: () => lineReader(byLine) };
  }
  for (const under of [null, ...LISTS]) {
    if (under !== null && !sample.includes(`"${under}"`)) continue;
    const first = firstRecord(sample, under);
    const envelope = first === null ? null : envelopeOf(parsed(first), under);
    if (envelope === null) continue;
    return { title: envelope.title, open: () => new DocumentReader(envelope, under) };
  }
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function firstRecord(sample: Buffer, under: string | null): string | null {
  const reader = new JsonDocumentsReader(null, under);
  reader.feed(sample);
  return reader.nextSpan() === 'row' ? reader.bytes.toString('utf8', reader.start, reader.end) : null;
}

function envelopeOf(record: unknown, under: string | null): Envelope | null {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return null;
  const found = ENVELOPES.find(
    (envelope) =>
      (envelope.under === undefined || envelope.under === under) &&
      (envelope.beside?.some((key) => Object.hasOwn(record, key)) ?? true) &&
      isLine(valueAt(record, envelope.field), envelope.isObject === true),
  );
  return found ?? null;
}

function valueAt(record: object, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (at, key) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined),
      record,
    );
}

function isLine(value: unknown, mustBeObject: boolean): boolean {
  if (typeof value === 'string') return !mustBeObject || isObject(parsed(value));
  return mustBeObject ? isObject(value) : typeof value === 'object' && value !== null;
}

function isObject(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
  );
}

/** A table with such a column, of which a row has a JSON object in it, or words. */
function findTable(sample: Buffer): LogLayer | null {
  const reader = new CsvReader();
  reader.feed(sample);
  reader.finish();
  const names = reader.nextTexts() ?? [];
  const column = names.findIndex((name) => COLUMNS.test(name));
  const text = column < 0 ? undefined : reader.nextTexts()?.[column];
  if (text === undefined || !/[ "]/.test(text)) return null;
  return { title: `column ${names[column]} of a table`, open: () => new TableReader(column, names.length) };
}

/** Rows of CSV with a line in a column. */
class TableReader implements LayerReader {
  readonly #reader = new CsvReader();
  readonly #record = recordOf(['line']);

  constructor(column: number, columns: number) {
    this.#reader.bind([column], columns);
    this.#reader.skipHeader();
  }

  take(chunk: Buffer): Buffer {
    this.#reader.feed(chunk);
    return this.#drain();
  }

  end(): Buffer {
    this.#reader.finish();
    return this.#drain();
  }

  #drain(): Buffer {
    const out: string[] = [];
    for (;;) {
      const step = this.#reader.next(this.#record);
      if (step === 'more' || step === 'end') return Buffer.from(out.join(''));
      const text = step === 'row' ? this.#record.text(LINE) : null;
      out.push(text === null ? DAMAGED : `${onOneLine(text.trimEnd())}\n`);
    }
  }
}

/** What stands for a record that cannot be read: no format takes it for one, so it is counted. */
const DAMAGED = '{\n';

function recordOf(names: readonly string[]): SourceRecord {
  const columns = names.map((name) => ({ name, required: false, meaning: '' }));
  return new SourceRecord(columns, [], new TimeReader(parseZone('UTC')));
}

/** A record a line; lines that are none stay as they are. */
function lineReader(envelope: Envelope): LayerReader {
  const lines = new EnvelopeLines(envelope);
  return new LineReader(
    (raw) => {
      const bytes = Buffer.from(raw);
      return lines.of(bytes, 0, bytes.length) ?? `${raw}\n`;
    },
    () => lines.end(),
  );
}

/** Records in a list, or over several lines. */
class DocumentReader implements LayerReader {
  readonly #lines: EnvelopeLines;
  readonly #reader: JsonDocumentsReader;

  constructor(envelope: Envelope, under: string | null) {
    this.#lines = new EnvelopeLines(envelope);
    this.#reader = new JsonDocumentsReader(null, under);
  }

  take(chunk: Buffer): Buffer {
    this.#reader.feed(chunk);
    return this.#drain();
  }

  end(): Buffer {
    this.#reader.finish();
    return Buffer.concat([this.#drain(), Buffer.from(this.#lines.end())]);
  }

  #drain(): Buffer {
    const reader = this.#reader;
    const out: string[] = [];
    for (let step = reader.nextSpan(); step !== 'more' && step !== 'end'; step = reader.nextSpan()) {
      const line = step === 'row' ? this.#lines.of(reader.bytes, reader.start, reader.end) : null;
      out.push(line ?? DAMAGED);
    }
    return Buffer.from(out.join(''));
  }
}

const LINE = 0;
const STREAM = 1;
const TAG = 2;

/** Takes the lines out of records, joining those that come in parts. */
class EnvelopeLines {
  readonly #envelope: Envelope;
  readonly #scanner: JsonScanner;
  readonly #record: SourceRecord;
  readonly #parts = new LineParts();

  constructor(envelope: Envelope) {
    const paths = [envelope.field, 'stream', 'logtag'];
    this.#envelope = envelope;
    this.#scanner = new JsonScanner(pathTree(paths.map((path) => [path])));
    this.#record = recordOf(paths);
  }

  /** The line in a record, with its line end; null when the record has none. */
  of(bytes: Buffer, start: number, end: number): string | null {
    const record = this.#record;
    if (!this.#scanner.scan(bytes, start, end, record)) return null;
    const text = this.#text();
    if (text === null) return null;
    const { parts } = this.#envelope;
    const bare = text.replace(/\r?\n$/, '');
    if (parts === undefined) return `${bare}\n`;
    const isLast = parts === 'no line end' ? text !== bare : record.text(TAG) !== 'P';
    return this.#parts.add(record.text(STREAM) ?? '', bare, isLast);
  }

  end(): string {
    return this.#parts.end();
  }

  #text(): string | null {
    const { bytes, starts, ends } = this.#record;
    const start = starts[LINE];
    if (start < 0) return null;
    const raw = bytes.toString('utf8', start, ends[LINE]);
    // The span of a text is what stands between its quotes.
    if (bytes[start - 1] === QUOTE) return onOneLine(JSON.parse(`"${raw}"`) as string);
    if (raw.startsWith('{')) return onOneLine(raw);
    const numbers = raw.startsWith('[') ? parsed(raw) : null;
    return Array.isArray(numbers) ? Buffer.from(numbers as number[]).toString('utf8') : null;
  }
}

const QUOTE = 34;

/** JSON over several lines on one: newlines stand between its tokens only. */
function onOneLine(text: string): string {
  return text.startsWith('{') ? text.replace(/[\r\n]+(?=.)/gs, ' ') : text;
}
