/**
 * A run's log in the order of the schedule, without holding it in memory: the log is in the order of ending.
 *
 * One pass reads the keys of the order (24 bytes a record while they are sorted, 4 are kept); then windows of records are
 * read in order, each batch of the log decoded once per window. Ends come nearly in the order of sending, so a window's
 * records lie in few batches.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type * as Arrow from 'apache-arrow';
import { ToolError } from '../errors.js';
import type { RunRecord } from '../types.js';
import type { ColumnBatch } from './columns.js';
import { halvesOf, RunColumns } from './run-columns.js';
import { bodyLengthOf, END_OF_STREAM_BYTES, HEADER_KEY, rowCountOf } from './run-log.js';
import { orderOfRows } from './run-order.js';

/** The records of a log, by intended instant, then row, then attempt. Can be passed over again and again. */
export interface SortedRunLog extends Iterable<RunRecord> {
  readonly header: string;
  readonly count: number;
  /** Bytes after the last whole batch. */
  readonly lostBytes: number;
  /** The same records as columns, in the order of RUN_COLUMNS. */
  batches(): Iterable<ColumnBatch>;
  close(): void;
}

const WINDOW_RECORDS = 16_384;

/** Opens a log for reading in order. Throws BAD_RUN when it does not begin like one. */
export async function openSortedRunLog(path: string): Promise<SortedRunLog> {
  const arrow = await import('apache-arrow');
  const file = openSync(path, 'r');
  try {
    const { schema, batches, end } = messagesOf(file);
    if (schema === null) throw notALog(path);
    const schemaBytes = readBytes(file, schema);
    const endMark = new Uint8Array(END_OF_STREAM_BYTES);
    endMark.fill(0xff, 0, 4);
    const openStream = (body: readonly Uint8Array[]): Arrow.RecordBatchReader =>
      arrow.RecordBatchReader.from(Buffer.concat([schemaBytes, ...body, endMark])).open();
    const header = openStream([]).schema.metadata.get(HEADER_KEY);
    if (header === undefined) throw notALog(path);
    const log: Log = {
      batches,
      open: (batch) => [...openStream([readBytes(file, batches[batch])])][0],
    };
    const order = orderOf(log);
    function* windows(): Generator<RunColumns> {
      for (let from = 0; from < order.length; from += WINDOW_RECORDS)
        yield readWindow(log, order.subarray(from, from + WINDOW_RECORDS));
    }
    return {
      header,
      count: order.length,
      lostBytes: fstatSync(file).size - end,
      close: () => closeSync(file),
      *batches() {
        for (const window of windows()) yield window.batch();
      },
      *[Symbol.iterator]() {
        for (const window of windows()) yield* window.records();
      },
    };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

interface Span {
  readonly from: number;
  readonly bytes: number;
}

interface BatchSpan extends Span {
  /** Place of its first record in the log. */
  readonly first: number;
  readonly rows: number;
}

interface Log {
  readonly batches: readonly BatchSpan[];
  open(batch: number): Arrow.RecordBatch;
}

/** Whole messages of the stream: FF FF FF FF, int32 length of metadata, metadata, body. The first one is the schema. */
function messagesOf(file: number): { schema: Span | null; batches: BatchSpan[]; end: number } {
  const { size } = fstatSync(file);
  let schema: Span | null = null;
  const batches: BatchSpan[] = [];
  let first = 0;
  let at = 0;
  while (at + 8 <= size) {
    const head = readBytes(file, { from: at, bytes: 8 });
    const metadataBytes = head.readInt32LE(4);
    if (head.readInt32LE(0) !== -1 || metadataBytes <= 0 || at + 8 + metadataBytes > size) break;
    const metadata = readBytes(file, { from: at + 8, bytes: metadataBytes });
    const bytes = 8 + metadataBytes + bodyLengthOf(metadata);
    if (at + bytes > size) break;
    if (schema === null) schema = { from: at, bytes };
    else {
      const rows = rowCountOf(metadata);
      batches.push({ from: at, bytes, first, rows });
      first += rows;
    }
    at += bytes;
  }
  return { schema, batches, end: at };
}

function readBytes(file: number, { from, bytes: length }: Span): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const read = readSync(file, bytes, done, length - done, from + done);
    if (read === 0) throw new Error('the log became shorter while it was read');
    done += read;
  }
  return bytes;
}

/** Places of the records in the log, in the order of the schedule. */
function orderOf({ batches, open }: Log): Uint32Array {
  const last = batches.at(-1);
  const count = last === undefined ? 0 : last.first + last.rows;
  const intendedHigh = new Int32Array(count);
  const intendedLow = new Uint32Array(count);
  const index = new Int32Array(count);
  const attempt = new Int32Array(count);
  for (const [b, { first, rows }] of batches.entries()) {
    const batch = open(b);
    const valuesOf = (name: string): unknown => batch.getChild(name)!.data[0].values;
    const halves = halvesOf(valuesOf('intended_ns') as BigInt64Array);
    for (let row = 0; row < rows; row++) {
      intendedLow[first + row] = halves[2 * row];
      intendedHigh[first + row] = halves[2 * row + 1];
    }
    index.set((valuesOf('index') as Int32Array).subarray(0, rows), first);
    attempt.set((valuesOf('attempt') as Int32Array).subarray(0, rows), first);
  }
  return orderOfRows(count, [intendedHigh, intendedLow, index, attempt]);
}

function readWindow(log: Log, places: Uint32Array): RunColumns {
  const wanted = new Map<number, { readonly fromRows: number[]; readonly toRows: number[] }>();
  for (const [toRow, place] of places.entries()) {
    const batch = batchAt(log.batches, place);
    let rows = wanted.get(batch);
    if (rows === undefined) {
      rows = { fromRows: [], toRows: [] };
      wanted.set(batch, rows);
    }
    rows.fromRows.push(place - log.batches[batch].first);
    rows.toRows.push(toRow);
  }
  const window = new RunColumns(places.length);
  for (const [batch, { fromRows, toRows }] of wanted) window.copy(log.open(batch), fromRows, toRows);
  return window;
}

/** The batch that holds the record at a place: the last one that begins there or before. */
function batchAt(batches: readonly BatchSpan[], place: number): number {
  let low = 0;
  let high = batches.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (batches[middle].first <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

const notALog = (path: string): ToolError =>
  new ToolError({
    code: 'BAD_RUN',
    message: `${path} is no log of a run`,
    hint: 'name the folder that `tokentide replay -o` made',
  });
