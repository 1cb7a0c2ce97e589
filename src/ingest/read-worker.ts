/** Thread of read-parallel.ts: turns the lines that begin in a range of bytes into blocks of rows. */
import { openSync, readSync } from 'node:fs';
import { parentPort, type TransferListItem, workerData } from 'node:worker_threads';
import type { LogFormat, Sample } from './format.js';
import { openFormat } from './handler.js';
import { Pseudonyms } from './pseudonyms.js';
import type { ReadPart, ReadTask, ReadWorkerData } from './read-parallel.js';
import { RecordPump } from './record-pump.js';
import { MAX_RECORD_BYTES } from './record-reader.js';
import { RejectTable } from './rejects.js';
import type { RowBlock } from './row-block.js';
import { RowTally } from './tally.js';
import { TimeReader } from './time.js';
import { parseZone } from './zone.js';

const LF = 10;
const QUOTE = 34;

const port = parentPort!;
const data = workerData as ReadWorkerData;
const format = await formatOf(data.format);
const zone = parseZone(data.zone);
const sample: Sample = { ...data.sample, bytes: Buffer.alloc(0) };
const file = openSync(data.path, 'r');
const SPARE_BYTES = 1 << 16;
let buffer: Buffer = Buffer.alloc(0);
const pseudonyms = new Pseudonyms(data.pseudonymKey);
/** The reader of the last range stays until the next one is there: V8 forgets compiled code with the last of its objects. */
const kept: RecordPump[] = [];

port.on('message', (task: ReadTask) => {
  const part = readPart(task);
  port.postMessage(part, transferable(part.blocks));
});

/** Loads the one format that is needed: all of them would take longer than the first range. */
async function formatOf(format: ReadWorkerData['format']): Promise<LogFormat> {
  if (typeof format !== 'string') return (await import('./map-format.js')).formatOfMap(format);
  const module = (await import(`./formats/${format}.js`)) as Record<string, LogFormat>;
  return Object.values(module).find(({ name }) => name === format)!;
}

function readPart({ index, from, to }: ReadTask): ReadPart {
  const blocks: RowBlock[] = [];
  const rejects = new RejectTable(false);
  const tally = new RowTally();
  const pump = new RecordPump(format, openFormat(format, pseudonyms, null), {
    rows: { add: (block) => blocks.push(block) },
    rejects,
    tally,
    times: new TimeReader(zone),
  });
  kept[0] = pump;
  // A range begins with the first line that begins in it, and ends with the last one's end, wherever that is.
  const begin = from === 0 ? 0 : lineStartFrom(from);
  const end = to <= begin ? begin : lineStartFrom(to);
  pump.begin(sample, from === 0 ? 0 : 1);
  // The last line begins in the range: one that goes on for longer than a record may is not read.
  const isOverlong = end > begin && end - to > MAX_RECORD_BYTES;
  const bytes = readRange(begin, isOverlong ? to : end);
  const hasQuotes = format.shape === 'csv' && (isOverlong || bytes.includes(QUOTE));
  if (!hasQuotes) {
    pump.feed(bytes);
    if (isOverlong) pump.skipLine();
    pump.endInput(false);
    pump.flush();
  }
  return {
    index,
    begin,
    hasQuotes,
    blocks,
    rows: pump.rowCount,
    lines: pump.linesRead - (from === 0 ? 0 : 1),
    rejects: rejects.list(),
    tally: { ...tally },
  };
}

/** The bytes of a range, in a buffer that the next range takes over. */
function readRange(begin: number, end: number): Buffer {
  if (buffer.length < end - begin) buffer = Buffer.allocUnsafe(end - begin + SPARE_BYTES);
  let length = 0;
  while (length < end - begin) {
    const count = readSync(file, buffer, length, end - begin - length, begin + length);
    if (count === 0) break;
    length += count;
  }
  return buffer.subarray(0, length);
}

/** The beginning of the first line that does not begin before `position`. */
function lineStartFrom(position: number): number {
  const bytes = Buffer.allocUnsafe(1 << 16);
  for (let at = position - 1; ; at += bytes.length) {
    const length = readSync(file, bytes, 0, bytes.length, at);
    if (length === 0) return at;
    const lf = bytes.subarray(0, length).indexOf(LF);
    if (lf >= 0) return at + lf + 1;
  }
}

/** The buffers of blocks, which move to the other thread instead of being copied. */
function transferable(blocks: readonly RowBlock[]): TransferListItem[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { secs, nanos, columns } of blocks) {
    const arrays: (ArrayBufferView | null)[] = [secs, nanos];
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
