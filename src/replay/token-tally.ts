/**
 * Counts answers whose server sent no usage, in a worker thread: loading a vocabulary takes over a second, and the run's
 * own thread must keep the senders supplied meanwhile. The worker is started by the first answer that needs it.
 */
import { Worker } from 'node:worker_threads';
import type { CountedTokens } from './outcome.js';

export interface TallyRequest {
  readonly id: number;
  readonly text: string;
  readonly firstLength: number;
}

export interface TallyReply {
  readonly id: number;
  readonly counted: CountedTokens;
}

export class TokenTally {
  readonly #encoding: string;
  #worker: Worker | null = null;
  #failed = false;
  #asked = 0;
  readonly #waiting = new Map<number, (counted: CountedTokens | null) => void>();

  constructor(encoding: string) {
    this.#encoding = encoding;
  }

  /** Tokens of a text and of its first part; null when the worker failed, now or before. */
  count(text: string, firstLength: number): Promise<CountedTokens | null> {
    if (this.#failed) return Promise.resolve(null);
    const worker = this.#started();
    const id = this.#asked;
    this.#asked += 1;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      worker.postMessage({ id, text, firstLength } satisfies TallyRequest);
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #started(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(new URL('./token-tally-worker.js', import.meta.url), {
      workerData: { encoding: this.#encoding },
      // The flags of this process are not the worker's: `--input-type` would refuse its file.
      execArgv: [],
    });
    worker.on('message', ({ id, counted }: TallyReply) => {
      this.#waiting.get(id)?.(counted);
      this.#waiting.delete(id);
    });
    const giveUp = (): void => {
      this.#failed = true;
      for (const resolve of this.#waiting.values()) resolve(null);
      this.#waiting.clear();
    };
    worker.on('error', giveUp);
    worker.on('exit', giveUp);
    this.#worker = worker;
    return worker;
  }
}
