/** The edge of comparing runs: tells runs from traces, and reads run folders. */
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ToolError } from '../errors.js';
import { hashInput } from '../manifest.js';
import { readJsonDocument } from '../trace/files.js';
import { readRunRecords } from '../trace/run-records.js';
import type { RunComparison, RunSummary } from '../types.js';
import { type CompareRunsOptions, compareRuns, type RunInput } from './runs.js';

export interface CompareRunFoldersOptions extends Omit<CompareRunsOptions, 'a' | 'b' | 'inputs'> {
  /** Folders that `tokentide replay -o` made, or the run.json in them. */
  readonly a: string;
  readonly b: string;
}

/** Compares two run folders. Throws FILE_NOT_FOUND, FILE_EMPTY or BAD_RUN. */
export async function compareRunFolders(options: CompareRunFoldersOptions): Promise<RunComparison> {
  const folders = [options.a, options.b].map((path) => (path.endsWith('.json') ? dirname(path) : path));
  const [a, b] = await Promise.all(folders.map(readRunFolder));
  const inputs = await Promise.all(folders.map((folder) => hashInput(join(folder, 'requests.parquet'))));
  return compareRuns({ ...options, a, b, inputs });
}

/** Whether a path names a run (a folder, or a run.json) or else a trace. Throws FILE_NOT_FOUND. */
export async function isRunPath(path: string): Promise<boolean> {
  const info = await stat(path).catch((cause: Error) => {
    throw new ToolError({
      code: 'FILE_NOT_FOUND',
      message: `no trace or run at ${path}`,
      hint: 'check the spelling and the current folder',
      cause,
    });
  });
  return info.isDirectory() || path.endsWith('.json');
}

async function readRunFolder(folder: string): Promise<RunInput> {
  const summary = await readJsonDocument<RunSummary>(join(folder, 'run.json'), 'run', 'BAD_RUN');
  const records = await readRunRecords(join(folder, 'requests.parquet'));
  return { name: basename(resolve(folder)), summary, records };
}
