/** The folder of a run: run.json, requests.parquet, and the log while it runs. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError } from '../errors.js';
import { parseSlo } from '../slo.js';
import { readJsonDocument, writeJson } from '../trace/files.js';
import { RUN_LOG_NAME, readRunLog } from '../trace/run-log.js';
import { readRunRecords, writeRunRecords } from '../trace/run-records.js';
import type { RunRecord, RunSummary } from '../types.js';
import { formatCount } from '../units.js';
import { SERVER_JSONL } from './server-log.js';
import { type RunHeader, summarizeRun } from './summary.js';

export const RUN_JSON = 'run.json';
export const REQUESTS_PARQUET = 'requests.parquet';

/** A run, read back. */
export interface Run {
  readonly summary: RunSummary;
  /** Every row of requests.parquet, warm-up included; of a killed run, every request that had ended. */
  readonly records: readonly RunRecord[];
}

/** Refuses a folder that holds a run, finished or not, unless `force`. Changes nothing. */
export async function checkRunFolder(dir: string, force: boolean): Promise<void> {
  const found = await runFilesIn(dir);
  if (found.length === 0 || force) return;
  throw new ToolError({
    code: 'OUTPUT_UNWRITABLE',
    message: `${dir} already holds ${found.includes(RUN_JSON) ? 'a run' : 'a run that did not come to its end'} (${found.join(', ')})`,
    hint: 'choose another folder with -o, or write --force to replace it',
  });
}

/** Makes the folder, and removes the files of an earlier run from it; nothing else. */
export async function clearRunFolder(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
    for (const name of await runFilesIn(dir)) await rm(join(dir, name));
  } catch (cause) {
    throw new ToolError({
      code: 'OUTPUT_UNWRITABLE',
      message: `could not make the folder ${dir}: ${(cause as Error).message}`,
      hint: 'choose another place with -o',
      cause,
    });
  }
}

async function runFilesIn(dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of [RUN_JSON, REQUESTS_PARQUET, RUN_LOG_NAME, SERVER_JSONL]) {
    if (await exists(join(dir, name))) found.push(name);
  }
  return found;
}

/** Writes the finished run; run.json last, so that its presence means that all is there. Removes the log. */
export async function finishRunFolder(
  dir: string,
  run: { readonly summary: RunSummary; readonly records: Iterable<RunRecord> },
): Promise<void> {
  const meta = JSON.stringify({ schemaVersion: 1, kind: 'run-records', manifest: run.summary.manifest });
  await writeRunRecords(join(dir, REQUESTS_PARQUET), run.records, meta);
  await writeJson(join(dir, RUN_JSON), run.summary);
  await rm(join(dir, RUN_LOG_NAME), { force: true });
}

/**
 * Reads a run. One that was killed is summarised from its log, as interrupted and invalid. Throws FILE_NOT_FOUND or
 * BAD_RUN.
 */
export async function readRun(dir: string): Promise<Run> {
  if (!(await exists(join(dir, RUN_JSON))) && (await exists(join(dir, RUN_LOG_NAME))))
    return readKilledRun(dir);
  const summary = await readJsonDocument<RunSummary>(join(dir, RUN_JSON), 'run', 'BAD_RUN');
  return { summary, records: await readRunRecords(join(dir, REQUESTS_PARQUET)) };
}

/** Turns the log of a killed run into run.json and requests.parquet. Returns what was there. */
export async function recoverRun(dir: string): Promise<Run> {
  const run = await readKilledRun(dir);
  await finishRunFolder(dir, run);
  return run;
}

async function readKilledRun(dir: string): Promise<Run> {
  const { header: text, records: logged, lostBytes } = await readRunLog(join(dir, RUN_LOG_NAME));
  const header = JSON.parse(text) as RunHeader;
  const records = sortRecords(logged);
  const cut =
    lostBytes > 0 ? ` (${formatCount(lostBytes)} bytes of a batch that was being written are lost)` : '';
  return {
    records,
    summary: summarizeRun({
      header,
      slo: header.slo.length === 0 ? null : parseSlo(header.slo),
      records,
      interrupted: true,
      health: [],
      moreSenders: 0,
      gauges: null,
      extraNotes: [
        `the run was killed: ${formatCount(records.length)} of ${formatCount(header.load.rows)} requests had ended${cut}; requests in flight and not yet sent are not in the counts`,
      ],
    }),
  };
}

/** In the order of the schedule; the warm-up before t0 has negative instants. */
export function sortRecords(records: readonly RunRecord[]): RunRecord[] {
  return [...records].sort(
    (a, b) => a.intendedNs - b.intendedNs || a.index - b.index || a.attempt - b.attempt,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
