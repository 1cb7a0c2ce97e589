/** Reads what a report is made from: a folder of a run or plan, a trace, a model, or any JSON document of ours. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ToolError } from '../errors.js';
import { readServerSamples } from '../replay/server-log.js';
import { readWorkloadModel } from '../synthesize/check-model.js';
import { readJsonDocument, requireFile } from '../trace/files.js';
import { openTrace } from '../trace/read.js';
import { killedRun, RUN_LOG_NAME } from '../trace/run-log.js';
import { readRunViews } from '../trace/run-views.js';
import type {
  CapacityPlan,
  FleetComparison,
  LatencyProfile,
  RunComparison,
  RunSummary,
  SimulationDocument,
  TraceComparison,
} from '../types.js';
import type { PlanFile, ReportInput } from './input.js';
import { readTraceFacts } from './trace-facts.js';

/** Kinds of JSON documents that have a page. */
const DOCUMENT_KINDS = [
  'run',
  'latency-profile',
  'capacity-plan',
  'trace-comparison',
  'run-comparison',
  'workload-model',
  'simulation',
  'fleet-comparison',
] as const;

const WHAT = 'a run, profile, plan, trace, workload model, comparison or simulation';

/**
 * Finds out what `path` is and reads it. Throws FILE_NOT_FOUND, FORMAT_UNKNOWN for other kinds of file, and BAD_RUN,
 * BAD_PROFILE, BAD_PLAN, BAD_MODEL, BAD_TRACE or, for comparisons and simulations, BAD_RESULT where one is damaged.
 */
export async function readReportInput(path: string): Promise<ReportInput> {
  const file = await documentOf(path);
  if (/\.(parquet|pq)$/i.test(file)) return readTraceInput(file);
  if (/\.ya?ml$/i.test(file)) return readModelInput(file);
  const kind = await kindOf(file);
  const name = basename(file).replace(/(\.profile)?\.json$/, '');
  switch (kind) {
    case 'run':
      return readRunInput(file);
    case 'latency-profile':
      return { kind, name, profile: await readJsonDocument<LatencyProfile>(file, kind, 'BAD_PROFILE') };
    case 'capacity-plan':
      return readPlanInput(file);
    case 'workload-model':
      return readModelInput(file);
    case 'trace-comparison':
      return { kind, name, document: await readResult<TraceComparison>(file, kind, TRACE_COMPARISON_PARTS) };
    case 'run-comparison':
      return { kind, name, document: await readResult<RunComparison>(file, kind, RUN_COMPARISON_PARTS) };
    case 'simulation':
      return { kind, name, document: await readResult<SimulationDocument>(file, kind, SIMULATION_PARTS) };
    case 'fleet-comparison':
      return { kind, name, document: await readResult<FleetComparison>(file, kind, FLEET_COMPARISON_PARTS) };
  }
}

type Part<T> = Extract<keyof T, string>;

/** What a page cannot do without. */
const TRACE_COMPARISON_PARTS: readonly Part<TraceComparison>[] = [
  'a',
  'b',
  'metrics',
  'figures',
  'verdict',
  'notes',
];
const RUN_COMPARISON_PARTS: readonly Part<RunComparison>[] = [
  'a',
  'b',
  'differences',
  'quantiles',
  'verdict',
  'notes',
];
const SIMULATION_PARTS: readonly Part<SimulationDocument>[] = [
  'trace',
  'engine',
  'counts',
  'metrics',
  'slo',
  'notes',
];
const FLEET_COMPARISON_PARTS: readonly Part<FleetComparison>[] = ['base', 'other', 'paired'];

/** A comparison or simulation. Throws ToolError BAD_RESULT when parts of it are missing. */
async function readResult<T extends { kind: string; schemaVersion: number }>(
  file: string,
  kind: T['kind'],
  parts: readonly Part<T>[],
): Promise<T> {
  const document = await readJsonDocument<T>(file, kind, 'BAD_RESULT');
  const missing = ['manifest', ...parts].filter((part) => {
    const value = document[part as Part<T>];
    return typeof value !== 'object' || value === null;
  });
  if (missing.length > 0) {
    throw new ToolError({
      code: 'BAD_RESULT',
      message: `${basename(file)} is a ${kind} without ${missing.join(', ')}`,
      hint: 'make it again: it was cut, changed, or written by another version',
    });
  }
  return document;
}

/** The document behind a path: itself, or the one that a folder holds. */
async function documentOf(path: string): Promise<string> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new ToolError({
      code: 'FILE_NOT_FOUND',
      message: `nothing to report at ${path}`,
      hint: `name ${WHAT}; check the spelling and the current folder`,
      cause,
    });
  });
  if (!info.isDirectory()) return path;
  for (const name of ['run.json', 'plan.json']) {
    const file = join(path, name);
    if (await exists(file)) return file;
  }
  if (await exists(join(path, RUN_LOG_NAME))) throw killedRun(path);
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `${path} holds neither run.json nor plan.json`,
    hint: 'name the folder that `tokentide replay` or `tokentide plan` wrote, or a file',
  });
}

async function kindOf(file: string): Promise<(typeof DOCUMENT_KINDS)[number]> {
  await requireFile(file, WHAT);
  let kind: unknown = null;
  const text = await readFile(file, 'utf8');
  try {
    kind = (JSON.parse(text) as { kind?: unknown } | null)?.kind ?? null;
  } catch (cause) {
    throw new ToolError({
      code: 'FORMAT_UNKNOWN',
      message: `${basename(file)} is neither JSON nor Parquet, so it is not ${WHAT}`,
      hint: `\`tokentide ingest ${basename(file)}\` makes a trace of a log`,
      cause,
    });
  }
  const known = DOCUMENT_KINDS.find((one) => one === kind);
  if (known !== undefined) return known;
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `expected ${WHAT}; ${basename(file)} is of ${kind === null ? 'no kind' : `kind '${String(kind)}'`}`,
    hint: `\`tokentide inspect ${basename(file)}\` shows what it is`,
  });
}

async function readTraceInput(file: string): Promise<ReportInput> {
  if (basename(file) === 'requests.parquet' && (await exists(join(dirname(file), 'run.json'))))
    return readRunInput(join(dirname(file), 'run.json'));
  const reader = await openTrace(file);
  try {
    return { kind: 'trace', name: basename(file), facts: await readTraceFacts(reader) };
  } finally {
    reader.close();
  }
}

async function readModelInput(file: string): Promise<ReportInput> {
  const document = await readWorkloadModel(file);
  return { kind: 'workload-model', name: basename(file), document };
}

async function readRunInput(file: string): Promise<ReportInput> {
  const summary = await readJsonDocument<RunSummary>(file, 'run', 'BAD_RUN');
  const folder = dirname(file);
  const records = join(folder, 'requests.parquet');
  return {
    kind: 'run',
    name: basename(resolve(folder)),
    summary,
    records: (await exists(records)) ? await readRunViews(records) : null,
    server: await readServerSamples(folder),
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
