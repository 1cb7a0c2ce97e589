/** Worker thread of encode-pool.ts: encodes its columns of the row groups that it is sent, one after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import {
  ColumnWork,
  type EncodeWorkerData,
  type FromEncodeWorker,
  type ToEncodeWorker,
} from './encode-pool.js';

const port = parentPort!;
const work = new ColumnWork(workerData as EncodeWorkerData);

port.on('message', (group: ToEncodeWorker) => {
  let answer: FromEncodeWorker;
  try {
    answer = group === null ? { digests: work.digests() } : { group: work.encode(group) };
  } catch (error) {
    answer = { error: error as Error };
  }
  port.postMessage(answer, 'group' in answer ? [answer.group.bytes.buffer] : []);
});
