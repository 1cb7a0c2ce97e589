/** Worker thread of `token-ends.ts`: exact token boundaries by tiktoken, away from the step clock. */
import { parentPort, workerData } from 'node:worker_threads';
import { createTokenCounter } from '../tokens/counter.js';

const counter = createTokenCounter((workerData as { encoding: string }).encoding);

parentPort!.on('message', ({ job, texts }: { job: number; texts: readonly string[] }) => {
  const ends = texts.map((text) => counter.tokenEnds(text));
  parentPort!.postMessage(
    { job, ends },
    ends.map((column) => column.buffer as ArrayBuffer),
  );
});
