/** Reads ranges of a plain file: turns the lines that begin in a range of bytes into blocks of rows. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { LogFormat, Sample } from './format.js';
import { openFormat } from './handler.js';
import { Pseudonyms } from './pseudonyms.js';
import type { ReadPart, ReadTask } from './read-threads.js';
import { RecordPump } from './record-pump.js';
import { MAX_RECORD_BYTES } from './record-reader.js';
import { RejectTable } from './rejects.js';
import type { RowBlock } from './row-block.js';
import { RowTally } from './tally.js';
import { TimeReader } from './time.js';
import type { Zone } from './zone.js';

const LF = 10;
const QUOTE = 34;
const SPARE_BYTES = 1 << 16;

export interface RangeReaderOptions {
  readonly path: string;
  readonly sample: Omit<Sample, 'bytes'>;
  readonly format: LogFormat;
  readonly zone: Zone;
  readonly pseudonymKey: Uint8Array | string | null;
}

export class RangeReader {
  readonly #options: RangeReaderOptions;
  readonly #sample: Sample;
  readonly #pseudonyms: Pseudonyms;
  readonly #file: number;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(options: RangeReaderOptions) {
    this.#options = options;
    this.#sample = { ...options.sample, bytes: Buffer.alloc(0) };
    this.#pseudonyms = new Pseudonyms(options.pseudonymKey);
    this.#file = openSync(options.path, 'r');
  }

  close(): void {
    closeSync(this.#file);
  }

  read({ index, from, to }: ReadTask): ReadPart {
    const { format, zone } = this.#options;
    const blocks: RowBlock[] = [];
    const rejects = new RejectTable(false);
    const tally = new RowTally();
    const pump = new RecordPump(format, openFormat(format, this.#pseudonyms, null), {
      rows: { add: (block) => blocks.push(block) },
      rejects,
      tally,
      times: new TimeReader(zone),
    });
    // A range begins with the first line that begins in it, and ends with the last one's end, wherever that is.
    const begin = from === 0 ? 0 : this.#lineStartFrom(from);
    const end = to <= begin ? begin : this.#lineStartFrom(to);
    pump.begin(this.#sample, from === 0 ? 0 : 1);
    // The last line begins in the range: one that goes on for longer than a record may is not read.
    const isOverlong = end > begin && end - to > MAX_RECORD_BYTES;
    const bytes = this.#bytesOf(begin, isOverlong ? to : end);
    const hasQuotes = format.shape === 'csv' && (isOverlong || bytes.includes(QUOTE));
    if (!hasQuotes) {
      pump.feed(bytes);
      if (isOverlong) pump.skipLine();
      pump.endInput(false);
      pump.flush();
    }
    return {
      index,
      begin,
      hasQuotes,
      blocks,
      rows: pump.rowCount,
      lines: pump.linesRead - (from === 0 ? 0 : 1),
      rejects: rejects.list(),
      tally: { ...tally },
    };
  }

  /** The bytes of a range, in a buffer that the next range takes over. */
  #bytesOf(begin: number, end: number): Buffer {
    if (this.#buffer.length < end - begin) this.#buffer = Buffer.allocUnsafe(end - begin + SPARE_BYTES);
    let length = 0;
    while (length < end - begin) {
      const count = readSync(this.#file, this.#buffer, length, end - begin - length, begin + length);
      if (count === 0) break;
      length += count;
    }
    return this.#buffer.subarray(0, length);
  }

  /** The beginning of the first line that does not begin before `position`. */
  #lineStartFrom(position: number): number {
    const bytes = Buffer.allocUnsafe(1 << 16);
    for (let at = position - 1; ; at += bytes.length) {
      const length = readSync(this.#file, bytes, 0, bytes.length, at);
      if (length === 0) return at;
      const lf = bytes.subarray(0, length).indexOf(LF);
      if (lf >= 0) return at + lf + 1;
    }
  }
}
