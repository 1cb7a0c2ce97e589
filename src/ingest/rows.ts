/**
 * Rows on their way into a trace: a format fills the staged row, `commit` appends it column by column to blocks of
 * typed arrays (a lengths-only row costs 20 bytes), and at the end the blocks come out as batches, in order of arrival.
 */
import type { Operation, TraceBatch, TraceStatus } from '../types.js';
import {
  BoolStore,
  type ColumnStore,
  Int32Store,
  Int64Store,
  ListStore,
  StringStore,
} from './column-store.js';
import { U64List } from './record.js';
import { sortedOrder } from './sort.js';
import type { TimeReader } from './time.js';
import type { LocalKind } from './zone.js';

/** Trace columns beside the arrival. */
export type RowField =
  | 'inputTokens'
  | 'outputTokens'
  | 'cachedTokens'
  | 'reasoningTokens'
  | 'maxOutputTokens'
  | 'requestId'
  | 'sessionId'
  | 'parentId'
  | 'turn'
  | 'thinkNs'
  | 'clientId'
  | 'model'
  | 'adapter'
  | 'operation'
  | 'stream'
  | 'images'
  | 'blockHashes'
  | 'status'
  | 'httpStatus'
  | 'ttftNs'
  | 'durationNs';

/** The row being read. null = unknown. */
export class StagedRow {
  /** Arrival: whole seconds and nanoseconds since 1970 or since the trace's start, and how it was written. */
  sec = 0;
  nanos = 0;
  places = 0;
  isDate = false;
  hasZone = true;
  localKind: LocalKind = 'plain';
  inputTokens: number | null = null;
  outputTokens: number | null = null;
  cachedTokens: number | null = null;
  reasoningTokens: number | null = null;
  maxOutputTokens: number | null = null;
  requestId: string | null = null;
  sessionId: string | null = null;
  parentId: string | null = null;
  turn: number | null = null;
  thinkNs: bigint | null = null;
  clientId: string | null = null;
  model: string | null = null;
  adapter: string | null = null;
  operation: Operation | null = null;
  stream: boolean | null = null;
  images: number | null = null;
  /** Set to `hashes` when the row has block ids. */
  blockHashes: U64List | null = null;
  status: TraceStatus | null = null;
  httpStatus: number | null = null;
  ttftNs: bigint | null = null;
  durationNs: bigint | null = null;
  /** Storage for block ids, reused from row to row. */
  readonly hashes = new U64List();

  /** Takes over the time just read as the arrival. */
  setArrival(time: TimeReader): void {
    this.sec = time.sec;
    this.nanos = time.nanos;
    this.places = time.places;
    this.isDate = time.isDate;
    this.hasZone = time.hasZone;
    this.localKind = time.localKind;
  }

  clear(fields: readonly RowField[]): void {
    for (const field of fields) this[field] = null;
  }
}

interface Instant {
  readonly sec: number;
  readonly nanos: number;
}

/** Rows of a block, and of a batch that comes out. */
export const BLOCK_ROWS = 65_536;

/** All rows of an ingest. */
export class RowCollector {
  readonly row = new StagedRow();
  readonly fields: readonly RowField[];
  rowCount = 0;
  /** Rows that arrived before an earlier row. */
  outOfOrderRows = 0;

  readonly #stores: readonly ColumnStore[];
  readonly #secs: Float64Array[] = [];
  readonly #nanos: Int32Array[] = [];
  #lastSec = Number.NEGATIVE_INFINITY;
  #lastNanos = 0;
  #order: Uint32Array | null = null;

  constructor(fields: readonly RowField[]) {
    this.fields = fields;
    this.#stores = fields.map(storeFor);
  }

