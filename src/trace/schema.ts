/**
 * The column table of trace Parquet, schema version 1: the only mapping between names on disk and in code.
 * Order here is the order in the file. Source: design page, section 4.
 */
import type { TraceBatch, TraceRow } from '../types.js';

export type ColumnType = 'int32' | 'int64' | 'bool' | 'string' | 'u64list';

export interface ColumnSpec {
  /** Name in the file. */
  readonly disk: string;
  /** Name in TraceRow and TraceBatch. */
  readonly code: keyof TraceRow & keyof TraceBatch;
  readonly type: ColumnType;
  readonly nullable: boolean;
}

export const TRACE_SCHEMA_VERSION = 1;

/** Key of our JSON blob in the Parquet key-value metadata. */
export const TRACE_META_KEY = 'tokentide';

const column = (disk: string, code: ColumnSpec['code'], type: ColumnType, nullable = true): ColumnSpec => ({
  disk,
  code,
  type,
  nullable,
});

export const TRACE_COLUMNS: readonly ColumnSpec[] = [
  column('arrival_ns', 'arrivalNs', 'int64', false),
  column('input_tokens', 'inputTokens', 'int32'),
  column('output_tokens', 'outputTokens', 'int32'),
  column('cached_tokens', 'cachedTokens', 'int32'),
  column('reasoning_tokens', 'reasoningTokens', 'int32'),
  column('max_output_tokens', 'maxOutputTokens', 'int32'),
  column('request_id', 'requestId', 'string'),
  column('session_id', 'sessionId', 'string'),
  column('parent_id', 'parentId', 'string'),
  column('turn', 'turn', 'int32'),
  column('think_ns', 'thinkNs', 'int64'),
  column('client_id', 'clientId', 'string'),
  column('model', 'model', 'string'),
  column('adapter', 'adapter', 'string'),
  column('operation', 'operation', 'string', false),
  column('stream', 'stream', 'bool'),
  column('images', 'images', 'int32'),
  column('block_hashes', 'blockHashes', 'u64list'),
  column('status', 'status', 'string', false),
  column('http_status', 'httpStatus', 'int32'),
  column('ttft_ns', 'ttftNs', 'int64'),
  column('duration_ns', 'durationNs', 'int64'),
];
