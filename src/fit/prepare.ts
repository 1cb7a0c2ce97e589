/** Which rows and which window a fit reads: leading silence left out, unusable lengths counted by reason. */
import { ToolError } from '../errors.js';
import { NS_PER_SEC } from '../units.js';
import type { CodedColumn, FitColumns } from './columns.js';

/** Fewer rows than this say nothing about a law of gaps. */
export const LEAST_ROWS = 20;

/**
 * A silence before the first arrival that is longer than all that follows is not part of the traffic: foreign files
 * count from 1970, cut windows from the start of the day.
 */
export function withoutLeadingSilence(columns: FitColumns): {
  readonly columns: FitColumns;
  readonly skippedSec: number;
} {
  const { arrivalSec, rowCount } = columns;
  const first = rowCount > 0 ? arrivalSec[0] : 0;
  if (rowCount === 0 || first <= arrivalSec[rowCount - 1] - first) return { columns, skippedSec: 0 };
  return { columns: { ...columns, arrivalSec: arrivalSec.map((t) => t - first) }, skippedSec: first };
}

/** From the trace's start to its last arrival, or to the end of that arrival's grid cell. Throws TOO_FEW_ROWS. */
export function windowOf(columns: FitColumns, gridNs: number | null, name: string): number {
  const last = columns.rowCount > 0 ? columns.arrivalSec[columns.rowCount - 1] : 0;
  const durationSec = last + (gridNs ?? 0) / NS_PER_SEC;
  if (columns.rowCount >= LEAST_ROWS && durationSec > 0) return durationSec;
  throw new ToolError({
    code: 'TOO_FEW_ROWS',
    message: `a workload model needs at least ${LEAST_ROWS} requests spread over time; ${name} has ${columns.rowCount} over ${durationSec} s`,
    hint: 'ingest a longer log',
  });
}

/** Rows whose lengths can be learned from, and why the others cannot. */
export interface UsableRows {
  readonly rows: Uint32Array;
  /** 1 for each row in `rows`. */
  readonly isUsable: Uint8Array;
  readonly excluded: Readonly<Record<string, number>>;
}

/** Throws TOO_FEW_ROWS when too few lengths are known. */
export function usableRows(columns: FitColumns): UsableRows {
  const excluded: Record<string, number> = {};
  const rows = new Uint32Array(columns.rowCount);
  const isUsable = new Uint8Array(columns.rowCount);
  let kept = 0;
  for (let row = 0; row < columns.rowCount; row++) {
    const reason = reasonToExclude(columns, row);
    if (reason === null) {
      rows[kept++] = row;
      isUsable[row] = 1;
    } else excluded[reason] = (excluded[reason] ?? 0) + 1;
  }
  if (kept < LEAST_ROWS) throw tooFewLengths(columns.rowCount, excluded);
  return { rows: rows.subarray(0, kept), isUsable, excluded };
}

/** The row's status; `unknown` when the source has none. */
export function statusOf(columns: FitColumns, row: number): string {
  const code = columns.status.codes[row];
  return code < 0 ? 'unknown' : columns.status.names[code];
}

/** Whether a request of this status did not end well. */
export function isFailure(status: string): boolean {
  return status !== 'ok' && status !== 'unknown';
}

function reasonToExclude(columns: FitColumns, row: number): string | null {
  const status = statusOf(columns, row);
  if (isFailure(status)) return `status ${status}`;
  if (columns.inputTokens[row] < 0) return 'input_tokens unknown';
  if (columns.outputTokens[row] < 0) return 'output_tokens unknown';
  return null;
}

/** The values of some rows. */
export function pick<T extends Float64Array | Int32Array>(values: T, rows: Uint32Array): T {
  if (rows.length === values.length) return values;
  const picked = values.slice(0, rows.length) as T;
  for (let i = 0; i < rows.length; i++) picked[i] = values[rows[i]];
  return picked;
}

/** The columns of some rows. */
export function pickColumns(columns: FitColumns, rows: Uint32Array): FitColumns {
  const coded = ({ codes, names }: CodedColumn): CodedColumn => ({ codes: pick(codes, rows), names });
  return {
    rowCount: rows.length,
    arrivalSec: pick(columns.arrivalSec, rows),
    inputTokens: pick(columns.inputTokens, rows),
    outputTokens: pick(columns.outputTokens, rows),
    clientId: coded(columns.clientId),
    model: coded(columns.model),
    operation: coded(columns.operation),
    status: coded(columns.status),
    sessions: null,
  };
}

function tooFewLengths(rows: number, excluded: Readonly<Record<string, number>>): ToolError {
  const reasons = Object.entries(excluded).map(([reason, count]) => `${count} × ${reason}`);
  return new ToolError({
    code: 'TOO_FEW_ROWS',
    message: `a workload model needs at least ${LEAST_ROWS} requests with both lengths known; of ${rows} rows, left out: ${reasons.join(', ')}`,
    hint: 'ingest a log that holds input and output token counts',
  });
}
