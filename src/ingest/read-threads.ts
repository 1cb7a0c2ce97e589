/**
 * Threads of an ingest: started before the format is known, they read ranges of one large file after the other, and are
 * lent to the trace's writer when all is read. Starting one costs some 40 ms of a core, as much as reading 15 MB.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { RejectCount } from '../types.js';
import type { Sample } from './format.js';
import type { IngestMap } from './map.js';
import type { RowBlock } from './row-block.js';
import type { RowTally } from './tally.js';

/** To a thread: the file that the next ranges are of. */
export interface ToRead {
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

/** What becomes of the ranges that threads are given. */
export interface ReadListener {
  onPart(part: ReadPart, worker: Worker): void;
  onFailure(error: Error): void;
}

/** More do not help: what comes after the reading is one thread's work. */
const MAX_THREADS = 8;

export class ReadThreads {
  #workers: Worker[] = [];
  #listener: ReadListener | null = null;
  #failure: Error | null = null;

  /** Starts threads, at most `most` and one for each further core; those that run already count. */
  start(most: number): void {
    const wanted = Math.max(1, Math.min(availableParallelism(), most, MAX_THREADS) - 1);
    while (this.#workers.length < wanted) this.#workers.push(this.#newWorker());
  }

  get workers(): readonly Worker[] {
    return this.#workers;
  }

  /** Lets a file be read: `listener` hears of its parts. */
  open(file: ToRead, listener: ReadListener): void {
    this.#listener = listener;
    for (const worker of this.#workers) worker.postMessage(file);
    if (this.#failure !== null) listener.onFailure(this.#failure);
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    this.#listener = null;
    await Promise.all(this.#workers.splice(0).map((worker) => worker.terminate()));
  }

  #newWorker(): Worker {
    // Flags of the program such as --input-type would make a thread fail.
    const worker = new Worker(new URL('./read-worker.js', import.meta.url), { execArgv: [] });
    const fail = (error: Error): void => {
      this.#failure ??= error;
      this.#listener?.onFailure(error);
    };
    worker.on('message', (part: ReadPart) => this.#listener?.onPart(part, worker));
    worker.on('error', fail);
    worker.on('exit', (status) => {
      if (this.#workers.includes(worker)) fail(new Error(`a reading thread ended early (${status})`));
    });
    return worker;
  }
}
