/** Latencies of two runs over time, for the page: median and p99 per bin of the instant that requests were due. */
import { percentileSorted, REQUEST_METRICS } from '../metrics.js';
import type { LatencyPerBin, RunLatencyOverTime, RunRecord } from '../types.js';
import { nsToSec } from '../units.js';
import { roundBinSec } from './figures.js';
import type { RunSides } from './run-sides.js';

const MOST_BINS = 90;
/** A bin needs some requests for a median worth drawing. */
const REQUESTS_PER_BIN = 20;
const DRAWN = ['ttft', 'e2e'] as const;

/** Both runs on one axis, each from its own first measured request. Empty without requests. */
export function latencyOverTime({ a, b }: Pick<RunSides, 'a' | 'b'>): RunLatencyOverTime[] {
  const sides = [a.records, b.records];
  if (sides.some((records) => records.length === 0)) return [];
  const lastSec = Math.max(...sides.map((records) => dueSec(records, records.length - 1)));
  const fewest = Math.min(...sides.map((records) => records.length));
  const bins = Math.max(1, Math.min(MOST_BINS, Math.floor(fewest / REQUESTS_PER_BIN)));
  const binSec = roundBinSec(lastSec / bins);
  const count = Math.floor(lastSec / binSec) + 1;
  const x = Array.from({ length: count }, (_, k) => k * binSec);
  return DRAWN.map((id) => ({
    id,
    binSec,
    x,
    a: percentilesPerBin(a.records, { id, binSec, count }),
    b: percentilesPerBin(b.records, { id, binSec, count }),
  }));
}

function dueSec(records: readonly RunRecord[], i: number): number {
  return nsToSec(records[i].intendedNs - records[0].intendedNs);
}

function percentilesPerBin(
  records: readonly RunRecord[],
  {
    id,
    binSec,
    count,
  }: { readonly id: (typeof DRAWN)[number]; readonly binSec: number; readonly count: number },
): LatencyPerBin {
  const values = Array.from({ length: count }, (): number[] => []);
  records.forEach((record, i) => {
    const value = REQUEST_METRICS[id](record);
    if (typeof value === 'number') values[Math.floor(dueSec(records, i) / binSec)].push(value);
  });
  const sorted = values.map((list) => Float64Array.from(list).sort());
  const at = (p: number): (number | null)[] => sorted.map((list) => percentileSorted(list, p));
  return { p50: at(0.5), p99: at(0.99) };
}
