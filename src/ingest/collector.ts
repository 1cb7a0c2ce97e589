/**
 * All rows of an ingest on their way into a trace: blocks come in (a lengths-only row costs 20 bytes), and go out in
 * order of arrival, once. Beyond a budget of memory the earliest rows go to disk and the latest stay, so that rows that
 * are late by less than this window still find their place: a log in order, or nearly so, becomes one run on disk, which
 * is read back as it lies. Only a log that is not becomes several, which are merged. Memory does not grow with its length.
 */
import { kernels } from '../kernels/kernels.js';
import type { TraceBatch } from '../types.js';
import { gatherBlock } from './dense-rows.js';
import {
  BLOCK_BITS,
  BLOCK_ROWS,
  blockBytes,
  compareTimes,
  PLACE_MASK,
  partOf,
  type RowBlock,
} from './row-block.js';
import type { RowField } from './rows.js';
import { areOrdered, sortedRows } from './sort.js';
import { SPILL_ROWS, SpillFolder } from './spill.js';
import { choiceOf, endOfTie, type RowRun, type TieFindings, TieResolver } from './ties.js';

export interface Instant {
  readonly sec: number;
  readonly nanos: number;
}

/** Rows kept in memory before the earliest are written to disk, bytes: ten million rows of lengths. */
export const SORT_BUDGET_BYTES = 200 << 20;
/** Share of the rows in memory that stay when the others are written to disk: of rows in order, which make one run
 * however often they are written, most; of others, few, so that runs are long. */
const KEPT_SHARE = { ordered: 3 / 4, unordered: 1 / 8 };
const NONE_KEPT = { ordered: 0, unordered: 0 };

export class RowCollector {
  readonly fields: readonly RowField[];
  rowCount = 0;
  /** Rows that arrived before an earlier row of the source. */
  outOfOrderRows = 0;

  readonly #budgetBytes: number;
  readonly #ties: TieResolver;
  /** Reused from block to block. */
  readonly #offsets = new Float64Array(BLOCK_ROWS);
  #blocks: RowBlock[] = [];
  #bytes = 0;
  #latest: { readonly block: RowBlock; readonly at: number } | null = null;
  #start: Instant | null = null;
  #spill: SpillFolder | null = null;
  /** The last row on disk. */
  #written: Instant | null = null;

  constructor(fields: readonly RowField[], budgetBytes = SORT_BUDGET_BYTES) {
    this.fields = fields;
    this.#budgetBytes = budgetBytes;
    this.#ties = new TieResolver(fields);
  }

  get tieFindings(): TieFindings {
    return this.#ties.findings;
  }

