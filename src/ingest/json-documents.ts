/**
 * JSON that is not one object per line: arrays, back-to-back pretty-printed objects, and wrappers such as
 * `{"records": […]}`. Bytes are cut into objects by counting brackets outside of strings, as they come, so a file of any
 * length needs the memory of its longest object; each object then goes through the same scanner as a line.
 */
import { JsonScanner, type PathNode } from './json-scan.js';
import { RowReject, type SourceRecord } from './record.js';
import { ByteQueue, MAX_RECORD_BYTES, type ReadStep, type RecordReader } from './record-reader.js';

const LF = 10;
const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_ARRAY = 91;
const BACKSLASH = 92;
const CLOSE_ARRAY = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

export class JsonDocumentsReader implements RecordReader {
  line = 0;
  problem: RowReject | null = null;
  /** Span of the last object within `bytes`. */
  start = 0;
  end = 0;

  readonly #queue = new ByteQueue();
  readonly #scanner: JsonScanner | null;
  /** Key of the list that holds the records; null = records stand by themselves or in a list. */
  readonly #under: Buffer | null;
  /** Next byte to look at. */
  #at = 0;
  #lines = 1;
  #countedTo = 0;
  /** Open brackets around the records (outside) and inside of the present record. */
  #outside = 0;
  #depth = 0;
  #recordStart = -1;
  #recordLine = 1;
  #inString = false;
  #stringStart = 0;
  #isDamaged = false;
  #isSkipping = false;
  #sawJunk = false;
  /** Under a key: depth 1 is the wrapper; the key seen last is the wanted one; the list is open. */
  #keyMatches = false;
  #inList = false;

  /** root null: objects are only cut, not scanned. */
  constructor(root: PathNode | null, under: string | null) {
    this.#scanner = root === null ? null : new JsonScanner(root);
    this.#under = under === null ? null : Buffer.from(under);
  }

