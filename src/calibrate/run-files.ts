/** The edge of calibrate: the runs to learn from (run folders, or the levels of a profile) and the engine file. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ToolError } from '../errors.js';
import { hashInput } from '../manifest.js';
import { readJsonDocument, writeJson } from '../trace/files.js';
import { readRunViews } from '../trace/run-views.js';
import type {
  EngineLimits,
  EngineModel,
  LatencyProfile,
  ManifestInput,
  RunRecord,
  RunSummary,
} from '../types.js';
import type { CalibrationRun } from './calibrate.js';

export interface LoadedRuns {
  readonly runs: readonly CalibrationRun[];
  readonly inputs: readonly ManifestInput[];
  /** Runs that were passed over, with the reason. */
  readonly notes: readonly string[];
  /** As the servers told: to the runs, else to the profiles among the inputs; a later one wins. */
  readonly serverLimits: Partial<EngineLimits>;
}

export interface RunChoice {
  /** Take runs whose client was late, too: sends count as they were, but what was read late was late. Default false. */
  readonly includeInvalid?: boolean;
}

/**
 * Reads run folders and profiles (whose levels' runs were kept). Invalid runs are passed over with a note.
 * Throws FILE_NOT_FOUND, BAD_RUN, BAD_PROFILE; NO_ROWS when no run is left.
 */
export async function loadCalibrationRuns(
  paths: readonly string[],
  choice: RunChoice = {},
): Promise<LoadedRuns> {
  const sources = await Promise.all(paths.map(runFoldersOf));
  const folders = sources.flatMap((source) => source.folders);
  const serverLimits: Told = Object.assign({}, ...sources.map((source) => source.serverLimits));
  const toldByRuns: Told = {};
  const runs: CalibrationRun[] = [];
  const inputs: ManifestInput[] = [];
  const notes: string[] = [];
  for (const folder of folders) {
    const summary = await readJsonDocument<RunSummary>(join(folder, 'run.json'), 'run', 'BAD_RUN');
    if (summary.validity.verdict !== 'valid' && choice.includeInvalid !== true) {
      notes.push(`${folder} passed over: ${summary.validity.because}`);
      continue;
    }
    const file = join(folder, 'requests.parquet');
    runs.push(calibrationRun(summary, await readRunViews(file)));
    inputs.push(await hashInput(file));
    notes.push(...differencesOf(toldByRuns, summary.serverLimits ?? {}, folder));
    notes.push(...unequalFleet(summary, folder));
    Object.assign(toldByRuns, summary.serverLimits);
  }
  Object.assign(serverLimits, toldByRuns);
  if (runs.length === 0) {
    throw new ToolError({
      code: 'NO_ROWS',
      message: `no valid run in ${paths.join(', ')}${notes.length > 0 ? `: ${notes.join('; ')}` : ''}`,
      hint: 'measure again with more CPU for the client, or take these runs with --include-invalid',
    });
  }
  return { runs, inputs, notes, serverLimits };
}

type Told = { -readonly [K in keyof EngineLimits]?: EngineLimits[K] };

/** What one run's server says otherwise than those before: they were not one engine. */
function differencesOf(before: Told, now: Partial<EngineLimits>, folder: string): string[] {
  return Object.entries(now).flatMap(([key, value]) => {
    const other = before[key as keyof EngineLimits];
    return other === undefined || other === value
      ? []
      : [`the server of ${folder} tells ${key} ${value}, one before it ${other}: ${value} was taken`];
  });
}

/** A run over several addresses whose servers told unequal limits is no measurement of one engine. */
function unequalFleet({ endpoints = [] }: RunSummary, folder: string): string[] {
  const told = endpoints.flatMap(({ serverLimits }) => serverLimits ?? []);
  const keys = new Set(told.flatMap((limits) => Object.keys(limits) as (keyof EngineLimits)[]));
  const unequal = [...keys].filter((key) => new Set(told.flatMap((limits) => limits[key] ?? [])).size > 1);
  return unequal.length === 0
    ? []
    : [
        `the addresses of ${folder} told unequal ${unequal.join(', ')}: no one engine model fits them all; replay against each kind by itself`,
      ];
}

/** A run as calibration takes it. */
export function calibrationRun(summary: RunSummary, records: readonly RunRecord[]): CalibrationRun {
  return {
    ratePerSec: summary.load.plannedRatePerSec,
    records,
    gauges: summary.server?.gauges ?? [],
  };
}

/** Writes an engine model, whole or not at all. */
export async function writeEngineModel(path: string, engine: EngineModel): Promise<void> {
  await writeJson(path, engine);
}

interface RunSource {
  readonly folders: readonly string[];
  readonly serverLimits: Partial<EngineLimits>;
}

/** A run folder is itself; run.json names its folder; a profile names the folders of its levels. */
async function runFoldersOf(path: string): Promise<RunSource> {
  const info = await stat(path).catch((cause: Error) => {
    throw new ToolError({
      code: 'FILE_NOT_FOUND',
      message: `no run or profile at ${path}`,
      hint: 'check the spelling and the current folder',
      cause,
    });
  });
  if (info.isDirectory()) return { folders: [path], serverLimits: {} };
  const kind = await kindOf(path);
  if (kind === 'run') return { folders: [dirname(path)], serverLimits: {} };
  if (kind !== 'latency-profile') {
    throw new ToolError({
      code: 'BAD_RUN',
      message: `${path} is neither a run nor a profile`,
      hint: 'name run folders of `tokentide replay -o`, or a profile that `tokentide profile` wrote',
    });
  }
  const profile = await readJsonDocument<LatencyProfile>(path, 'latency-profile', 'BAD_PROFILE');
  const folders = profile.levels.flatMap((level) =>
    level.runDir !== null ? [join(dirname(path), level.runDir)] : [],
  );
  if (folders.length > 0) return { folders, serverLimits: profile.serverLimits ?? {} };
  throw new ToolError({
    code: 'BAD_PROFILE',
    message: `${path} kept no runs of its levels`,
    hint: 'profile an endpoint (not a simulation), and keep the .runs folder beside the profile',
  });
}

async function kindOf(path: string): Promise<unknown> {
  try {
    return (JSON.parse(await readFile(path, 'utf8')) as { kind?: unknown } | null)?.kind;
  } catch {
    return null;
  }
}
