/** Worker thread of block-pool.ts: draws the blocks that it is asked for, in the order asked. */
import { workerData } from 'node:worker_threads';
import type { BlockReply, BlockRequest, BlockWorkerData } from './block-pool.js';
import { BlockDrawer } from './blocks.js';

const { drawn, port, replies } = workerData as BlockWorkerData;
const drawers = new Map<number, BlockDrawer>();

function answer(reply: BlockReply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(reply, transfer);
  Atomics.add(replies, 0, 1);
  Atomics.notify(replies, 0);
}

port.on('message', ({ drawnIndex, blockIndex }: BlockRequest) => {
  try {
    let drawer = drawers.get(drawnIndex);
    if (drawer === undefined) {
      drawer = new BlockDrawer(drawn[drawnIndex]);
      drawers.set(drawnIndex, drawer);
    }
    const block = drawer.block(blockIndex);
    answer({ kind: 'block', drawnIndex, blockIndex, block }, [
      block.gaps.buffer as ArrayBuffer,
      block.input.buffer as ArrayBuffer,
      block.output.buffer as ArrayBuffer,
    ]);
  } catch (error) {
    answer({ kind: 'failed', error: error as Error });
  }
});
