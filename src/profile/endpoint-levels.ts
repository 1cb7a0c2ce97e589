/**
 * Levels over HTTP: each level's requests are written as a trace, replayed into a folder of its own beside the profile,
 * and read back. A finished run whose trace is the same (same rows, so same rate, seed and workload) is taken as it is
 * when resuming. Replaying is the caller's: another stage does it.
 */
import { stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { createManifest } from '../manifest.js';
import { batchFromRows } from '../trace/batch.js';
import { readJsonDocument } from '../trace/files.js';
import { readRunRecords } from '../trace/run-records.js';
import { writeTrace } from '../trace/write.js';
import type { RunRecord, RunSummary } from '../types.js';
import { type LevelRun, levelRunOf } from './judge.js';
import type { LevelPlan } from './profile.js';
import { levelFolder } from './profile-file.js';

/** One replay: the trace to send and the folder to leave run.json and requests.parquet in. */
export interface LevelReplay {
  readonly tracePath: string;
  readonly folder: string;
  readonly warmupRequests: number;
  readonly signal: AbortSignal | null;
}

export interface EndpointLevelsOptions {
  readonly profilePath: string;
  readonly workloadName: string;
  /** Tokens per prefix block of the workload; null when it has none. */
  readonly blockSize: number | null;
  readonly replay: (level: LevelReplay) => Promise<void>;
  /** Take finished runs of the same level as they are. */
  readonly resume: boolean;
  /** Address that a finished run must have been made against; null = any (an embedded server's port changes). */
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
    const tracePath = `${folder}.parquet`;
    const written = await writeTrace({
      path: tracePath,
      meta: {
        schemaVersion: 1,
        kind: 'trace',
        name: `${options.workloadName} at ${plan.ratePerSec}/s`,
        startUtc: null,
        timeResolutionNs: 1,
        arrivalBasis: 'synthetic',
        blockSize: options.blockSize,
        droppedRows: {},
        quality: null,
        manifest: createManifest({
          command: 'profile',
          options: { workload: options.workloadName, ratePerSec: plan.ratePerSec },
          seed: plan.seed,
          timestamp: false,
        }),
      },
      batches: [batchFromRows(plan.rows)],
    });
    const finished = options.resume ? await finishedRun(folder, written.contentHash, options.url) : null;
    if (finished === null) {
      const { warmupRequests, signal } = plan;
      await options.replay({ tracePath, folder, warmupRequests, signal });
    }
    const summary = finished ?? (await readRunSummary(folder));
    const records = await readRunRecords(join(folder, 'requests.parquet'));
    options.onRun?.({ plan, summary, records, reused: finished !== null });
    return levelRunOf(summary, records, relative(dirname(options.profilePath), folder));
  };
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
  const same = summary.load.traceHash === traceHash && (url === null || summary.target.url === url);
  return same && !summary.interrupted && summary.validity.verdict === 'valid' ? summary : null;
}
