/** Thread of read-parallel.ts: reads the ranges that it is given. */
import { parentPort, type TransferListItem, workerData } from 'node:worker_threads';
import type { LogFormat } from './format.js';
import { RangeReader } from './range-reader.js';
import type { ReadTask, ReadWorkerData } from './read-parallel.js';
import type { RowBlock } from './row-block.js';
import { parseZone } from './zone.js';

const port = parentPort!;
const data = workerData as ReadWorkerData;
const reader = new RangeReader({
  ...data,
  format: await formatOf(data.format),
  zone: parseZone(data.zone),
});

port.on('message', (task: ReadTask) => {
  const part = reader.read(task);
  port.postMessage(part, transferable(part.blocks));
});

/** Loads the one format that is needed: all of them would take longer than the first range. */
async function formatOf(format: ReadWorkerData['format']): Promise<LogFormat> {
  if (typeof format !== 'string') return (await import('./map-format.js')).formatOfMap(format);
  const module = (await import(`./formats/${format}.js`)) as Record<string, LogFormat>;
  return Object.values(module).find(({ name }) => name === format)!;
}

/** The buffers of blocks, which move to the other thread instead of being copied. */
function transferable(blocks: readonly RowBlock[]): TransferListItem[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { secs, nanos, columns, marks = null } of blocks) {
    const arrays: (ArrayBufferView | null)[] = [secs, nanos, marks];
    for (const column of columns) {
      if (column === null) continue;
      if ('codes' in column) arrays.push(column.codes);
      else {
        arrays.push(column.values, column.valid);
        if ('offsets' in column) arrays.push(column.offsets);
      }
    }
    for (const array of arrays) if (array !== null) buffers.add(array.buffer as ArrayBuffer);
  }
  return [...buffers];
}
