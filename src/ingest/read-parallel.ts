/**
 * Reads one large, plain file in several threads: the file is cut into ranges of bytes, a thread turns the lines of a
 * range into blocks of rows, and the blocks are taken over in the order of the file, so that the result is that of one
 * thread. A quote in a CSV may enclose a newline, which shows only to who reads from the beginning: from the first range
 * with a quote on, the file is read in this thread.
 */
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { RejectCount } from '../types.js';
import type { ChosenInput } from './choose-inputs.js';
import type { RowCollector } from './collector.js';
import { isManyRows } from './detect.js';
import type { KnownFormat, LogFormat, Sample } from './format.js';
import type { IngestMap } from './map.js';
import { RangeReader } from './range-reader.js';
import type { RejectTable } from './rejects.js';
import type { RowBlock } from './row-block.js';
import type { RowTally } from './tally.js';
import type { Zone } from './zone.js';

/** What a thread is started with. */
export interface ReadWorkerData {
  readonly path: string;
  readonly sample: Omit<Sample, 'bytes'>;
  /** Name of a known format, or a mapping. */
  readonly format: string | IngestMap;
  readonly zone: string;
  readonly pseudonymKey: Uint8Array | string | null;
}

/** To a thread: bytes of the file in which lines begin. */
export interface ReadTask {
  readonly index: number;
  readonly from: number;
  readonly to: number;
}

/** From a thread: what a range held. */
export interface ReadPart {
  readonly index: number;
  /** Where the first of its lines begins. */
  readonly begin: number;
  /** A CSV range with quotes: nothing else in it is to be used. */
  readonly hasQuotes: boolean;
  readonly blocks: readonly RowBlock[];
  readonly rows: number;
  readonly lines: number;
  readonly rejects: readonly RejectCount[];
  readonly tally: Omit<RowTally, 'add' | 'addPlain' | 'merge'>;
}

export interface ParallelRead {
  readonly input: ChosenInput;
  readonly format: KnownFormat;
  readonly map: IngestMap | null;
  readonly zone: Zone;
  readonly pseudonymKey: Uint8Array | string | null;
  readonly rows: RowCollector;
  readonly rejects: RejectTable;
  readonly tally: RowTally;
  readonly signal?: AbortSignal;
  /** Called with the bytes read so far. */
  readonly onProgress: (bytes: number) => void;
}

const RANGE_BYTES = 8 << 20;
/** Starting threads costs some 60 ms: smaller files are read faster without. */
const LEAST_BYTES = 32 << 20;
const MAX_THREADS = 8;
/** Ranges handed out beyond the one that is waited for, per thread: bounds what is in memory. */
const AHEAD = 2;

/** Whether an input can be read by several threads. */
export async function isParallelReadable(
  input: ChosenInput,
  format: KnownFormat,
  zone: Zone,
): Promise<boolean> {
  const isByLine = format.shape === 'csv' ? input.sample.shape === 'csv' : input.sample.shape === 'jsonl';
  const layout = input.sample.layout?.kind ?? 'lines';
  const isStateless = !isManyRows(format) && !isSequential(format, input.sample);
  if (!input.isBare || !isByLine || layout !== 'lines' || !isStateless || zone.fixedOffsetSec === null)
    return false;
  return availableParallelism() > 1 && (await stat(input.source.path)).size >= LEAST_BYTES;
}

function isSequential({ isSequential: declared = false }: LogFormat, sample: Sample): boolean {
  return typeof declared === 'boolean' ? declared : declared(sample);
}

/**
 * Reads a file. Returns the byte from which on it must be read in order, with the lines before it; null = it is read.
 */
