/** JSON Lines: one object per line, blank lines skipped, LF or CRLF, a missing last newline. */
import { JsonScanner, type PathNode } from './json-scan.js';
import { JsonTemplates } from './json-template.js';
import type { PlainJson } from './plain-json.js';
import { RowReject, type SourceRecord } from './record.js';
import { ByteQueue, MAX_RECORD_BYTES, type ReadStep, type RecordReader } from './record-reader.js';

const LF = 10;

export class JsonLinesReader implements RecordReader {
  line = 0;
  problem: RowReject | null = null;

  readonly #queue = new ByteQueue();
  readonly #scanner: JsonScanner;
  readonly #templates = new JsonTemplates();
  #nextLine = 1;

  constructor(root: PathNode) {
    this.#scanner = new JsonScanner(root);
  }

  get linesRead(): number {
    return this.#nextLine - 1;
  }

  feed(chunk: Buffer): void {
    this.#queue.feed(chunk);
  }

  finish(): void {
    this.#queue.finish();
  }

  /** Lets the fast lane take lines of what is here; whether it took any. */
  lend(lane: PlainJson): boolean {
    const queue = this.#queue;
    const template = this.#templates.latest;
    if (template === null || this.#isSkipping || (queue.at === queue.bytes.length && !queue.join()))
      return false;
    const end = queue.bytes.lastIndexOf(LF) + 1;
    if (end <= queue.at) return false;
    lane.take(queue.bytes, queue.at, end, template);
    queue.at = lane.at;
    this.#nextLine += lane.rows;
    return lane.rows > 0;
  }

  next(record: SourceRecord): ReadStep {
    const queue = this.#queue;
    for (;;) {
      if (queue.at === queue.bytes.length && !queue.join()) {
        if (!queue.isLast) return 'more';
        if (!this.#isSkipping) return 'end';
        this.line = this.#nextLine;
        this.#nextLine += 1;
        return this.#endSkipping();
      }
      const { bytes, at: start } = queue;
      const lf = bytes.indexOf(LF, start);
      if (lf < 0 && !queue.isLast) {
        if (this.#isSkipping || queue.isOverlong(LF)) {
          this.skipLine();
          return 'more';
        }
        if (queue.join()) continue;
        queue.wait();
        return 'more';
      }
      const end = lf < 0 ? bytes.length : lf;
      queue.at = lf < 0 ? end : lf + 1;
      this.line = this.#nextLine;
      this.#nextLine += 1;
      if (this.#isSkipping || end - start > MAX_RECORD_BYTES) return this.#endSkipping();
      if (isBlank(bytes, start, end)) continue;
      if (this.#templates.match(bytes, start, end, record)) return 'row';
      if (this.#scanner.scan(bytes, start, end, record)) {
        this.#templates.learn(bytes, start, end, record);
        return 'row';
      }
      this.problem = new RowReject(this.#scanner.problem);
      return 'reject';
    }
  }

  /** Set while the rest of an overlong line is thrown away. */
  #isSkipping = false;

  #endSkipping(): ReadStep {
    this.#isSkipping = false;
    this.problem = new RowReject(`a line longer than ${MAX_RECORD_BYTES >> 20} MiB`);
    return 'reject';
  }

  /** Throws away the rest of the line under way, which is refused where it ends. */
  skipLine(): void {
    this.#isSkipping = true;
    this.#queue.drop();
  }
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte !== 32 && byte !== 9 && byte !== 13) return false;
  }
  return true;
}
