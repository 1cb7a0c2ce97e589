/**
 * Trace batches → what session fitting reads: who follows whom by the log's own ids, and block lists. Costs nothing for
 * traces without ids and hashes; else 4 bytes a row and 4 a block reference (24 more per distinct block while reading).
 */
import { BlockNumbers } from '../../stats/block-numbers.js';
import type { Int64Column, StringColumn, TraceBatch, TraceRow, U64ListColumn } from '../../types.js';
import { Growing } from '../growing.js';

/** Names in code of the columns that session fitting reads beside those of every fit. */
export const SESSION_COLUMNS = [
  'sessionId',
  'parentId',
  'thinkNs',
  'durationNs',
  'blockHashes',
] as const satisfies readonly (keyof TraceRow)[];

/** Read beside these where rows name their parent; a text per row, so not read in vain. */
export const REQUEST_ID_COLUMN = 'requestId' satisfies keyof TraceRow;

export interface SessionColumns {
  readonly rowCount: number;
  /** Number of the row's session, −1 = none; null = no row has one. */
  readonly session: Int32Array | null;
  /** Row of the parent, −1 = none or outside of the trace; null = no row names one. */
  readonly parent: Int32Array | null;
  /** Logged think time and duration, seconds, NaN = unknown; null = unknown in every row. */
  readonly thinkSec: Float64Array | null;
  readonly durationSec: Float64Array | null;
  /** Row i has `numbers[offsets[i] .. offsets[i + 1])`; null = no row has hashes. */
  readonly blocks: {
    readonly offsets: Uint32Array;
    readonly numbers: Int32Array;
    readonly distinct: number;
  } | null;
}

interface NamedBatch {
  readonly firstRow: number;
  readonly rowCount: number;
  readonly requestId: StringColumn;
  readonly parentId: StringColumn | undefined;
}

/** Collects batches one by one. */
export class SessionCollector {
  #rows = 0;
  readonly #session = new Growing((length) => new Int32Array(length));
  readonly #sessionOf = new Map<string, number>();
  readonly #named: NamedBatch[] = [];
  readonly #think = new SecondsCollector();
  readonly #duration = new SecondsCollector();
  readonly #listed = new Growing((length) => new Int32Array(length));
  readonly #numbers = new Growing((length) => new Int32Array(length));
  readonly #blockNumbers = new BlockNumbers();

  add(batch: TraceBatch): void {
    const n = batch.rowCount;
    this.#addSessions(batch.sessionId, n);
    if (batch.requestId !== undefined) {
      const { requestId, parentId } = batch;
      this.#named.push({ firstRow: this.#rows, rowCount: n, requestId, parentId });
    }
    this.#think.add(batch.thinkNs, n);
    this.#duration.add(batch.durationNs, n);
    this.#addBlocks(batch.blockHashes, n);
    this.#rows += n;
  }

  finish(): SessionColumns {
    return {
      rowCount: this.#rows,
      session: this.#sessionOf.size > 0 ? this.#session.finish() : null,
      parent: resolveParents(this.#named, this.#rows),
      thinkSec: this.#think.finish(),
      durationSec: this.#duration.finish(),
      blocks: this.#finishBlocks(),
    };
  }

  #addSessions(column: StringColumn | undefined, n: number): void {
    const { values, start } = this.#session.extend(n);
    values.fill(-1, start, start + n);
    if (column === undefined) return;
    // Batches carry their own dictionaries; here sessions get one numbering.
    const own = column.dictionary.map((name) => {
      const number = this.#sessionOf.get(name) ?? this.#sessionOf.size;
      this.#sessionOf.set(name, number);
      return number;
    });
    for (let i = 0; i < n; i++) if (column.codes[i] >= 0) values[start + i] = own[column.codes[i]];
  }

