/** What the record readers (csv.ts, jsonl.ts) have in common: bytes come in chunks, records go out one by one. */
import type { RowReject, SourceRecord } from './record.js';

/**
 * `row`: the record is in the given object. `reject`: it is damaged, `problem` says how. `more`: feed the next chunk.
 * `end`: nothing is left.
 */
export type ReadStep = 'row' | 'reject' | 'more' | 'end';

/** Longest record held in memory. */
export const MAX_RECORD_BYTES = 256 << 20;

export interface RecordReader {
  /** 1-based line on which the last record began. */
  readonly line: number;
  readonly problem: RowReject | null;
  /** Lines read so far. */
  readonly linesRead: number;
  feed(chunk: Buffer): void;
  /** No more chunks will come. */
  finish(): void;
  next(record: SourceRecord): ReadStep;
}

/**
 * The unread bytes of a source. A record longer than what is there makes the reader wait until the bytes have doubled,
 * so that scanning a long record again and again costs no more than twice its length.
 */
export class ByteQueue {
  bytes: Buffer = Buffer.alloc(0);
  /** First unread byte. */
  at = 0;
  #finished = false;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #wanted = 0;

  /** Whether `bytes` holds everything that is left. */
  get isLast(): boolean {
    return this.#finished && this.#waitingBytes === 0;
  }

  feed(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
  }

  finish(): void {
    this.#finished = true;
  }

  /** Whether more than a record may have is here, fed and unfed, before the next such byte. */
  isOverlong(byte: number): boolean {
    let length = this.bytes.length - this.at;
    if (length + this.#waitingBytes <= MAX_RECORD_BYTES) return false;
    for (const chunk of this.#waiting) {
      const at = chunk.indexOf(byte);
      if (at >= 0) return length + at > MAX_RECORD_BYTES;
      length += chunk.length;
    }
    return true;
  }

  /** Joins what was fed to what is unread; false when nothing was added. */
  join(): boolean {
    if (this.#waitingBytes === 0 || (!this.#finished && this.#waitingBytes < this.#wanted)) return false;
    const rest = this.bytes.subarray(this.at);
    const isSimple = rest.length === 0 && this.#waiting.length === 1;
    this.bytes = isSimple ? this.#waiting[0] : Buffer.concat([rest, ...this.#waiting]);
    this.at = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#wanted = 0;
    return true;
  }

  /** Throws away what is unread, but not what waits. */
  drop(): void {
    this.bytes = Buffer.alloc(0);
    this.at = 0;
    this.#wanted = 0;
  }

  /** The record at `at` is not complete: ask for as many bytes again as it already has, but not beyond the longest. */
  wait(): void {
    const length = this.bytes.length - this.at;
    this.#wanted = Math.min(length, Math.max(1, MAX_RECORD_BYTES + 1 - length));
  }
}
