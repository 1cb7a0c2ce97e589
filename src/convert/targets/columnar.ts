/** The trace as Parquet for readers that know only old Parquet (Snappy pages, as parquetjs wants them), and as Arrow IPC. */
import { TRACE_COLUMNS } from '../../trace/schema.js';
import type { ColumnarTarget, TargetColumn } from '../target.js';

const COLUMNS: readonly TargetColumn[] = TRACE_COLUMNS.map(({ disk, code }) => ({
  name: disk,
  from: code,
  meaning: 'as in the trace',
}));

export const parquet: ColumnarTarget = {
  kind: 'parquet',
  name: 'parquet',
  title: 'the trace as Parquet that old readers know',
  readAs: 'tokentide-trace',
  sourceUrl: 'https://parquet.apache.org',
  columns: COLUMNS,
  required: [],
};

export const arrow: ColumnarTarget = {
  kind: 'arrow',
  name: 'arrow',
  title: 'the trace as an Arrow IPC file (Feather 2)',
  readAs: 'tokentide-trace',
  sourceUrl: 'https://arrow.apache.org',
  columns: COLUMNS,
  required: [],
};
