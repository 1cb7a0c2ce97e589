/**
 * The trace's own columns as CSV and JSON Lines, for spreadsheets, pandas and scripts. Columns that no row knows are left
 * out; a known start comes as `arrival_time` in every row, the block size as `block_size` beside the block ids.
 */
import { TRACE_COLUMNS } from '../../trace/schema.js';
import type { TraceRow } from '../../types.js';
import { epochNs, formatUtc } from '../decimal.js';
import type { TargetColumn, TargetContext, TextTarget } from '../target.js';

const COLUMNS: readonly TargetColumn[] = TRACE_COLUMNS.map(({ disk, code }) => ({
  name: disk,
  from: code,
  meaning:
    disk === 'arrival_ns' ? 'ns from the first request; arrival_time is the same in UTC' : 'as in the trace',
}));

/** Columns that are never left out: by them the file is known again. */
const ALWAYS: ReadonlySet<keyof TraceRow> = new Set(['arrivalNs', 'operation', 'status'] as const);

interface Cell {
  readonly name: string;
  /** As JSON; null = unknown. */
  json(row: TraceRow): string | null;
}

function cellsOf({ meta, blockSize, present }: TargetContext): readonly Cell[] {
  const cells: Cell[] = [];
  if (meta.startUtc !== null) {
    const start = epochNs(meta.startUtc);
    const places = meta.timeResolutionNs === null ? 9 : placesOf(meta.timeResolutionNs);
    cells.push({
      name: 'arrival_time',
      json: (row) => JSON.stringify(formatUtc(start + row.arrivalNs, places)),
    });
  }
  for (const { disk, code } of TRACE_COLUMNS) {
    if (!present.has(code) && !ALWAYS.has(code)) continue;
    cells.push({ name: disk, json: (row) => jsonOf(row[code]) });
    if (code === 'blockHashes' && blockSize !== null) {
      cells.push({
        name: 'block_size',
        json: (row) => (row.blockHashes === null ? null : String(blockSize)),
      });
    }
  }
  return cells;
}

function placesOf(resolutionNs: number): number {
  return Math.max(0, Math.min(9, 9 - Math.floor(Math.log10(Math.max(1, resolutionNs)))));
}

function jsonOf(value: TraceRow[keyof TraceRow]): string | null {
  if (value === null) return null;
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' ? `[${value.join(',')}]` : String(value);
}

const SHARED = {
  kind: 'text',
  columns: COLUMNS,
  required: [],
  stepNs: 1n,
  hasStart: true,
  blockSize: 'own',
  writesPrompts: false,
  advice: () => [],
} as const satisfies Partial<TextTarget>;

export const jsonLines: TextTarget = {
  ...SHARED,
  name: 'jsonl',
  title: 'the trace as JSON Lines',
  readAs: 'tokentide-trace',
  sourceUrl: 'https://jsonlines.org',
  open: (context) => {
    const cells = cellsOf(context);
    return {
      begin: '',
      row: (row) => {
        const parts: string[] = [];
        for (const { name, json } of cells) {
          const value = json(row);
          if (value !== null) parts.push(`"${name}":${value}`);
        }
        return `{${parts.join(',')}}\n`;
      },
      end: '',
    };
  },
};

export const csv: TextTarget = {
  ...SHARED,
  name: 'csv',
  title: 'the trace as CSV',
  readAs: 'tokentide-csv',
  sourceUrl: 'https://www.rfc-editor.org/rfc/rfc4180',
  open: (context) => {
    const cells = cellsOf(context);
    return {
      begin: `${cells.map(({ name }) => name).join(',')}\n`,
      row: (row) => `${cells.map(({ json }) => csvOf(json(row))).join(',')}\n`,
      end: '',
    };
  },
};

/** A JSON value as a CSV cell: texts without their escapes, quoted where RFC 4180 wants it. */
function csvOf(json: string | null): string {
  if (json === null) return '';
  const text = json.startsWith('"') ? (JSON.parse(json) as string) : json;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
