/**
 * Tar archives (plain or compressed; ustar, GNU long names, pax paths) unpacked member by member into a folder of their
 * own, so that each is then read like any other file. Only regular files; names stay inside the folder.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ToolError } from '../errors.js';

const BLOCK = 512;

/** A member, unpacked. */
export interface TarMember {
  /** Its path in the archive. */
  readonly name: string;
  readonly path: string;
}

/** Unpacked members; `remove` deletes them. */
export interface UnpackedTar {
  readonly members: readonly TarMember[];
  remove(): Promise<void>;
}

/** Whether decoded bytes begin with a tar header: its checksum holds. */
export function isTar(head: Buffer): boolean {
  return head.length >= BLOCK && head[0] !== 0 && checksumHolds(head.subarray(0, BLOCK));
}

function checksumHolds(header: Buffer): boolean {
  const written = octal(header, 148, 8);
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : header[i];
  return written !== null && written === sum;
}

/** Unpacks an archive from its decoded bytes. Throws FILE_UNREADABLE when it is damaged or ends early. */
export async function unpackTar(chunks: AsyncIterable<Buffer>, archive: string): Promise<UnpackedTar> {
  const folder = await mkdtemp(join(tmpdir(), 'tokentide-tar-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const bytes = new ByteStream(chunks);
  const members: TarMember[] = [];
  try {
    let longName: string | null = null;
    for (;;) {
      const header = await bytes.read(BLOCK);
      if (header === null || header.every((byte) => byte === 0)) break;
      if (header.length < BLOCK || !checksumHolds(header)) throw damaged(archive, members.length);
      const size = octal(header, 124, 12) ?? 0;
      const type = String.fromCharCode(header[156] || 48);
      if (type === 'L' || type === 'x' || type === 'g') {
        const text = (await bytes.read(padded(size)))?.toString('utf8', 0, size) ?? '';
        if (type === 'L') longName = text.replace(/\0.*$/s, '');
        else if (type === 'x') longName = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(text)?.[1] ?? longName;
        continue;
      }
      const name = longName ?? nameOf(header);
      longName = null;
      const isWanted = (type === '0' || type === '7') && size > 0 && !basename(name).startsWith('.');
      const path = join(folder, `${members.length}-${basename(name)}`);
      if (!(await bytes.copy(size, padded(size), isWanted ? path : null)))
        throw damaged(archive, members.length);
      if (isWanted) members.push({ name, path });
    }
    return { members, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function damaged(archive: string, members: number): ToolError {
  return new ToolError({
    code: 'FILE_UNREADABLE',
    message: `${archive} is a damaged or truncated tar archive: ${members} members come before`,
    hint: 'fetch the file again',
  });
}

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;

function nameOf(header: Buffer): string {
  const text = (from: number, length: number): string =>
    header.toString('utf8', from, from + length).replace(/\0.*$/s, '');
  const prefix = header.toString('latin1', 257, 262) === 'ustar' ? text(345, 155) : '';
  return prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
}

/** An octal number, or a big-endian one with the top bit set (GNU, sizes over 8 GiB); null when it is neither. */
function octal(header: Buffer, from: number, length: number): number | null {
  if (header[from] & 0x80) return Number(header.readBigUInt64BE(from + length - 8));
  const text = header
    .toString('latin1', from, from + length)
    .replace(/[\0 ]+$/, '')
    .trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || '0', 8) : null;
}

class ByteStream {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Exactly `size` bytes, fewer at the end, null when nothing is left. */
  async read(size: number): Promise<Buffer | null> {
    while (this.#rest.length < size && (await this.#pull()));
    if (this.#rest.length === 0 && size > 0) return null;
    const taken = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  /** Copies `size` bytes into a file (or nowhere) and skips the padding; false when they are not all there. */
  async copy(size: number, paddedSize: number, path: string | null): Promise<boolean> {
    const file = path === null ? null : await open(path, 'wx', 0o600);
    try {
      let done = 0;
      while (done < paddedSize) {
        if (this.#rest.length === 0 && !(await this.#pull())) return done >= size;
        const taken = this.#rest.subarray(0, paddedSize - done);
        this.#rest = this.#rest.subarray(taken.length);
        if (done < size) await file?.write(taken.subarray(0, size - done));
        done += taken.length;
      }
      return true;
    } finally {
      await file?.close();
    }
  }

  async #pull(): Promise<boolean> {
    const step = await this.#chunks.next();
    if (step.done) return false;
    this.#rest = this.#rest.length === 0 ? step.value : Buffer.concat([this.#rest, step.value]);
    return true;
  }
}
