/**
 * Where the tokens of a prompt end: at once for text of pool words, in a worker for everything else.
 *
 * The step clock runs on this thread, and the tokenizer needs 1 ms per 1 000 tokens and more than a second to load.
 * Text of pool words (what replay sends) is recognised here, at about 40 M tokens/s: a word is looked up by a 64-bit
 * hash of its letters, so that no substring is made.
 */
import { Worker } from 'node:worker_threads';
import { loadWordPool, type WordPool } from '../tokens/word-pool.js';

/** Ends of the tokens of each text, as `TokenCounter.tokenEnds` defines them. */
export type TextEnds = readonly Uint32Array[];

export interface TextMeasurer {
  /** At once when every text is made of pool words, else when the worker has answered. */
  measure(texts: readonly string[]): TextEnds | Promise<TextEnds>;
  /** Ends the worker; pending measurements are rejected. */
  close(): Promise<void>;
}

/** A measurer for one encoding. The worker starts with the first text that needs it. */
export function createTextMeasurer(encoding: string): TextMeasurer {
  let worker: TokenWorker | null = null;
  // Read now what the first prompt would otherwise wait for.
  hashedPool();
  return {
    measure(texts) {
      const ends: Uint32Array[] = [];
      for (const text of texts) {
        const known = poolTokenEnds(text);
        if (known === null) {
          worker ??= new TokenWorker(encoding);
          return worker.measure(texts);
        }
        ends.push(known);
      }
      return ends;
    },
    async close() {
      await worker?.close();
    },
  };
}

class TokenWorker {
  readonly #worker: Worker;
  readonly #pending = new Map<
    number,
    { resolve: (ends: TextEnds) => void; reject: (error: Error) => void }
  >();
  #jobs = 0;

  constructor(encoding: string) {
    this.#worker = new Worker(new URL('./token-worker.js', import.meta.url), { workerData: { encoding } });
    this.#worker.unref();
    this.#worker.on('message', ({ job, ends }: { job: number; ends: TextEnds }) => {
      this.#pending.get(job)?.resolve(ends);
      this.#pending.delete(job);
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('the token counting worker ended')));
  }

  measure(texts: readonly string[]): Promise<TextEnds> {
    const job = this.#jobs++;
    return new Promise((resolve, reject) => {
      this.#pending.set(job, { resolve, reject });
      this.#worker.postMessage({ job, texts });
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

const BLANK = 32;
const LETTER_A = 97;
const LETTER_Z = 122;

let scratch = new Uint32Array(4_096);

/** Token ends of a text that consists of pool words joined by blanks; null for any other text. */
export function poolTokenEnds(text: string): Uint32Array | null {
  const pool = hashedPool();
  const length = text.length;
  let count = 0;
  let at = 0;
  while (at < length) {
    const first = at === 0 && text.charCodeAt(0) !== BLANK;
    if (!first && text.charCodeAt(at) !== BLANK) return null;
    if (!first) at += 1;
    const from = at;
    let low = HASH_LOW;
    let high = HASH_HIGH;
    for (; at < length; at++) {
      const code = text.charCodeAt(at);
      if (code < LETTER_A || code > LETTER_Z) break;
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x85ebca6b);
    }
    if (at === from || !pool.has(low, high, first)) return null;
    if (count === scratch.length) {
      const larger = new Uint32Array(scratch.length * 2);
      larger.set(scratch);
      scratch = larger;
    }
    scratch[count++] = at;
  }
  return scratch.slice(0, count);
}

const HASH_LOW = 0x811c9dc5;
const HASH_HIGH = 0x9e3779b9;

let cachedPool: HashedPool | null = null;

function hashedPool(): HashedPool {
  cachedPool ??= new HashedPool(loadWordPool());
  return cachedPool;
}

/** The pool as an open-addressing set of 64-bit hashes. */
class HashedPool {
  readonly #mask: number;
  readonly #low: Int32Array;
  readonly #high: Int32Array;
  /** 0 = empty, 1 = word, 2 = word that may begin a text. */
  readonly #kind: Uint8Array;

  constructor(pool: WordPool) {
    let size = 1;
    while (size < pool.words.length * 4) size *= 2;
    this.#mask = size - 1;
    this.#low = new Int32Array(size);
    this.#high = new Int32Array(size);
    this.#kind = new Uint8Array(size);
    for (const word of pool.words) {
      let low = HASH_LOW;
      let high = HASH_HIGH;
      for (let i = 0; i < word.length; i++) {
        low = Math.imul(low ^ word.charCodeAt(i), 0x01000193);
        high = Math.imul(high ^ word.charCodeAt(i), 0x85ebca6b);
      }
      let bucket = (high >>> 7) & this.#mask;
      while (this.#kind[bucket] !== 0) bucket = (bucket + 1) & this.#mask;
      this.#low[bucket] = low;
      this.#high[bucket] = high;
      this.#kind[bucket] = pool.hasFirst(word) ? 2 : 1;
    }
  }

  has(low: number, high: number, first: boolean): boolean {
    for (
      let bucket = (high >>> 7) & this.#mask;
      this.#kind[bucket] !== 0;
      bucket = (bucket + 1) & this.#mask
    ) {
      if (this.#low[bucket] === low && this.#high[bucket] === high) return !first || this.#kind[bucket] === 2;
    }
    return false;
  }
}
