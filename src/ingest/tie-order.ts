/**
 * Puts the rows of one instant in order inside a block, where that takes nothing but the block: it is in order of arrival,
 * and no row has an identifier. So this work is done by who reads the rows, several threads as a rule; what is left are
 * instants that go on in the next block, and rows that may be repeated deliveries (ties.ts).
 */
import { kernels } from '../kernels/kernels.js';
import type { Int32Column } from '../types.js';
import { gatherColumns } from './dense-rows.js';
import type { RowBlock } from './row-block.js';
import { RowHasher } from './row-hash.js';
import type { RowField } from './rows.js';

export const ID_FIELDS: readonly RowField[] = ['requestId', 'sessionId', 'parentId', 'clientId'];

export class TieOrder {
  readonly hasher: RowHasher;
  readonly #fields: readonly RowField[];
  readonly #turnIndex: number;

  constructor(fields: readonly RowField[]) {
    this.#fields = fields;
    this.#turnIndex = fields.indexOf('turn');
    this.hasher = new RowHasher(fields.map((field) => !ID_FIELDS.includes(field)));
  }

  /** Whether a row may have an identifier. */
  hasIds({ columns }: RowBlock): boolean {
    return this.#fields.some((field, index) => ID_FIELDS.includes(field) && columns[index] !== null);
  }

  /** The block with its rows of one instant in order, and marks; the same one, without, where that takes more. */
  settled(block: RowBlock): RowBlock {
    if (block.marks !== undefined || !block.isOrdered || this.hasIds(block)) return block;
    const marks = marksOf(block, block.rowCount);
    if (marks === null) return { ...block, marks };
    const order = this.#order(block, marks);
    if (order === null) return { ...block, marks };
    // Times need not move: they are those of one instant.
    return { ...block, columns: gatherColumns([block], this.#fields, order), marks };
  }

  /** Numbers of the rows in order, null = no row moves; completes the marks. */
  #order(block: RowBlock, marks: Uint8Array): Uint32Array | null {
    const { rowCount } = block;
    const hashes = this.hasher.hashes(block, marks);
    const turns = this.#turnIndex < 0 ? null : (block.columns[this.#turnIndex] as Int32Column | null);
    const memory = kernels();
    const [givenMarks, givenTurns, givenHashes, numbers] = memory.regions(
      rowCount,
      rowCount * 4,
      rowCount * 8,
      rowCount * 4,
    );
    memory.put(givenMarks, marks);
    if (turns !== null) memory.put(givenTurns, knownTurns(turns, rowCount));
    memory.put(givenHashes, hashes);
    const moved = memory.run.sortTies(
      givenMarks,
      rowCount,
      turns === null ? 0 : givenTurns,
      givenHashes,
      numbers,
    );
    memory.get(givenMarks, marks);
    if (moved === 0) return null;
    const order = new Uint32Array(rowCount);
    memory.get(numbers, order);
    return order;
  }
}

/** Turns with 0 where unknown. */
function knownTurns({ values, valid }: Int32Column, rowCount: number): Int32Array {
  const turns = values.subarray(0, rowCount);
  return valid === null ? turns : turns.map((turn, row) => (valid[row] === 0 ? 0 : turn));
}

/** By row in order: 1 = it arrives with the row before it; null = none does. */
export function marksOf(
  { secs, nanos }: { readonly secs: Float64Array; readonly nanos: Int32Array },
  rowCount: number,
): Uint8Array | null {
  const memory = kernels();
  const [givenSecs, givenNanos, out] = memory.regions(rowCount * 8, rowCount * 4, rowCount);
  memory.put(givenSecs, secs.subarray(0, rowCount));
  memory.put(givenNanos, nanos.subarray(0, rowCount));
  if (memory.run.markFurther(givenSecs, givenNanos, rowCount, out) === 0) return null;
  const marks = new Uint8Array(rowCount);
  memory.get(out, marks);
  return marks;
}
