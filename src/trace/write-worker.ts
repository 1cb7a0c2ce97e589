/** Worker thread that writes a trace from batches sent by write-bridge.ts; it blocks while it waits for the next one. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { ToolError } from '../errors.js';
import type { TraceBatch } from '../types.js';
import { writeTraceRows } from './write.js';
import type { FromWriteWorker, ToWriteWorker, WriteWorkerData } from './write-bridge.js';

const port = parentPort!;
const { engine, job, sent } = workerData as WriteWorkerData;
const post = (message: FromWriteWorker): void => port.postMessage(message);

function receive(): ToWriteWorker {
  for (;;) {
    const seen = Atomics.load(sent, 0);
    const received = receiveMessageOnPort(port);
    if (received !== undefined) return received.message as ToWriteWorker;
    Atomics.wait(sent, 0, seen);
  }
}

function* receivedBatches(): Generator<TraceBatch> {
  for (;;) {
    const message = receive();
    if (message.kind === 'end') return;
    if (message.kind === 'fail') throw new Error('the source of rows failed');
    post({ kind: 'took' });
    yield message.batch;
  }
}

try {
  post({ kind: 'written', ...(await writeTraceRows(engine, job, receivedBatches())) });
} catch (error) {
  if (error instanceof ToolError) {
    post({ kind: 'refused', error: { code: error.code, message: error.message, hint: error.hint } });
  } else post({ kind: 'broken', error: error as Error });
}
