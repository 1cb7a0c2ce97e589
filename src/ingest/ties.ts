/**
 * Rows that arrive at the same instant: their order may not depend on the order of the source (rotated files come in any
 * order), and must not make a pattern of its own (shortest first would flatter every queue). So they follow their turn in
 * the session, then a hash of their values. Deliveries of one request more than once meet here too: rows with the same
 * arrival and request id are one, and the most complete is kept.
 */
import type { StringColumn } from '../types.js';
import { BLOCK_ROWS, compareTimes, type RowBlock, type RowColumn } from './row-block.js';
import type { RowField } from './rows.js';

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

function hasTies({ rowCount, secs, nanos }: RowBlock): boolean {
  for (let at = 1; at < rowCount; at++) {
    if (nanos[at] === nanos[at - 1] && secs[at] === secs[at - 1]) return true;
  }
  return false;
}

/** Ties of up to so many rows are sorted by insertion. */
const SMALL_TIE = 12;
const ID_FIELDS: readonly RowField[] = ['requestId', 'sessionId', 'parentId', 'clientId'];

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
  readonly #isId: readonly boolean[];
  readonly #textHashes = new WeakMap<readonly string[], Float64Array>();

  constructor(fields: readonly RowField[]) {
    this.#fields = fields;
    this.#isId = fields.map((field) => ID_FIELDS.includes(field));
    this.#idIndex = fields.indexOf('requestId');
    this.#turnIndex = fields.indexOf('turn');
  }

  resolve(run: RowRun): RowRun {
    if ('rows' in run) return this.#resolveRows(run);
    return hasTies(run) ? this.#resolveRows(choiceOf(run)) : run;
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
        const group = this.#order(blocks, rows.subarray(from, to));
        for (const row of group) result[kept++] = row;
      }
      from = to;
    }
    return result === null ? run : { blocks, rows: result.subarray(0, kept) };
  }

  #order(blocks: readonly RowBlock[], rows: Uint32Array): Uint32Array {
    const count = rows.length;
    const turns = new Float64Array(count);
    const hashes = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      turns[i] = this.#turn(blocks, rows[i]);
      hashes[i] = this.#hash(blocks[Math.floor(rows[i] / BLOCK_ROWS)], rows[i] % BLOCK_ROWS);
    }
    const compare = (a: number, b: number): number =>
      turns[a] - turns[b] || hashes[a] - hashes[b] || this.#compareIds(blocks, rows[a], rows[b]);
    const places = new Uint32Array(count);
    for (let i = 0; i < count; i++) places[i] = i;
    if (count > SMALL_TIE) places.sort(compare);
    else {
      // Insertion: most ties are a few rows.
      for (let i = 1; i < count; i++) {
        let at = i;
        for (; at > 0 && compare(places[at - 1], i) > 0; at--) places[at] = places[at - 1];
        places[at] = i;
      }
    }
    const ordered = places.map((place) => rows[place]);
    this.findings.tiedRows += count - 1;
    if (this.#idIndex >= 0) return this.#withoutRepeats(blocks, ordered);
    for (let i = 1; i < count; i++) {
      if (hashes[places[i]] === hashes[places[i - 1]]) this.findings.lookAlikes += 1;
    }
    return ordered;
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
    const block = blocks[Math.floor(row / BLOCK_ROWS)];
    const at = row % BLOCK_ROWS;
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
    const column = blocks[Math.floor(row / BLOCK_ROWS)].columns[this.#turnIndex];
    const at = row % BLOCK_ROWS;
    return column === null || !isKnownAt(column, at) ? 0 : (column as { values: Int32Array }).values[at];
  }

  #text(blocks: readonly RowBlock[], row: number, index: number): string | null {
    const column = blocks[Math.floor(row / BLOCK_ROWS)].columns[index] as StringColumn | null;
    const code = column === null ? -1 : column.codes[row % BLOCK_ROWS];
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

  /** 52 bits of all values but identifiers, which are random from ingest to ingest. */
  #hash(block: RowBlock, at: number): number {
    let low = 0x9e3779b9;
    let high = 0x85ebca6b;
    for (let index = 0; index < block.columns.length; index++) {
      const column = block.columns[index];
      if (column === null || this.#isId[index] || !isKnownAt(column, at)) continue;
      let words = SINGLE;
      let from = 0;
      let to = 1;
      if ('codes' in column) SINGLE[0] = this.#textHash(column.dictionary, column.codes[at]);
      else if ('offsets' in column) {
        words = wordsOf(column.values);
        from = column.offsets[at] * 2;
        to = column.offsets[at + 1] * 2;
      } else if (column.values instanceof BigInt64Array) {
        words = wordsOf(column.values);
        from = at * 2;
        to = from + 2;
      } else SINGLE[0] = column.values[at];
      low = Math.imul(low ^ (index + 1), 0x01000193);
      for (let i = from; i < to; i++) {
        low = Math.imul(low ^ words[i], 0x01000193);
        low ^= low >>> 15;
        high = Math.imul(high ^ (words[i] + 0x7f4a7c15), 0xc2b2ae35);
        high ^= high >>> 13;
      }
    }
    return (high >>> 0) * 1_048_576 + ((low >>> 0) & 0xfffff);
  }

  #textHash(dictionary: readonly string[], code: number): number {
    let hashes = this.#textHashes.get(dictionary);
    if (hashes === undefined) {
      hashes = new Float64Array(dictionary.length).fill(-1);
      this.#textHashes.set(dictionary, hashes);
    }
    if (hashes[code] < 0) {
      let hash = 0x811c9dc5;
      for (let i = 0; i < dictionary[code].length; i++)
        hash = Math.imul(hash ^ dictionary[code].charCodeAt(i), 0x01000193);
      hashes[code] = hash >>> 0;
    }
    return hashes[code];
  }
}

function isKnownAt(column: RowColumn, at: number): boolean {
  if ('codes' in column) return column.codes[at] >= 0;
  return column.valid === null || column.valid[at] !== 0;
}

const SINGLE = new Uint32Array(1);
const WORDS = new WeakMap<BigInt64Array | BigUint64Array, Uint32Array<ArrayBuffer>>();

/** 64-bit values as 32-bit words. */
function wordsOf(values: BigInt64Array | BigUint64Array): Uint32Array<ArrayBuffer> {
  let words = WORDS.get(values);
  if (words === undefined) {
    words = new Uint32Array(values.buffer as ArrayBuffer, values.byteOffset, values.length * 2);
    WORDS.set(values, words);
  }
  return words;
}

/** The place after the last row that arrives with row `from`. */
export function endOfTie(blocks: readonly RowBlock[], rows: Uint32Array, from: number): number {
  const block = blocks[Math.floor(rows[from] / BLOCK_ROWS)];
  let to = from + 1;
  while (
    to < rows.length &&
    compareTimes(
      block,
      rows[from] % BLOCK_ROWS,
      blocks[Math.floor(rows[to] / BLOCK_ROWS)],
      rows[to] % BLOCK_ROWS,
    ) === 0
  )
    to += 1;
  return to;
}
