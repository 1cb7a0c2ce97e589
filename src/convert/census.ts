/** The first pass of a conversion: which columns are known in how many rows, and what a target could not take. */
import { isKnown } from '../trace/columns.js';
import type { TraceReader } from '../trace/read.js';
import { TRACE_COLUMNS } from '../trace/schema.js';
import type { StringColumn, TraceBatch, TraceRow, TraceStatus } from '../types.js';

/** Statuses that are no failure: a source that does not say counts as good. */
const GOOD: readonly TraceStatus[] = ['ok', 'unknown'];

/** Whether a request of this status failed. */
export function isFailure(status: TraceStatus): boolean {
  return !GOOD.includes(status);
}

export interface Census {
  readonly rows: number;
  /** Rows that say something, by column; of operation, other than `other`; of status, other than `unknown`. */
  readonly known: ReadonlyMap<keyof TraceRow, number>;
  /** Failed rows by status. */
  readonly failures: ReadonlyMap<string, number>;
  readonly failedRows: number;
  readonly zeroOutputRows: number;
}

/** Reads a trace once. */
export async function takeCensus(reader: TraceReader, signal?: AbortSignal): Promise<Census> {
  const known = new Map<keyof TraceRow, number>();
  const failures = new Map<string, number>();
  let rows = 0;
  let failedRows = 0;
  let zeroOutputRows = 0;
  for await (const batch of reader.batches({ signal })) {
    rows += batch.rowCount;
    for (const { code } of TRACE_COLUMNS) {
      const count = knownRows(batch, code);
      if (count > 0) known.set(code, (known.get(code) ?? 0) + count);
    }
    failedRows += addFailures(batch.status, batch.rowCount, failures);
    zeroOutputRows += zeros(batch);
  }
  return { rows, known, failures, failedRows, zeroOutputRows };
}

function knownRows(batch: TraceBatch, code: keyof TraceRow & keyof TraceBatch): number {
  if (code === 'arrivalNs') return batch.rowCount;
  const column = batch[code];
  if (column === undefined) return 0;
  const silent = code === 'operation' ? 'other' : code === 'status' ? 'unknown' : null;
  const silentCode = silent === null ? -1 : (column as StringColumn).dictionary.indexOf(silent);
  let count = 0;
  for (let row = 0; row < batch.rowCount; row++) {
    if (!isKnown(column, row)) continue;
    if (silentCode < 0 || (column as StringColumn).codes[row] !== silentCode) count += 1;
  }
  return count;
}

function addFailures(
  column: StringColumn | undefined,
  rowCount: number,
  failures: Map<string, number>,
): number {
  if (column === undefined) return 0;
  let total = 0;
  for (let row = 0; row < rowCount; row++) {
    const status = column.dictionary[column.codes[row]] as TraceStatus | undefined;
    if (status === undefined || !isFailure(status)) continue;
    failures.set(status, (failures.get(status) ?? 0) + 1);
    total += 1;
  }
  return total;
}

function zeros({ outputTokens, rowCount }: TraceBatch): number {
  if (outputTokens === undefined) return 0;
  let count = 0;
  for (let row = 0; row < rowCount; row++)
    if (outputTokens.values[row] === 0 && isKnown(outputTokens, row)) count += 1;
  return count;
}
