/**
 * Rows that arrive at the same instant: their order may not depend on the order of the source (rotated files come in any
 * order), and must not make a pattern of its own (shortest first would flatter every queue). So they follow their turn in
 * the session, then a hash of their values. Deliveries of one request more than once meet here too: rows with the same
 * arrival and request id are one, and the most complete is kept.
 */
import { kernels } from '../kernels/kernels.js';
import type { StringColumn } from '../types.js';
import { DenseRows, gatherBlock } from './dense-rows.js';
import { BLOCK_BITS, BLOCK_ROWS, PLACE_MASK, type RowBlock, type RowColumn } from './row-block.js';
import type { RowHasher } from './row-hash.js';
import type { RowField } from './rows.js';
import { ID_FIELDS, marksOf, TieOrder } from './tie-order.js';

/** Rows in order of arrival, by their numbers, or a whole block of them; rows of one instant are never parted. */
export type RowRun = RowBlock | RowChoice;

export interface RowChoice {
  readonly blocks: readonly RowBlock[];
  readonly rows: Uint32Array;
}

/** The rows of a block by their numbers. */
export function choiceOf(block: RowBlock): RowChoice {
  const rows = new Uint32Array(block.rowCount);
  for (let at = 0; at < rows.length; at++) rows[at] = at;
  return { blocks: [block], rows };
}

/** Ties of up to so many rows are sorted by insertion. */
const SMALL_TIE = 12;

/** What resolving ties came upon. */
export class TieFindings {
  tiedRows = 0;
  duplicates = 0;
  /** Rows equal to another of the same instant in every column, where there are no request ids to tell them apart. */
  lookAlikes = 0;
}

/** Orders rows of the same instant and drops repeated deliveries. */
export class TieResolver {
  readonly findings = new TieFindings();
  readonly #fields: readonly RowField[];
  readonly #idIndex: number;
  readonly #turnIndex: number;
  readonly #order: TieOrder;
  readonly #hasher: RowHasher;
  /** Hash and turn of each row of the tie under way. */
  #hashes = new Float64Array(64);
  #turns = new Float64Array(64);

  constructor(fields: readonly RowField[]) {
    this.#fields = fields;
    this.#order = new TieOrder(fields);
    this.#hasher = this.#order.hasher;
    this.#idIndex = fields.indexOf('requestId');
    this.#turnIndex = fields.indexOf('turn');
  }

  resolve(run: RowRun): RowRun {
    const isWhole = !('rows' in run);
    if (isWhole) {
      const block = this.#order.settled(run);
      if (block.marks !== undefined) return this.#counted(block);
    } else if (run.rows.length <= BLOCK_ROWS && !run.blocks.some((block) => this.#order.hasIds(block)))
      return this.#counted(this.#order.settled(gatherBlock(run.blocks, this.#fields, run.rows)));
    const times = isWhole ? run : (DenseRows.of(run.blocks, run.rows)?.times() ?? null);
    const rowCount = isWhole ? run.rowCount : run.rows.length;
    if (times !== null && marksOf(times, rowCount) === null) return run;
    return this.#resolveRows(isWhole ? choiceOf(run) : run);
  }

  /** Counts what the marks tell. */
  #counted(block: RowBlock): RowBlock {
    const { marks } = block;
    if (!marks) return block;
    const memory = kernels();
    const [given] = memory.regions(marks.length);
    memory.put(given, marks);
    this.findings.tiedRows += memory.run.countTies(given, marks.length);
    this.findings.lookAlikes += memory.run.alike.value;
    return block;
  }

  #resolveRows(run: RowChoice): RowChoice {
    const { blocks, rows } = run;
    let result: Uint32Array | null = null;
    let kept = 0;
    for (let from = 0; from < rows.length; ) {
      const to = endOfTie(blocks, rows, from);
      if (to === from + 1) {
        if (result !== null) result[kept] = rows[from];
        kept += 1;
      } else {
        result ??= rows.slice();
        result.set(rows.subarray(from, to), kept);
        kept += this.#orderTie(blocks, result.subarray(kept, kept + to - from));
      }
      from = to;
    }
    return result === null ? run : { blocks, rows: result.subarray(0, kept) };
  }

