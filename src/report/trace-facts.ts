/** What a page shows of a trace's rows: a few hundred numbers from its columns. Pure but for the reader. */
import { percentileSorted } from '../metrics.js';
import { countsPerWindow, dispersionIndex } from '../stats/dispersion.js';
import { type TraceColumns, type TraceReader, traceColumns } from '../trace/read.js';
import type { Int32Column, TraceMeta } from '../types.js';
import { nsToSec } from '../units.js';
import { binStarts, chooseTimeBins, ratesByBin } from './series/time-bins.js';

/** Every percent, and the upper tail. */
export const FACT_PROBS: readonly number[] = [
  ...Array.from({ length: 100 }, (_, k) => k / 100),
  0.995,
  0.998,
  0.999,
  1,
];

export interface Quantiles {
  readonly n: number;
  /** At FACT_PROBS. */
  readonly values: readonly number[];
}

export interface TraceFacts {
  readonly meta: TraceMeta;
  readonly rows: number;
  /** Columns that the file has, as in code. */
  readonly columns: readonly string[];
  readonly durationSec: number;
  /** Requests per second by bin; the last bin may be shorter. */
  readonly rate: {
    readonly binSec: number;
    readonly startSec: readonly number[];
    readonly perSec: readonly number[];
  };
  /** null = unknown in every row. */
  readonly inputTokens: Quantiles | null;
  readonly outputTokens: Quantiles | null;
  readonly gapsSec: Quantiles | null;
  readonly dispersion: { readonly windowSec: readonly number[]; readonly index: readonly (number | null)[] };
}

const WINDOWS_SEC = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600];
const LEAST_WINDOWS = 5;

/** Reads arrivals and lengths (16 bytes per row) and sums them up. */
export async function readTraceFacts(reader: TraceReader): Promise<TraceFacts> {
  return traceFacts(reader.meta, reader.columns, await traceColumns(reader));
}

export function traceFacts(
  meta: TraceMeta,
  columns: readonly string[],
  { rowCount, arrivalNs, inputTokens, outputTokens }: TraceColumns,
): TraceFacts {
  const arrivalSec = Float64Array.from(arrivalNs, nsToSec);
  const durationSec = rowCount === 0 ? 0 : arrivalSec[rowCount - 1] - arrivalSec[0];
  const firstSec = rowCount === 0 ? 0 : arrivalSec[0];
  const bins = chooseTimeBins({ fromSec: firstSec, toSec: firstSec + durationSec, events: rowCount });
  const gaps = Float64Array.from(
    { length: Math.max(0, rowCount - 1) },
    (_, i) => arrivalSec[i + 1] - arrivalSec[i],
  );
  const windowSec = WINDOWS_SEC.filter((sec) => durationSec >= LEAST_WINDOWS * sec);
  const shifted = arrivalSec.map((sec) => sec - firstSec);
  return {
    meta,
    rows: rowCount,
    columns,
    durationSec,
    rate: { binSec: bins.stepSec, startSec: binStarts(bins), perSec: ratesByBin(bins, arrivalNs) },
    inputTokens: quantilesOf(knownValues(inputTokens)),
    outputTokens: quantilesOf(knownValues(outputTokens)),
    gapsSec: quantilesOf(gaps),
    dispersion: {
      windowSec,
      index: windowSec.map((sec) => dispersionIndex(countsPerWindow(shifted, sec, durationSec))),
    },
  };
}

function knownValues(column: Int32Column | null): ArrayLike<number> {
  if (column === null) return [];
  const { values, valid } = column;
  return valid === null ? values : values.filter((_, i) => valid[i] === 1);
}

function quantilesOf(values: ArrayLike<number>): Quantiles | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  return { n: sorted.length, values: FACT_PROBS.map((p) => percentileSorted(sorted, p)!) };
}
