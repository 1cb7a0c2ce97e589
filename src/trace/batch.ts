/** Rows ↔ column batches of a trace, for sources and tests that think in rows. */
import type {
  BoolColumn,
  Int32Column,
  Int64Column,
  StringColumn,
  TraceBatch,
  TraceRow,
  U64ListColumn,
} from '../types.js';
import { isKnown } from './columns.js';
import { TRACE_COLUMNS } from './schema.js';

const EMPTY_ROW: TraceRow = {
  arrivalNs: 0n,
  inputTokens: null,
  outputTokens: null,
  cachedTokens: null,
  reasoningTokens: null,
  maxOutputTokens: null,
  requestId: null,
  sessionId: null,
  parentId: null,
  turn: null,
  thinkNs: null,
  clientId: null,
  model: null,
  adapter: null,
  operation: 'other',
  stream: null,
  images: null,
  blockHashes: null,
  status: 'unknown',
  httpStatus: null,
  ttftNs: null,
  durationNs: null,
};

/** A row in which everything is unknown except what is given; arrives at 0. */
export function emptyRow(overrides: Partial<TraceRow> = {}): TraceRow {
  return { ...EMPTY_ROW, ...overrides };
}

/** Columns of the given rows, in their order. Columns without a single known value are left out. */
export function batchFromRows(rows: readonly TraceRow[]): TraceBatch {
  const batch: Record<string, unknown> = { rowCount: rows.length };
  for (const spec of TRACE_COLUMNS) {
    const values = rows.map((row) => row[spec.code]);
    if (spec.code === 'arrivalNs') batch[spec.code] = BigInt64Array.from(values as bigint[]);
    else if (values.some((value) => value !== null)) batch[spec.code] = columnFrom(spec.type, values);
  }
  return batch as unknown as TraceBatch;
}

/** The rows of a batch, one object each. */
export function* rowsOfBatch(batch: TraceBatch): Generator<TraceRow> {
  for (let row = 0; row < batch.rowCount; row++) {
    const result: Record<string, unknown> = { ...EMPTY_ROW, arrivalNs: batch.arrivalNs[row] };
    for (const spec of TRACE_COLUMNS) {
      if (spec.code === 'arrivalNs') continue;
      const column = batch[spec.code];
      if (column !== undefined && isKnown(column, row)) result[spec.code] = valueAt(column, row, spec.type);
    }
    yield result as unknown as TraceRow;
  }
}

type AnyColumn = Int32Column | Int64Column | BoolColumn | StringColumn | U64ListColumn;

function columnFrom(type: string, values: readonly unknown[]): AnyColumn {
  if (type === 'string') return stringColumn(values as (string | null)[]);
  const valid = values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : null;
  switch (type) {
    case 'int32':
      return { values: Int32Array.from(values as number[], (value) => value ?? 0), valid };
    case 'int64':
      return { values: BigInt64Array.from(values.map((value) => (value as bigint | null) ?? 0n)), valid };
    case 'bool':
      return { values: Uint8Array.from(values, (value) => (value === true ? 1 : 0)), valid };
    default:
      return listColumn(values as (readonly bigint[] | null)[], valid);
  }
}

/** Dictionary-codes strings in order of first appearance. */
export function stringColumn(values: readonly (string | null)[]): StringColumn {
  const codes = new Int32Array(values.length);
  const dictionary: string[] = [];
  const known = new Map<string, number>();
  values.forEach((value, row) => {
    if (value === null) {
      codes[row] = -1;
      return;
    }
    let code = known.get(value);
    if (code === undefined) {
      code = dictionary.push(value) - 1;
      known.set(value, code);
    }
    codes[row] = code;
  });
  return { codes, dictionary };
}

function listColumn(lists: readonly (readonly bigint[] | null)[], valid: Uint8Array | null): U64ListColumn {
  const offsets = new Uint32Array(lists.length + 1);
  lists.forEach((list, row) => {
    offsets[row + 1] = offsets[row] + (list?.length ?? 0);
  });
  const values = new BigUint64Array(offsets[lists.length]);
  lists.forEach((list, row) => {
    if (list !== null) values.set(list, offsets[row]);
  });
  return { offsets, values, valid };
}

function valueAt(column: AnyColumn, row: number, type: string): unknown {
  if ('codes' in column) return column.dictionary[column.codes[row]];
  if ('offsets' in column)
    return Array.from(column.values.subarray(column.offsets[row], column.offsets[row + 1]));
  return type === 'bool' ? column.values[row] !== 0 : column.values[row];
}
