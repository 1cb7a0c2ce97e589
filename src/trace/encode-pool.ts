/**
 * Encodes row groups, in worker threads as soon as there are two: a single one is encoded before a thread would have
 * started. A row group's bytes depend on its rows alone, so they are the same whatever the number of threads.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Field } from './columns.js';
import type { Profile } from './parquet-column.js';
import { type EncodedGroup, GroupEncoder } from './parquet-encode.js';
import { buffersOf, type RowGroup } from './row-groups.js';

/** What a thread is started with. */
export interface EncodeWorkerData {
  readonly fields: readonly Field[];
  readonly profile: Profile;
}

/** A thread's answer to a row group: exactly one of the two. */
export type FromEncodeWorker =
  | { readonly group: EncodedGroup; readonly error: null }
  | { readonly group: null; readonly error: Error };

interface EncodeThread {
  readonly worker: Worker;
  readonly waiting: Waiting[];
  /** Whether it has begun to run. */
  isUp: boolean;
}

interface Waiting {
  readonly resolve: (group: EncodedGroup) => void;
  readonly reject: (error: Error) => void;
}

/** More threads do not help: what comes before the encoding is one thread's work. */
const MAX_THREADS = 4;

export class EncodePool {
  /** Threads beside this one; 0 = this one encodes. */
  readonly threads: number;
  readonly #data: EncodeWorkerData;
  readonly #encoder: GroupEncoder;
  readonly #workers: EncodeThread[] = [];
  #groups = 0;
  /** The first row group, until it is known whether there is another. */
  #first: { readonly group: RowGroup; readonly waiting: Waiting } | null = null;
  #failure: Error | null = null;

  constructor(fields: readonly Field[], profile: Profile, threads?: number) {
    this.#data = { fields, profile };
    this.#encoder = new GroupEncoder(fields, profile);
    this.threads = threads ?? Math.min(MAX_THREADS, availableParallelism() - 1);
  }

  /**
   * Encodes a row group, whose arrays move to another thread. The first one waits for the second, or for `noMore`.
   */
  async encode(group: RowGroup): Promise<EncodedGroup> {
    const index = this.#groups++;
    if (this.threads === 0) return this.#encoder.encode(group);
    if (index === 0)
      return new Promise((resolve, reject) => {
        this.#first = { group, waiting: { resolve, reject } };
      });
    if (this.#failure !== null) throw this.#failure;
    const first = this.#first;
    this.#first = null;
    if (first !== null) this.#send(0, first.group, first.waiting);
    return new Promise((resolve, reject) => this.#send(index, group, { resolve, reject }));
  }

  /** No more row groups come: an only one is encoded here. */
  noMore(): void {
    const first = this.#first;
    this.#first = null;
    if (first === null) return;
    this.#encodeHere(first.group, first.waiting);
  }

  /** Ends the threads; row groups under way are given up. */
  async close(): Promise<void> {
    for (const { worker } of this.#workers.filter(Boolean)) worker.removeAllListeners();
    await Promise.all(this.#workers.filter(Boolean).map(({ worker }) => worker.terminate()));
  }

  #send(index: number, group: RowGroup, one: Waiting): void {
    const place = index % this.threads;
    this.#workers[place] ??= this.#start();
    const thread = this.#workers[place];
    // Until the thread is up, waiting for it would take longer than to encode a row group.
    if (!thread.isUp) this.#encodeHere(group, one);
    else {
      thread.waiting.push(one);
      thread.worker.postMessage(group, buffersOf(group));
    }
  }

  #encodeHere(group: RowGroup, { resolve, reject }: Waiting): void {
    try {
      resolve(this.#encoder.encode(group));
    } catch (error) {
      reject(error as Error);
    }
  }

  #start(): EncodeThread {
    const waiting: Waiting[] = [];
    const url = new URL('./encode-worker.js', import.meta.url);
    // Flags of the program such as --input-type would make a thread fail.
    const worker = new Worker(url, { workerData: this.#data, execArgv: [] });
    const fail = (error: Error): void => {
      this.#failure ??= error;
      for (const { reject } of waiting.splice(0)) reject(error);
    };
    worker.on('message', ({ group, error }: FromEncodeWorker) => {
      const asked = waiting.shift();
      if (error === null) asked?.resolve(group);
      else asked?.reject(error);
    });
    worker.on('error', fail);
    worker.on('exit', (status) => fail(new Error(`an encoding thread ended early (${status})`)));
    const thread = { worker, waiting, isUp: false };
    worker.once('online', () => {
      thread.isUp = true;
    });
    return thread;
  }
}
