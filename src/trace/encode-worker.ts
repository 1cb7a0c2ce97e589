/** Worker thread of encode-pool.ts: encodes the row groups that it is sent, one after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ColumnBatch } from './columns.js';
import type { EncodeWorkerData, FromEncodeWorker } from './encode-pool.js';
import { GroupEncoder } from './parquet-encode.js';

const port = parentPort!;
const { fields, profile } = workerData as EncodeWorkerData;
const encoder = new GroupEncoder(fields, profile);

port.on('message', (group: ColumnBatch) => {
  let answer: FromEncodeWorker;
  try {
    answer = { group: encoder.encode(group), error: null };
  } catch (error) {
    answer = { group: null, error: error as Error };
  }
  port.postMessage(answer, answer.group === null ? [] : [answer.group.bytes.buffer]);
});
