/** The folder of a run: run.json, requests.parquet, and the log while it runs. */
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError } from '../errors.js';
import type { Samples } from '../metrics.js';
import { parseSlo } from '../slo.js';
import { makeFolder, readJsonDocument, writeJson } from '../trace/files.js';
import { RUN_LOG_NAME } from '../trace/run-log.js';
import { openSortedRunLog, type SortedRunLog } from '../trace/run-log-sorted.js';
import { readRunRecords, writeRunRecords } from '../trace/run-records.js';
import { SampleFile } from '../trace/run-samples.js';
import type { GaugeSummary, RunRecord, RunSummary } from '../types.js';
import { formatCount } from '../units.js';
import { SERVER_JSONL, summarizeServerLog } from './server-log.js';
import { type RunHeader, summarizeRun } from './summary.js';

export const RUN_JSON = 'run.json';
export const REQUESTS_PARQUET = 'requests.parquet';
/** There only while a run of many requests is summarised. */
const SAMPLES_NAME = 'samples.tmp';

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
  makeFolder(dir);
  try {
    for (const name of await runFilesIn(dir)) await rm(join(dir, name));
  } catch (cause) {
    throw new ToolError({
      code: 'OUTPUT_UNWRITABLE',
      message: `could not clear the folder ${dir}: ${(cause as Error).message}`,
      hint: 'choose another place with -o',
      cause,
    });
  }
}

async function runFilesIn(dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of [RUN_JSON, REQUESTS_PARQUET, RUN_LOG_NAME, SAMPLES_NAME, SERVER_JSONL]) {
    if (await exists(join(dir, name))) found.push(name);
  }
  return found;
}

/**
 * Summarises a run from its log and writes its files; run.json last, so that its presence means that all is there.
 * Removes the log. `summarize` is given the place for samples; memory does not grow with the run.
 */
export async function finishRun(
  dir: string,
  log: SortedRunLog,
  summarize: (makeSamples: () => Samples) => RunSummary,
): Promise<RunSummary> {
  const samples = new SampleFile(join(dir, SAMPLES_NAME));
  let summary: RunSummary;
  try {
    summary = summarize(samples.make);
  } finally {
    samples.close();
  }
  const meta = JSON.stringify({ schemaVersion: 1, kind: 'run-records', manifest: summary.manifest });
  await writeRunRecords(join(dir, REQUESTS_PARQUET), log, meta);
  await writeJson(join(dir, RUN_JSON), summary);
  await rm(join(dir, RUN_LOG_NAME), { force: true });
  return summary;
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

/** Turns the log of a killed run into run.json and requests.parquet. Returns its summary. */
export async function recoverRun(dir: string): Promise<RunSummary> {
  const log = await openSortedRunLog(join(dir, RUN_LOG_NAME));
  try {
    const gauges = await summarizeServerLog(dir);
    return await finishRun(dir, log, (makeSamples) => summarizeKilledRun(log, gauges, makeSamples));
  } finally {
    log.close();
  }
}

async function readKilledRun(dir: string): Promise<Run> {
  const log = await openSortedRunLog(join(dir, RUN_LOG_NAME));
  try {
    return { summary: summarizeKilledRun(log, await summarizeServerLog(dir)), records: [...log] };
  } finally {
    log.close();
  }
}

function summarizeKilledRun(
  log: SortedRunLog,
  gauges: readonly GaugeSummary[] | null,
  makeSamples?: () => Samples,
): RunSummary {
  const header = JSON.parse(log.header) as RunHeader;
  const { count, lostBytes } = log;
  const cut =
    lostBytes > 0 ? ` (${formatCount(lostBytes)} bytes of a batch that was being written are lost)` : '';
  return summarizeRun({
    header,
    slo: header.slo.length === 0 ? null : parseSlo(header.slo),
    records: log,
    interrupted: true,
    health: [],
    moreSenders: 0,
    gauges,
    extraNotes: [
      `the run was killed: ${formatCount(count)} of ${formatCount(header.load.rows)} requests had ended${cut}; requests in flight and not yet sent are not in the counts`,
    ],
    makeSamples,
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
