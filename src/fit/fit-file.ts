/** The edge of fit: reads a trace file, writes a model file that a person can read. */
import { hashInput } from '../manifest.js';
import { stringifyStrict, writeFileAtomic } from '../trace/files.js';
import { openTrace, type TraceReader } from '../trace/read.js';
import type { TraceRow, WorkloadModel } from '../types.js';
import { ColumnCollector, FIT_COLUMNS } from './columns.js';
import { type FitSettings, fitColumns } from './fit.js';
import { REQUEST_ID_COLUMN, SESSION_COLUMNS } from './sessions/columns.js';

/** Fits the trace at `path`. Throws what opening a trace throws, and TOO_FEW_ROWS. */
export async function fitTraceFile(
  path: string,
  settings: Omit<FitSettings, 'meta' | 'inputs'> = {},
): Promise<WorkloadModel> {
  const reader = await openTrace(path);
  try {
    const input = await hashInput(path);
    const collector = new ColumnCollector();
    const columns = await columnsToRead(reader, settings);
    for await (const batch of reader.batches({ columns, signal: settings.signal })) {
      collector.add(batch);
      settings.progress?.({
        stage: 'read trace',
        done: collector.rows,
        total: reader.rowCount,
        unit: 'rows',
      });
    }
    return fitColumns(collector.finish(), { ...settings, meta: reader.meta, inputs: [input] });
  } finally {
    reader.close();
  }
}

/** Columns of the fit; request ids, a text per row, only where rows name a parent. */
async function columnsToRead(
  reader: TraceReader,
  { sessions, signal }: Pick<FitSettings, 'sessions' | 'signal'>,
): Promise<readonly (keyof TraceRow)[]> {
  if (sessions === 'off') return FIT_COLUMNS;
  const columns = [...FIT_COLUMNS, ...SESSION_COLUMNS];
  for await (const { parentId, rowCount } of reader.batches({ columns: ['parentId'], signal })) {
    const isNamed = parentId?.codes.subarray(0, rowCount).some((code) => code >= 0);
    if (isNamed) return [...columns, REQUEST_ID_COLUMN];
  }
  return columns;
}

/** Writes a model: two-space JSON with every list of numbers on one line. */
export async function writeWorkloadModel(path: string, model: WorkloadModel): Promise<void> {
  await writeFileAtomic(path, formatWorkloadModel(model));
}

/** Text of a model file. Numbers are written in full, so reading gives the same model. */
export function formatWorkloadModel(model: WorkloadModel): string {
  const text = stringifyStrict(model);
  // JSON texts hold no raw line break, so only real lists of numbers match.
  const flat = text.replace(/\[\n\s*(-?[\d.eE+-]+(?:,\n\s*-?[\d.eE+-]+)*)\n\s*\]/g, (_, list: string) => {
    return `[${list.split(/,\s+/).join(', ')}]`;
  });
  return `${flat}\n`;
}
