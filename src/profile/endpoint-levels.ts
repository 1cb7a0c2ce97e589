/**
 * Levels over HTTP: each level's requests are replayed into a folder of its own beside the profile and read back. A
 * finished run of the same rows (so of the same rate, seed and workload) is taken as it is when resuming. Replaying is
 * the caller's: another stage does it.
 */
import { stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { batchFromRows } from '../trace/batch.js';
import { columnsOfTraceBatch, TRACE_FIELDS } from '../trace/columns.js';
import { ContentHasher } from '../trace/content-hash.js';
import { readJsonDocument } from '../trace/files.js';
import { readRunRecords } from '../trace/run-records.js';
import type { RunRecord, RunSummary, TraceRow } from '../types.js';
import { type LevelRun, levelRunOf } from './judge.js';
import type { LevelPlan } from './profile.js';
import { levelFolder } from './profile-file.js';

/** One replay: the rows to send and the folder to leave run.json and requests.parquet in. */
export interface LevelReplay {
  readonly name: string;
  readonly rows: readonly TraceRow[];
  /** Content hash of the rows. */
  readonly hash: string;
  readonly folder: string;
  readonly ratePerSec: number;
  /** First rows that are sent and recorded, but not measured. */
  readonly warmupRequests: number;
  readonly signal: AbortSignal | null;
}

export interface EndpointLevelsOptions {
  readonly profilePath: string;
  readonly workloadName: string;
  readonly replay: (level: LevelReplay) => Promise<void>;
  /** Take finished runs of the same level as they are. */
  readonly resume: boolean;
  /** Address whose origin a finished run must have been made against; null = any (an embedded server's port changes). */
  readonly url: string | null;
  /** Called with each level's run; `reused` when it was there already. */
  readonly onRun?: (run: {
    readonly plan: LevelPlan;
    readonly summary: RunSummary;
    readonly records: readonly RunRecord[];
    readonly reused: boolean;
  }) => void;
}

/** A `runLevel` for `profileLoad` that sends. */
export function endpointLevels(options: EndpointLevelsOptions): (plan: LevelPlan) => Promise<LevelRun> {
  return async (plan) => {
    const folder = levelFolder(options.profilePath, plan.ratePerSec, plan.attempt);
    const hash = contentHash(plan.rows);
    const finished = options.resume ? await finishedRun(folder, hash, options.url) : null;
    if (finished === null) {
      const name = `${options.workloadName} at ${plan.ratePerSec}/s`;
      await options.replay({ ...plan, name, hash, folder });
    }
    const summary = finished ?? (await readRunSummary(folder));
    const records = await readRunRecords(join(folder, 'requests.parquet'));
    options.onRun?.({ plan, summary, records, reused: finished !== null });
    return levelRunOf(summary, records, relative(dirname(options.profilePath), folder));
  };
}

function contentHash(rows: readonly TraceRow[]): string {
  const hasher = new ContentHasher(TRACE_FIELDS);
  hasher.update(columnsOfTraceBatch(batchFromRows(rows)));
  return hasher.digest();
}

async function readRunSummary(folder: string): Promise<RunSummary> {
  return readJsonDocument<RunSummary>(join(folder, 'run.json'), 'run', 'BAD_RUN');
}

/** The summary of an earlier, complete and valid run of the same trace; null when there is none. */
async function finishedRun(
  folder: string,
  traceHash: string,
  url: string | null,
): Promise<RunSummary | null> {
  const present = await stat(join(folder, 'run.json')).then(
    () => true,
    () => false,
  );
  if (!present) return null;
  const summary = await readRunSummary(folder);
  const same =
    summary.load.traceHash === traceHash &&
    (url === null || new URL(summary.target.url).origin === new URL(url).origin);
  return same && !summary.interrupted && summary.validity.verdict === 'valid' ? summary : null;
}
