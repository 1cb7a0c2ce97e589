/**
 * Incremental parser of streams with one JSON document a line (NDJSON), on bytes: what is between line ends, however the
 * network cut it. LF and CR end a line, and so does NUL (vLLM's plain server once did that); empty lines call nothing.
 */
import { MAX_EVENT_BYTES, SseOverflowError } from './sse.js';

/** One parser per response. */
export class LineParser {
  readonly #listener: (line: string) => void;
  readonly #maxBytes: number;
  /** Bytes of a line whose end has not come. */
  #partial: Uint8Array[] = [];
  #partialBytes = 0;
  #atStart = true;

  constructor(listener: (line: string) => void, maxBytes = MAX_EVENT_BYTES) {
    this.#listener = listener;
    this.#maxBytes = maxBytes;
  }

  /** Takes the next bytes; calls the listener for every line that they complete. Throws SseOverflowError. */
  push(bytes: Uint8Array): void {
    let from = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      if (byte !== LF && byte !== CR && byte !== NUL) continue;
      if (i > from || this.#partialBytes > 0) this.#take(bytes.subarray(from, i));
      from = i + 1;
    }
    if (from === bytes.length) return;
    // Copied: transports read into a buffer that they use again.
    this.#partial.push(Buffer.from(bytes.subarray(from)));
    this.#partialBytes += bytes.length - from;
    if (this.#partialBytes > this.#maxBytes) throw new SseOverflowError(this.#maxBytes);
  }

  /** The stream is over: the last line may lack its end. */
  end(): void {
    if (this.#partialBytes > 0) this.#take(new Uint8Array(0));
  }

  #take(rest: Uint8Array): void {
    const line = Buffer.concat([...this.#partial, rest]);
    this.#partial = [];
    this.#partialBytes = 0;
    const isMarked = this.#atStart && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf;
    this.#atStart = false;
    const text = line.toString('utf8', isMarked ? 3 : 0).trim();
    if (text !== '') this.#listener(text);
  }
}

const LF = 10;
const CR = 13;
const NUL = 0;
