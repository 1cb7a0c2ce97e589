/** Thread of read-threads.ts: reads the ranges of files that it is given, and in the end encodes columns of the trace. */
import { parentPort, type TransferListItem } from 'node:worker_threads';
import type { EncodeWorkerData, ToEncodeWorker } from '../trace/encode-pool.js';
import type { LogFormat } from './format.js';
import { RangeReader } from './range-reader.js';
import type { ReadTask, ToRead } from './read-threads.js';
import type { RowBlock } from './row-block.js';
import { parseZone } from './zone.js';

const port = parentPort!;
let reader: Promise<RangeReader> | null = null;
let encoder: Promise<(message: ToEncodeWorker) => void> | null = null;

port.on('message', async (message: ToRead | ReadTask | EncodeWorkerData | ToEncodeWorker) => {
  if (message === null || 'columns' in message) (await encoder!)(message);
  else if ('fields' in message)
    encoder = import('../trace/encode-pool.js').then(({ encoderOf }) => encoderOf(port, message));
  else if ('path' in message) reader = readerOf(message, reader);
  else {
    const part = (await reader!).read(message);
    port.postMessage(part, transferable(part.blocks));
  }
});

async function readerOf(file: ToRead, before: typeof reader): Promise<RangeReader> {
  (await before)?.close();
  return new RangeReader({ ...file, format: await formatOf(file.format), zone: parseZone(file.zone) });
}

/** Loads the one format that is needed: all of them would take longer than the first range. */
async function formatOf(format: ToRead['format']): Promise<LogFormat> {
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
