/**
 * Block bootstrap: a trace resampled in circular blocks of time, whole requests with their offsets inside the block.
 *
 * The honest fallback where no model fits, and the only mode that reproduces record bursts: nothing is assumed but that
 * blocks may change places. Source: circular block bootstrap (Politis & Romano 1992); STATISTICS §2.4.5: blocks of 60 to 300 s.
 * Slower trends than a block, sessions and prefix reuse are broken; only arrivals, lengths, names and statuses are kept.
 */
import { ToolError } from '../errors.js';
import { type Rng, randomOf } from '../random.js';
import type { StringColumn, TraceBatch } from '../types.js';

export const BOOTSTRAP_COLUMNS = [
  'arrivalNs',
  'inputTokens',
  'outputTokens',
  'maxOutputTokens',
  'clientId',
  'model',
  'operation',
  'status',
] as const satisfies readonly (keyof TraceBatch)[];

/** A whole trace in memory. */
export interface ResampledTrace {
  /** Seconds from the trace's start, never falling. */
  readonly arrivalSec: Float64Array;
  /** −1 = unknown. */
  readonly inputTokens: Int32Array;
  readonly outputTokens: Int32Array;
  readonly maxOutputTokens: Int32Array;
  readonly names: Readonly<Record<'clientId' | 'model' | 'operation' | 'status', StringColumn>>;
  readonly durationSec: number;
}

export interface BootstrapTraceOptions {
  readonly trace: ResampledTrace;
  readonly seed: string | number;
  readonly blockSec: number;
  /** Default: the trace's. */
  readonly durationSec?: number;
}

const BATCH_ROWS = 65_536;

/** Batches of the resampled trace. Throws NO_ROWS, and BAD_VALUE for blocks that do not fit into the trace. */
export function* bootstrapTrace(options: BootstrapTraceOptions): Generator<TraceBatch> {
  const { trace, blockSec } = options;
  const durationSec = options.durationSec ?? trace.durationSec;
  checkBlock(trace, blockSec);
  const rng = randomOf(options.seed, 'bootstrap', 'blocks');
  let rows: number[] = [];
  let times: number[] = [];
  for (let startSec = 0; startSec < durationSec; startSec += blockSec) {
    const lengthSec = Math.min(blockSec, durationSec - startSec);
    for (const { row, offsetSec } of blockAt(trace, rng, lengthSec)) {
      rows.push(row);
      times.push(startSec + offsetSec);
    }
    if (rows.length < BATCH_ROWS) continue;
    yield batchOf(trace, rows, times);
    rows = [];
    times = [];
  }
  if (rows.length > 0) yield batchOf(trace, rows, times);
}

/** Rows from a random instant on, around the end if need be. */
function blockAt(trace: ResampledTrace, rng: Rng, lengthSec: number): { row: number; offsetSec: number }[] {
  const { arrivalSec, durationSec } = trace;
  const fromSec = rng.uniform() * durationSec;
  const found: { row: number; offsetSec: number }[] = [];
  const collect = (start: number, end: number, shift: number): void => {
    for (let row = firstAtOrAfter(arrivalSec, start); row < arrivalSec.length && arrivalSec[row] < end; row++)
      found.push({ row, offsetSec: arrivalSec[row] - start + shift });
  };
  collect(fromSec, Math.min(durationSec, fromSec + lengthSec), 0);
  const over = fromSec + lengthSec - durationSec;
  if (over > 0) collect(0, over, durationSec - fromSec);
  return found;
}

function firstAtOrAfter(times: Float64Array, sec: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < sec) low = middle + 1;
    else high = middle;
  }
  return low;
}

function batchOf(trace: ResampledTrace, rows: readonly number[], times: readonly number[]): TraceBatch {
  const tokens = (values: Int32Array) => ({
    values: Int32Array.from(rows, (row) => Math.max(0, values[row])),
    valid: Uint8Array.from(rows, (row) => (values[row] < 0 ? 0 : 1)),
  });
  const texts = (column: StringColumn): StringColumn => ({
    codes: Int32Array.from(rows, (row) => column.codes[row]),
    dictionary: column.dictionary,
  });
  return {
    rowCount: rows.length,
    arrivalNs: BigInt64Array.from(times, (sec) => BigInt(Math.floor(sec * 1e6)) * 1_000n),
    inputTokens: tokens(trace.inputTokens),
    outputTokens: tokens(trace.outputTokens),
    maxOutputTokens: tokens(trace.maxOutputTokens),
    clientId: texts(trace.names.clientId),
    model: texts(trace.names.model),
    operation: texts(trace.names.operation),
    status: texts(trace.names.status),
  };
}

function checkBlock({ arrivalSec, durationSec }: ResampledTrace, blockSec: number): void {
  if (arrivalSec.length === 0 || !(durationSec > 0)) {
    throw new ToolError({
      code: 'NO_ROWS',
      message: 'a trace without requests over time cannot be resampled',
      hint: 'ingest a longer log',
    });
  }
  if (blockSec > 0 && blockSec <= durationSec / 2) return;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected blocks of more than 0 s and at most half of the trace's ${durationSec} s, got ${blockSec} s`,
    hint: 'choose --block between 60s and 5m',
  });
}