  /** Runs on disk that are to be merged with the rows after them; 0 = the rows are one run, in memory or on disk. */
  get runsOnDisk(): number {
    if (this.#spill === null) return 0;
    const goesOn = this.#blocks.every((block) => this.#followsDisk(earliestOf(block)));
    return this.#spill.runs - (goesOn ? 1 : 0);
  }

  add(block: RowBlock): void {
    if (block.rowCount === 0) return;
    this.#followOrder(block);
    this.#blocks.push(block);
    this.rowCount += block.rowCount;
    this.#bytes += blockBytes(block);
    if (this.#bytes > this.#budgetBytes) this.#spillRows(KEPT_SHARE);
  }

  /** First arrival. There must be a row. */
  start(): Instant {
    return this.#start!;
  }

  /** From the first arrival to the last, ns. */
  spanNs(): number {
    const { block, at } = this.#latest!;
    const start = this.start();
    return (block.secs[at] - start.sec) * 1e9 + (block.nanos[at] - start.nanos);
  }

  /** All rows in order of arrival. Call once, after the last block; memory is given back on the way. */
  *sorted(): Generator<RowBlock> {
    let runs: Iterable<RowRun>;
    if (this.#spill === null) runs = runsOf(this.#blocks);
    else {
      this.#spillRows(NONE_KEPT);
      runs = this.#spill.merged();
    }
    try {
      for (const run of runs) yield* blocksOf(this.#ties.resolve(run), this.fields, BLOCK_ROWS);
    } finally {
      this.dispose();
    }
  }

  /** Removes what is on disk. */
  dispose(): void {
    this.#spill?.remove();
    this.#spill = null;
    this.#blocks = [];
  }

  /** A block as a trace batch, counted from the first arrival; and its arrivals in ns once more, as doubles. */
  batchOf({ rowCount, secs, nanos, columns }: RowBlock): { batch: TraceBatch; offsets: Float64Array } {
    const start = this.start();
    const memory = kernels();
    const [givenSecs, givenNanos, out, outOffsets] = memory.regions(
      rowCount * 8,
      rowCount * 4,
      rowCount * 8,
      rowCount * 8,
    );
    memory.put(givenSecs, secs.subarray(0, rowCount));
    memory.put(givenNanos, nanos.subarray(0, rowCount));
    memory.run.arrivals(givenSecs, givenNanos, rowCount, start.sec, start.nanos, out, outOffsets);
    const arrivalNs = new BigInt64Array(rowCount);
    const offsets = this.#offsets.subarray(0, rowCount);
    memory.get(out, arrivalNs);
    memory.get(outOffsets, offsets);
    const batch: Record<string, unknown> = { rowCount, arrivalNs };
    this.fields.forEach((field, index) => {
      const column = columns[index];
      if (column !== null) batch[field] = column;
    });
    return { batch: batch as unknown as TraceBatch, offsets };
  }

  /** Writes the earliest rows to disk; a share of them stay, the latest. */
  #spillRows(kept: typeof KEPT_SHARE): void {
    const { fields } = this;
    const { early, late } = splitRows(this.#blocks, fields, kept);
    this.#blocks = late;
    this.#bytes = late.reduce((sum, block) => sum + blockBytes(block), 0);
    if (early.length === 0) return;
    this.#spill ??= new SpillFolder();
    let last: RowBlock | null = null;
    function* run(): Generator<RowBlock> {
      for (const part of early) {
        for (const block of blocksOf(part, fields, SPILL_ROWS)) {
          last = block;
          yield block;
        }
      }
    }
    this.#spill.write(run(), this.#followsDisk(firstOf(early[0])));
    this.#written = instantAt(last!, last!.rowCount - 1);
  }

  /** Whether a row may stand after the last one on disk. */
  #followsDisk({ sec, nanos }: Instant): boolean {
    const written = this.#written;
    return written !== null && (sec > written.sec || (sec === written.sec && nanos >= written.nanos));
  }

  #followOrder(block: RowBlock): void {
    const begins = this.#latest === null ? 0 : compareTimes(this.#latest.block, this.#latest.at, block, 0);
    if (block.isOrdered && begins <= 0) this.#latest = { block, at: block.rowCount - 1 };
    else {
      for (let at = 0; at < block.rowCount; at++) {
        const order =
          this.#latest === null ? 0 : compareTimes(this.#latest.block, this.#latest.at, block, at);
        if (order > 0) this.outOfOrderRows += 1;
        else this.#latest = { block, at };
      }
    }
    for (let at = 0; at < block.rowCount; at++) {
      const { secs, nanos } = block;
      const start = this.#start;
      if (start === null || secs[at] < start.sec || (secs[at] === start.sec && nanos[at] < start.nanos))
        this.#start = { sec: secs[at], nanos: nanos[at] };
      if (block.isOrdered) break;
    }
  }
}

function instantAt({ secs, nanos }: RowBlock, at: number): Instant {
  return { sec: secs[at], nanos: nanos[at] };
}

function earliestOf(block: RowBlock): Instant {
  let best = 0;
  if (!block.isOrdered)
    for (let at = 1; at < block.rowCount; at++) if (compareTimes(block, at, block, best) < 0) best = at;
  return instantAt(block, best);
}

/** The first row of a run. */
function firstOf(run: RowRun): Instant {
  if (!('rows' in run)) return instantAt(run, 0);
  return instantAt(run.blocks[run.rows[0] >>> BLOCK_BITS], run.rows[0] & PLACE_MASK);
}

/** Rows in order, parted: the earliest as runs that follow each other, and about the share to keep, the latest, as blocks. */
function splitRows(
  blocks: readonly RowBlock[],
  fields: readonly RowField[],
  share: typeof KEPT_SHARE,
): { early: RowRun[]; late: RowBlock[] } {
  if (areOrdered(blocks)) {
    const kept = Math.floor(blocks.length * share.ordered);
    return { early: blocks.slice(0, blocks.length - kept), late: blocks.slice(blocks.length - kept) };
  }
  const rows = sortedRows(blocks);
  const cut = rows.length - Math.floor(rows.length * share.unordered);
  const late = [...blocksOf({ blocks, rows: rows.subarray(cut) }, fields, BLOCK_ROWS)];
  return { early: [{ blocks, rows: rows.subarray(0, cut) }], late };
}

/** Blocks in memory as rows in order of arrival, cut where an instant ends. */
function* runsOf(blocks: readonly RowBlock[]): Generator<RowRun> {
  if (!areOrdered(blocks)) {
    const rows = sortedRows(blocks);
    for (let from = 0; from < rows.length; ) {
      const last = Math.min(from + BLOCK_ROWS, rows.length) - 1;
      const to = endOfTie(blocks, rows, last);
      yield { blocks, rows: rows.subarray(from, to) };
      from = to;
    }
    return;
  }
  /** Rows of an instant that goes on in the next block, from the first of `held` blocks on. */
  let first = 0;
  let held: Uint32Array[] = [];
  for (let index = 0; index < blocks.length; index++) {
    const block = blocks[index];
    const next = blocks[index + 1];
    const goesOn = next !== undefined && compareTimes(block, block.rowCount - 1, next, 0) === 0;
    const from = held.length === 0 ? 0 : endOfInstant(block, 0);
    if (held.length > 0) {
      held.push(numbersOf(index - first, 0, from));
      if (goesOn && from === block.rowCount) continue;
      yield { blocks: blocks.slice(first, index + 1), rows: joined(held) };
      held = [];
    }
    const to = goesOn ? startOfInstant(block, block.rowCount - 1) : block.rowCount;
    if (to > from) yield partOf(block, from, to);
    if (goesOn) {
      first = index;
      held.push(numbersOf(0, to, block.rowCount));
    }
  }
}

/** The place after the last row that arrives with row `at` of a block in order. */
function endOfInstant(block: RowBlock, at: number): number {
  let end = at + 1;
  while (end < block.rowCount && compareTimes(block, at, block, end) === 0) end += 1;
  return end;
}

function startOfInstant(block: RowBlock, at: number): number {
  let start = at;
  while (start > 0 && compareTimes(block, start - 1, block, at) === 0) start -= 1;
  return start;
}

/** Rows [from, to) of a block by their numbers. */
function numbersOf(index: number, from: number, to: number): Uint32Array {
  return Uint32Array.from({ length: to - from }, (_, i) => index * BLOCK_ROWS + from + i);
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let filled = 0;
  for (const part of parts) {
    all.set(part, filled);
    filled += part.length;
  }
  return all;
}

/** A run as blocks of so many rows; a block that is taken whole and in order is not copied. */
function* blocksOf(run: RowRun, fields: readonly RowField[], blockRows: number): Generator<RowBlock> {
  if (!('rows' in run) && run.rowCount <= blockRows) {
    yield run;
    return;
  }
  const { blocks, rows } = 'rows' in run ? run : choiceOf(run);
  for (let from = 0; from < rows.length; from += blockRows) {
    yield gatherBlock(blocks, fields, rows.subarray(from, from + blockRows));
  }
}
