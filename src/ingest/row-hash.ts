/**
 * A hash of a row's values: what orders rows of one instant, so that neither the order of the source nor the size of the
 * values does. Taken column by column for a stretch of rows at a time, when the first of them is asked for.
 */
import type { StringColumn, U64ListColumn } from '../types.js';
import { BLOCK_ROWS, type RowBlock, type RowColumn } from './row-block.js';

/** Rows whose hashes are taken together. */
const STRETCH_BITS = 8;
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
  readonly #low = new Int32Array(STRETCH_ROWS);
  readonly #high = new Int32Array(STRETCH_ROWS);
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
    const low = this.#low.fill(0x9e3779b9);
    const high = this.#high.fill(0x85ebca6b);
    const to = Math.min(from + STRETCH_ROWS, block.rowCount);
    block.columns.forEach((column, index) => {
      if (column === null || !this.#isHashed[index]) return;
      if ('codes' in column) this.#addTexts(column, index, from, to);
      else if ('offsets' in column) this.#addLists(column, index, from, to);
      else this.#addFixed(column, index, from, to);
    });
    for (let at = from; at < to; at++)
      hashes[at] = (high[at - from] >>> 0) * 1_048_576 + ((low[at - from] >>> 0) & 0xfffff);
  }

  #begin(i: number, index: number): void {
    this.#low[i] = Math.imul(this.#low[i] ^ (index + 1), 0x01000193);
  }

  #add(i: number, word: number): void {
    const low = Math.imul(this.#low[i] ^ word, 0x01000193);
    this.#low[i] = low ^ (low >>> 15);
    const high = Math.imul(this.#high[i] ^ (word + 0x7f4a7c15), 0xc2b2ae35);
    this.#high[i] = high ^ (high >>> 13);
  }

  #addFixed(
    column: Exclude<RowColumn, StringColumn | U64ListColumn>,
    index: number,
    from: number,
    to: number,
  ): void {
    const { values, valid } = column;
    const words = values instanceof BigInt64Array ? wordsOf(values) : null;
    for (let at = from; at < to; at++) {
      if (valid !== null && valid[at] === 0) continue;
      this.#begin(at - from, index);
      if (words === null) this.#add(at - from, (values[at] as number) >>> 0);
      else {
        this.#add(at - from, words[2 * at]);
        this.#add(at - from, words[2 * at + 1]);
      }
    }
  }

  #addLists({ offsets, values, valid }: U64ListColumn, index: number, from: number, to: number): void {
    const words = wordsOf(values);
    for (let at = from; at < to; at++) {
      if (valid !== null && valid[at] === 0) continue;
      this.#begin(at - from, index);
      for (let i = offsets[at] * 2; i < offsets[at + 1] * 2; i++) this.#add(at - from, words[i]);
    }
  }

  #addTexts({ codes, dictionary }: StringColumn, index: number, from: number, to: number): void {
    let hashes = this.#textHashes.get(dictionary);
    if (hashes === undefined) {
      hashes = Uint32Array.from(dictionary, hashOfText);
      this.#textHashes.set(dictionary, hashes);
    }
    for (let at = from; at < to; at++) {
      if (codes[at] < 0) continue;
      this.#begin(at - from, index);
      this.#add(at - from, hashes[codes[at]]);
    }
  }
}

function hashOfText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** 64-bit values as halves, the lower one first. */
function wordsOf(values: BigInt64Array | BigUint64Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
}