  #addBlocks(column: U64ListColumn | undefined, n: number): void {
    const listed = this.#listed.extend(n);
    listed.values.fill(0, listed.start, listed.start + n);
    if (column === undefined) return;
    const lanes = new Uint32Array(column.values.buffer, column.values.byteOffset, column.values.length * 2);
    for (let i = 0; i < n; i++) {
      if (column.valid?.[i] === 0) continue;
      const from = column.offsets[i];
      const count = column.offsets[i + 1] - from;
      const { values, start } = this.#numbers.extend(count);
      for (let k = 0; k < count; k++) {
        values[start + k] = this.#blockNumbers.of(lanes[2 * (from + k)], lanes[2 * (from + k) + 1]);
      }
      listed.values[listed.start + i] = count;
    }
  }

  #finishBlocks(): SessionColumns['blocks'] {
    if (this.#blockNumbers.size === 0) return null;
    const offsets = new Uint32Array(this.#rows + 1);
    this.#listed.finish().forEach((count, row) => {
      offsets[row + 1] = offsets[row] + count;
    });
    return { offsets, numbers: this.#numbers.finish(), distinct: this.#blockNumbers.size };
  }
}

/** Times in seconds, NaN = unknown; takes no memory until one is known. */
class SecondsCollector {
  readonly #values = new Growing((length) => new Float64Array(length));
  #rows = 0;
  #isKnown = false;

  add(column: Int64Column | undefined, n: number): void {
    const isKnown =
      column !== undefined && (column.valid === null || column.valid.subarray(0, n).includes(1));
    if (isKnown && !this.#isKnown) this.#extendUnknown(this.#rows);
    this.#isKnown ||= isKnown;
    this.#rows += n;
    if (!this.#isKnown) return;
    const { values, start } = this.#extendUnknown(n);
    if (column === undefined) return;
    for (let i = 0; i < n; i++) {
      if (column.valid?.[i] !== 0) values[start + i] = Number(column.values[i]) / 1e9;
    }
  }

  finish(): Float64Array | null {
    return this.#isKnown ? this.#values.finish() : null;
  }

  #extendUnknown(n: number): { readonly values: Float64Array; readonly start: number } {
    const room = this.#values.extend(n);
    room.values.fill(Number.NaN, room.start, room.start + n);
    return room;
  }
}

/** Rows of parents. Ids may be defined after they are referred to (rows at one instant), so this waits for all rows. */
function resolveParents(named: readonly NamedBatch[], rows: number): Int32Array | null {
  const hasParents = named.some(({ parentId, rowCount }) =>
    parentId?.codes.subarray(0, rowCount).some((code) => code >= 0),
  );
  if (!hasParents) return null;
  const rowOf = new Map<string, number>();
  for (const { firstRow, rowCount, requestId } of named) {
    for (let i = 0; i < rowCount; i++) {
      if (requestId.codes[i] >= 0) rowOf.set(requestId.dictionary[requestId.codes[i]], firstRow + i);
    }
  }
  const parent = new Int32Array(rows).fill(-1);
  for (const { firstRow, rowCount, parentId } of named) {
    for (let i = 0; i < rowCount; i++) {
      const code = parentId?.codes[i] ?? -1;
      if (code < 0 || parentId === undefined) continue;
      const row = rowOf.get(parentId.dictionary[code]) ?? -1;
      if (row < firstRow + i) parent[firstRow + i] = row;
    }
  }
  return parent;
}

const BLOCK_SIZES = [16, 32, 64, 128, 256, 512, 1_024, 2_048];
const SIZE_AGREEMENT = 0.95;

/** Tokens per block where the file does not say: the size by which nearly all lists have the right length. */
export function inferBlockSize(offsets: Uint32Array, inputTokens: ArrayLike<number>): number | null {
  const rows = offsets.length - 1;
  for (const size of BLOCK_SIZES) {
    let listed = 0;
    let agree = 0;
    for (let i = 0; i < rows; i++) {
      const count = offsets[i + 1] - offsets[i];
      if (count === 0 || inputTokens[i] <= 0) continue;
      listed += 1;
      if (count === Math.ceil(inputTokens[i] / size)) agree += 1;
    }
    if (listed > 0 && agree >= SIZE_AGREEMENT * listed) return size;
  }
  return null;
}
