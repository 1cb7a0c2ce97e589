/**
 * All rows of an ingest on their way into a trace: blocks come in (a lengths-only row costs 20 bytes), and go out in
 * order of arrival, once. Beyond a budget of memory the rows are sorted in runs on disk and merged, so memory does not
 * grow with the length of the log.
 */
import type { TraceBatch } from '../types.js';
import { gatherColumn } from './column-store.js';
import { BLOCK_ROWS, blockBytes, compareTimes, type RowBlock } from './row-block.js';
import type { RowField } from './rows.js';
import { areOrdered, sortedRows } from './sort.js';
import { SPILL_ROWS, SpillFolder } from './spill.js';
import { choiceOf, endOfTie, type RowRun, type TieFindings, TieResolver } from './ties.js';

export interface Instant {
  readonly sec: number;
  readonly nanos: number;
}

/** Rows kept in memory before a run is written to disk, bytes. */
export const SORT_BUDGET_BYTES = 256 << 20;

export class RowCollector {
  readonly fields: readonly RowField[];
  rowCount = 0;
  /** Rows that arrived before an earlier row of the source. */
  outOfOrderRows = 0;

  readonly #budgetBytes: number;
  readonly #ties: TieResolver;
  #blocks: RowBlock[] = [];
  #bytes = 0;
  #latest: { readonly block: RowBlock; readonly at: number } | null = null;
  #start: Instant | null = null;
  #spill: SpillFolder | null = null;

  constructor(fields: readonly RowField[], budgetBytes = SORT_BUDGET_BYTES) {
    this.fields = fields;
    this.#budgetBytes = budgetBytes;
    this.#ties = new TieResolver(fields);
  }

  get tieFindings(): TieFindings {
    return this.#ties.findings;
  }

  /** Runs that were sorted on disk; 0 = all in memory. */
  get runsOnDisk(): number {
    return this.#spill?.runs ?? 0;
  }

  add(block: RowBlock): void {
    if (block.rowCount === 0) return;
    this.#followOrder(block);
    this.#blocks.push(block);
    this.rowCount += block.rowCount;
    this.#bytes += blockBytes(block);
    if (this.#bytes > this.#budgetBytes) this.#spillRun();
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
      if (this.#blocks.length > 0) this.#spillRun();
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

  /** A block as a trace batch, counted from the first arrival. */
  batchOf(block: RowBlock): TraceBatch {
    const batch: Record<string, unknown> = { rowCount: block.rowCount, arrivalNs: this.#arrivals(block) };
    this.fields.forEach((field, index) => {
      const column = block.columns[index];
      if (column !== null) batch[field] = column;
    });
    return batch as unknown as TraceBatch;
  }

  #spillRun(): void {
    this.#spill ??= new SpillFolder();
    const { fields } = this;
    const blocks = this.#blocks;
    function* run(): Generator<RowBlock> {
      for (const part of runsOf(blocks)) yield* blocksOf(part, fields, SPILL_ROWS);
    }
    this.#spill.write(run());
    this.#blocks = [];
    this.#bytes = 0;
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

  #arrivals({ rowCount, secs, nanos }: RowBlock): BigInt64Array {
    const start = this.start();
    const arrivals = new BigInt64Array(rowCount);
    const words = new Uint32Array(arrivals.buffer);
    for (let i = 0; i < rowCount; i++) {
      const seconds = secs[i] - start.sec;
      if (seconds < MAX_EXACT_SEC) {
        const ns = seconds * 1e9 + (nanos[i] - start.nanos);
        words[i * 2] = ns >>> 0;
        words[i * 2 + 1] = Math.floor(ns / 4_294_967_296);
      } else arrivals[i] = BigInt(seconds) * 1_000_000_000n + BigInt(nanos[i] - start.nanos);
    }
    return arrivals;
  }
}

/** Seconds whose nanoseconds still fit 2^53. */
const MAX_EXACT_SEC = 9_007_198;

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
  let held: Uint32Array | null = null;
  for (let index = 0; index < blocks.length; index++) {
    const block = blocks[index];
    const next = blocks[index + 1];
    const goesOn = next !== undefined && compareTimes(block, block.rowCount - 1, next, 0) === 0;
    if (held === null && !goesOn) {
      yield block;
      continue;
    }
    const own: Uint32Array = choiceOf(block).rows.map((at) => index * BLOCK_ROWS + at);
    const rows: Uint32Array = held === null ? own : joined(held, own);
    let end = rows.length;
    // The next block goes on with the same instant: its rows so far wait.
    while (goesOn && end > 0 && isSameInstant(blocks, rows[end - 1], rows[rows.length - 1])) end -= 1;
    held = end === rows.length ? null : rows.slice(end);
    if (end > 0) yield { blocks, rows: rows.subarray(0, end) };
  }
}

function isSameInstant(blocks: readonly RowBlock[], a: number, b: number): boolean {
  const blockA = blocks[Math.floor(a / BLOCK_ROWS)];
  return compareTimes(blockA, a % BLOCK_ROWS, blocks[Math.floor(b / BLOCK_ROWS)], b % BLOCK_ROWS) === 0;
}

function joined(a: Uint32Array, b: Uint32Array): Uint32Array {
  const both = new Uint32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** A run as blocks of so many rows; a block that is taken whole and in order is not copied. */
function* blocksOf(run: RowRun, fields: readonly RowField[], blockRows: number): Generator<RowBlock> {
  if (!('rows' in run) && run.rowCount <= blockRows) {
    yield run;
    return;
  }
  const { blocks, rows } = 'rows' in run ? run : choiceOf(run);
  for (let from = 0; from < rows.length; from += blockRows) {
    const part = rows.subarray(from, from + blockRows);
    const secs = new Float64Array(part.length);
    const nanos = new Int32Array(part.length);
    for (let i = 0; i < part.length; i++) {
      const block = blocks[Math.floor(part[i] / BLOCK_ROWS)];
      secs[i] = block.secs[part[i] % BLOCK_ROWS];
      nanos[i] = block.nanos[part[i] % BLOCK_ROWS];
    }
    const columns = fields.map((field, index) => gatherColumn(blocks, index, field, part));
    yield { rowCount: part.length, secs, nanos, columns, isOrdered: true };
  }
}
