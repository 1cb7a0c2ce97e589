/**
 * Incremental reader of one HTTP/1.1 response on bytes: head, then a body by chunks, by length, or until the end of the
 * connection. Source: RFC 9112. Strict where leniency would hide a broken server (chunk sizes, lengths, line ends).
 *
 * Body bytes are views into what was pushed: valid during the call only.
 */

/** What of a response's head matters here. Names are lower case; of repeated headers the first counts. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

export interface ResponseReaderListener {
  onHead(head: ResponseHead): void;
  onBody(bytes: Uint8Array): void;
  /** `reusable` = the connection may serve another request. */
  onComplete(reusable: boolean): void;
}

/** The bytes are no HTTP/1.1 response. */
export class HttpParseError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'HTTPParserError';
  }
}

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_SIZE_LINE_BYTES = 1_024;
/** More would be no exact number. */
const MAX_SIZE_DIGITS = 13;

type State = 'head' | 'length' | 'size' | 'chunk' | 'chunk-end' | 'trailers' | 'until-close' | 'complete';

/** One reader per response. */
export class ResponseReader {
  readonly #listener: ResponseReaderListener;
  #state: State = 'head';
  /** A head or a line whose end has not come. */
  #partial: Buffer | null = null;
  /** Bytes of the body or chunk that have not come. */
  #left = 0;
  #reusable = true;

  constructor(listener: ResponseReaderListener) {
    this.#listener = listener;
  }

  get complete(): boolean {
    return this.#state === 'complete';
  }

