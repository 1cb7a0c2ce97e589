/**
 * A run's log in the order of the schedule, without holding it in memory: the log is in the order of ending.
 *
 * One pass reads the three numbers that the order needs (16 bytes a record are kept); then windows of records are read
 * in order, each batch of the log decoded once per window. Ends come nearly in the order of sending, so a window's
 * records lie in few batches.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ToolError } from '../errors.js';
import type { RunRecord } from '../types.js';
import { bodyLengthOf, cellsOf, END_OF_STREAM_BYTES, HEADER_KEY, recordsOfBatch } from './run-log.js';

/** The records of a log, by intended instant, then row, then attempt. Can be passed over again and again. */
export interface SortedRunLog extends Iterable<RunRecord> {
  readonly header: string;
  readonly count: number;
  /** Bytes after the last whole batch. */
  readonly lostBytes: number;
  close(): void;
}

const WINDOW_RECORDS = 8_192;

/** Opens a log for reading in order. Throws BAD_RUN when it does not begin like one. */
export async function openSortedRunLog(path: string): Promise<SortedRunLog> {
  const arrow = await import('apache-arrow');
  const file = openSync(path, 'r');
  try {
    const [schema, ...batches] = messagesOf(file);
    const schemaBytes = schema === undefined ? null : readBytes(file, schema.from, schema.bytes);
    const end = new Uint8Array(END_OF_STREAM_BYTES);
    end.fill(0xff, 0, 4);
    const open = (
      message: Span | null,
    ): Iterable<Parameters<typeof recordsOfBatch>[0]> & {
      schema: { metadata: Map<string, string> };
    } => {
      const body = message === null ? [] : [readBytes(file, message.from, message.bytes)];
      return arrow.RecordBatchReader.from(Buffer.concat([schemaBytes!, ...body, end])).open() as never;
    };
    const header = schemaBytes === null ? undefined : open(null).schema.metadata.get(HEADER_KEY);
    if (header === undefined) throw notALog(path);
    const whole = batches.length === 0 ? schema : batches[batches.length - 1];
    const lostBytes = fstatSync(file).size - (whole.from + whole.bytes);
    const place = orderOf(batches, open);
    return {
      header,
      count: place.batch.length,
      lostBytes,
      close: () => closeSync(file),
      *[Symbol.iterator]() {
        for (let from = 0; from < place.batch.length; from += WINDOW_RECORDS) {
          yield* readWindow(
            place,
            from,
            Math.min(place.batch.length, from + WINDOW_RECORDS),
            (batch) => [...open(batches[batch])][0],
          );
        }
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

/** Where the i-th record in order lies. */
interface Places {
  readonly batch: Uint32Array;
  readonly row: Uint32Array;
}

type Batch = Parameters<typeof recordsOfBatch>[0];

/** Whole messages of the stream: FF FF FF FF, int32 length of metadata, metadata, body. */
function messagesOf(file: number): Span[] {
  const { size } = fstatSync(file);
  const spans: Span[] = [];
  let at = 0;
  while (at + 8 <= size) {
    const head = readBytes(file, at, 8);
    const metadataBytes = head.readInt32LE(4);
    if (head.readInt32LE(0) !== -1 || metadataBytes <= 0 || at + 8 + metadataBytes > size) break;
    const metadata = readBytes(file, at + 8, metadataBytes);
    const bytes = 8 + metadataBytes + bodyLengthOf(metadata);
    if (at + bytes > size) break;
    spans.push({ from: at, bytes });
    at += bytes;
  }
  return spans;
}

function readBytes(file: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const read = readSync(file, bytes, done, length - done, from + done);
    if (read === 0) throw new Error('the log became shorter while it was read');
    done += read;
  }
  return bytes;
}

function orderOf(batches: readonly Span[], open: (span: Span) => Iterable<Batch>): Places {
  let capacity = 4_096;
  let count = 0;
  let intended = new Float64Array(capacity);
  let index = new Int32Array(capacity);
  let attempt = new Int32Array(capacity);
  let batchOf = new Uint32Array(capacity);
  let rowOf = new Uint32Array(capacity);
  for (const [b, span] of batches.entries()) {
    for (const batch of open(span)) {
      const rows = batch.numRows;
      if (count + rows > capacity) {
        capacity = Math.max(capacity * 2, count + rows);
        intended = grown(intended, capacity);
        index = grown(index, capacity);
        attempt = grown(attempt, capacity);
        batchOf = grown(batchOf, capacity);
        rowOf = grown(rowOf, capacity);
      }
      intended.set(cellsOf(batch, 'intended_ns', 'int64') as number[], count);
      index.set(cellsOf(batch, 'index', 'int32') as number[], count);
      attempt.set(cellsOf(batch, 'attempt', 'int32') as number[], count);
      batchOf.fill(b, count, count + rows);
      for (let row = 0; row < rows; row++) rowOf[count + row] = row;
      count += rows;
    }
  }
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => intended[a] - intended[b] || index[a] - index[b] || attempt[a] - attempt[b],
  );
  return { batch: order.map((i) => batchOf[i]), row: order.map((i) => rowOf[i]) };
}

function grown<T extends Float64Array | Int32Array | Uint32Array>(values: T, capacity: number): T {
  const larger = new (values.constructor as new (length: number) => T)(capacity);
  larger.set(values as never);
  return larger;
}

function readWindow(place: Places, from: number, to: number, open: (batch: number) => Batch): RunRecord[] {
  const byBatch = new Map<number, number[]>();
  for (let i = from; i < to; i++) {
    const wanted = byBatch.get(place.batch[i]);
    if (wanted === undefined) byBatch.set(place.batch[i], [i]);
    else wanted.push(i);
  }
  const window = new Array<RunRecord>(to - from);
  for (const [batch, wanted] of byBatch) {
    const records = [...recordsOfBatch(open(batch))];
    for (const i of wanted) window[i - from] = records[place.row[i]];
  }
  return window;
}

const notALog = (path: string): ToolError =>
  new ToolError({
    code: 'BAD_RUN',
    message: `${path} is no log of a run`,
    hint: 'name the folder that `tokentide replay -o` made',
  });
