/**
 * fit: trace → workload model. Pure: reads batches, returns the model with its goodness of fit and its warnings.
 *
 * Source: the pipeline of STATISTICS §2.1. Every row counts as an arrival; only rows that ended well and whose two
 * lengths are known enter the length model, and what was left out is counted in the model.
 */
import { ToolError } from '../errors.js';
import { createManifest } from '../manifest.js';
import { clockGridSec } from '../stats/clock-grid.js';
import type {
  ArrivalModel,
  ManifestInput,
  ProgressListener,
  SharedArrivals,
  TraceBatch,
  TraceMeta,
  WorkloadClass,
  WorkloadModel,
} from '../types.js';
import { NS_PER_SEC } from '../units.js';
import { describeArrivals, fitArrivals } from './arrivals.js';
import type { GroupBy, RequestClass } from './classes.js';
import { ColumnCollector, type FitColumns } from './columns.js';
import { chooseDependence, chooseLatentDependence, type DependenceChoice } from './dependence.js';
import { checkDrift } from './drift.js';
import { fitFailures } from './failures.js';
import { groupRequests } from './grouping.js';
import { DEFAULT_LATENT_CLASSES, MOST_LATENT_CLASSES } from './latent.js';
import { fitLengths } from './lengths.js';
import { fitLocality } from './locality.js';
import { LEAST_ROWS, pick, pickColumns, usableRows, windowOf, withoutLeadingSilence } from './prepare.js';
import { chooseRateForm } from './rate-form.js';
import { type FoundSessions, findSessions, fitSessions } from './sessions/fit-sessions.js';
import { sessionChoice, sessionWarnings } from './sessions/report.js';
import { collectWarnings } from './warnings.js';