  /** Orders the rows of one instant in place; how many of them stay, from the first on. */
  #orderTie(blocks: readonly RowBlock[], rows: Uint32Array): number {
    const count = rows.length;
    if (this.#hashes.length < count) {
      this.#hashes = new Float64Array(2 * count);
      this.#turns = new Float64Array(2 * count);
    }
    const hashes = this.#hashes;
    const turns = this.#turns;
    for (let i = 0; i < count; i++) {
      hashes[i] = this.#hasher.hash(blocks[rows[i] >>> BLOCK_BITS], rows[i] & PLACE_MASK);
      turns[i] = this.#turnIndex < 0 ? 0 : this.#turn(blocks, rows[i]);
    }
    if (count <= SMALL_TIE) this.#insert(blocks, rows);
    else {
      const places = new Uint32Array(count);
      for (let i = 0; i < count; i++) places[i] = i;
      places.sort((a, b) => this.#compare(blocks, rows, a, b));
      rows.set(places.map((place) => rows[place]));
      hashes.set(Float64Array.from(places, (place) => hashes[place]));
    }
    this.findings.tiedRows += count - 1;
    if (this.#idIndex >= 0) {
      const kept = this.#withoutRepeats(blocks, rows.slice());
      rows.set(kept);
      return kept.length;
    }
    for (let i = 1; i < count; i++) if (hashes[i] === hashes[i - 1]) this.findings.lookAlikes += 1;
    return count;
  }

  #compare(blocks: readonly RowBlock[], rows: Uint32Array, a: number, b: number): number {
    const turns = this.#turns;
    const hashes = this.#hashes;
    return turns[a] - turns[b] || hashes[a] - hashes[b] || this.#compareIds(blocks, rows[a], rows[b]);
  }

  /** By insertion, with hashes and turns moving along: most ties are a few rows. */
  #insert(blocks: readonly RowBlock[], rows: Uint32Array): void {
    const hashes = this.#hashes;
    const turns = this.#turns;
    for (let i = 1; i < rows.length; i++) {
      for (let at = i; at > 0 && this.#compare(blocks, rows, at - 1, at) > 0; at--) {
        swap(rows, at);
        swap(hashes, at);
        swap(turns, at);
      }
    }
  }

  /** Of rows with one request id, the one with most known values; then the one that produced most. */
  #withoutRepeats(blocks: readonly RowBlock[], rows: Uint32Array): Uint32Array {
    const best = new Map<string, number>();
    for (const row of rows) {
      const id = this.#text(blocks, row, this.#idIndex);
      if (id === null) continue;
      const before = best.get(id);
      if (before === undefined || this.#completeness(blocks, row) > this.#completeness(blocks, before))
        best.set(id, row);
    }
    const kept = rows.filter((row) => {
      const id = this.#text(blocks, row, this.#idIndex);
      return id === null || best.get(id) === row;
    });
    this.findings.duplicates += rows.length - kept.length;
    return kept;
  }

  #completeness(blocks: readonly RowBlock[], row: number): number {
    const block = blocks[row >>> BLOCK_BITS];
    const at = row & PLACE_MASK;
    let known = 0;
    let output = 0;
    block.columns.forEach((column, index) => {
      if (column === null || !isKnownAt(column, at)) return;
      known += 1;
      if (this.#fields[index] === 'outputTokens') output = (column as { values: Int32Array }).values[at];
    });
    return known + output / 2 ** 32;
  }

  #turn(blocks: readonly RowBlock[], row: number): number {
    if (this.#turnIndex < 0) return 0;
    const column = blocks[row >>> BLOCK_BITS].columns[this.#turnIndex];
    const at = row & PLACE_MASK;
    return column === null || !isKnownAt(column, at) ? 0 : (column as { values: Int32Array }).values[at];
  }

  #text(blocks: readonly RowBlock[], row: number, index: number): string | null {
    const column = blocks[row >>> BLOCK_BITS].columns[index] as StringColumn | null;
    const code = column === null ? -1 : column.codes[row & PLACE_MASK];
    return code < 0 ? null : column!.dictionary[code];
  }

  #compareIds(blocks: readonly RowBlock[], a: number, b: number): number {
    for (const field of ID_FIELDS) {
      const index = this.#fields.indexOf(field);
      if (index < 0) continue;
      const textA = this.#text(blocks, a, index) ?? '';
      const textB = this.#text(blocks, b, index) ?? '';
      if (textA !== textB) return textA < textB ? -1 : 1;
    }
    return 0;
  }
}

/** Exchanges an element with the one before it. */
function swap(array: Uint32Array | Float64Array, at: number): void {
  const value = array[at];
  array[at] = array[at - 1];
  array[at - 1] = value;
}

function isKnownAt(column: RowColumn, at: number): boolean {
  if ('codes' in column) return column.codes[at] >= 0;
  return column.valid === null || column.valid[at] !== 0;
}

/** The place after the last row that arrives with row `from`. */
export function endOfTie(blocks: readonly RowBlock[], rows: Uint32Array, from: number): number {
  const { secs, nanos } = blocks[rows[from] >>> BLOCK_BITS];
  const sec = secs[rows[from] & PLACE_MASK];
  const nano = nanos[rows[from] & PLACE_MASK];
  let to = from + 1;
  for (; to < rows.length; to++) {
    const block = blocks[rows[to] >>> BLOCK_BITS];
    const at = rows[to] & PLACE_MASK;
    if (block.nanos[at] !== nano || block.secs[at] !== sec) break;
  }
  return to;
}
