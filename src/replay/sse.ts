/**
 * Incremental parser of server-sent events, on bytes. Source: WHATWG HTML, "Server-sent events", 9.2.6.
 *
 * Events depend on the bytes alone, never on how the network cut them: text is decoded only once a line is complete,
 * lines may end in LF, CR or CRLF, several `data:` lines of one event are joined by LF, comments and empty events call
 * nothing. Three departures, all for servers that people run: an event with empty data is dropped even when it had a
 * `data:` line, data left at the end of the stream without a blank line is delivered by `end()`, and a field `error:`
 * (llama.cpp) is data of an event of type error.
 */

/** Receives an event: its data (never empty) and its type (null = none given). */
export type SseListener = (data: string, type: string | null) => void;

/** An event larger than the limit: the peer is broken or hostile. */
export class SseOverflowError extends Error {
  constructor(limitBytes: number) {
    super(`an event is larger than ${limitBytes} bytes`);
    this.name = 'SseOverflowError';
  }
}

/** Longest event that is buffered. */
export const MAX_EVENT_BYTES = 64 * 1024 * 1024;

const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;
const DATA = Buffer.from('data');
const EVENT = Buffer.from('event');
const ERROR = Buffer.from('error');

/** One parser per response. */
export class SseParser {
  readonly #listener: SseListener;
  readonly #maxBytes: number;
  /** Bytes of a line whose end has not come. */
  #partial: Uint8Array[] = [];
  #partialBytes = 0;
  #endedWithCr = false;
  #atStart = true;
  #data: string | null = null;
  #dataLength = 0;
  #type: string | null = null;

  constructor(listener: SseListener, maxBytes = MAX_EVENT_BYTES) {
    this.#listener = listener;
    this.#maxBytes = maxBytes;
  }

  /** Takes the next bytes of the stream; calls the listener for every event that they complete. Throws SseOverflowError. */
  push(bytes: Uint8Array): void {
    let from = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      if (byte !== LF && byte !== CR) continue;
      const empty = i === from && this.#partialBytes === 0;
      if (empty && byte === LF && this.#endedWithCr) {
        this.#endedWithCr = false;
      } else {
        this.#endedWithCr = byte === CR;
        this.#takeLine(bytes, from, i);
      }
      from = i + 1;
    }
    if (from < bytes.length) {
      // Copied: transports read into a buffer that they use again.
      this.#partial.push(Buffer.from(bytes.subarray(from)));
      this.#partialBytes += bytes.length - from;
      this.#checkSize(this.#partialBytes + this.#dataLength);
    }
  }

  /** The stream is over: delivers what a last event lacks only its blank line for. */
  end(): void {
    if (this.#partialBytes > 0) this.#takeLine(new Uint8Array(0), 0, 0);
    this.#dispatch();
  }

  #takeLine(bytes: Uint8Array, from: number, to: number): void {
    if (this.#partialBytes === 0) {
      this.#line(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from));
      return;
    }
    const pieces = this.#partial;
    if (to > from) pieces.push(bytes.subarray(from, to));
    this.#partial = [];
    this.#partialBytes = 0;
    this.#line(Buffer.concat(pieces));
  }

  #line(line: Buffer): void {
    let from = 0;
    if (this.#atStart) {
      this.#atStart = false;
      if (line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf) from = 3;
    }
    if (from === line.length) {
      this.#dispatch();
      return;
    }
    const field = fieldOf(line, from);
    if (field === null) return;
    let valueFrom = from + field.length + 1;
    if (line[valueFrom] === SPACE) valueFrom += 1;
    const value = line.toString('utf8', valueFrom);
    if (field === EVENT) this.#type = value === '' ? null : value;
    else {
      if (field === ERROR) this.#type = 'error';
      this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
      this.#dataLength += line.length;
      this.#checkSize(this.#dataLength);
    }
  }

  #dispatch(): void {
    const data = this.#data;
    const type = this.#type;
    this.#data = null;
    this.#dataLength = 0;
    this.#type = null;
    if (data !== null && data !== '') this.#listener(data, type);
  }

  #checkSize(bytes: number): void {
    if (bytes > this.#maxBytes) throw new SseOverflowError(this.#maxBytes);
  }
}

/** Which of the fields a line is. */
function fieldOf(line: Buffer, from: number): Buffer | null {
  if (fieldIs(line, from, DATA)) return DATA;
  if (fieldIs(line, from, EVENT)) return EVENT;
  return fieldIs(line, from, ERROR) ? ERROR : null;
}

/** Whether a line is `name` or begins with `name:`. Comments, ids, retry times and unknown fields are none of ours. */
function fieldIs(line: Buffer, from: number, name: Buffer): boolean {
  for (let i = 0; i < name.length; i++) if (line[from + i] !== name[i]) return false;
  const next = from + name.length;
  return next === line.length || line[next] === COLON;
}
