/**
 * CSV by RFC 4180, from bytes to spans: quoted separators, newlines and doubled quotes, LF or CRLF, a missing last
 * newline. A record must have as many fields as the header; a quote that is never closed costs only its own line.
 */
import type { PlainRows } from './plain-rows.js';
import { QUOTING, RowReject, type SourceRecord } from './record.js';
import { ByteQueue, MAX_RECORD_BYTES, type ReadStep, type RecordReader } from './record-reader.js';

const QUOTE = 34;
const LF = 10;
const CR = 13;
const HASH = 35;
/** What separates the columns of a text log: nothing does, its line is one field. */
const NO_SEPARATOR = 1;

export class CsvReader implements RecordReader {
  line = 0;
  problem: RowReject | null = null;
  /** Spans of all fields of the last record. */
  fieldCount = 0;
  starts = new Int32Array(64);
  ends = new Int32Array(64);
  quoting = new Uint8Array(64);

  readonly #queue = new ByteQueue();
  readonly #separator: number;
  readonly #isQuoting: boolean;
  #nextLine = 1;
  /** Field of each declared column (−1 = absent) and fields per record; null until known. */
  #fieldOf: readonly number[] | null = null;
  #expectedFields = 0;
  #headerIsNext = false;

  constructor(separator = ',') {
    this.#separator = separator.charCodeAt(0);
    // A line of a text log may begin with a quote that means nothing.
    this.#isQuoting = this.#separator !== NO_SEPARATOR;
  }

  get bytes(): Buffer {
    return this.#queue.bytes;
  }

  feed(chunk: Buffer): void {
    this.#queue.feed(chunk);
  }

  finish(): void {
    this.#queue.finish();
  }

  /** Says where the declared columns are. */
  bind(fieldOf: readonly number[], expectedFields: number): void {
    this.#fieldOf = fieldOf;
    this.#expectedFields = expectedFields;
  }

  /** The first record is the header: it is read over, with the comments above it. */
  skipHeader(): void {
    this.#headerIsNext = true;
  }

  get linesRead(): number {
    return this.#nextLine - 1;
  }

