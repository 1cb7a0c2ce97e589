/**
 * requests.parquet: the columns of run records, the only mapping between their names on disk and in code.
 * Instants are ns from the run's t0 (negative before it), raw; metrics are never stored.
 */
import { ToolError } from '../errors.js';
import type { RunRecord } from '../types.js';
import type { ColumnBatch } from './columns.js';
import {
  readTable,
  type TableColumn,
  type TableReader,
  type TableRow,
  type TableType,
  writeTable,
} from './table.js';

/** One column of requests.parquet. */
export interface RunColumn extends TableColumn {
  /** Name in RunRecord. */
  readonly code: keyof RunRecord;
}

/** Key of our JSON in the Parquet key-value metadata. */
export const RUN_META_KEY = 'tokentide';

const column = (name: string, code: keyof RunRecord, type: TableType, nullable = true): RunColumn => ({
  name,
  code,
  type,
  nullable,
});

export const RUN_COLUMNS: readonly RunColumn[] = [
  column('index', 'index', 'int32', false),
  column('request_id', 'requestId', 'string'),
  column('session_id', 'sessionId', 'string'),
  column('phase', 'phase', 'string', false),
  column('status', 'status', 'string', false),
  column('stream', 'stream', 'bool', false),
  column('intended_ns', 'intendedNs', 'int64', false),
  column('released_ns', 'releasedNs', 'int64'),
  column('sent_ns', 'sentNs', 'int64'),
  column('first_byte_ns', 'firstByteNs', 'int64'),
  column('first_token_ns', 'firstTokenNs', 'int64'),
  column('first_answer_token_ns', 'firstAnswerTokenNs', 'int64'),
  column('last_token_ns', 'lastTokenNs', 'int64'),
  column('end_ns', 'endNs', 'int64'),
  column('chunk_ns', 'chunkNs', 'list<int64>'),
  column('connect_ns', 'connectNs', 'int64'),
  column('dns_ns', 'dnsNs', 'int64'),
  column('input_tokens', 'inputTokens', 'int32'),
  column('input_tokens_asked', 'inputTokensAsked', 'int32'),
  column('output_tokens', 'outputTokens', 'int32'),
  column('output_tokens_source', 'outputTokensSource', 'string'),
  column('tokens_in_first_chunk', 'tokensInFirstChunk', 'int32'),
  column('max_output_tokens', 'maxOutputTokens', 'int32'),
  column('cached_tokens', 'cachedTokens', 'int32'),
  column('reasoning_tokens', 'reasoningTokens', 'int32'),
  column('chunks', 'chunks', 'int32', false),
  column('http_status', 'httpStatus', 'int32'),
  column('error', 'error', 'string'),
  column('note', 'note', 'string'),
  column('finish_reason', 'finishReason', 'string'),
  column('response_id', 'responseId', 'string'),
  column('endpoint', 'endpoint', 'string'),
  column('sender', 'sender', 'int32', false),
  column('attempt', 'attempt', 'int32', false),
  column('last_sent_ns', 'lastSentNs', 'int64'),
  column('parent_index', 'parentIndex', 'int32'),
];

/** Records that can also be had as columns, which saves the objects. */
export interface ColumnarRecords extends Iterable<RunRecord> {
  /** In the order of RUN_COLUMNS. */
  batches(): Iterable<ColumnBatch>;
}

/** Writes requests.parquet, whole or not at all. `meta` is kept as JSON text in the file's metadata. */
export async function writeRunRecords(
  path: string,
  records: Iterable<RunRecord> | ColumnarRecords,
  meta: string,
): Promise<{ rows: number; bytes: number }> {
  function* rows(): Generator<TableRow> {
    for (const record of records) yield rowOf(record);
  }
  return writeTable({
    path,
    columns: RUN_COLUMNS,
    ...('batches' in records ? { batches: records.batches() } : { rows: rows() }),
    keyValue: { key: RUN_META_KEY, value: meta },
    // A thread would hold row groups beside the one that is being filled: memory for little time.
    threads: 0,
  });
}

/** Opens a requests.parquet. Throws BAD_RUN for a table of another kind. */
export async function openRunTable(path: string): Promise<TableReader> {
  const reader = await readTable(path, { columns: RUN_COLUMNS, what: 'run records', int64As: 'number' });
  if (reader.keyValue.has(RUN_META_KEY)) return reader;
  reader.close();
  throw new ToolError({
    code: 'BAD_RUN',
    message: `${path} holds no run records: it was not written by tokentide replay`,
    hint: 'name the folder that `tokentide replay -o` made',
  });
}

/** All records of a requests.parquet as objects, in the file's order. Throws BAD_RUN for a table of another kind. */
export async function readRunRecords(path: string): Promise<RunRecord[]> {
  const reader = await openRunTable(path);
  try {
    const records: RunRecord[] = [];
    for await (const row of reader.rows()) records.push(recordOfRow(row));
    return records;
  } finally {
    reader.close();
  }
}

function rowOf(record: RunRecord): TableRow {
  const row: Record<string, TableRow[string]> = {};
  for (const { name, code } of RUN_COLUMNS) row[name] = (record[code] ?? null) as TableRow[string];
  return row;
}

function recordOfRow(row: TableRow): RunRecord {
  const record: Record<string, unknown> = {};
  for (const { name, code } of RUN_COLUMNS) record[code] = row[name] ?? null;
  return record as unknown as RunRecord;
}
