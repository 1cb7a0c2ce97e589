/**
 * A hash of a row's values: what orders rows of one instant, so that neither the order of the source nor the size of the
 * values does. Taken column by column for a stretch of rows at a time, when the first of them is asked for.
 */
import { kernels } from '../kernels/kernels.js';
import type { StringColumn } from '../types.js';
import { BLOCK_ROWS, type RowBlock, type RowColumn } from './row-block.js';

/** Rows whose hashes are taken together. */
const STRETCH_BITS = 10;
const STRETCH_ROWS = 1 << STRETCH_BITS;

interface BlockHashes {
  readonly hashes: Float64Array;
  /** By stretch: 1 = taken. */
  readonly taken: Uint8Array;
}

export class RowHasher {
  readonly #isHashed: readonly boolean[];
  readonly #blocks = new WeakMap<RowBlock, BlockHashes>();
  readonly #textHashes = new WeakMap<readonly string[], Uint32Array>();
  #latest: RowBlock | null = null;
  #latestHashes: BlockHashes | null = null;

  /** `isHashed`, by column: whether its values count. Identifiers do not: they are random from ingest to ingest. */
  constructor(isHashed: readonly boolean[]) {
    this.#isHashed = isHashed;
  }

  /** 52 bits. */
  hash(block: RowBlock, at: number): number {
    const { hashes, taken } = this.#hashesOf(block);
    const stretch = at >>> STRETCH_BITS;
    if (taken[stretch] === 0) {
      this.#take(block, stretch << STRETCH_BITS, hashes);
      taken[stretch] = 1;
    }
    return hashes[at];
  }

  /** Of all rows that share their instant with another, by their marks; 0 elsewhere. */
  hashes(block: RowBlock, marks: Uint8Array): Float64Array {
    const hashes = new Float64Array(block.rowCount);
    for (let from = 0; from < block.rowCount; from += STRETCH_ROWS) {
      // The first row of an instant is not marked, only those after it.
      if (marks.subarray(from, from + STRETCH_ROWS + 1).includes(1)) this.#take(block, from, hashes);
    }
    return hashes;
  }

  #hashesOf(block: RowBlock): BlockHashes {
    if (block === this.#latest) return this.#latestHashes!;
    let found = this.#blocks.get(block);
    if (found === undefined) {
      found = {
        hashes: new Float64Array(block.rowCount),
        taken: new Uint8Array(BLOCK_ROWS / STRETCH_ROWS),
      };
      this.#blocks.set(block, found);
    }
    this.#latest = block;
    this.#latestHashes = found;
    return found;
  }

  #take(block: RowBlock, from: number, hashes: Float64Array): void {
    const to = Math.min(from + STRETCH_ROWS, block.rowCount);
    const rows = to - from;
    const memory = kernels();
    const columns = block.columns.filter((column) => column !== null && !('codes' in column));
    const most = Math.max(rows * 8, ...columns.map((column) => bytesOf(column as Numbers, from, to)));
    const [states, values, offsets, valid] = memory.regions(rows * 8, most, (rows + 1) * 4, rows);
    memory.run.beginHashes(states, rows);
    block.columns.forEach((column, index) => {
      if (column === null || !this.#isHashed[index]) return;
      const numbers = 'codes' in column ? this.#hashesOfTexts(column, from, to) : stretchOf(column, from, to);
      if (numbers.valid !== null) memory.put(valid, numbers.valid);
      const flags = numbers.valid === null ? 0 : valid;
      memory.put(values, numbers.values);
      if (numbers.offsets !== null) {
        memory.put(offsets, numbers.offsets);
        memory.run.hashLists(states, rows, index, offsets, values, flags);
      } else memory.run.hashFixed(states, rows, index, values, numbers.values.BYTES_PER_ELEMENT / 4, flags);
    });
    memory.run.endHashes(states, rows);
    memory.get(states, hashes.subarray(from, to));
  }

  #hashesOfTexts({ codes, dictionary }: StringColumn, from: number, to: number): Stretch {
    let hashes = this.#textHashes.get(dictionary);
    if (hashes === undefined) {
      hashes = Uint32Array.from(dictionary, hashOfText);
      this.#textHashes.set(dictionary, hashes);
    }
    const part = codes.subarray(from, to);
    const values = new Int32Array(part.length);
    const valid = new Uint8Array(part.length);
    for (let i = 0; i < part.length; i++) {
      if (part[i] < 0) continue;
      values[i] = hashes[part[i]];
      valid[i] = 1;
    }
    return { values, valid, offsets: null };
  }
}

type Numbers = Exclude<RowColumn, StringColumn>;

/** Rows of a column as the kernels take them; `offsets`, of lists only, with one more. */
interface Stretch {
  readonly values: Int32Array | BigInt64Array | BigUint64Array;
  readonly valid: Uint8Array | null;
  readonly offsets: Uint32Array | null;
}

function stretchOf(column: Numbers, from: number, to: number): Stretch {
  const valid = column.valid?.subarray(from, to) ?? null;
  if ('offsets' in column) {
    const offsets = column.offsets.subarray(from, to + 1);
    return { values: column.values.subarray(offsets[0], offsets[to - from]), valid, offsets };
  }
  const values = column.values.subarray(from, to);
  return { values: values instanceof Uint8Array ? Int32Array.from(values) : values, valid, offsets: null };
}

function bytesOf(column: Numbers, from: number, to: number): number {
  return 'offsets' in column ? (column.offsets[to] - column.offsets[from]) * 8 : 0;
}

function hashOfText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
