/** Rows of sessions → trace batches, with session, request and parent ids, turns, think times and block hashes. */
import { stringColumn } from '../../trace/batch.js';
import type { StringColumn, TraceBatch, WorkloadModel } from '../../types.js';
import { writeBlockIds } from './prompt.js';
import { blocksOf, type FirstTurns, type SessionRow, SessionStream } from './session-stream.js';

/** What rows of a class are called. */
export interface RowLabel {
  readonly clientId: string | null;
  readonly model: string | null;
  readonly operation: string;
}

export interface SessionBatchOptions {
  readonly model: WorkloadModel;
  readonly seed: string;
  readonly firstTurns: FirstTurns;
  readonly labels: readonly RowLabel[];
  /** First instant that is no longer wanted, µs; +∞ = no end. */
  readonly endUs: number;
  /** Stop after this many rows; null = no limit. */
  readonly requests: number | null;
  readonly factor?: number;
  readonly copy?: number;
  readonly signal?: AbortSignal;
}

/** Rows with their ids and prompts are some ten times as large as others, so batches are smaller. */
const BATCH_ROWS = 8_192;
/** A batch ends before its block ids would take more than 2 MiB. */
const BATCH_BLOCKS = 1 << 18;

/** Batches of rows in time order. */
export function* sessionBatches(options: SessionBatchOptions): Generator<TraceBatch> {
  const stream = new SessionStream(options);
  const blockSize = options.model.prefixes?.blockSize ?? null;
  let left = options.requests ?? Number.POSITIVE_INFINITY;
  while (left > 0) {
    options.signal?.throwIfAborted();
    const rows: SessionRow[] = [];
    const most = Math.min(BATCH_ROWS, left);
    for (let blocks = 0; rows.length < most && blocks < BATCH_BLOCKS; ) {
      const row = stream.next();
      if (row === null) break;
      rows.push(row);
      blocks += blockSize === null ? 0 : blocksOf(row, blockSize);
    }
    if (rows.length === 0) return;
    left -= rows.length;
    yield batchOf(rows, options, blockSize);
  }
}

function batchOf(
  rows: readonly SessionRow[],
  { labels, copy = 0 }: SessionBatchOptions,
  blockSize: number | null,
): TraceBatch {
  const sessionId = (row: SessionRow): string =>
    row.visit === null ? `${copy}-${row.classIndex}-${row.session}` : `${copy}-visit-${row.visit}`;
  const label = (of: (label: RowLabel) => string | null): StringColumn | undefined =>
    labels.every((one) => of(one) === null)
      ? undefined
      : stringColumn(rows.map((row) => of(labels[row.classIndex])));
  return {
    rowCount: rows.length,
    arrivalNs: BigInt64Array.from(rows, (row) => BigInt(row.arrivalUs) * 1_000n),
    inputTokens: { values: Int32Array.from(rows, (row) => row.inputTokens), valid: null },
    outputTokens: { values: Int32Array.from(rows, (row) => row.outputTokens), valid: null },
    requestId: stringColumn(rows.map((row) => `${sessionId(row)}-${row.turn}`)),
    sessionId: stringColumn(rows.map(sessionId)),
    parentId: stringColumn(rows.map((row) => (row.turn === 1 ? null : `${sessionId(row)}-${row.turn - 1}`))),
    turn: { values: Int32Array.from(rows, (row) => row.turn), valid: null },
    thinkNs: {
      values: BigInt64Array.from(rows, (row) => BigInt(row.thinkUs ?? 0) * 1_000n),
      valid: Uint8Array.from(rows, (row) => (row.thinkUs === null ? 0 : 1)),
    },
    clientId: label((one) => one.clientId),
    model: label((one) => one.model),
    operation: label((one) => one.operation),
    status: label(() => 'ok'),
    ...(blockSize === null ? {} : { blockHashes: hashesOf(rows, blockSize) }),
  };
}

function hashesOf(rows: readonly SessionRow[], blockSize: number): TraceBatch['blockHashes'] {
  const offsets = new Uint32Array(rows.length + 1);
  rows.forEach((row, i) => {
    offsets[i + 1] = offsets[i] + blocksOf(row, blockSize);
  });
  const values = new BigUint64Array(offsets[rows.length]);
  const lanes = new Uint32Array(values.buffer);
  rows.forEach(({ prompt }, i) => {
    if (prompt !== null) writeBlockIds(prompt, blockSize, lanes, offsets[i]);
  });
  return { offsets, values, valid: null };
}