  get linesRead(): number {
    return this.#lines;
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

  next(record: SourceRecord): ReadStep {
    const step = this.nextSpan();
    if (step !== 'row' || this.#scanner === null) return step;
    if (this.#scanner.scan(this.#queue.bytes, this.start, this.end, record)) return 'row';
    this.problem = new RowReject(this.#scanner.problem);
    return 'reject';
  }

  /** Cuts the next object off; its place is in `start` and `end`. */
  nextSpan(): ReadStep {
    const queue = this.#queue;
    for (;;) {
      if (this.#at >= queue.bytes.length && !this.#more()) return queue.isLast ? this.#atEnd() : 'more';
      const step = this.#recordStart < 0 && !this.#isSkipping ? this.#seek() : this.#follow();
      if (step !== null) return step;
    }
  }

  /** Joins fed bytes, dropping what is read. */
  #more(): boolean {
    const queue = this.#queue;
    const keepFrom = this.#recordStart < 0 ? this.#keyStart() : this.#recordStart;
    if (this.#recordStart >= 0 && this.#at - this.#recordStart > MAX_RECORD_BYTES) {
      this.#isSkipping = true;
      this.#recordStart = -1;
    }
    const from = Math.min(this.#isSkipping ? this.#at : keepFrom, queue.bytes.length);
    this.#count(from);
    queue.at = from;
    const read = this.#at - from;
    if (!queue.join()) {
      if (!queue.isLast) queue.wait();
      return false;
    }
    this.#at = read;
    this.#stringStart -= from;
    this.#countedTo = 0;
    if (this.#recordStart >= 0) this.#recordStart = 0;
    return true;
  }

  /** Where a key begins that may be the wanted one and goes on in the next bytes; else the next byte. */
  #keyStart(): number {
    const isKey = this.#under !== null && this.#inString && this.#stringStart >= 0;
    return isKey && this.#at - this.#stringStart <= this.#under!.length ? this.#stringStart : this.#at;
  }

  #atEnd(): ReadStep {
    if (this.#recordStart < 0 && !this.#isSkipping) return 'end';
    this.#recordStart = -1;
    this.#isSkipping = false;
    return this.#reject('the file ends inside a JSON object', this.#recordLine);
  }

  /** Looks for the beginning of a record. */
  #seek(): ReadStep | null {
    const { bytes } = this.#queue;
    while (this.#at < bytes.length) {
      const byte = bytes[this.#at];
      if (this.#inString) {
        this.#skipString(bytes);
        continue;
      }
      const isWanted = this.#under === null ? this.#outside <= 1 : this.#inList && this.#outside === 2;
      if (byte === OPEN_OBJECT && isWanted) {
        this.#count(this.#at);
        this.#recordLine = this.#lines;
        this.#recordStart = this.#at;
        this.#depth = 0;
        this.#isDamaged = false;
        this.#sawJunk = false;
        return null;
      }
      this.#at += 1;
      if (byte === QUOTE) {
        this.#inString = true;
        this.#stringStart = this.#at;
        if (this.#under === null) return this.#junk();
      } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        if (this.#under !== null && this.#outside === 1)
          this.#inList = this.#keyMatches && byte === OPEN_ARRAY;
        this.#keyMatches = false;
        this.#outside += 1;
      } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        this.#outside = Math.max(0, this.#outside - 1);
        if (this.#outside < 2) this.#inList = false;
      } else if (byte === COMMA) this.#keyMatches = false;
      else if (this.#under === null && byte > 32 && byte !== COLON) {
        const step = this.#junk();
        if (step !== null) return step;
      }
    }
    return null;
  }

  /** Text where a record should be: one reject for each stretch of it. */
  #junk(): ReadStep | null {
    if (this.#sawJunk) return null;
    this.#sawJunk = true;
    this.#count(this.#at - 1);
    return this.#reject('text between JSON objects', this.#lines);
  }

  /** Follows a record to its end. */
  #follow(): ReadStep | null {
    const { bytes } = this.#queue;
    while (this.#at < bytes.length) {
      if (this.#inString) {
        this.#skipString(bytes);
        continue;
      }
      const byte = bytes[this.#at];
      const isNewDocument =
        byte === OPEN_OBJECT &&
        this.#depth > 0 &&
        this.#under === null &&
        this.#outside === 0 &&
        this.#at > 0 &&
        bytes[this.#at - 1] === LF;
      // Nested objects are indented: one at the beginning of a line shows that the one before was never closed.
      if (isNewDocument) return this.#giveUp('broken JSON');
      this.#at += 1;
      if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#depth += 1;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        this.#depth -= 1;
        if (this.#depth === 0) return this.#endRecord();
      }
    }
    return null;
  }

  #endRecord(): ReadStep {
    if (this.#isSkipping) {
      this.#isSkipping = false;
      return this.#reject(`a JSON object longer than ${MAX_RECORD_BYTES >> 20} MiB`, this.#recordLine);
    }
    if (this.#isDamaged) return this.#giveUp('broken JSON');
    this.start = this.#recordStart;
    this.end = this.#at;
    this.line = this.#recordLine;
    this.#recordStart = -1;
    return 'row';
  }

  #giveUp(reason: string): ReadStep {
    this.#recordStart = -1;
    this.#isSkipping = false;
    return this.#reject(reason, this.#recordLine);
  }

  /** To the end of a string; a newline inside of one is damage and ends it. */
  #skipString(bytes: Buffer): void {
    let at = this.#at;
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) at += 1;
      else if (byte === LF) {
        this.#isDamaged = true;
        break;
      }
    }
    if (at >= bytes.length) {
      // A backslash was the last byte: what it escapes comes next.
      this.#at = at;
      return;
    }
    if (this.#under !== null && this.#recordStart < 0 && this.#outside === 1) {
      // A text that began in bytes which are gone is longer than the key.
      this.#keyMatches = this.#stringStart >= 0 && bytes.subarray(this.#stringStart, at).equals(this.#under);
    }
    this.#inString = false;
    this.#at = at + (bytes[at] === QUOTE ? 1 : 0);
  }

  #count(to: number): void {
    const { bytes } = this.#queue;
    const end = Math.min(to, bytes.length);
    for (let lf = bytes.indexOf(LF, this.#countedTo); lf >= 0 && lf < end; lf = bytes.indexOf(LF, lf + 1))
      this.#lines += 1;
    this.#countedTo = Math.max(this.#countedTo, end);
  }

  #reject(reason: string, line: number): 'reject' {
    this.line = line;
    this.problem = new RowReject(reason);
    return 'reject';
  }
}
