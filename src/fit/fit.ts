/**
 * fit: trace → workload model. Pure: reads batches, returns the model with its goodness of fit and its warnings.
 *
 * Source: the pipeline of STATISTICS §2.1. Every row counts as an arrival; only rows that ended well and whose two
 * lengths are known enter the length model, and what was left out is counted in the model.
 */
import { ToolError } from '../errors.js';
import { createManifest } from '../manifest.js';
import type {
  ManifestInput,
  ProgressListener,
  TraceBatch,
  TraceMeta,
  WorkloadClass,
  WorkloadModel,
} from '../types.js';
import { NS_PER_SEC } from '../units.js';
import { fitArrivals } from './arrivals.js';
import { type GroupBy, type RequestClass, splitClasses } from './classes.js';
import { findClockGridNs } from './clock-grid.js';
import { ColumnCollector, type FitColumns } from './columns.js';
import { checkDrift } from './drift.js';
import { fitLengths } from './lengths.js';
import { collectWarnings } from './warnings.js';

export interface FitSettings {
  /** What is known about the trace: its name, clock, start, content hash and origin. */
  readonly meta: Pick<TraceMeta, 'name' | 'contentHash' | 'startUtc' | 'quality'> &
    Partial<Pick<TraceMeta, 'manifest'>>;
  /** One class per large client or model (the tail pooled), or one for everything. Default none. */
  readonly by?: GroupBy;
  /** Default: the trace's name. */
  readonly name?: string;
  /** Standard deviation of the rate's smoothing kernel, s. Default 60, or 300 for traces above 6 h. */
  readonly bandwidthSec?: number;
  /** Seed of the spreading of coarse clocks, of the simulated dispersion and of the drift floor. Default '1'. */
  readonly seed?: string | number;
  readonly licence?: string;
  readonly citation?: string;
  /** Files that the trace came from, for the manifest. */
  readonly inputs?: readonly ManifestInput[];
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

export interface FitOptions extends FitSettings {
  /** Rows sorted by arrival. */
  readonly batches: Iterable<TraceBatch>;
}

/** Fewer rows than this say nothing about a law of gaps. */
const LEAST_ROWS = 20;

/** Fits a workload model. Throws TOO_FEW_ROWS when the trace is too short to learn from, BAD_VALUE for settings. */
export function fitWorkload(options: FitOptions): WorkloadModel {
  const collector = new ColumnCollector();
  for (const batch of options.batches) {
    options.signal?.throwIfAborted();
    collector.add(batch);
  }
  return fitColumns(collector.finish(), options);
}

/** The same from columns that were collected already. */
export function fitColumns(collected: FitColumns, settings: FitSettings): WorkloadModel {
  const { columns, skippedSec } = withoutLeadingSilence(collected);
  const by = settings.by ?? 'none';
  const seed = String(settings.seed ?? 1);
  const name = settings.name ?? settings.meta.name;
  checkBandwidth(settings.bandwidthSec);
  const gridNs = settings.meta.quality?.clock.gridNs ?? findClockGridNs(columns.arrivalSec);
  const durationSec = windowOf(columns, gridNs, settings.meta.name);
  const usable = usableRows(columns);
  if (usable.rows.length < LEAST_ROWS) throw tooFewLengths(columns.rowCount, usable.excluded);
  const isUsable = new Uint8Array(columns.rowCount);
  for (const row of usable.rows) isUsable[row] = 1;

  const groups = splitClasses(columns, by);
  const borrowed: string[] = [];
  const classes = groups.map((group, k) => {
    settings.signal?.throwIfAborted();
    settings.progress?.({ stage: 'fit classes', done: k, total: groups.length, unit: 'classes' });
    const own = group.rows.filter((row) => isUsable[row] === 1);
    const borrows = own.length < LEAST_ROWS && groups.length > 1;
    if (borrows) borrowed.push(group.id);
    return fitClass(group, columns, borrows ? usable.rows : own, {
      durationSec,
      gridNs,
      bandwidthSec: settings.bandwidthSec ?? null,
      seed,
    });
  });
  const drift = checkDrift({
    arrivalSec: pick(columns.arrivalSec, usable.rows),
    inputTokens: pick(columns.inputTokens, usable.rows),
    outputTokens: pick(columns.outputTokens, usable.rows),
    durationSec,
    seed,
  });
  return {
    schemaVersion: 1,
    kind: 'workload-model',
    manifest: createManifest({
      command: 'fit',
      options: { by, name, bandwidthSec: settings.bandwidthSec ?? null },
      seed,
      inputs: settings.inputs,
      timestamp: false,
    }),
    name,
    source: {
      name: settings.meta.name,
      licence: settings.licence ?? null,
      citation: settings.citation ?? null,
      traceHash: settings.meta.contentHash,
      files: settings.meta.manifest?.inputs ?? [],
      rows: columns.rowCount,
      rowsUsed: usable.rows.length,
      excluded: usable.excluded,
      startUtc: settings.meta.startUtc,
    },
    durationSec,
    meanRatePerSec: columns.rowCount / durationSec,
    by,
    classes,
    drift,
    warnings: collectWarnings({
      classes,
      drift,
      durationSec,
      excluded: usable.excluded,
      borrowed,
      skippedSec,
    }),
  };
}

interface ClassSettings {
  readonly durationSec: number;
  readonly gridNs: number | null;
  readonly bandwidthSec: number | null;
  readonly seed: string;
}

function fitClass(
  group: RequestClass,
  columns: FitColumns,
  lengthRows: Uint32Array,
  settings: ClassSettings,
): WorkloadClass {
  return {
    id: group.id,
    clientId: group.clientId,
    model: group.model,
    requests: group.rows.length,
    ...(group.operation === undefined ? {} : { operation: group.operation }),
    arrivals: fitArrivals({
      ...settings,
      arrivalSec: pick(columns.arrivalSec, group.rows),
      classId: group.id,
    }),
    lengths: fitLengths(pick(columns.inputTokens, lengthRows), pick(columns.outputTokens, lengthRows)),
  };
}

/**
 * A silence before the first arrival that is longer than all that follows is not part of the traffic: foreign files
 * count from 1970, cut windows from the start of the day.
 */
function withoutLeadingSilence(columns: FitColumns): {
  readonly columns: FitColumns;
  readonly skippedSec: number;
} {
  const { arrivalSec, rowCount } = columns;
  const first = rowCount > 0 ? arrivalSec[0] : 0;
  if (rowCount === 0 || first <= arrivalSec[rowCount - 1] - first) return { columns, skippedSec: 0 };
  return { columns: { ...columns, arrivalSec: arrivalSec.map((t) => t - first) }, skippedSec: first };
}

/** From the trace's start to its last arrival, or to the end of that arrival's grid cell. */
function windowOf(columns: FitColumns, gridNs: number | null, name: string): number {
  const last = columns.rowCount > 0 ? columns.arrivalSec[columns.rowCount - 1] : 0;
  const durationSec = last + (gridNs ?? 0) / NS_PER_SEC;
  if (columns.rowCount >= LEAST_ROWS && durationSec > 0) return durationSec;
  throw new ToolError({
    code: 'TOO_FEW_ROWS',
    message: `a workload model needs at least ${LEAST_ROWS} requests spread over time; ${name} has ${columns.rowCount} over ${durationSec} s`,
    hint: 'ingest a longer log',
  });
}

/** Rows whose lengths can be learned from, and why the others cannot. */
function usableRows(columns: FitColumns): {
  readonly rows: Uint32Array;
  readonly excluded: Readonly<Record<string, number>>;
} {
  const excluded: Record<string, number> = {};
  const rows = new Uint32Array(columns.rowCount);
  let kept = 0;
  for (let row = 0; row < columns.rowCount; row++) {
    const reason = reasonToExclude(columns, row);
    if (reason === null) rows[kept++] = row;
    else excluded[reason] = (excluded[reason] ?? 0) + 1;
  }
  return { rows: rows.subarray(0, kept), excluded };
}

function reasonToExclude(columns: FitColumns, row: number): string | null {
  const code = columns.status.codes[row];
  const status = code < 0 ? 'unknown' : columns.status.names[code];
  if (status !== 'ok' && status !== 'unknown') return `status ${status}`;
  if (columns.inputTokens[row] < 0) return 'input_tokens unknown';
  if (columns.outputTokens[row] < 0) return 'output_tokens unknown';
  return null;
}

function pick<T extends Float64Array | Int32Array>(values: T, rows: Uint32Array): T {
  if (rows.length === values.length) return values;
  const picked = values.slice(0, rows.length) as T;
  for (let i = 0; i < rows.length; i++) picked[i] = values[rows[i]];
  return picked;
}

function checkBandwidth(bandwidthSec: number | undefined): void {
  if (bandwidthSec === undefined || (Number.isFinite(bandwidthSec) && bandwidthSec > 0)) return;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected a bandwidth above 0 s, got ${bandwidthSec}`,
    hint: 'leave it out for 60 s (300 s for traces above 6 h)',
  });
}

function tooFewLengths(rows: number, excluded: Readonly<Record<string, number>>): ToolError {
  const reasons = Object.entries(excluded).map(([reason, count]) => `${count} × ${reason}`);
  return new ToolError({
    code: 'TOO_FEW_ROWS',
    message: `a workload model needs at least ${LEAST_ROWS} requests with both lengths known; of ${rows} rows, left out: ${reasons.join(', ')}`,
    hint: 'ingest a log that holds input and output token counts',
  });
}
