/** How often requests of a class fail, by status: kept apart from their lengths (STATISTICS §5.3). */
import type { FailureModel } from '../types.js';
import type { FitColumns } from './columns.js';
import { isFailure, statusOf } from './prepare.js';

/** Empty when none of the rows failed, or all did: then there is nothing to send. */
export function fitFailures(columns: FitColumns, rows: Uint32Array): { readonly failures?: FailureModel } {
  const counts = new Map<string, number>();
  let failed = 0;
  for (const row of rows) {
    const status = statusOf(columns, row);
    if (!isFailure(status)) continue;
    failed += 1;
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  if (failed === 0 || failed === rows.length) return {};
  const byStatus = [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .map(([status, count]) => [status, Number((count / rows.length).toPrecision(6))] as const);
  return { failures: { byStatus: Object.fromEntries(byStatus) } };
}
