/**
 * The fast lane of CSV: lines that hold nothing but a date and time in UTC and counts, as plain digits, go straight from
 * bytes into columns (kernels/csv.ts). The first line that is anything else (quotes, empty cells, other times, too few
 * fields) is left to the record reader, which knows all rules; so both lanes give the same rows.
 */
import { kernels } from '../kernels/kernels.js';
import type { FixedStore } from './column-store.js';
import type { PlainColumns, PlainField } from './format.js';
import type { BlockBuilder } from './row-block.js';
import { PADDING_BYTES, putLines, SLICE_BYTES, SLICE_ROWS, sliceEnd, takeTimes } from './slices.js';
import type { RowTally } from './tally.js';
import type { Zone } from './zone.js';

/** What is done with a field; from 0 on: the number of a count. */
const SKIP = -1;
const TIME = -2;

export class PlainRows {
  /** Place after the last line taken, and lines taken, by the last call. */
  at = 0;
  rows = 0;

  /** By field of a line. */
  readonly #plan: Int32Array;
  readonly #separator: number;
  readonly #offsetSec: number;
  readonly #stores: readonly FixedStore<Int32Array>[];
  /** Columns that the file lacks. */
  readonly #absent: readonly FixedStore<Int32Array>[];
  readonly #builder: BlockBuilder;
  readonly #tally: RowTally;

  private constructor(plan: Int32Array, offsetSec: number, options: PlainOptions) {
    const { columns, fieldOf, builder } = options;
    const storeOf = ({ field }: { field: PlainField }): FixedStore<Int32Array> =>
      builder.store(field) as FixedStore<Int32Array>;
    this.#plan = plan;
    this.#separator = options.separator.charCodeAt(0);
    this.#offsetSec = offsetSec;
    this.#builder = builder;
    this.#tally = options.tally;
    this.#stores = columns.counts.filter(({ column }) => fieldOf[column] >= 0).map(storeOf);
    this.#absent = columns.counts.filter(({ column }) => fieldOf[column] < 0).map(storeOf);
  }

  /** null when the file or the zone is not that plain. */
  static open(options: PlainOptions): PlainRows | null {
    const { columns, fieldOf, fieldCount, zone, builder } = options;
    const isComplete = builder.fields.every((field) => columns.counts.some((count) => count.field === field));
    const timeField = fieldOf[columns.arrival.column];
    if (columns.arrival.unit !== 'iso' || zone.fixedOffsetSec === null || !isComplete || timeField < 0)
      return null;
    const plan = new Int32Array(fieldCount).fill(SKIP);
    plan[timeField] = TIME;
    columns.counts
      .filter(({ column }) => fieldOf[column] >= 0)
      .forEach(({ column }, index) => {
        plan[fieldOf[column]] = index;
      });
    return new PlainRows(plan, zone.fixedOffsetSec, options);
  }

  /** Takes plain lines from bytes[from, end), which ends with a line, until one is not plain or a slice is done. */
  take(bytes: Uint8Array, from: number, end: number): void {
    const builder = this.#builder;
    const to = sliceEnd(bytes, from, end);
    const most = Math.min(SLICE_ROWS, builder.room);
    const memory = kernels();
    const columns = this.#stores.length;
    const [plan, lines, secs, nanos, counts] = memory.regions(
      this.#plan.byteLength,
      SLICE_BYTES + PADDING_BYTES,
      most * 8,
      most * 4,
      most * 4 * columns,
    );
    memory.put(plan, this.#plan);
    const linesEnd = putLines(memory, lines, bytes.subarray(from, to));
    const { run } = memory;
    const rows = run.csvRows(
      plan,
      this.#plan.length,
      this.#separator,
      this.#offsetSec,
      lines,
      linesEnd,
      most,
      secs,
      nanos,
      counts,
    );
    this.at = from + run.csvAt.value - lines;
    this.rows = rows;
    if (rows === 0) return;
    const { first, last } = takeTimes(memory, builder, secs, nanos, rows);
    this.#stores.forEach((store, index) => {
      memory.get(counts + index * most * 4, store.values.subarray(first, last));
      store.setKnown(first, last);
    });
    for (const store of this.#absent) store.setUnknown(first, last);
    builder.advance(last, run.csvIsOrdered.value !== 0);
    this.#tally.addPlain(rows, run.csvPlaces.value, run.csvZoned.value);
  }
}

export interface PlainOptions {
  readonly columns: PlainColumns;
  /** Field of each declared column; −1 = absent. */
  readonly fieldOf: readonly number[];
  readonly fieldCount: number;
  readonly separator: string;
  readonly zone: Zone;
  readonly builder: BlockBuilder;
  readonly tally: RowTally;
}
