/**
 * Worker threads that draw blocks ahead of the writer.
 *
 * The writer pulls rows synchronously (DuckDB asks for them inside a callback), so this side must be able to wait
 * without its event loop: replies come through message ports read with `receiveMessageOnPort`, and a shared counter
 * that workers raise wakes it. Each block goes to a fixed worker and a few are in flight, so memory stays flat.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { DrawnRows, RowBlock, RowSource } from './blocks.js';

/** What a worker is started with. */
export interface BlockWorkerData {
  readonly drawn: readonly DrawnRows[];
  readonly port: MessagePort;
  /** Replies sent so far by all workers; the main thread waits on it. */
  readonly replies: Int32Array<SharedArrayBuffer>;
}

export interface BlockRequest {
  readonly drawnIndex: number;
  readonly blockIndex: number;
}

export type BlockReply =
  | ({ readonly kind: 'block'; readonly block: RowBlock } & BlockRequest)
  | { readonly kind: 'failed'; readonly error: Error };

const BLOCKS_AHEAD_PER_WORKER = 2;
/** A block takes some 20 ms; a worker that is silent for this long has died. */
const SILENCE_LIMIT_MS = 60_000;

export class BlockPool {
  readonly #workers: readonly Worker[];
  readonly #ports: readonly MessagePort[];
  readonly #replies = new Int32Array(new SharedArrayBuffer(4));
  readonly #ready = new Map<string, RowBlock>();

  /** Rows are asked for by their place in `drawn`. */
  constructor(drawn: readonly DrawnRows[], workers: number) {
    const channels = Array.from({ length: workers }, () => new MessageChannel());
    this.#ports = channels.map(({ port1 }) => port1);
    this.#workers = channels.map(({ port2 }) => {
      const workerData: BlockWorkerData = { drawn, port: port2, replies: this.#replies };
      const worker = new Worker(new URL('./block-worker.js', import.meta.url), {
        workerData,
        transferList: [port2],
      });
      worker.unref();
      return worker;
    });
    for (const port of this.#ports) port.unref();
  }

  /** Rows of one entry, drawn ahead. */
  rows(drawnIndex: number): RowSource {
    let asked = 0;
    let taken = 0;
    return () => {
      while (asked < taken + BLOCKS_AHEAD_PER_WORKER * this.#workers.length) this.#ask(drawnIndex, asked++);
      return this.#take(drawnIndex, taken++);
    };
  }

  /** Ends the threads. */
  close(): void {
    for (const port of this.#ports) port.close();
    for (const worker of this.#workers) void worker.terminate();
    this.#ready.clear();
  }

  #ask(drawnIndex: number, blockIndex: number): void {
    const request: BlockRequest = { drawnIndex, blockIndex };
    this.#ports[(drawnIndex + blockIndex) % this.#ports.length].postMessage(request);
  }

  #take(drawnIndex: number, blockIndex: number): RowBlock {
    const key = keyOf({ drawnIndex, blockIndex });
    for (;;) {
      const seen = Atomics.load(this.#replies, 0);
      this.#collect();
      const block = this.#ready.get(key);
      if (block !== undefined) {
        this.#ready.delete(key);
        return block;
      }
      if (Atomics.wait(this.#replies, 0, seen, SILENCE_LIMIT_MS) === 'timed-out') {
        throw new Error(`no worker thread drew block ${key} within ${SILENCE_LIMIT_MS} ms`);
      }
    }
  }

  #collect(): void {
    for (const port of this.#ports) {
      for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
        const reply = got.message as BlockReply;
        if (reply.kind === 'failed') throw reply.error;
        this.#ready.set(keyOf(reply), reply.block);
      }
    }
  }
}

function keyOf({ drawnIndex, blockIndex }: BlockRequest): string {
  return `${drawnIndex}:${blockIndex}`;
}
