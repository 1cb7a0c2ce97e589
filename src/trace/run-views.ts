/**
 * requests.parquet as records that are read where they are looked at: a record is a place in columns, so a million of them
 * cost their columns (about 150 bytes each, and 8 a chunk) and not a million objects of 36 members.
 *
 * Members are on the prototype: such a record can be read, but not spread or compared by its members; `readRunRecords`
 * gives objects.
 */
import type { RunRecord } from '../types.js';
import type { Column, ColumnBatch } from './columns.js';
import { halvesOf, int64At } from './run-columns.js';
import { openRunTable, RUN_COLUMNS } from './run-records.js';

/** All records of a requests.parquet, in the file's order. Throws BAD_RUN for a table of another kind. */
export async function readRunViews(path: string): Promise<RunRecord[]> {
  const reader = await openRunTable(path);
  try {
    const records: RunRecord[] = [];
    for await (const batch of reader.batches()) {
      const cells = cellsOf(batch);
      for (let row = 0; row < batch.rowCount; row++) records.push(viewOf(cells, row));
    }
    return records;
  } finally {
    reader.close();
  }
}

/** The cell of one column in a row. */
type Cells = (row: number) => unknown;

class View {
  readonly cells: readonly Cells[];
  readonly row: number;

  constructor(cells: readonly Cells[], row: number) {
    this.cells = cells;
    this.row = row;
  }
}

RUN_COLUMNS.forEach(({ code }, c) => {
  Object.defineProperty(View.prototype, code, {
    enumerable: true,
    get(this: View) {
      return this.cells[c](this.row);
    },
  });
});

const viewOf = (cells: readonly Cells[], row: number): RunRecord =>
  new View(cells, row) as unknown as RunRecord;

const cellsOf = (batch: ColumnBatch): Cells[] =>
  batch.columns.map((column, c) => (column === null ? () => null : readerOf(column, RUN_COLUMNS[c].type)));

function readerOf(column: Column, type: (typeof RUN_COLUMNS)[number]['type']): Cells {
  if ('codes' in column) {
    const { codes, dictionary } = column;
    return (row) => (codes[row] < 0 ? null : dictionary[codes[row]]);
  }
  const { valid } = column;
  const isKnown = (row: number): boolean => valid === null || valid[row] !== 0;
  if ('offsets' in column) {
    const { offsets } = column;
    const halves = halvesOf(column.values as BigInt64Array);
    return (row) => {
      if (!isKnown(row)) return null;
      const list = new Array<number>(offsets[row + 1] - offsets[row]);
      for (let i = 0; i < list.length; i++) list[i] = int64At(halves, offsets[row] + i);
      return list;
    };
  }
  if (type === 'bool') return (row) => (isKnown(row) ? column.values[row] !== 0 : null);
  if (type === 'int64') {
    const halves = halvesOf(column.values as BigInt64Array);
    return (row) => (isKnown(row) ? int64At(halves, row) : null);
  }
  return (row) => (isKnown(row) ? column.values[row] : null);
}
