/**
 * Reads one large, plain file in several threads: the file is cut into ranges of bytes, a thread turns the lines of a
 * range into blocks of rows, and the blocks are taken over in the order of the file, so that the result is that of one
 * thread. A quote in a CSV may enclose a newline, which shows only to who reads from the beginning: from the first range
 * with a quote on, the file is read in this thread.
 */
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { ChosenInput } from './choose-inputs.js';
import type { RowCollector } from './collector.js';
import { isManyRows } from './detect.js';
import type { KnownFormat, LogFormat, Sample } from './format.js';
import type { LateDigest } from './late-digest.js';
import type { IngestMap } from './map.js';
import { RangeReader } from './range-reader.js';
import type { ReadPart, ReadTask, ReadThreads, ToRead } from './read-threads.js';
import type { RejectTable } from './rejects.js';
import type { RowTally } from './tally.js';
import type { Zone } from './zone.js';

export interface ParallelRead {
  readonly input: ChosenInput;
  readonly digest: LateDigest;
  readonly threads: ReadThreads;
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
export const LEAST_BYTES = 32 << 20;
/** Ranges handed out beyond the one that is waited for, per thread: bounds what is in memory. */
const AHEAD = 2;
/** Ranges that a thread has at a time, so that it never waits for this one, which may be reading a range itself. */
const RANGES_PER_THREAD = 2;
/** How far the digest may stay behind the reading: as much as this thread has time for while others encode the trace, and
 * little enough that what it then reads again is still in the page cache. */
const MOST_BEHIND_BYTES = 160 << 20;

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

/** Starts the threads that inputs of this size will be read with, unless their format forbids it. */
export async function startThreads(inputs: readonly string[], threads: ReadThreads): Promise<void> {
  if (availableParallelism() < 2) return;
  for (const path of inputs) {
    const info = path === '-' ? null : await stat(path).catch(() => null);
    const size = info?.isFile() === true ? info.size : 0;
    if (size >= LEAST_BYTES) threads.start(Math.ceil(size / RANGE_BYTES));
  }
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
  const { input, digest } = read;
  const { size } = await stat(input.source.path);
  const ranges = Math.ceil(size / RANGE_BYTES);
  const { bytes: _, ...sample } = input.sample;
  const file: ToRead = {
    path: input.source.path,
    sample,
    format: read.map ?? read.format.name,
    zone: read.zone.name,
    pseudonymKey: read.pseudonymKey,
  };
  read.threads.start(ranges);
  const pool = new ReadPool(file, read.threads, size, ranges);
  const reader = new RangeReader({
    ...read,
    path: input.source.path,
    sample,
    format: read.format as LogFormat,
  });
  try {
    let lines = 0;
    for (let index = 0; index < ranges; ) {
      read.signal?.throwIfAborted();
      const part = pool.take(index);
      if (part === null) {
        // Until the part is there, this thread reads a range too, or goes on with the digest of what is handed out.
        const behind = digest.behind(pool.handedOutBytes);
        if (behind > MOST_BEHIND_BYTES) await digest.step();
        // Afterwards threads are heard, which need new ranges.
        else if (pool.lend((task) => reader.read(task))) await new Promise(setImmediate);
        else if (behind > 0) await digest.step();
        else await pool.change();
        continue;
      }
      if (part.hasQuotes) {
        await digest.finish();
        return { from: part.begin, linesBefore: lines };
      }
      read.rejects.merge(part.rejects, input.source.name, lines);
      read.tally.merge(part.tally);
      for (const block of part.blocks) read.rows.add(block);
      lines += part.lines;
      index += 1;
      read.onProgress(Math.min(size, index * RANGE_BYTES));
    }
    return null;
  } finally {
    reader.close();
    await pool.close();
  }
}

/** Lets threads take ranges one after the other, never far ahead of the one that is waited for. */
class ReadPool {
  readonly #threads: ReadThreads;
  /** Threads that can take a range, one entry for each range. */
  readonly #idle: Worker[];
  readonly #parts = new Map<number, ReadPart>();
  readonly #size: number;
  readonly #ranges: number;
  #next = 0;
  #wanted = 0;
  #wake: (() => void) | null = null;
  #failure: Error | null = null;

  constructor(file: ToRead, threads: ReadThreads, size: number, ranges: number) {
    this.#size = size;
    this.#ranges = ranges;
    this.#threads = threads;
    this.#idle = Array.from({ length: RANGES_PER_THREAD }, () => threads.workers).flat();
    threads.open(file, {
      onPart: (part, worker) => {
        this.#parts.set(part.index, part);
        this.#idle.push(worker);
        this.#handOut();
        this.#wake?.();
      },
      onFailure: (error) => {
        this.#failure ??= error;
        this.#wake?.();
      },
    });
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

  /** Threads that still read have nobody who would listen: they are ended. */
  async close(): Promise<void> {
    if (this.#idle.length < this.#threads.workers.length * RANGES_PER_THREAD) await this.#threads.close();
  }

  #handOut(): void {
    while (this.#isOpen()) {
      const worker = this.#idle.pop();
      if (worker === undefined) return;
      worker.postMessage(this.#nextTask());
    }
  }

  #isOpen(): boolean {
    return (
      this.#next < this.#ranges && this.#next <= this.#wanted + AHEAD * (this.#threads.workers.length + 1)
    );
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