export async function readInParallel(
  read: ParallelRead,
): Promise<{ from: number; linesBefore: number } | null> {
  const { input } = read;
  const { size } = await stat(input.source.path);
  const ranges = Math.ceil(size / RANGE_BYTES);
  const { bytes: _, ...sample } = input.sample;
  const workerData: ReadWorkerData = {
    path: input.source.path,
    sample,
    format: read.map ?? read.format.name,
    zone: read.zone.name,
    pseudonymKey: read.pseudonymKey,
  };
  const workers = Math.min(availableParallelism(), MAX_THREADS, ranges) - 1;
  const pool = new ReadPool(workerData, Math.max(1, workers), size, ranges);
  const reader = new RangeReader({
    ...read,
    path: input.source.path,
    sample,
    format: read.format as LogFormat,
  });
  const hashing = input.source.hash();
  let isHashed = false;
  try {
    let lines = 0;
    for (let index = 0; index < ranges; ) {
      read.signal?.throwIfAborted();
      const part = pool.take(index);
      if (part === null) {
        // Until the part is there, this thread goes on with the digest, as far as ranges are handed out, or reads one.
        if (!isHashed && input.source.readBytes < pool.handedOutBytes)
          isHashed = (await hashing.next()).done === true;
        else if (!pool.lend((task) => reader.read(task))) await pool.change();
        continue;
      }
      if (part.hasQuotes) {
        while (!isHashed) isHashed = (await hashing.next()).done === true;
        return { from: part.begin, linesBefore: lines };
      }
      read.rejects.merge(part.rejects, input.source.name, lines);
      read.tally.merge(part.tally);
      for (const block of part.blocks) read.rows.add(block);
      lines += part.lines;
      index += 1;
      read.onProgress(Math.min(size, index * RANGE_BYTES));
    }
    while (!isHashed) isHashed = (await hashing.next()).done === true;
    return null;
  } finally {
    reader.close();
    await pool.close();
    await hashing.return(undefined);
  }
}

/** Threads that take ranges one after the other, never far ahead of the one that is waited for. */
class ReadPool {
  readonly #workers: Worker[];
  readonly #idle: Worker[] = [];
  readonly #parts = new Map<number, ReadPart>();
  readonly #size: number;
  readonly #ranges: number;
  #next = 0;
  #wanted = 0;
  #wake: (() => void) | null = null;
  #failure: Error | null = null;
  #isClosed = false;

  constructor(workerData: ReadWorkerData, threads: number, size: number, ranges: number) {
    this.#size = size;
    this.#ranges = ranges;
    this.#workers = Array.from({ length: threads }, () => {
      // Flags of the program such as --input-type would make a thread fail.
      const worker = new Worker(new URL('./read-worker.js', import.meta.url), { workerData, execArgv: [] });
      worker.on('message', (part: ReadPart) => {
        this.#parts.set(part.index, part);
        this.#idle.push(worker);
        this.#handOut();
        this.#wake?.();
      });
      const fail = (error: Error): void => {
        this.#failure ??= error;
        this.#wake?.();
      };
      worker.on('error', fail);
      worker.on('exit', (status) => {
        if (!this.#isClosed) fail(new Error(`a reading thread ended early (${status})`));
      });
      return worker;
    });
    this.#idle.push(...this.#workers);
    this.#handOut();
  }

  /** The part of a range, the next one wanted; null = it is not there yet. */
  take(index: number): ReadPart | null {
    this.#wanted = index;
    this.#handOut();
    if (this.#failure !== null) throw this.#failure;
    const part = this.#parts.get(index) ?? null;
    this.#parts.delete(index);
    return part;
  }

  /** Bytes of the ranges that are read, or being read. */
  get handedOutBytes(): number {
    return Math.min(this.#size, this.#next * RANGE_BYTES);
  }

  /** Lets the caller read the next range; false when none is to be read now. */
  lend(read: (task: ReadTask) => ReadPart): boolean {
    if (!this.#isOpen()) return false;
    const part = read(this.#nextTask());
    this.#parts.set(part.index, part);
    return true;
  }

  /** Waits until a thread has something to say. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #handOut(): void {
    while (this.#isOpen()) {
      const worker = this.#idle.pop();
      if (worker === undefined) return;
      worker.postMessage(this.#nextTask());
    }
  }

  #isOpen(): boolean {
    return this.#next < this.#ranges && this.#next <= this.#wanted + AHEAD * (this.#workers.length + 1);
  }

  #nextTask(): ReadTask {
    const index = this.#next++;
    return {
      index,
      from: index * RANGE_BYTES,
      to: Math.min(this.#size, (index + 1) * RANGE_BYTES),
    };
  }
}
