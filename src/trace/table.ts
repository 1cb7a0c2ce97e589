/**
 * Parquet tables of other record kinds (run records): the same engine and the same guarantees as traces, with the
 * columns given by the caller. Rows go in as objects or as column batches; they come out as batches or as objects.
 */
import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ToolError } from '../errors.js';
import { stringColumn } from './batch.js';
import { type Column, type ColumnBatch, type Field, type FieldType, isKnown } from './columns.js';
import { makeFolder, requireFile, temporaryName } from './files.js';
import { openParquet } from './parquet-read.js';
import { writeParquet } from './parquet-write.js';
import { ROW_GROUP_ROWS } from './row-groups.js';

export type TableType = 'int32' | 'int64' | 'double' | 'bool' | 'string' | 'list<int64>' | 'list<uint64>';

export interface TableColumn {
  readonly name: string;
  readonly type: TableType;
  readonly nullable: boolean;
}

/** int64 takes number (whole, up to 2^53) or bigint; lists take arrays of either. */
export type TableValue = number | bigint | boolean | string | null | readonly (number | bigint)[];
export type TableRow = Readonly<Record<string, TableValue | undefined>>;

export interface WriteTableOptions {
  readonly path: string;
  readonly columns: readonly TableColumn[];
  /** Either rows (undefined = null) or column batches in the columns' order. */
  readonly rows?: Iterable<TableRow>;
  readonly batches?: Iterable<ColumnBatch>;
  /** Metadata of the file: one key and its text. */
  readonly keyValue?: { readonly key: string; readonly value: string } | null;
  /** Threads that encode beside this one, each with some row groups of its own; the bytes do not depend on it. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

/** Writes a table under a temporary name and renames it. Throws BAD_VALUE on a value outside its column's type. */
export async function writeTable(options: WriteTableOptions): Promise<{ rows: number; bytes: number }> {
  const { path, columns, keyValue = null } = options;
  const temporary = temporaryName(path);
  let rows = 0;
  function* counted(): Generator<ColumnBatch> {
    for (const batch of options.batches ?? batchesOfRows(columns, options.rows ?? [])) {
      options.signal?.throwIfAborted();
      rows += batch.rowCount;
      yield batch;
    }
  }
  try {
    makeFolder(dirname(path));
    await writeParquet({
      path: temporary,
      fields: columns.map(fieldOf),
      batches: counted(),
      rowGroupRows: ROW_GROUP_ROWS,
      profile: 'standard',
      keyValue: () => keyValue,
      threads: options.threads,
    });
    const { size } = await stat(temporary);
    await rename(temporary, path);
    return { rows, bytes: size };
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

export interface ReadTableOptions {
  /** What the columns must be; default: what the file has. Columns that the file lacks read as null. */
  readonly columns?: readonly TableColumn[];
  /** Expected kind, for refusals. */
  readonly what?: string;
  /** `number` turns int64 values into numbers and refuses those beyond 2^53; default bigint. */
  readonly int64As?: 'bigint' | 'number';
}

/** An open table. Close it. */
export interface TableReader {
  readonly columns: readonly TableColumn[];
  readonly rowCount: number;
  readonly keyValue: ReadonlyMap<string, string>;
  /** Batches in the columns' order; null = unknown in every row. */
  batches(signal?: AbortSignal): AsyncIterable<ColumnBatch>;
  rows(): AsyncIterable<Record<string, TableValue>>;
  close(): void;
}

/** Opens a table. Throws FILE_NOT_FOUND, FILE_EMPTY or FILE_UNREADABLE. */
export async function readTable(path: string, options: ReadTableOptions = {}): Promise<TableReader> {
  const what = options.what ?? 'a Parquet table';
  await requireFile(path, what);
  const source = await openParquet(path, what);
  try {
    const columns =
      options.columns ?? [...source.columnTypes].map(([name, type]) => columnOfDuckdb(name, type, path));
    const present = columns.filter((column) => source.columnTypes.has(column.name));
    const fields = present.map(fieldOf);
    async function* batches(signal?: AbortSignal): AsyncGenerator<ColumnBatch> {
      for await (const batch of source.batches(fields, signal)) {
        yield {
          rowCount: batch.rowCount,
          columns: columns.map((column) => {
            const index = present.indexOf(column);
            return index < 0 ? null : batch.columns[index];
          }),
        };
      }
    }
    async function* rows(): AsyncGenerator<Record<string, TableValue>> {
      for await (const batch of batches()) yield* rowsOf(columns, batch, options.int64As ?? 'bigint');
    }
    return {
      columns,
      rowCount: source.rowCount,
      keyValue: source.keyValue,
      batches,
      rows,
      close: () => source.close(),
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

const FIELD_TYPES: Readonly<Record<TableType, FieldType>> = {
  int32: 'int32',
  int64: 'int64',
  double: 'double',
  bool: 'bool',
  string: 'string',
  'list<int64>': 'i64list',
  'list<uint64>': 'u64list',
};

function fieldOf(column: TableColumn): Field {
  return { name: column.name, type: FIELD_TYPES[column.type], nullable: column.nullable };
}

function columnOfDuckdb(name: string, type: string, path: string): TableColumn {
  const found = (
    { INTEGER: 'int32', BIGINT: 'int64', DOUBLE: 'double', BOOLEAN: 'bool', VARCHAR: 'string' } as Record<
      string,
      TableType
    >
  )[type];
  const ours = found ?? (type === 'BIGINT[]' ? 'list<int64>' : type === 'UBIGINT[]' ? 'list<uint64>' : null);
  if (ours !== null) return { name, type: ours, nullable: true };
  throw new ToolError({
    code: 'FILE_UNREADABLE',
    message: `${basename(path)}: column ${name} has type ${type}, which tokentide does not read`,
    hint: 'convert the column to an integer, a double, a boolean, a text or a list of integers',
  });
}

const ROWS_PER_BATCH = 16_384;

function* batchesOfRows(columns: readonly TableColumn[], rows: Iterable<TableRow>): Generator<ColumnBatch> {
  let pending: TableRow[] = [];
  let firstRow = 0;
  for (const row of rows) {
    if (pending.push(row) < ROWS_PER_BATCH) continue;
    yield batchOf(columns, pending, firstRow);
    firstRow += pending.length;
    pending = [];
  }
  if (pending.length > 0) yield batchOf(columns, pending, firstRow);
}

function batchOf(columns: readonly TableColumn[], rows: readonly TableRow[], firstRow: number): ColumnBatch {
  return {
    rowCount: rows.length,
    columns: columns.map((column) => {
      const values = rows.map((row) => row[column.name] ?? null);
      try {
        return columnOf(column, values);
      } catch (cause) {
        throw new ToolError({
          code: 'BAD_VALUE',
          message: `column ${column.name} (${column.type}), rows from ${firstRow}: ${(cause as Error).message}`,
          hint: 'this is a bug of the caller: the value does not fit the column',
          cause,
        });
      }
    }),
  };
}

function columnOf(column: TableColumn, values: readonly TableValue[]): Column | null {
  if (!column.nullable && values.includes(null)) throw new Error('a value is missing');
  if (column.type === 'string') {
    if (!values.every((value) => value === null || typeof value === 'string')) throw new Error('not a text');
    return stringColumn(values as (string | null)[]);
  }
  const valid = values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : null;
  switch (column.type) {
    case 'int32':
      return { values: Int32Array.from(values, (value) => exactInt32(value ?? 0)), valid };
    case 'int64':
      return { values: BigInt64Array.from(values.map((value) => exactInt64(value ?? 0n))), valid };
    case 'double':
      return { values: Float64Array.from(values, (value) => finite(value ?? 0)), valid };
    case 'bool':
      return { values: Uint8Array.from(values, (value) => (value === true ? 1 : 0)), valid };
    default:
      return listColumnOf(column.type, values as (readonly (number | bigint)[] | null)[], valid);
  }
}

function listColumnOf(
  type: 'list<int64>' | 'list<uint64>',
  lists: readonly (readonly (number | bigint)[] | null)[],
  valid: Uint8Array | null,
): Column {
  const offsets = new Uint32Array(lists.length + 1);
  lists.forEach((list, row) => {
    offsets[row + 1] = offsets[row] + (list?.length ?? 0);
  });
  const flat = lists.flatMap((list) => (list ?? []).map(exactBigint));
  if (type === 'list<uint64>') {
    if (flat.some((value) => BigInt.asUintN(64, value) !== value))
      throw new Error('a list element is no unsigned 64-bit integer');
    return { offsets, values: BigUint64Array.from(flat), valid };
  }
  return { offsets, values: BigInt64Array.from(flat.map(exactInt64)), valid };
}

function exactInt32(value: TableValue): number {
  const number = Number(value);
  if (!Number.isInteger(number) || (number | 0) !== number)
    throw new Error(`${String(value)} is no 32-bit integer`);
  return number;
}

function exactBigint(value: TableValue): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    throw new Error(`${String(value)} is no exact integer`);
  return BigInt(value);
}

function exactInt64(value: TableValue): bigint {
  const big = exactBigint(value);
  if (BigInt.asIntN(64, big) !== big) throw new Error(`${big} is no 64-bit integer`);
  return big;
}

function finite(value: TableValue): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new Error(`${String(value)} is no finite number`);
  return value;
}

function* rowsOf(
  columns: readonly TableColumn[],
  batch: ColumnBatch,
  int64As: 'bigint' | 'number',
): Generator<Record<string, TableValue>> {
  const whole = (value: bigint): number | bigint => {
    if (int64As === 'bigint') return value;
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new Error(`${value} does not fit a number exactly`);
    return number;
  };
  for (let row = 0; row < batch.rowCount; row++) {
    const result: Record<string, TableValue> = {};
    columns.forEach(({ name, type }, index) => {
      const column = batch.columns[index];
      if (column === null || !isKnown(column, row)) result[name] = null;
      else if ('codes' in column) result[name] = column.dictionary[column.codes[row]];
      else if ('offsets' in column) {
        const elements = column.values.subarray(column.offsets[row], column.offsets[row + 1]);
        result[name] = Array.from<bigint, number | bigint>(elements, whole);
      } else {
        const value = column.values[row];
        result[name] = typeof value === 'bigint' ? whole(value) : type === 'bool' ? value !== 0 : value;
      }
    });
    yield result;
  }
}
