/**
 * Rows that lie near each other in their blocks, taken out by the kernels: stretches of the blocks are laid side by side,
 * and rows named by their places in them. Rows from all over (of an unordered log) are taken one by one instead
 * (column-store.ts).
 */
import { kernels } from '../kernels/kernels.js';
import { gatherColumn } from './column-store.js';
import { BLOCK_BITS, PLACE_MASK, type RowBlock, type RowColumn } from './row-block.js';
import type { RowField } from './rows.js';

/** Stretches may hold so many times the rows that are wanted. */
const MAX_SPARSITY = 2;

/** Consecutive rows [from, to) of a block, `base` rows after the beginning of the first stretch. */
interface Stretch {
  readonly block: RowBlock;
  readonly from: number;
  readonly to: number;
  readonly base: number;
}

interface FixedColumn {
  readonly values: Int32Array | BigInt64Array | Uint8Array | Float64Array;
  readonly valid: Uint8Array | null;
}

interface ListColumn {
  readonly offsets: Uint32Array;
  readonly values: BigUint64Array;
  readonly valid: Uint8Array | null;
}

export class DenseRows {
  readonly #stretches: readonly Stretch[];
  /** By row. */
  readonly #places: Uint32Array;
  readonly #total: number;

  private constructor(stretches: readonly Stretch[], places: Uint32Array, total: number) {
    this.#stretches = stretches;
    this.#places = places;
    this.#total = total;
  }

  /** Rows by their numbers in the blocks; null when they lie too far apart. */
  static of(blocks: readonly RowBlock[], rows: Uint32Array): DenseRows | null {
    const memory = kernels();
    const [numbers, given, out] = memory.regions(rows.byteLength, blocks.length * 8, rows.byteLength);
    memory.put(numbers, rows);
    const ranges = new Int32Array(memory.bytes.buffer, given, blocks.length * 2);
    for (let index = 0; index < blocks.length; index++) {
      ranges[2 * index] = PLACE_MASK + 1;
      ranges[2 * index + 1] = 0;
    }
    memory.run.rangesOf(numbers, rows.length, BLOCK_BITS, given);
    const stretches: Stretch[] = [];
    /** What to add to a row's place in its block. */
    const shifts = new Int32Array(blocks.length);
    let total = 0;
    for (let index = 0; index < blocks.length; index++) {
      const [from, to] = [ranges[2 * index], ranges[2 * index + 1]];
      if (to === 0) continue;
      stretches.push({ block: blocks[index], from, to, base: total });
      shifts[index] = total - from;
      total += to - from;
    }
    if (total > MAX_SPARSITY * rows.length) return null;
    memory.put(given, shifts);
    memory.run.placesOf(numbers, rows.length, BLOCK_BITS, given, out);
    const places = new Uint32Array(rows.length);
    memory.get(out, places);
    return new DenseRows(stretches, places, total);
  }

  get rowCount(): number {
    return this.#places.length;
  }

  times(): { readonly secs: Float64Array; readonly nanos: Int32Array } {
    const secs = new Float64Array(this.rowCount);
    const nanos = new Int32Array(this.rowCount);
    this.#gather(secs, (block) => block.secs);
    this.#gather(nanos, (block) => block.nanos);
    return { secs, nanos };
  }

  /** A column of texts is not taken here. */
  column(index: number): RowColumn | null | 'texts' {
    const columns = this.#stretches.map(({ block }) => block.columns[index]);
    const first = columns.find((column) => column !== null);
    if (first === undefined) return null;
    if ('codes' in first) return 'texts';
    const valid = this.#validity(columns as readonly (FixedColumn | ListColumn | null)[]);
    if (valid !== null && !valid.includes(1)) return null;
    if ('offsets' in first) return this.#lists(columns as readonly (ListColumn | null)[], valid);
    const values = new (first.values.constructor as new (length: number) => Int32Array)(this.rowCount);
    this.#gather(values, (block) => (block.columns[index] as FixedColumn | null)?.values ?? null);
    return { values, valid } as RowColumn;
  }

