/** Arrow "two traces": reads of a trace what a comparison needs, whole, in typed arrays (16 bytes a row, 12 a block id). */
import { BlockNumbers } from '../stats/block-numbers.js';
import type { BlockLists as NumberedBlocks } from '../stats/lru-curve.js';
import type { TraceReader } from '../trace/read.js';
import type { Int32Column, StringColumn, TraceBatch, U64ListColumn } from '../types.js';

/** Prefix-cache blocks of every row, numbered in order of first appearance. */
export interface BlockLists extends NumberedBlocks {
  /** Ids as in the trace. */
  readonly hashes: BigUint64Array;
}

/** A trace in memory, ready to be compared. */
export interface ComparableTrace {
  readonly name: string;
  /** Content hash of the trace file; empty for rows that never were in one. */
  readonly hash: string;
  /** Seconds from the trace's start, never falling. */
  readonly arrivalSec: Float64Array;
  /** Time 0 is the start of the window that was drawn; otherwise the window starts with the first arrival. */
  readonly synthetic: boolean;
  /** −1 = unknown. */
  readonly inputTokens: Int32Array;
  readonly outputTokens: Int32Array;
  /** null = none known. */
  readonly blocks: BlockLists | null;
  /** Numbers of sessions, −1 = none; null = none known. */
  readonly sessions: Int32Array | null;
}

const COLUMNS = ['inputTokens', 'outputTokens', 'sessionId', 'blockHashes'] as const;

/** Reads an open trace. Throws BAD_TRACE as the reader does, or the signal's reason. */
export async function readComparable(reader: TraceReader, signal?: AbortSignal): Promise<ComparableTrace> {
  const n = reader.rowCount;
  const arrivalSec = new Float64Array(n);
  const inputTokens = new Int32Array(n).fill(-1);
  const outputTokens = new Int32Array(n).fill(-1);
  const sessions = new SessionNumbers(n);
  const blocks = new BlockCollector(n, reader.meta.blockSize);
  let row = 0;
  for await (const batch of reader.batches({ columns: COLUMNS, signal })) {
    for (let i = 0; i < batch.rowCount; i++) arrivalSec[row + i] = Number(batch.arrivalNs[i]) / 1e9;
    copyKnown(batch.inputTokens, inputTokens, row, batch.rowCount);
    copyKnown(batch.outputTokens, outputTokens, row, batch.rowCount);
    sessions.add(batch.sessionId, row, batch.rowCount);
    blocks.add(batch, row);
    row += batch.rowCount;
  }
  return {
    name: reader.meta.name,
    hash: reader.meta.contentHash,
    arrivalSec,
    synthetic: reader.meta.arrivalBasis === 'synthetic',
    inputTokens,
    outputTokens,
    blocks: blocks.finish(),
    sessions: sessions.finish(),
  };
}

function copyKnown(column: Int32Column | undefined, to: Int32Array, row: number, count: number): void {
  if (column === undefined) return;
  for (let i = 0; i < count; i++) {
    if (column.valid === null || column.valid[i] !== 0) to[row + i] = column.values[i];
  }
}

/** Batches carry their own dictionaries; here sessions get one numbering. */
class SessionNumbers {
  readonly #numbers: Int32Array;
  readonly #numberOf = new Map<string, number>();

  constructor(rows: number) {
    this.#numbers = new Int32Array(rows).fill(-1);
  }

  add(column: StringColumn | undefined, row: number, count: number): void {
    if (column === undefined) return;
    const own = column.dictionary.map((name) => {
      const number = this.#numberOf.get(name) ?? this.#numberOf.size;
      this.#numberOf.set(name, number);
      return number;
    });
    for (let i = 0; i < count; i++) if (column.codes[i] >= 0) this.#numbers[row + i] = own[column.codes[i]];
  }

  finish(): Int32Array | null {
    return this.#numberOf.size > 0 ? this.#numbers : null;
  }
}

class BlockCollector {
  readonly #blockSize: number | null;
  readonly #offsets: Uint32Array;
  readonly #parts: BigUint64Array[] = [];
  #length = 0;

  constructor(rows: number, blockSize: number | null) {
    this.#blockSize = blockSize;
    this.#offsets = new Uint32Array(rows + 1);
  }

  add(batch: TraceBatch, row: number): void {
    const column = batch.blockHashes;
    for (let i = 0; i < batch.rowCount; i++) {
      this.#length += listLength(column, i);
      this.#offsets[row + i + 1] = this.#length;
    }
    if (column === undefined) return;
    const part = new BigUint64Array(this.#length - this.#offsets[row]);
    for (let i = 0; i < batch.rowCount; i++) {
      if (listLength(column, i) === 0) continue;
      const list = column.values.subarray(column.offsets[i], column.offsets[i + 1]);
      part.set(list, this.#offsets[row + i] - this.#offsets[row]);
    }
    this.#parts.push(part);
  }

  finish(): BlockLists | null {
    if (this.#length === 0 || this.#blockSize === null) return null;
    const hashes = new BigUint64Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      hashes.set(part, at);
      at += part.length;
    }
    return blockLists(hashes, this.#offsets, this.#blockSize);
  }
}

function listLength(column: U64ListColumn | undefined, i: number): number {
  if (column === undefined || column.valid?.[i] === 0) return 0;
  return column.offsets[i + 1] - column.offsets[i];
}

/** Numbers the ids of all rows' blocks. */
export function blockLists(hashes: BigUint64Array, offsets: Uint32Array, blockSize: number): BlockLists {
  const known = new BlockNumbers();
  const lanes = new Uint32Array(hashes.buffer, hashes.byteOffset, 2 * hashes.length);
  const numbers = new Int32Array(hashes.length);
  for (let i = 0; i < numbers.length; i++) numbers[i] = known.of(lanes[2 * i], lanes[2 * i + 1]);
  return { blockSize, offsets, hashes, numbers, distinct: known.size };
}
