/**
 * Sorted runs of rows on disk, for logs that are larger than memory: each run is written block by block, and read back
 * once, in order, while all runs are merged. The folder is private and removed at the end.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { BLOCK_ROWS, compareTimes, type RowBlock } from './row-block.js';
import type { RowChoice } from './ties.js';

/** Rows of a block on disk: small, because a block of every run is in memory at once. */
export const SPILL_ROWS = 8_192;

/** Where runs are kept. */
export class SpillFolder {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tokentide-sort-'));
  readonly #files: string[] = [];

  get runs(): number {
    return this.#files.length;
  }

  /** Writes rows in order: a new run, or more of the last one. */
  write(blocks: Iterable<RowBlock>, goesOn: boolean): void {
    if (!goesOn || this.#files.length === 0)
      this.#files.push(join(this.#folder, `run-${this.#files.length}`));
    const file = openSync(this.#files.at(-1)!, 'a', 0o600);
    try {
      const length = Buffer.alloc(4);
      for (const block of blocks) {
        const bytes = serialize(block);
        length.writeUInt32LE(bytes.length);
        writeSync(file, length);
        writeSync(file, bytes);
      }
    } finally {
      closeSync(file);
    }
  }

  /** All rows in order of arrival; of equal times, the earlier run's first. Rows of one instant are never parted. */
  *merged(): Generator<RowChoice> {
    const cursors = this.#files.map((path) => new RunCursor(path));
    try {
      for (const cursor of cursors) cursor.advanceBlock();
      const heap = cursors.filter((cursor) => cursor.block !== null);
      const rows = new Uint32Array(BLOCK_ROWS);
      while (heap.length > 0) {
        // Numbers refer to the pool of blocks that this stretch of rows touches.
        const pool: RowBlock[] = [];
        let places = new Map<RowBlock, number>();
        let taken: Uint32Array = rows;
        let filled = 0;
        let last: { block: RowBlock; at: number } | null = null;
        while (heap.length > 0) {
          const cursor = earliest(heap);
          const block = cursor.block!;
          const isNewInstant = last === null || compareTimes(last.block, last.at, block, cursor.at) !== 0;
          if (isNewInstant && filled >= STRETCH_ROWS) break;
          let place = places.get(block);
          if (place === undefined) {
            place = pool.push(block) - 1;
            places.set(block, place);
          }
          // A run that is alone need not be compared row by row.
          const wanted = heap.length === 1 ? Math.max(1, STRETCH_ROWS - filled) : 1;
          const end = Math.min(block.rowCount, cursor.at + wanted);
          while (filled + end - cursor.at > taken.length) taken = doubled(taken);
          for (let at = cursor.at; at < end; at++) taken[filled++] = place * BLOCK_ROWS + at;
          last = { block, at: end - 1 };
          cursor.at = end;
          if (cursor.at === block.rowCount) {
            cursor.advanceBlock();
            if (cursor.block === null) heap.splice(heap.indexOf(cursor), 1);
          }
        }
        yield { blocks: pool, rows: taken.slice(0, filled) };
        places = new Map();
      }
    } finally {
      for (const cursor of cursors) cursor.close();
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Rows that are merged before they are handed over. */
const STRETCH_ROWS = 32_768;

function doubled(rows: Uint32Array): Uint32Array {
  const more = new Uint32Array(rows.length * 2);
  more.set(rows);
  return more;
}

/** The cursor of the earliest row; runs are few, so that a scan will do. */
function earliest(cursors: readonly RunCursor[]): RunCursor {
  let best = cursors[0];
  for (let i = 1; i < cursors.length; i++) {
    if (compareTimes(cursors[i].block!, cursors[i].at, best.block!, best.at) < 0) best = cursors[i];
  }
  return best;
}

class RunCursor {
  readonly #file: number;
  block: RowBlock | null = null;
  at = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'r');
  }

  advanceBlock(): void {
    const length = Buffer.alloc(4);
    this.at = 0;
    this.block = null;
    if (readSync(this.#file, length) < 4) return;
    const bytes = Buffer.alloc(length.readUInt32LE(0));
    readSync(this.#file, bytes);
    this.block = deserialize(bytes) as RowBlock;
  }

  close(): void {
    closeSync(this.#file);
  }
}
