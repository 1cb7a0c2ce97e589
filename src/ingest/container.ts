/**
 * From a file (or standard input) to the bytes of its records: gzip and Zstandard are recognised by their first bytes,
 * whatever the name says, and all members or frames are read; a byte-order mark is removed; UTF-16 is refused. The
 * file's SHA-256 is taken on the way, so that the input is read once.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { createGunzip } from 'node:zlib';
import { ToolError } from '../errors.js';
import { requireFile } from '../trace/files.js';
import type { ManifestInput } from '../types.js';

const READ_BYTES = 1 << 20;
/** Compressed bytes unpacked at a time: bounds memory even when a thousand to one. */
const GZIP_READ_BYTES = 1 << 16;
const ZSTD_READ_BYTES = 1 << 16;

export interface SourceOptions {
  /** Keep what a truncated gzip or Zstandard file still gives. */
  readonly allowTruncated: boolean;
  readonly signal?: AbortSignal;
}

/** One input, opened. */
export interface InputSource {
  /** Base name (within an archive: the archive's and the member's); `stdin` for `-`. */
  readonly name: string;
  readonly path: string;
  /** On disk; null for standard input. */
  readonly fileBytes: number | null;
  /** Bytes read from disk so far. */
  readonly readBytes: number;
  /** Set when a compressed file ended early and that was allowed. */
  readonly truncation: string | null;
  /** The decoded bytes. Can be read once. */
  chunks(): AsyncGenerator<Buffer>;
  /** Takes the digest of the whole file a piece at a time, for who reads it in another way. */
  hash(): AsyncGenerator<void>;
  /** The decoded bytes of a plain file from a byte on, without taking their digest. */
  chunksFrom(byte: number): AsyncGenerator<Buffer>;
  /** The same file, unread. Not for standard input. */
  reopened(): InputSource;
  /** Digest of the file as it is on disk; complete after the last chunk. */
  manifest(): ManifestInput;
}

/** A compressed file that ends inside a member or frame; everything that could be unpacked was handed over before. */
export class TruncatedInput extends Error {}

/** Opens a file or `-`. Throws FILE_NOT_FOUND or FILE_UNREADABLE (folder); that it is empty shows when it is read. */
export async function openInput(path: string, options: SourceOptions, name?: string): Promise<InputSource> {
  const isStdin = path === '-';
  if (!isStdin) {
    await requireFile(path, 'a log').catch((error: unknown) => {
      if (!(error instanceof ToolError) || error.code !== 'FILE_EMPTY') throw error;
    });
  }
  const fileBytes = isStdin ? null : (await stat(path)).size;
  return new FileInput(path, name ?? (isStdin ? 'stdin' : basename(path)), fileBytes, options);
}

type Compression = 'gzip' | 'zstd';

/** What the first bytes say; null = not compressed. */
function compressionOf(head: Buffer): Compression | null {
  if (head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head.length < 4) return null;
  const magic = head.readUInt32LE(0);
  // A skippable frame may come first.
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50 ? 'zstd' : null;
}

class FileInput implements InputSource {
  readonly path: string;
  readonly name: string;
  readonly fileBytes: number | null;
  readBytes = 0;
  truncation: string | null = null;
  readonly #hash = createHash('sha256');
  readonly #options: SourceOptions;