  /** Appends the staged row. */
  commit(): void {
    const { row } = this;
    const at = this.rowCount % BLOCK_ROWS;
    if (at === 0) {
      this.#secs.push(new Float64Array(BLOCK_ROWS));
      this.#nanos.push(new Int32Array(BLOCK_ROWS));
      for (const store of this.#stores) store.addBlock();
    }
    this.#secs[this.#secs.length - 1][at] = row.sec;
    this.#nanos[this.#nanos.length - 1][at] = row.nanos;
    for (let i = 0; i < this.#stores.length; i++) this.#stores[i].set(at, row[this.fields[i]]);
    this.rowCount += 1;
    if (row.sec < this.#lastSec || (row.sec === this.#lastSec && row.nanos < this.#lastNanos)) {
      this.outOfOrderRows += 1;
    } else {
      this.#lastSec = row.sec;
      this.#lastNanos = row.nanos;
    }
  }

  /** Sorts by arrival, rows that arrive together in the order of the source. Call once, after the last row. */
  sort(): void {
    if (this.outOfOrderRows > 0)
      this.#order = sortedOrder(this.rowCount, this.#secs, this.#nanos, BLOCK_ROWS);
  }

  /** First arrival. */
  start(): Instant {
    const row = this.#order === null ? 0 : this.#order[0];
    const block = Math.floor(row / BLOCK_ROWS);
    return { sec: this.#secs[block][row % BLOCK_ROWS], nanos: this.#nanos[block][row % BLOCK_ROWS] };
  }

  /** Offsets from the first arrival, ns; exact below 2^53 (104 days). In order of arrival. */
  *offsetsNs(): Generator<Float64Array> {
    const start = this.start();
    for (let from = 0; from < this.rowCount; from += BLOCK_ROWS) {
      const { secs, nanos } = this.#timesOf(from, Math.min(BLOCK_ROWS, this.rowCount - from));
      yield secs.map((sec, i) => (sec - start.sec) * 1e9 + (nanos[i] - start.nanos));
    }
  }

  /** The rows as trace batches, in order of arrival. */
  *batches(): Generator<TraceBatch> {
    const start = this.start();
    for (let from = 0; from < this.rowCount; from += BLOCK_ROWS) {
      const rowCount = Math.min(BLOCK_ROWS, this.rowCount - from);
      const order = this.#order?.subarray(from, from + rowCount) ?? null;
      const batch: Record<string, unknown> = { rowCount, arrivalNs: this.#arrivals(from, rowCount, start) };
      this.fields.forEach((field, index) => {
        const store = this.#stores[index];
        const column = order === null ? store.block(from / BLOCK_ROWS, rowCount) : store.gather(order);
        if (column !== null) batch[field] = column;
      });
      yield batch as unknown as TraceBatch;
    }
  }

  /** Times of consecutive rows in order of arrival; `from` is the beginning of a block. */
  #timesOf(from: number, rowCount: number): { readonly secs: Float64Array; readonly nanos: Int32Array } {
    const order = this.#order;
    if (order === null) {
      const block = from / BLOCK_ROWS;
      return {
        secs: this.#secs[block].subarray(0, rowCount),
        nanos: this.#nanos[block].subarray(0, rowCount),
      };
    }
    const secs = new Float64Array(rowCount);
    const nanos = new Int32Array(rowCount);
    for (let i = 0; i < rowCount; i++) {
      const block = Math.floor(order[from + i] / BLOCK_ROWS);
      const at = order[from + i] % BLOCK_ROWS;
      secs[i] = this.#secs[block][at];
      nanos[i] = this.#nanos[block][at];
    }
    return { secs, nanos };
  }

  #arrivals(from: number, rowCount: number, start: Instant): BigInt64Array {
    const { secs, nanos } = this.#timesOf(from, rowCount);
    const arrivals = new BigInt64Array(rowCount);
    const words = new Uint32Array(arrivals.buffer);
    for (let i = 0; i < rowCount; i++) {
      const seconds = secs[i] - start.sec;
      if (seconds < MAX_EXACT_SEC) {
        const ns = seconds * 1e9 + (nanos[i] - start.nanos);
        words[i * 2] = ns >>> 0;
        words[i * 2 + 1] = Math.floor(ns / 4_294_967_296);
      } else arrivals[i] = BigInt(seconds) * 1_000_000_000n + BigInt(nanos[i] - start.nanos);
    }
    return arrivals;
  }
}

/** Seconds whose nanoseconds still fit 2^53. */
const MAX_EXACT_SEC = 9_007_198;

function storeFor(field: RowField): ColumnStore {
  switch (field) {
    case 'thinkNs':
    case 'ttftNs':
    case 'durationNs':
      return new Int64Store(BLOCK_ROWS);
    case 'requestId':
    case 'sessionId':
    case 'parentId':
    case 'clientId':
    case 'model':
    case 'adapter':
    case 'operation':
    case 'status':
      return new StringStore(BLOCK_ROWS);
    case 'stream':
      return new BoolStore(BLOCK_ROWS);
    case 'blockHashes':
      return new ListStore(BLOCK_ROWS);
    default:
      return new Int32Store(BLOCK_ROWS);
  }
}
