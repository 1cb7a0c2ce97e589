/** The worker thread of token-tally.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { openTokenizer } from '../tokens/open.js';
import type { TallyReply, TallyRequest } from './token-tally.js';

const counter = openTokenizer((workerData as { encoding: string }).encoding);

parentPort?.on('message', ({ id, text, firstLength }: TallyRequest) => {
  const counted = {
    tokens: counter.count(text),
    firstTokens: firstLength === text.length ? 0 : counter.count(text.slice(0, firstLength)),
  };
  parentPort?.postMessage({
    id,
    counted: { ...counted, firstTokens: counted.firstTokens || counted.tokens },
  } satisfies TallyReply);
});
