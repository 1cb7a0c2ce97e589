/** Worker thread of encode-pool.ts: encodes the row groups that it is sent, one after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import type { EncodeWorkerData, FromEncodeWorker } from './encode-pool.js';
import { GroupEncoder } from './parquet-encode.js';
import type { RowGroup } from './row-groups.js';

const port = parentPort!;
const { fields, profile } = workerData as EncodeWorkerData;
const encoder = new GroupEncoder(fields, profile);

port.on('message', (group: RowGroup) => {
  let answer: FromEncodeWorker;
  try {
    answer = { group: encoder.encode(group), error: null };
  } catch (error) {
    answer = { group: null, error: error as Error };
  }
  port.postMessage(answer, answer.group === null ? [] : [answer.group.bytes.buffer]);
});