  /** Takes bytes; returns how many were the response's. Throws HttpParseError. */
  push(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'complete') at = this.#step(bytes, at);
    return at;
  }

  /** The peer has sent its FIN. Returns whether the response is complete by that. */
  end(): boolean {
    if (this.#state === 'until-close') this.#finish(false);
    return this.complete;
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, at);
      case 'size':
        return this.#readSize(bytes, at);
      case 'length':
      case 'chunk': {
        const to = Math.min(bytes.length, at + this.#left);
        this.#left -= to - at;
        const isLast = this.#left === 0;
        const ends = isLast && this.#state === 'length';
        if (isLast && !ends) this.#state = 'chunk-end';
        this.#listener.onBody(bytes.subarray(at, to));
        if (ends) this.#finish(this.#reusable);
        return to;
      }
      case 'chunk-end':
        return this.#readChunkEnd(bytes, at);
      case 'trailers':
        return this.#readTrailer(bytes, at);
      case 'until-close':
        this.#listener.onBody(at === 0 ? bytes : bytes.subarray(at));
        return bytes.length;
      case 'complete':
        return at;
    }
  }

  #finish(reusable: boolean): void {
    this.#state = 'complete';
    this.#listener.onComplete(reusable);
  }

  #readHead(bytes: Buffer, at: number): number {
    const before = this.#partial?.length ?? 0;
    const all = this.#joined(bytes, at);
    if (all.subarray(0, 5).toString('latin1') !== 'HTTP/'.slice(0, Math.min(5, all.length)))
      throw new HttpParseError('the answer does not begin with HTTP/');
    const end = all.indexOf('\r\n\r\n');
    if (end === -1) {
      if (all.length > MAX_HEAD_BYTES) throw new HttpParseError('the head is too long');
      this.#partial = Buffer.from(all);
      return bytes.length;
    }
    this.#partial = null;
    this.#begin(parseHead(all.toString('latin1', 0, end)));
    return at + end + 4 - before;
  }

  #begin(parsed: ParsedHead): void {
    const { status, headers } = parsed;
    // 100 Continue and its like come before the response.
    if (status < 200) return;
    this.#reusable = parsed.keepsAlive;
    const encoding = headers.get('transfer-encoding')?.toLowerCase();
    const length = headers.get('content-length');
    if (status === 204 || status === 304) this.#left = 0;
    else if (encoding !== undefined) {
      if (encoding !== 'chunked') throw new HttpParseError(`transfer-encoding ${encoding}`);
      if (length !== undefined) this.#reusable = false;
      this.#state = 'size';
    } else if (length !== undefined) {
      if (!/^\d{1,15}$/.test(length)) throw new HttpParseError('content-length is no number');
      this.#left = Number(length);
      this.#state = 'length';
    } else this.#state = 'until-close';
    const hasNone = this.#left === 0 && (this.#state === 'length' || this.#state === 'head');
    this.#listener.onHead({ status, headers });
    if (hasNone) this.#finish(this.#reusable);
  }

  /** The size line of a chunk: hex digits, then extensions that nobody reads. */
  #readSize(bytes: Buffer, at: number): number {
    let size = 0;
    let i = at;
    if (this.#partial === null) {
      for (; i < bytes.length; i++) {
        const digit = HEX[bytes[i]];
        if (digit === 255) break;
        size = size * 16 + digit;
      }
      // The usual case: digits, CR, LF in one read.
      if (i > at && i - at <= MAX_SIZE_DIGITS && bytes[i] === CR && bytes[i + 1] === LF) {
        this.#startChunk(size);
        return i + 2;
      }
    }
    const line = this.#line(bytes, at);
    if (line === null) return bytes.length;
    const match = /^([0-9a-f]{1,13})[ \t]*(?:;.*)?$/i.exec(line.text);
    if (match === null) throw new HttpParseError('a chunk size is no number');
    this.#startChunk(Number.parseInt(match[1], 16));
    return line.end;
  }

  #startChunk(size: number): void {
    this.#left = size;
    this.#state = size === 0 ? 'trailers' : 'chunk';
  }

  #readChunkEnd(bytes: Buffer, at: number): number {
    if (this.#partial === null && bytes[at] === CR && bytes[at + 1] === LF) {
      this.#state = 'size';
      return at + 2;
    }
    const line = this.#line(bytes, at);
    if (line === null) return bytes.length;
    if (line.text !== '') throw new HttpParseError('a chunk is longer than its size');
    this.#state = 'size';
    return line.end;
  }

  #readTrailer(bytes: Buffer, at: number): number {
    const line = this.#line(bytes, at);
    if (line === null) return bytes.length;
    if (line.text === '') this.#finish(this.#reusable);
    return line.end;
  }

  /** The next line without its CRLF, and where it ends in `bytes`; null = it has not come whole. */
  #line(bytes: Buffer, at: number): { readonly text: string; readonly end: number } | null {
    const before = this.#partial?.length ?? 0;
    const all = this.#joined(bytes, at);
    const lf = all.indexOf(LF);
    if (lf === -1) {
      if (all.length > MAX_SIZE_LINE_BYTES)
        throw new HttpParseError('a line of the body’s frame is too long');
      this.#partial = Buffer.from(all);
      return null;
    }
    this.#partial = null;
    if (all[lf - 1] !== CR) throw new HttpParseError('a line of the body’s frame ends in LF alone');
    return { text: all.toString('latin1', 0, lf - 1), end: at + lf + 1 - before };
  }

  #joined(bytes: Buffer, at: number): Buffer {
    const fresh = at === 0 ? bytes : bytes.subarray(at);
    return this.#partial === null ? fresh : Buffer.concat([this.#partial, fresh]);
  }
}

interface ParsedHead extends ResponseHead {
  readonly keepsAlive: boolean;
}

function parseHead(text: string): ParsedHead {
  const [first, ...lines] = text.split('\r\n');
  const match = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(first);
  if (match === null) throw new HttpParseError('the status line is none of HTTP/1.1');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1 || line.includes('\n')) throw new HttpParseError('a header line is none');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const known = headers.get(name);
    if (known === undefined) headers.set(name, value);
    else if (name === 'content-length' && known !== value)
      throw new HttpParseError('two content-lengths that differ');
  }
  const connection = headers.get('connection')?.toLowerCase() ?? '';
  const keepsAlive = match[1] === '1' ? !/\bclose\b/.test(connection) : /\bkeep-alive\b/.test(connection);
  return { status: Number(match[2]), headers, keepsAlive };
}

const CR = 13;
const LF = 10;
/** Value of each byte as a hex digit; 255 = it is none. */
const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? 255 : digit;
});
