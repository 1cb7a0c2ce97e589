/** The edge of comparing runs: tells runs from traces, and reads run folders. */
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ToolError } from '../errors.js';
import { hashInput } from '../manifest.js';
import { readJsonDocument } from '../trace/files.js';
import { readRunViews } from '../trace/run-views.js';
import type { ManifestInput, OtherToolResult, RunComparison, RunSummary } from '../types.js';
import { runOfOther } from './other-run.js';
import { type CompareRunsOptions, compareRuns, type RunInput } from './runs.js';
import { compareSummaries, type SummarisedRun, summarisedOther, summarisedRun } from './summaries.js';

export interface CompareRunFoldersOptions extends Omit<CompareRunsOptions, 'a' | 'b' | 'inputs'> {
  /** Folders that `tokentide replay -o` made, the run.json in them, or result files of other tools. */
  readonly a: string;
  readonly b: string;
  /** Reads result files of other tools. Without it they are refused. */
  readonly readOther?: (path: string) => Promise<OtherToolResult>;
}

/** Compares two run folders. Throws FILE_NOT_FOUND, FILE_EMPTY or BAD_RUN. */
export async function compareRunFolders(options: CompareRunFoldersOptions): Promise<RunComparison> {
  const [a, b] = await Promise.all([options.a, options.b].map((path) => readRun(path, options.readOther)));
  const inputs = [a.input, b.input];
  if ('run' in a && 'run' in b) return compareRuns({ ...options, a: a.run, b: b.run, inputs });
  const summaryOf = (file: ReadRun): SummarisedRun =>
    'run' in file ? summarisedRun(file.run) : file.summarised;
  return compareSummaries(summaryOf(a), summaryOf(b), { ...options, inputs });
}

/** A run with its requests, or what a file without requests says of one. */
type ReadRun = { readonly input: ManifestInput } & (
  | { readonly run: RunInput }
  | { readonly summarised: SummarisedRun }
);

async function readRun(path: string, readOther: CompareRunFoldersOptions['readOther']): Promise<ReadRun> {
  if (/\.jsonl?$/i.test(path) && basename(path) !== 'run.json' && readOther !== undefined) {
    const input = await hashInput(path);
    const result = await readOther(path);
    const name = basename(path);
    return result.records === null
      ? { summarised: summarisedOther(name, input.sha256, result), input }
      : { run: runOfOther(name, input.sha256, result), input };
  }
  const folder = path.endsWith('.json') ? dirname(path) : path;
  return { run: await readRunFolder(folder), input: await hashInput(join(folder, 'requests.parquet')) };
}

/** Whether a path names a run (a folder, a run.json, a result file of another tool) or else a trace. Throws FILE_NOT_FOUND. */
export async function isRunPath(path: string): Promise<boolean> {
  const info = await stat(path).catch((cause: Error) => {
    throw new ToolError({
      code: 'FILE_NOT_FOUND',
      message: `no trace or run at ${path}`,
      hint: 'check the spelling and the current folder',
      cause,
    });
  });
  return info.isDirectory() || /\.jsonl?$/i.test(path);
}

async function readRunFolder(folder: string): Promise<RunInput> {
  const summary = await readJsonDocument<RunSummary>(join(folder, 'run.json'), 'run', 'BAD_RUN');
  const records = await readRunViews(join(folder, 'requests.parquet'));
  return { name: basename(resolve(folder)), summary, records };
}
