/**
 * Levels over HTTP: each level's requests are replayed into a folder of its own beside the profile and read back. A
 * finished run of the same rows (so of the same rate, seed and workload) is taken as it is when resuming. Replaying is
 * the caller's: another stage does it.
 */
import { readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { batchFromRows } from '../trace/batch.js';
import { columnsOfTraceBatch, TRACE_FIELDS } from '../trace/columns.js';
import { ContentHasher } from '../trace/content-hash.js';
import { readJsonDocument, writeJson } from '../trace/files.js';
import { readRunRecords } from '../trace/run-records.js';
import type { Clock, RunRecord, RunSummary, TraceRow } from '../types.js';
import { nsToSec } from '../units.js';
import { type LevelRun, levelRunOf } from './judge.js';
import { OverloadWatch } from './overload.js';
import type { LevelPlan } from './profile.js';
import { levelFolder } from './profile-file.js';

/** Beside run.json of a level that was broken off as lost: why. */
const STOPPED_JSON = 'stopped.json';

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
  /** Also aborted when the level is lost. */
  readonly signal: AbortSignal;
  /** To be told how many requests have ended, from the level's first instant on. */
  readonly onSettled: (settled: number) => void;
}

export interface EndpointLevelsOptions {
  readonly profilePath: string;
  readonly workloadName: string;
  readonly replay: (level: LevelReplay) => Promise<void>;
  readonly clock: Clock;
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
    const known = options.resume ? await finishedRun(folder, hash, options.url) : null;
    const stoppedEarly = known === null ? await send(plan, hash, folder) : known.stoppedEarly;
    const summary = known?.summary ?? (await readRunSummary(folder));
    const records = await readRunRecords(join(folder, 'requests.parquet'));
    options.onRun?.({ plan, summary, records, reused: known !== null });
    return levelRunOf(summary, records, {
      runDir: relative(dirname(options.profilePath), folder),
      stoppedEarly,
    });
  };

  /** Replays a level; returns why it was broken off as lost, or null. */
  async function send(plan: LevelPlan, hash: string, folder: string): Promise<string | null> {
    const { ratePerSec, typicalSec } = plan;
    const watch =
      typicalSec === null ? null : new OverloadWatch({ ratePerSec, requests: plan.rows.length, typicalSec });
    const lost = new AbortController();
    let startNs: number | null = null;
    let reason: string | null = null;
    await rm(join(folder, STOPPED_JSON), { force: true });
    await options.replay({
      ...plan,
      name: `${options.workloadName} at ${ratePerSec}/s`,
      hash,
      folder,
      signal: plan.signal === null ? lost.signal : AbortSignal.any([plan.signal, lost.signal]),
      onSettled(settled) {
        startNs ??= options.clock.nowNs();
        reason ??= watch?.observe(nsToSec(options.clock.nowNs() - startNs), settled) ?? null;
        if (reason !== null) lost.abort(new Error(reason));
      },
    });
    if (reason !== null) await writeJson(join(folder, STOPPED_JSON), { stoppedEarly: reason });
    return reason;
  }
}

function contentHash(rows: readonly TraceRow[]): string {
  const hasher = new ContentHasher(TRACE_FIELDS);
  hasher.update(columnsOfTraceBatch(batchFromRows(rows)));
  return hasher.digest();
}

async function readRunSummary(folder: string): Promise<RunSummary> {
  return readJsonDocument<RunSummary>(join(folder, 'run.json'), 'run', 'BAD_RUN');
}

interface KnownLevel {
  readonly summary: RunSummary;
  readonly stoppedEarly: string | null;
}

/** An earlier run of the same rows that counts: complete and valid, or broken off as lost; null when there is none. */
async function finishedRun(
  folder: string,
  traceHash: string,
  url: string | null,
): Promise<KnownLevel | null> {
  if (!(await exists(join(folder, 'run.json')))) return null;
  const summary = await readRunSummary(folder);
  const same =
    summary.load.traceHash === traceHash &&
    (url === null || new URL(summary.target.url).origin === new URL(url).origin);
  if (!same) return null;
  if (await exists(join(folder, STOPPED_JSON))) {
    const { stoppedEarly } = JSON.parse(await readFile(join(folder, STOPPED_JSON), 'utf8')) as KnownLevel;
    return { summary, stoppedEarly };
  }
  return summary.validity.verdict === 'valid' && !summary.interrupted
    ? { summary, stoppedEarly: null }
    : null;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
