/**
 * Encodes row groups, in worker threads as soon as there are two: a single one is encoded before a thread would have
 * started. Each thread has its own columns, so that it can also make their digests, which need all rows in order. The
 * bytes are the same whatever the number of threads.
 */
import { availableParallelism } from 'node:os';
import { type MessagePort, Worker } from 'node:worker_threads';
import type { Field } from './columns.js';
import { ColumnHashes } from './content-hash.js';
import type { Profile } from './parquet-column.js';
import { type EncodedGroup, GroupEncoder, joinColumns } from './parquet-encode.js';
import { buffersOf, type RowGroup } from './row-groups.js';

/** What a thread is started with. */
export interface EncodeWorkerData {
  readonly fields: readonly Field[];
  readonly profile: Profile;
  readonly isHashed: boolean;
}

/** To a thread: the next row group, or null = the digests are wanted. */
export type ToEncodeWorker = RowGroup | null;

/** A thread's answer. */
export type FromEncodeWorker =
  | { readonly group: EncodedGroup }
  | { readonly digests: readonly string[] }
  | { readonly error: Error };

/** More threads do not help: what comes before the encoding is one thread's work. */
const MAX_THREADS = 4;

export class EncodePool {
  /** Row groups that may be under way before the first is waited for: some while the threads start. */
  readonly ahead: number;
  readonly #threads: number;
  readonly #lent: readonly Worker[];
  readonly #data: EncodeWorkerData;
  #here: ColumnWork | null = null;
  #workers: ColumnThread[] = [];
  /** The first row group, until it is known whether there is another. */
  #first: { readonly group: RowGroup; readonly resolve: (encoded: Promise<EncodedGroup>) => void } | null =
    null;
  #hasBegun = false;

  /**
   * `threads`: beside this one; 0 = this one encodes. `isHashed`: whether digests are wanted. `lent`: threads that have
   * nothing else to do and answer to EncodeWorkerData by `encoderOf`; who lends them ends them.
   */
  constructor(
    fields: readonly Field[],
    profile: Profile,
    isHashed: boolean,
    threads?: number,
    lent: readonly Worker[] = [],
  ) {
    this.#data = { fields, profile, isHashed };
    this.#lent = lent;
    this.#threads = Math.min(fields.length, threads ?? Math.min(MAX_THREADS, availableParallelism() - 1));
    this.ahead = this.#threads === 0 ? 0 : 3;
  }

  /** Encodes a row group, whose arrays move to other threads. The first one waits for the second, or for `noMore`. */
  encode(group: RowGroup): Promise<EncodedGroup> {
    const first = this.#first;
    this.#first = null;
    if (!this.#hasBegun && this.#threads > 0) {
      this.#hasBegun = true;
      return new Promise((resolve) => {
        this.#first = { group, resolve };
      });
    }
    this.#hasBegun = true;
    if (first !== null) {
      this.#startThreads();
      first.resolve(this.#send(first.group));
    }
    return this.#send(group);
  }

  /** No more row groups come: an only one is encoded here. */
  noMore(): void {
    this.#first?.resolve(this.#send(this.#first.group));
    this.#first = null;
  }

  /** Digests of all columns, after the last row group. */
  async digests(): Promise<string[]> {
    if (this.#workers.length === 0) return this.#workHere().digests();
    const parts = await Promise.all(this.#workers.map((worker) => worker.digests()));
    return this.#data.fields.map((_, index) => parts[index % parts.length][Math.floor(index / parts.length)]);
  }

  /** Ends the threads; row groups under way are given up. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }

  #workHere(): ColumnWork {
    this.#here ??= new ColumnWork(this.#data);
    return this.#here;
  }

  #startThreads(): void {
    const { fields, ...data } = this.#data;
    this.#workers = Array.from(
      { length: this.#threads },
      (_, thread) =>
        new ColumnThread({ ...data, fields: ofThread(fields, thread, this.#threads) }, this.#lent[thread]),
    );
  }

  async #send(group: RowGroup): Promise<EncodedGroup> {
    const threads = this.#workers.length;
    if (threads === 0) return this.#workHere().encode(group);
    const { rowCount, columns } = group;
    const parts = this.#workers.map((worker, thread) =>
      worker.encode({ rowCount, columns: ofThread(columns, thread, threads) }),
    );
    return joinColumns(await Promise.all(parts));
  }
}

/** The columns of a thread: one of every `threads`. */
function ofThread<T>(items: readonly T[], thread: number, threads: number): T[] {
  return items.filter((_, index) => index % threads === thread);
}

/** What a thread does: encodes its columns and takes their digests. */
export class ColumnWork {
  readonly #encoder: GroupEncoder;
  readonly #hashes: ColumnHashes | null;

  constructor({ fields, profile, isHashed }: EncodeWorkerData) {
    this.#encoder = new GroupEncoder(fields, profile);
    this.#hashes = isHashed ? new ColumnHashes(fields) : null;
  }

  encode(group: RowGroup): EncodedGroup {
    this.#hashes?.update(group.columns, group.rowCount);
    return this.#encoder.encode(group);
  }

  digests(): string[] {
    return this.#hashes?.digests() ?? [];
  }
}

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** What a thread does with its messages once it knows its columns. */
export function encoderOf(port: MessagePort, data: EncodeWorkerData): (message: ToEncodeWorker) => void {
  const work = new ColumnWork(data);
  return (group) => {
    let answer: FromEncodeWorker;
    try {
      answer = group === null ? { digests: work.digests() } : { group: work.encode(group) };
    } catch (error) {
      answer = { error: error as Error };
    }
    port.postMessage(answer, 'group' in answer ? [answer.group.bytes.buffer] : []);
  };
}

/** A thread with some of the columns. It answers in order. */
class ColumnThread {
  readonly #worker: Worker;
  readonly #isLent: boolean;
  readonly #waiting: Waiting[] = [];
  #failure: Error | null = null;

  constructor(data: EncodeWorkerData, lent: Worker | undefined) {
    const url = new URL('./encode-worker.js', import.meta.url);
    this.#isLent = lent !== undefined;
    // Flags of the program such as --input-type would make a thread fail.
    this.#worker = lent ?? new Worker(url, { workerData: data, execArgv: [] });
    lent?.postMessage(data);
    const fail = (error: Error): void => {
      this.#failure ??= error;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    };
    this.#worker.on('message', (answer: FromEncodeWorker) => {
      const asked = this.#waiting.shift();
      if ('error' in answer) asked?.reject(answer.error);
      else asked?.resolve(('group' in answer ? answer.group : answer.digests) as never);
    });
    this.#worker.on('error', fail);
    this.#worker.on('exit', (status) => fail(new Error(`an encoding thread ended early (${status})`)));
  }

  encode(group: RowGroup): Promise<EncodedGroup> {
    return this.#ask(group, buffersOf(group));
  }

  digests(): Promise<readonly string[]> {
    return this.#ask(null, []);
  }

  async close(): Promise<void> {
    // What is under way is given up.
    this.#waiting.length = 0;
    if (!this.#isLent) await this.#worker.terminate();
  }

  #ask<Answer>(message: ToEncodeWorker, moved: ArrayBuffer[]): Promise<Answer> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(message, moved);
    });
  }
}
