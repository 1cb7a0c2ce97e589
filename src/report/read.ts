/** Reads what a report is made from: a run folder, a profile, a plan folder, or the JSON document in one of them. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ToolError } from '../errors.js';
import { readJsonDocument, requireFile } from '../trace/files.js';
import { readRunRecords } from '../trace/run-records.js';
import type { CapacityPlan, LatencyProfile, RunSummary } from '../types.js';
import type { PlanFile, ReportInput } from './input.js';

/**
 * Finds out what `path` is and reads it. Throws FILE_NOT_FOUND, FORMAT_UNKNOWN for other kinds of file, and BAD_RUN,
 * BAD_PROFILE or BAD_PLAN for documents that are damaged.
 */
export async function readReportInput(path: string): Promise<ReportInput> {
  const file = await documentOf(path);
  switch (await kindOf(file)) {
    case 'run':
      return readRunInput(file);
    case 'latency-profile':
      return {
        kind: 'latency-profile',
        name: basename(file).replace(/(\.profile)?\.json$/, ''),
        profile: await readJsonDocument<LatencyProfile>(file, 'latency-profile', 'BAD_PROFILE'),
      };
    case 'capacity-plan':
      return readPlanInput(file);
  }
}

/** The JSON document behind a path: itself, or the one that a folder holds. */
async function documentOf(path: string): Promise<string> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new ToolError({
      code: 'FILE_NOT_FOUND',
      message: `no run, profile or plan at ${path}`,
      hint: 'check the spelling and the current folder',
      cause,
    });
  });
  if (!info.isDirectory()) return path;
  for (const name of ['run.json', 'plan.json']) {
    const file = join(path, name);
    if (await exists(file)) return file;
  }
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `${path} holds neither run.json nor plan.json`,
    hint: 'name the folder that `tokentide replay` or `tokentide plan` wrote, or a profile',
  });
}

async function kindOf(file: string): Promise<ReportInput['kind']> {
  await requireFile(file, 'a run, profile or plan');
  let kind: unknown = null;
  const text = await readFile(file, 'utf8');
  try {
    kind = (JSON.parse(text) as { kind?: unknown } | null)?.kind ?? null;
  } catch (cause) {
    throw new ToolError({
      code: 'FORMAT_UNKNOWN',
      message: `${basename(file)} is not JSON, so it is no run, profile or plan`,
      hint: basename(file).endsWith('.parquet')
        ? `for a run name its folder; \`tokentide inspect ${basename(file)}\` shows what this file is`
        : 'name a run folder, a profile or a plan',
      cause,
    });
  }
  if (kind === 'run' || kind === 'latency-profile' || kind === 'capacity-plan') return kind;
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `expected a run, a latency profile or a capacity plan, ${basename(file)} is of ${kind === null ? 'no kind' : `kind '${String(kind)}'`}`,
    hint: `\`tokentide inspect ${basename(file)}\` shows what it is`,
  });
}

async function readRunInput(file: string): Promise<ReportInput> {
  const summary = await readJsonDocument<RunSummary>(file, 'run', 'BAD_RUN');
  const folder = dirname(file);
  const records = join(folder, 'requests.parquet');
  return {
    kind: 'run',
    name: basename(resolve(folder)),
    summary,
    records: (await exists(records)) ? await readRunRecords(records) : null,
  };
}

async function readPlanInput(file: string): Promise<ReportInput> {
  const plan = await readJsonDocument<CapacityPlan>(file, 'capacity-plan', 'BAD_PLAN');
  const folder = dirname(file);
  const files: PlanFile[] = [];
  for (const name of plan.files) {
    const place = join(folder, basename(name));
    if (/\.ya?ml$/.test(name) && (await exists(place)))
      files.push({ name: basename(name), content: await readFile(place, 'utf8') });
  }
  return { kind: 'capacity-plan', name: basename(resolve(folder)), plan, files };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}
