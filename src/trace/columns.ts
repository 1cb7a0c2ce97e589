/**
 * Columns in memory, whatever the record: the shapes that the Parquet writers, the readers and the content hash
 * share. A trace batch becomes a `ColumnBatch` through the column table in schema.ts; run records through table.ts.
 */
import type {
  BoolColumn,
  Int32Column,
  Int64Column,
  StringColumn,
  TraceBatch,
  U64ListColumn,
} from '../types.js';
import { TRACE_COLUMNS } from './schema.js';

/** Column of 64-bit floats; `valid[i] === 0` marks an unknown value; `valid` null = all known. */
export interface DoubleColumn {
  readonly values: Float64Array;
  readonly valid: Uint8Array | null;
}

/** Lists of signed 64-bit integers: row i owns values[offsets[i] .. offsets[i + 1]). */
export interface I64ListColumn {
  readonly offsets: Uint32Array;
  readonly values: BigInt64Array;
  readonly valid: Uint8Array | null;
}

export type FieldType = 'int32' | 'int64' | 'double' | 'bool' | 'string' | 'u64list' | 'i64list';

/** One column of a Parquet file. */
export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly nullable: boolean;
}

export type Column =
  | Int32Column
  | Int64Column
  | DoubleColumn
  | BoolColumn
  | StringColumn
  | U64ListColumn
  | I64ListColumn;

/** Consecutive rows, one entry per field in the fields' order; null = unknown in every row. */
export interface ColumnBatch {
  readonly rowCount: number;
  readonly columns: readonly (Column | null)[];
}

/** The trace's columns as fields of a Parquet file. */
export const TRACE_FIELDS: readonly Field[] = TRACE_COLUMNS.map((column) => ({
  name: column.disk,
  type: column.type,
  nullable: column.nullable,
}));

/** Value of operation and status where a source does not say. */
export const TRACE_FALLBACK: Readonly<Record<string, string>> = { operation: 'other', status: 'unknown' };

/** A trace batch in the order of the file, with the columns that are never null filled in. */
export function columnsOfTraceBatch(batch: TraceBatch): ColumnBatch {
  const columns = TRACE_COLUMNS.map((spec): Column | null => {
    if (spec.code === 'arrivalNs') return { values: batch.arrivalNs, valid: null };
    const column = batch[spec.code] ?? null;
    const fallback = TRACE_FALLBACK[spec.code];
    if (fallback === undefined) return column;
    return withoutUnknowns(column as StringColumn | null, batch.rowCount, fallback);
  });
  return { rowCount: batch.rowCount, columns };
}

function withoutUnknowns(column: StringColumn | null, rowCount: number, fallback: string): StringColumn {
  if (column === null) return { codes: zeros(rowCount), dictionary: [fallback] };
  if (!column.codes.subarray(0, rowCount).includes(-1)) return column;
  const code = column.dictionary.length;
  return {
    codes: column.codes.map((value) => (value < 0 ? code : value)),
    dictionary: [...column.dictionary, fallback],
  };
}

/** Shared by all columns of one value: nobody writes into a batch. */
let zeroCodes = new Int32Array(0);

function zeros(length: number): Int32Array {
  if (zeroCodes.length < length) zeroCodes = new Int32Array(length);
  return zeroCodes.subarray(0, length);
}

/** The inverse of `columnsOfTraceBatch` for the fields that were read. */
export function traceBatchOfColumns(fields: readonly Field[], batch: ColumnBatch): TraceBatch {
  const result: Record<string, unknown> = { rowCount: batch.rowCount };
  fields.forEach((field, index) => {
    const spec = TRACE_COLUMNS.find((column) => column.disk === field.name)!;
    const column = batch.columns[index];
    if (column === null) return;
    result[spec.code] = spec.code === 'arrivalNs' ? (column as Int64Column).values : column;
  });
  return result as unknown as TraceBatch;
}

/** Whether row i is known. */
export function isKnown(column: Column, row: number): boolean {
  if ('codes' in column) return column.codes[row] >= 0;
  return column.valid === null || column.valid[row] !== 0;
}