  constructor(path: string, name: string, fileBytes: number | null, options: SourceOptions) {
    this.path = path;
    this.name = name;
    this.fileBytes = fileBytes;
    this.#options = options;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    const raw = this.#rawChunks();
    const first = await raw.next();
    if (first.done) throw emptyInput(this.name, '0 bytes');
    const compression = compressionOf(first.value);
    const whole = prepend(first.value, raw);
    yield* withoutByteOrderMark(compression === null ? whole : this.#unpack(whole, compression), this.name);
  }

  async *hash(): AsyncGenerator<void> {
    // One buffer for the whole file: a stream's chunks would keep the garbage collector busy.
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const file = await open(this.path);
    try {
      for (;;) {
        this.#options.signal?.throwIfAborted();
        const { bytesRead } = await file.read(buffer, 0, READ_BYTES, null);
        if (bytesRead === 0) return;
        this.readBytes += bytesRead;
        this.#hash.update(buffer.subarray(0, bytesRead));
        yield;
      }
    } finally {
      await file.close();
    }
  }

  async *chunksFrom(byte: number): AsyncGenerator<Buffer> {
    for await (const chunk of createReadStream(this.path, { start: byte, highWaterMark: READ_BYTES })) {
      this.#options.signal?.throwIfAborted();
      yield chunk as Buffer;
    }
  }

  reopened(): InputSource {
    return new FileInput(this.path, this.name, this.fileBytes, this.#options);
  }

  manifest(): ManifestInput {
    return { name: this.name, bytes: this.readBytes, sha256: this.#hash.copy().digest('hex') };
  }

  async *#rawChunks(): AsyncGenerator<Buffer> {
    const stream =
      this.path === '-' ? process.stdin : createReadStream(this.path, { highWaterMark: READ_BYTES });
    for await (const chunk of stream) {
      this.#options.signal?.throwIfAborted();
      this.readBytes += (chunk as Buffer).length;
      this.#hash.update(chunk as Buffer);
      yield chunk as Buffer;
    }
  }

  async *#unpack(raw: AsyncGenerator<Buffer>, compression: Compression): AsyncGenerator<Buffer> {
    try {
      yield* compression === 'gzip' ? gunzipChunks(raw) : unzstdChunks(raw);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'Z_BUF_ERROR' || error instanceof EarlyEnd) {
        const unit = compression === 'gzip' ? 'member' : 'frame';
        const where = `${this.name} is a truncated ${compression} file: it ends inside a ${unit}, after ${this.readBytes} bytes`;
        if (!this.#options.allowTruncated) throw new TruncatedInput(where);
        this.truncation = where;
        return;
      }
      if (code?.startsWith('Z_') !== true && !(error instanceof DamagedZstd)) throw error;
      throw new ToolError({
        code: 'FILE_UNREADABLE',
        message: `${this.name} is a damaged ${compression} file: ${message}, within the first ${this.readBytes} bytes`,
        hint: 'fetch the file again',
        cause: error,
      });
    }
  }
}

class EarlyEnd extends Error {}
class DamagedZstd extends Error {}

/** Unpacks all frames. Everything that could be unpacked is yielded before an error is thrown. */
async function* unzstdChunks(raw: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const { Decompress, ZstdErrorCode } = await import('fzstd');
  let unpacked: Buffer[] = [];
  const decoder = new Decompress((data) => {
    // The decoder reuses its window: what it hands out is copied.
    if (data.length > 0) unpacked.push(Buffer.from(data));
  });
  const push = (chunk: Uint8Array, isLast: boolean): Error | null => {
    try {
      decoder.push(chunk, isLast);
      return null;
    } catch (error) {
      const { code, message } = error as { code?: number; message: string };
      return code === ZstdErrorCode.UnexpectedEOF ? new EarlyEnd(message) : new DamagedZstd(message);
    }
  };
  for await (const chunk of raw) {
    for (let at = 0; at < chunk.length; at += ZSTD_READ_BYTES) {
      const failure = push(chunk.subarray(at, at + ZSTD_READ_BYTES), false);
      yield* unpacked;
      unpacked = [];
      if (failure !== null) throw failure;
    }
  }
  const failure = push(new Uint8Array(0), true);
  yield* unpacked;
  if (failure !== null) throw failure;
}

/** Unpacks all members. Everything that could be unpacked is yielded before an error is thrown. */
async function* gunzipChunks(raw: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  let unpacked: Buffer[] = [];
  let failure: Error | null = null;
  gunzip.on('data', (chunk: Buffer) => unpacked.push(chunk));
  const ended = new Promise<void>((resolve) => {
    gunzip.on('end', resolve);
    gunzip.on('error', (error) => {
      failure = error;
      resolve();
    });
  });
  try {
    for await (const chunk of raw) {
      for (let at = 0; at < chunk.length && failure === null; at += GZIP_READ_BYTES) {
        await Promise.race([
          ended,
          new Promise<void>((resolve) => {
            gunzip.write(chunk.subarray(at, at + GZIP_READ_BYTES), () => resolve());
          }),
        ]);
        yield* unpacked;
        unpacked = [];
      }
      if (failure !== null) break;
    }
    if (failure === null) gunzip.end();
    await ended;
    yield* unpacked;
    if (failure !== null) throw failure;
  } finally {
    gunzip.destroy();
  }
}

async function* prepend(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

async function* withoutByteOrderMark(chunks: AsyncGenerator<Buffer>, name: string): AsyncGenerator<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  let isOpen = true;
  for await (const chunk of chunks) {
    if (!isOpen) {
      yield chunk;
      continue;
    }
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    if (head.length < 4) continue;
    isOpen = false;
    yield withoutMark(head, name);
  }
  if (isOpen && head.length > 0) yield withoutMark(head, name);
}

function withoutMark(head: Buffer, name: string): Buffer {
  const isUtf16 =
    (head[0] === 0xff && head[1] === 0xfe) ||
    (head[0] === 0xfe && head[1] === 0xff) ||
    (head.length >= 4 && head[0] !== 0 && head[1] === 0 && head[2] !== 0 && head[3] === 0);
  if (isUtf16) {
    throw new ToolError({
      code: 'FILE_UNREADABLE',
      message: `${name} is UTF-16 text, expected UTF-8`,
      hint: `convert it first: iconv -f UTF-16 -t UTF-8 ${name} > utf8-${name}`,
    });
  }
  if (head.subarray(0, LFS_POINTER.length).equals(LFS_POINTER)) {
    throw new ToolError({
      code: 'FILE_UNREADABLE',
      message: `${name} is a Git LFS pointer: it names a file that was not fetched`,
      hint: 'fetch what it stands for: git lfs pull',
    });
  }
  const hasMark = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
  return hasMark ? head.subarray(3) : head;
}

/** What a clone without Git LFS has in place of large files, such as those of public data sets. */
const LFS_POINTER = Buffer.from('version https://git-lfs.github.com/spec/');

/** `holds`: what there is instead of records. */
export function emptyInput(name: string, holds: string): ToolError {
  return new ToolError({
    code: 'FILE_EMPTY',
    message: `${name} is empty (${holds})`,
    hint: 'was the command that writes it stopped early?',
  });
}