  /** null = all known. */
  #validity(columns: readonly (FixedColumn | ListColumn | null)[]): Uint8Array | null {
    if (columns.every((column) => column !== null && column.valid === null)) return null;
    const flags = columns.map((column, i) => {
      const { block } = this.#stretches[i];
      return column === null
        ? new Uint8Array(block.rowCount)
        : (column.valid ?? new Uint8Array(block.rowCount).fill(1));
    });
    const valid = new Uint8Array(this.rowCount);
    this.#gather(valid, (_, i) => flags[i]);
    return valid.includes(0) ? valid : null;
  }

  /** Fills an array with the rows' values; where a block has none, with whatever is there. */
  #gather<A extends Int32Array | Float64Array | Uint8Array>(
    target: A,
    arrayOf: (block: RowBlock, stretch: number) => FixedColumn['values'] | null,
  ): void {
    const { BYTES_PER_ELEMENT: width } = target;
    const memory = kernels();
    const [source, places, out] = memory.regions(
      this.#total * width,
      this.#places.byteLength,
      target.byteLength,
    );
    this.#stretches.forEach(({ block, from, to, base }, i) => {
      const array = arrayOf(block, i);
      if (array !== null) memory.put(source + base * width, array.subarray(from, to));
    });
    memory.put(places, this.#places);
    const { gather8, gather32, gather64 } = memory.run;
    const gather = width === 1 ? gather8 : width === 4 ? gather32 : gather64;
    gather(source, places, this.rowCount, out);
    memory.get(out, target);
  }

  #lists(columns: readonly (ListColumn | null)[], valid: Uint8Array | null): RowColumn {
    const rowCount = this.rowCount;
    const given = columns.map((column, i) => {
      const { from, to, base } = this.#stretches[i];
      // Unknown lists are empty ones.
      const offsets = column?.offsets.subarray(from, to + 1) ?? new Uint32Array(to - from + 1);
      return { base, offsets, values: column?.values.subarray(offsets[0], offsets[to - from]) ?? null };
    });
    const elements = given.reduce((sum, { values }) => sum + (values?.length ?? 0), 0);
    const memory = kernels();
    const [offsetsOf, starts, ends, lists, places, outEnds, out] = memory.regions(
      Math.max(...given.map(({ offsets }) => offsets.byteLength)),
      this.#total * 4,
      this.#total * 4,
      elements * 8,
      this.#places.byteLength,
      rowCount * 4,
      elements * 8,
    );
    let filled = 0;
    for (const { base, offsets, values } of given) {
      memory.put(offsetsOf, offsets);
      memory.run.listPlaces(
        offsetsOf,
        offsets.length - 1,
        filled - offsets[0],
        starts + base * 4,
        ends + base * 4,
      );
      if (values === null) continue;
      memory.put(lists + filled * 8, values);
      filled += values.length;
    }
    memory.put(places, this.#places);
    const count = memory.run.gatherLists(starts, ends, lists, places, rowCount, outEnds, out);
    const values = new BigUint64Array(count);
    const offsets = new Uint32Array(rowCount + 1);
    memory.get(out, values);
    memory.get(outEnds, offsets.subarray(1));
    return { offsets, values, valid };
  }
}

/** Columns of rows by their numbers in the blocks, in the order of the fields. */
export function gatherColumns(
  blocks: readonly RowBlock[],
  fields: readonly RowField[],
  rows: Uint32Array,
  dense = DenseRows.of(blocks, rows),
): (RowColumn | null)[] {
  return fields.map((field, index) => {
    const column = dense?.column(index) ?? null;
    if (dense !== null && column !== 'texts') return column;
    return gatherColumn(blocks, index, field, rows);
  });
}

/** Rows in order of arrival, by their numbers in the blocks, as a block. */
export function gatherBlock(
  blocks: readonly RowBlock[],
  fields: readonly RowField[],
  rows: Uint32Array,
): RowBlock {
  const dense = DenseRows.of(blocks, rows);
  const { secs, nanos } = dense?.times() ?? timesOf(blocks, rows);
  const columns = gatherColumns(blocks, fields, rows, dense);
  return { rowCount: rows.length, secs, nanos, columns, isOrdered: true };
}

function timesOf(
  blocks: readonly RowBlock[],
  rows: Uint32Array,
): { readonly secs: Float64Array; readonly nanos: Int32Array } {
  const secs = new Float64Array(rows.length);
  const nanos = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const block = blocks[rows[i] >>> BLOCK_BITS];
    secs[i] = block.secs[rows[i] & PLACE_MASK];
    nanos[i] = block.nanos[rows[i] & PLACE_MASK];
  }
  return { secs, nanos };
}
