/** Main-thread side of writing an asynchronous source: hands batches to the worker, a few in flight at most. */
import { Worker } from 'node:worker_threads';
import { ToolError, type ToolErrorOptions } from '../errors.js';
import type { ProgressListener, TraceBatch } from '../types.js';
import type { TraceEngine, TraceWriteJob } from './write.js';

/** What the worker is started with. */
export interface WriteWorkerData {
  readonly engine: TraceEngine;
  readonly job: Omit<TraceWriteJob, 'batches'>;
  /** Counts messages sent to the worker, which waits on it. */
  readonly sent: Int32Array<SharedArrayBuffer>;
}

/** To the worker. `end`: no more rows; `fail`: give up. */
export type ToWriteWorker =
  | { readonly kind: 'batch'; readonly batch: TraceBatch }
  | { readonly kind: 'end' }
  | { readonly kind: 'fail' };

/** From the worker. `took`: one batch has been taken off the queue. */
export type FromWriteWorker =
  | { readonly kind: 'took' }
  | { readonly kind: 'written'; readonly rows: number; readonly contentHash: string }
  | { readonly kind: 'refused'; readonly error: ToolErrorOptions }
  | { readonly kind: 'broken'; readonly error: Error };

export interface WorkerWriteOptions {
  readonly engine: TraceEngine;
  readonly job: Omit<TraceWriteJob, 'batches'>;
  readonly first: readonly TraceBatch[];
  readonly rest: AsyncIterator<TraceBatch>;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

const BATCHES_IN_FLIGHT = 4;

/** Writes `first` and then `rest`. Throws what the source throws, the signal's reason, or the worker's failure. */
export async function writeThroughWorker(
  options: WorkerWriteOptions,
): Promise<{ rows: number; contentHash: string }> {
  const sent = new Int32Array(new SharedArrayBuffer(4));
  const workerData: WriteWorkerData = { engine: options.engine, job: options.job, sent };
  const worker = new Worker(new URL('./write-worker.js', import.meta.url), { workerData });
  let inFlight = 0;
  let wake: (() => void) | null = null;
  let over = false;
  const outcome = new Promise<{ rows: number; contentHash: string }>((resolve, reject) => {
    worker.on('message', (message: FromWriteWorker) => {
      if (message.kind === 'took') inFlight -= 1;
      else {
        over = true;
        if (message.kind === 'written') resolve({ rows: message.rows, contentHash: message.contentHash });
        else reject(message.kind === 'refused' ? new ToolError(message.error) : message.error);
      }
      wake?.();
    });
    const onFailure = (error: Error): void => {
      over = true;
      reject(error);
      wake?.();
    };
    worker.on('error', onFailure);
    worker.on('exit', (status) => onFailure(new Error(`the writing thread ended early (${status})`)));
  });
  outcome.catch(() => undefined);
  const send = (message: ToWriteWorker): void => {
    worker.postMessage(message);
    Atomics.add(sent, 0, 1);
    Atomics.notify(sent, 0);
  };
  try {
    let rows = 0;
    for await (const batch of chain(options.first, options.rest)) {
      options.signal?.throwIfAborted();
      while (inFlight >= BATCHES_IN_FLIGHT && !over) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (over) break;
      inFlight += 1;
      send({ kind: 'batch', batch });
      rows += batch.rowCount;
      options.progress?.({ stage: 'write trace', done: rows, total: null, unit: 'rows' });
    }
    if (!over) send({ kind: 'end' });
    return await outcome;
  } catch (error) {
    if (!over) send({ kind: 'fail' });
    await outcome.catch(() => undefined);
    throw error;
  } finally {
    await worker.terminate();
  }
}

async function* chain(
  first: readonly TraceBatch[],
  rest: AsyncIterator<TraceBatch>,
): AsyncGenerator<TraceBatch> {
  yield* first;
  let ended = false;
  try {
    for (;;) {
      const step = await rest.next();
      if (step.done) {
        ended = true;
        return;
      }
      yield step.value;
    }
  } finally {
    if (!ended) await rest.return?.();
  }
}
