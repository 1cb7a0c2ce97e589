/** Which requests belong together: one class per large client or model, the small ones pooled; or all in one. */
import type { Operation } from '../types.js';
import type { CodedColumn, FitColumns } from './columns.js';

/** `auto` decides by what the trace names, else by what its lengths show. */
export type GroupBy = 'auto' | 'client' | 'model' | 'latent' | 'none';

/** One class: the rows that it owns, in trace order, and what its generated rows are labelled with. */
export interface RequestClass {
  readonly id: string;
  readonly clientId: string | null;
  readonly model: string | null;
  readonly operation: Operation | undefined;
  readonly rows: Uint32Array;
}

/** Name of the pool of everything beyond the large groups; its rows keep no client or model name. */
export const POOLED_CLASS = '(other)';

/** Share of all requests that classes of their own cover; the tail is pooled (STATISTICS: clients that make 90 %). */
const OWN_CLASS_SHARE = 0.9;
/** Below this a rate curve and twenty length bins are noise. */
const OWN_CLASS_ROWS = 200;

/** Everything in one class. */
export function oneClass(columns: FitColumns): RequestClass {
  return describe(columns, 'all', allRows(columns.rowCount));
}

/** Classes of the given rows, named by their place. */
export function namedClasses(
  columns: FitColumns,
  members: readonly Uint32Array[],
  prefix: string,
): RequestClass[] {
  return members.map((rows, k) => describe(columns, `${prefix}-${k + 1}`, rows));
}

/** Splits the rows by name; classes by falling size, the pool last. */
export function splitClasses(columns: FitColumns, by: 'client' | 'model'): RequestClass[] {
  const column = by === 'client' ? columns.clientId : columns.model;
  const sizes = countCodes(column);
  const bySize = [...sizes.keys()].sort((a, b) => sizes[b] - sizes[a] || a - b);
  const classOf = new Int32Array(column.names.length).fill(-1);
  const ids: string[] = [];
  let covered = 0;
  for (const code of bySize) {
    if (covered >= OWN_CLASS_SHARE * columns.rowCount || sizes[code] < OWN_CLASS_ROWS) break;
    classOf[code] = ids.push(column.names[code]) - 1;
    covered += sizes[code];
  }
  const members: number[][] = ids.map(() => []);
  const pool: number[] = [];
  for (let row = 0; row < columns.rowCount; row++) {
    const code = column.codes[row];
    const own = code < 0 ? -1 : classOf[code];
    (own < 0 ? pool : members[own]).push(row);
  }
  const classes = members.map((rows, k) => describe(columns, ids[k], Uint32Array.from(rows)));
  if (pool.length > 0) classes.push(describe(columns, POOLED_CLASS, Uint32Array.from(pool)));
  return classes;
}

function allRows(count: number): Uint32Array {
  return new Uint32Array(count).map((_, row) => row);
}

function describe(columns: FitColumns, id: string, rows: Uint32Array): RequestClass {
  return {
    id,
    clientId: onlyName(columns.clientId, rows),
    model: onlyName(columns.model, rows),
    operation: commonestName(columns.operation, rows) as Operation | undefined,
    rows,
  };
}

/** The one name that every row has, else null. */
function onlyName(column: CodedColumn, rows: Uint32Array): string | null {
  if (rows.length === 0) return null;
  const code = column.codes[rows[0]];
  if (code < 0 || rows.some((row) => column.codes[row] !== code)) return null;
  return column.names[code];
}

function commonestName(column: CodedColumn, rows: Uint32Array): string | undefined {
  const counts = new Float64Array(column.names.length);
  for (const row of rows) if (column.codes[row] >= 0) counts[column.codes[row]] += 1;
  let best = -1;
  counts.forEach((count, code) => {
    if (count > 0 && (best < 0 || count > counts[best])) best = code;
  });
  return best < 0 ? undefined : column.names[best];
}

function countCodes(column: CodedColumn): Float64Array {
  const counts = new Float64Array(column.names.length);
  for (const code of column.codes) if (code >= 0) counts[code] += 1;
  return counts;
}