  /** Lets the fast lane take lines of what is here; whether it took any. */
  lend(lane: PlainRows): boolean {
    const queue = this.#queue;
    if (this.#headerIsNext || (queue.at === queue.bytes.length && !queue.join())) return false;
    const end = queue.bytes.lastIndexOf(LF) + 1;
    if (end <= queue.at) return false;
    lane.take(queue.bytes, queue.at, end);
    queue.at = lane.at;
    this.#nextLine += lane.rows;
    return lane.rows > 0;
  }

  next(record: SourceRecord): ReadStep {
    if (this.#headerIsNext) {
      if (!this.skipComments()) return 'more';
      const header = this.nextFields();
      if (header !== 'row') return header;
      this.#headerIsNext = false;
    }
    const step = this.nextFields();
    if (step !== 'row') return step;
    if (this.fieldCount !== this.#expectedFields) {
      const found = `${this.fieldCount} instead of ${this.#expectedFields}`;
      return this.#reject('wrong number of fields', found);
    }
    const fieldOf = this.#fieldOf!;
    record.bytes = this.#queue.bytes;
    for (let column = 0; column < fieldOf.length; column++) {
      const field = fieldOf[column];
      record.starts[column] = field < 0 ? -1 : this.starts[field];
      record.ends[column] = field < 0 ? -1 : this.ends[field];
      record.quoting[column] = field < 0 ? 0 : this.quoting[field];
    }
    return 'row';
  }

  /** Reads over the next lines that begin with `#`; false = their end is not here yet. */
  skipComments(): boolean {
    const queue = this.#queue;
    for (;;) {
      if (queue.at === queue.bytes.length && !queue.join()) return queue.isLast;
      if (queue.bytes[queue.at] !== HASH) return true;
      const lf = queue.bytes.indexOf(LF, queue.at);
      if (lf < 0 && queue.join()) continue;
      if (lf < 0 && !queue.isLast) {
        queue.wait();
        return false;
      }
      queue.at = lf < 0 ? queue.bytes.length : lf + 1;
      this.#nextLine += 1;
    }
  }

  /** The next record's fields as text; null at the end. For headers. */
  nextTexts(): string[] | null {
    if (this.nextFields() !== 'row') return null;
    return Array.from({ length: this.fieldCount }, (_, field) => {
      const text = this.bytes.toString('utf8', this.starts[field], this.ends[field]);
      return (this.quoting[field] === QUOTING.csvEscapes ? text.replaceAll('""', '"') : text).trim();
    });
  }

  /** Splits the next record that is no blank line. */
  nextFields(): ReadStep {
    const queue = this.#queue;
    for (;;) {
      if (queue.at === queue.bytes.length && !queue.join()) return queue.isLast ? 'end' : 'more';
      const step = this.#scan();
      if (step === 'blank') continue;
      if (step !== 'incomplete') return step;
      if (queue.bytes.length - queue.at > MAX_RECORD_BYTES) return this.#skipLine('a quote is never closed');
      if (queue.join()) continue;
      queue.wait();
      return 'more';
    }
  }

  #scan(): 'row' | 'reject' | 'blank' | 'incomplete' {
    const { bytes, isLast } = this.#queue;
    const separator = this.#separator;
    const end = bytes.length;
    const begin = this.#queue.at;
    let at = begin;
    let lines = 1;
    this.fieldCount = 0;
    for (;;) {
      if (this.#isQuoting && at < end && bytes[at] === QUOTE) {
        const close = this.#closingQuote(at + 1);
        if (close < 0) {
          if (!isLast) return 'incomplete';
          return this.#skipLine('a quote is never closed');
        }
        this.#addField(at + 1, close, this.#doubled ? QUOTING.csvEscapes : QUOTING.plain);
        for (let lf = bytes.indexOf(LF, at); lf >= 0 && lf < close; lf = bytes.indexOf(LF, lf + 1))
          lines += 1;
        at = close + 1;
        if (at < end && bytes[at] === CR && (at + 1 === end || bytes[at + 1] === LF)) at += 1;
        if (at < end && bytes[at] !== separator && bytes[at] !== LF) {
          const isWhole = isLast || bytes.includes(LF, at);
          return isWhole ? this.#skipLine('text after a closing quote') : 'incomplete';
        }
        if (at === end && !isLast) return 'incomplete';
      } else {
        const from = at;
        while (at < end && bytes[at] !== separator && bytes[at] !== LF) at += 1;
        if (at === end && !isLast) return 'incomplete';
        const isLineEnd = at === end || bytes[at] === LF;
        this.#addField(from, isLineEnd && at > from && bytes[at - 1] === CR ? at - 1 : at, QUOTING.bare);
      }
      if (at < end && bytes[at] === separator) {
        at += 1;
        if (at === end && !isLast) return 'incomplete';
        continue;
      }
      this.line = this.#nextLine;
      this.#nextLine += lines;
      this.#queue.at = Math.min(at + 1, end);
      const isBlank =
        this.fieldCount === 1 && this.ends[0] === this.starts[0] && this.quoting[0] === QUOTING.bare;
      return isBlank ? 'blank' : 'row';
    }
  }

  #doubled = false;

  /** Position of the quote that closes a field; −1 when it is not here (yet). */
  #closingQuote(from: number): number {
    const { bytes, isLast } = this.#queue;
    this.#doubled = false;
    for (let at = bytes.indexOf(QUOTE, from); at >= 0; at = bytes.indexOf(QUOTE, at + 2)) {
      if (at + 1 === bytes.length) return isLast ? at : -1;
      if (bytes[at + 1] !== QUOTE) return at;
      this.#doubled = true;
    }
    return -1;
  }

  #addField(start: number, end: number, quoting: number): void {
    if (this.fieldCount === this.starts.length) {
      this.starts = grown(this.starts);
      this.ends = grown(this.ends);
      const more = new Uint8Array(this.quoting.length * 2);
      more.set(this.quoting);
      this.quoting = more;
    }
    this.starts[this.fieldCount] = start;
    this.ends[this.fieldCount] = end;
    this.quoting[this.fieldCount] = quoting;
    this.fieldCount += 1;
  }

  #reject(reason: string, example: string | null = null): 'reject' {
    this.problem = new RowReject(reason, example);
    return 'reject';
  }

  /** Gives up the record but no more than its first line. */
  #skipLine(reason: string): 'reject' {
    const lf = this.#queue.bytes.indexOf(LF, this.#queue.at);
    this.line = this.#nextLine;
    this.#nextLine += 1;
    this.#queue.at = lf < 0 ? this.#queue.bytes.length : lf + 1;
    return this.#reject(reason);
  }
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(array.length * 2);
  more.set(array);
  return more;
}
