/** Worker thread of encode-pool.ts: encodes its columns of the row groups that it is sent, one after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { type EncodeWorkerData, encoderOf } from './encode-pool.js';

const port = parentPort!;
port.on('message', encoderOf(port, workerData as EncodeWorkerData));