export interface FitSettings {
  /** What is known about the trace: its name, clock, start, content hash and origin. */
  readonly meta: Pick<TraceMeta, 'name' | 'contentHash' | 'startUtc' | 'quality'> &
    Partial<Pick<TraceMeta, 'manifest' | 'blockSize'>>;
  /**
   * One class per large client or model (the tail pooled), classes of similar lengths, or one for everything. Default
   * auto: names if the trace has them, latent classes if the mix of lengths moves with time, else one.
   */
  readonly by?: GroupBy;
  /** Number of latent classes at most, 2–64. Default 12. */
  readonly latentClasses?: number;
  /** `auto` fits sessions and shared prefixes where ids or block hashes tell of them; `off` takes requests as unrelated. */
  readonly sessions?: 'auto' | 'off';
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

/** Fits a workload model. Throws TOO_FEW_ROWS when the trace is too short to learn from, BAD_VALUE for settings. */
export function fitWorkload(options: FitOptions): WorkloadModel {
  const collector = new ColumnCollector();
  for (const batch of options.batches) {
    options.signal?.throwIfAborted();
    collector.add(batch);
  }
  return fitColumns(collector.finish(), options);
}

/** Known inputs that show how much they repeat. */
const LOCALITY_ROWS = 1_000_000;

/** The same from columns that were collected already. */
export function fitColumns(collected: FitColumns, settings: FitSettings): WorkloadModel {
  const { columns: all, skippedSec } = withoutLeadingSilence(collected);
  const seed = String(settings.seed ?? 1);
  const name = settings.name ?? settings.meta.name;
  checkSettings(settings);
  const gridNs = settings.meta.quality?.clock.gridNs ?? gridOf(all.arrivalSec);
  const durationSec = windowOf(all, gridNs, settings.meta.name);
  const known = usableRows(all);
  const found = sessionsOf(all, settings, { durationSec, gridNs, seed });
  // Classes describe first turns; the laws of sessions give the others.
  const columns = found === null ? all : pickColumns(all, found.firstRows);
  const usable = found === null ? known : usableRows(columns);
  const { form, choice: rateChoice } = chooseRateForm(
    columns.arrivalSec,
    durationSec,
    settings.bandwidthSec ?? null,
  );
  const arrivalSettings = { durationSec, gridNs, form, seed };
  const together = once(() =>
    fitArrivals({ ...arrivalSettings, arrivalSec: columns.arrivalSec, classId: 'all' }),
  );
  const { by, groups, choice } = groupRequests({
    columns,
    usable,
    by: settings.by ?? 'auto',
    latentClasses: settings.latentClasses ?? DEFAULT_LATENT_CLASSES,
    seed,
    durationSec,
    together,
  });
  const isLatent = by === 'latent';
  const classOf = classNumbers(groups, columns.rowCount);
  const latent = isLatent ? latentDependence(columns, usable.rows, classOf, groups.length, seed) : null;
  const borrowed: string[] = [];
  const classes = groups.map((group, k) => {
    settings.signal?.throwIfAborted();
    settings.progress?.({ stage: 'fit classes', done: k, total: groups.length, unit: 'classes' });
    const own = group.rows.filter((row) => usable.isUsable[row] === 1);
    const borrows = own.length < LEAST_ROWS && groups.length > 1;
    if (borrows) borrowed.push(group.id);
    const options = {
      ...arrivalSettings,
      arrivalSec: pick(columns.arrivalSec, group.rows),
      classId: group.id,
    };
    return fitClass(group, columns, borrows ? usable.rows : own, {
      seed,
      latent,
      arrivals: () => {
        if (isLatent) return describeArrivals(options);
        return groups.length === 1 ? together() : fitArrivals(options);
      },
    });
  });
  const drift = checkDrift({
    arrivalSec: pick(all.arrivalSec, known.rows),
    inputTokens: pick(all.inputTokens, known.rows),
    outputTokens: pick(all.outputTokens, known.rows),
    durationSec,
    seed,
  });
  const shared = isLatent ? withoutRate(together()) : null;
  const sessions =
    found === null
      ? null
      : fitSessions(
          found,
          groups.map(({ id, rows }) => ({ id, rows: rows.map((row) => found.firstRows[row]) })),
        );
  const first = usable.rows.subarray(0, LOCALITY_ROWS);
  const locality = fitLocality({
    inputTokens: pick(columns.inputTokens, first),
    classOf: pick(classOf, first),
    seed,
  });
  return {
    schemaVersion: 1,
    kind: 'workload-model',
    manifest: createManifest({
      command: 'fit',
      options: {
        by: settings.by ?? 'auto',
        latentClasses: settings.latentClasses ?? null,
        sessions: settings.sessions ?? 'auto',
        name,
        bandwidthSec: settings.bandwidthSec ?? null,
      },
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
      rows: all.rowCount,
      rowsUsed: known.rows.length,
      excluded: known.excluded,
      startUtc: settings.meta.startUtc,
    },
    durationSec,
    meanRatePerSec: all.rowCount / durationSec,
    by,
    classes,
    shared,
    locality,
    choices: [
      choice,
      ...(rateChoice === null ? [] : [rateChoice]),
      ...(latent === null ? [] : [latent.choice]),
      ...(found === null ? [] : [sessionChoice(found)]),
    ],
    ...sessions,
    drift,
    warnings: [
      ...collectWarnings({
        classes,
        shared,
        locality,
        drift,
        durationSec,
        excluded: known.excluded,
        borrowed,
        skippedSec,
      }),
      ...sessionWarnings(sessions),
    ],
  };
}

function gridOf(arrivalSec: Float64Array): number | null {
  const sec = clockGridSec(arrivalSec);
  return sec === null ? null : Math.round(sec * NS_PER_SEC);
}

/** Sessions and shared prefixes, where the trace tells of them and they are wanted. */
function sessionsOf(
  { sessions: columns, ...lengths }: FitColumns,
  settings: FitSettings,
  window: Pick<FoundSessions, 'durationSec' | 'gridNs' | 'seed'>,
): FoundSessions | null {
  if (columns === null || settings.sessions === 'off') return null;
  return findSessions({
    ...lengths,
    ...window,
    columns,
    blockSize: settings.meta.blockSize ?? null,
    bandwidthSec: settings.bandwidthSec ?? null,
  });
}

interface ClassSettings {
  readonly seed: string;
  /** One dependence for all latent classes; null = each class chooses. */
  readonly latent: DependenceChoice | null;
  readonly arrivals: () => ArrivalModel;
}

function fitClass(
  group: RequestClass,
  columns: FitColumns,
  lengthRows: Uint32Array,
  { seed, latent, arrivals }: ClassSettings,
): WorkloadClass {
  const inputTokens = pick(columns.inputTokens, lengthRows);
  const outputTokens = pick(columns.outputTokens, lengthRows);
  const own = latent ?? chooseDependence({ inputTokens, outputTokens }, seed, group.id);
  return {
    id: group.id,
    clientId: group.clientId,
    model: group.model,
    requests: group.rows.length,
    ...(group.operation === undefined ? {} : { operation: group.operation }),
    ...fitFailures(columns, group.rows),
    arrivals: arrivals(),
    lengths: fitLengths(inputTokens, outputTokens, {
      dependence: own.dependence,
      mostBins: own.mostBins,
      choice: latent === null ? own.choice : undefined,
      // Latent classes are cells of the plane of lengths: a smooth law would leak over their edges.
      smooth: latent === null ? { seed, classId: group.id } : undefined,
    }),
  };
}

function latentDependence(
  columns: FitColumns,
  rows: Uint32Array,
  classOf: Int32Array,
  classes: number,
  seed: string,
): DependenceChoice {
  const pairs = {
    inputTokens: pick(columns.inputTokens, rows),
    outputTokens: pick(columns.outputTokens, rows),
  };
  return chooseLatentDependence(pairs, pick(classOf, rows), classes, seed);
}

function classNumbers(groups: readonly RequestClass[], rowCount: number): Int32Array {
  const classOf = new Int32Array(rowCount);
  groups.forEach((group, k) => {
    for (const row of group.rows) classOf[row] = k;
  });
  return classOf;
}

function withoutRate({ rate: _, ...shared }: ArrivalModel): SharedArrivals {
  return shared;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function checkSettings({ bandwidthSec, latentClasses }: FitSettings): void {
  if (bandwidthSec !== undefined && !(Number.isFinite(bandwidthSec) && bandwidthSec > 0)) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `expected a bandwidth above 0 s, got ${bandwidthSec}`,
      hint: 'leave it out for 60 s (300 s for traces above 6 h)',
    });
  }
  if (
    latentClasses !== undefined &&
    !(Number.isInteger(latentClasses) && latentClasses >= 2 && latentClasses <= MOST_LATENT_CLASSES)
  ) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `expected 2 to ${MOST_LATENT_CLASSES} latent classes, got ${latentClasses}`,
      hint: `leave it out for ${DEFAULT_LATENT_CLASSES}`,
    });
  }
}
