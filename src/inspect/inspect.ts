/** `inspect`: what is in this file, on one screen. Edge: finds out the kind, reads it, hands it to the pure describers. */
import { open, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type ErrorCode, ToolError } from '../errors.js';
import { readJsonDocument } from '../trace/files.js';
import { openTrace } from '../trace/read.js';
import { killedRun, RUN_LOG_NAME } from '../trace/run-log.js';
import type {
  CapacityPlan,
  EngineModel,
  FleetComparison,
  LatencyProfile,
  ProgressListener,
  RunComparison,
  RunSummary,
  SimulationDocument,
  TraceComparison,
  TraceMeta,
  WorkloadModel,
} from '../types.js';
import { formatBytes } from '../units.js';
import { fleetComparisonLines, runComparisonLines, traceComparisonLines } from './comparison-lines.js';
import { engineModelLines, workloadModelLines } from './model-lines.js';
import { planLines, profileLines, runLines, simulationLines } from './result-lines.js';
import { clip, plainText, SCREEN_COLUMNS } from './text.js';
import { traceLines } from './trace-lines.js';
import { scanTrace, type TraceFacts } from './trace-scan.js';

/** What `inspectFile` returns: the file's kind with its content, and the lines that a person reads. */
export type InspectResult = {
  readonly name: string;
  readonly bytes: number;
  readonly lines: readonly string[];
} & (
  | {
      readonly subject: 'trace';
      readonly meta: TraceMeta;
      readonly facts: TraceFacts;
    }
  | { readonly subject: 'workload-model'; readonly document: WorkloadModel }
  | { readonly subject: 'engine-model'; readonly document: EngineModel }
  | { readonly subject: 'run'; readonly document: RunSummary }
  | { readonly subject: 'latency-profile'; readonly document: LatencyProfile }
  | { readonly subject: 'capacity-plan'; readonly document: CapacityPlan }
  | { readonly subject: 'simulation'; readonly document: SimulationDocument }
  | { readonly subject: 'fleet-comparison'; readonly document: FleetComparison }
  | { readonly subject: 'trace-comparison'; readonly document: TraceComparison }
  | { readonly subject: 'run-comparison'; readonly document: RunComparison }
);

export interface InspectOptions {
  readonly progress?: ProgressListener;
  /** Lines in ASCII only, for terminals that show nothing else. */
  readonly ascii?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Inspects a trace, a model, a run folder, a profile, a plan folder, a simulation or a comparison. Throws FILE_NOT_FOUND, FILE_EMPTY,
 * FORMAT_UNKNOWN for what none of them is, and the kind's own code (BAD_TRACE, BAD_MODEL, …) for damaged files.
 */
export async function inspectFile(path: string, options: InspectOptions = {}): Promise<InspectResult> {
  const result = await inspectAny(path, options);
  return options.ascii === true ? { ...result, lines: result.lines.map(plainText) } : result;
}

async function inspectAny(path: string, options: InspectOptions): Promise<InspectResult> {
  const file = await fileBehind(path);
  const bytes = await sizeOf(file);
  const head = await firstBytes(file, 64);
  if (head.subarray(0, 4).toString('latin1') === 'PAR1') return inspectTrace(file, bytes, options);
  const own = basename(file);
  const name = own === 'run.json' || own === 'plan.json' ? basename(resolve(file, '..')) : own;
  return inspectDocument(file, name, bytes, head);
}

/** The file itself, or the document that a folder of ours holds. A run's requests.parquet stands for the run. */
async function fileBehind(path: string): Promise<string> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new ToolError({
      code: 'FILE_NOT_FOUND',
      message: `nothing at ${path}`,
      hint: 'check the spelling and the current folder',
      cause,
    });
  });
  if (!info.isDirectory()) {
    const sibling = join(path, '..', 'run.json');
    return basename(path) === 'requests.parquet' && (await isFile(sibling)) ? sibling : path;
  }
  for (const name of ['run.json', 'plan.json']) {
    const file = join(path, name);
    if (await isFile(file)) return file;
  }
  if (await isFile(join(path, RUN_LOG_NAME))) throw killedRun(path);
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `the folder ${path} holds neither run.json nor plan.json`,
    hint: 'name a trace, a model or a profile, or the folder that `tokentide replay` or `tokentide plan` wrote',
  });
}

async function inspectTrace(path: string, bytes: number, options: InspectOptions): Promise<InspectResult> {
  const reader = await openTrace(path);
  try {
    const facts = await scanTrace(reader, options);
    const { meta } = reader;
    const title = titleLine(`trace ${meta.name}`, bytes);
    return {
      subject: 'trace',
      name: basename(path),
      bytes,
      meta,
      facts,
      lines: [title, '', ...traceLines(meta, facts)],
    };
  } finally {
    reader.close();
  }
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  'workload-model': 'BAD_MODEL',
  'engine-model': 'BAD_ENGINE',
  run: 'BAD_RUN',
  'latency-profile': 'BAD_PROFILE',
  'capacity-plan': 'BAD_PLAN',
  simulation: 'FORMAT_UNKNOWN',
  'fleet-comparison': 'FORMAT_UNKNOWN',
  'trace-comparison': 'FORMAT_UNKNOWN',
  'run-comparison': 'FORMAT_UNKNOWN',
};

async function inspectDocument(
  file: string,
  name: string,
  bytes: number,
  head: Buffer,
): Promise<InspectResult> {
  const kind = await kindOf(file, head);
  const read = <T extends { kind: string; schemaVersion: number }>(): Promise<T> =>
    readJsonDocument<T>(file, kind as T['kind'], CODES[kind]);
  const described = <T>(what: string, document: T, describe: (document: T) => string[]): string[] => {
    try {
      return [titleLine(what, bytes), '', ...describe(document)];
    } catch (cause) {
      if (cause instanceof ToolError) throw cause;
      throw new ToolError({
        code: CODES[kind],
        message: `${basename(file)} says that it is a ${kind}, but parts of it are missing: ${(cause as Error).message}`,
        hint: 'was it edited by hand? Make it again with the command that wrote it',
        cause,
      });
    }
  };
  switch (kind) {
    case 'workload-model': {
      const document = await read<WorkloadModel>();
      const lines = described(`workload model ${document.name}`, document, workloadModelLines);
      return { subject: kind, name, bytes, document, lines };
    }
    case 'engine-model': {
      const document = await read<EngineModel>();
      const lines = described(`engine model ${document.name}`, document, engineModelLines);
      return { subject: kind, name, bytes, document, lines };
    }
    case 'run': {
      const document = await read<RunSummary>();
      return { subject: kind, name, bytes, document, lines: described(`run ${name}`, document, runLines) };
    }
    case 'latency-profile': {
      const document = await read<LatencyProfile>();
      const lines = described(`latency profile ${name}`, document, profileLines);
      return { subject: kind, name, bytes, document, lines };
    }
    case 'simulation': {
      const document = await read<SimulationDocument>();
      const lines = described(`simulation ${name}`, document, simulationLines);
      return { subject: kind, name, bytes, document, lines };
    }
    case 'fleet-comparison': {
      const document = await read<FleetComparison>();
      const lines = described(`two fleets ${name}`, document, fleetComparisonLines);
      return { subject: kind, name, bytes, document, lines };
    }
    case 'trace-comparison': {
      const document = await read<TraceComparison>();
      const lines = described(`two traces ${name}`, document, traceComparisonLines);
      return { subject: kind, name, bytes, document, lines };
    }
    case 'run-comparison': {
      const document = await read<RunComparison>();
      const lines = described(`two runs ${name}`, document, runComparisonLines);
      return { subject: kind, name, bytes, document, lines };
    }
    default: {
      const document = await read<CapacityPlan>();
      return {
        subject: 'capacity-plan',
        name,
        bytes,
        document,
        lines: described(`capacity plan ${name}`, document, planLines),
      };
    }
  }
}

/** Kind of one of our JSON documents. Throws FORMAT_UNKNOWN with what the file seems to be instead. */
async function kindOf(file: string, head: Buffer): Promise<string> {
  const name = basename(file);
  const refuse = (found: string, hint: string): ToolError =>
    new ToolError({
      code: 'FORMAT_UNKNOWN',
      message: `${name} is no trace, model, run, profile or plan: ${found}`,
      hint,
    });
  if (head.subarray(0, 6).toString('latin1') === 'ARROW1')
    throw refuse(
      'it is an Arrow file',
      'inspect the trace that it was converted from, or write it as Parquet',
    );
  const compressed = compressionOf(head);
  if (compressed !== null)
    throw refuse(`it is ${compressed}-compressed`, `decompress it first, e.g. with ${compressed} -d`);
  if (head.includes(0))
    throw refuse('it is binary, and not Parquet', 'traces are Parquet, everything else is JSON');
  const text = await readFile(file, 'utf8');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    const firstLine = clip(text.slice(0, 400).split('\n')[0].trim(), 60);
    throw refuse(
      firstLine.includes('arrival_ns')
        ? 'it is a trace converted to text'
        : `it is text that starts with '${firstLine}'`,
      `logs become traces with \`tokentide ingest ${name} -o t.parquet\``,
    );
  }
  const kind = (document as { kind?: unknown } | null)?.kind;
  if (typeof kind === 'string' && kind in CODES) return kind;
  if (typeof kind === 'string') throw refuse(`its kind is '${kind}'`, 'use the tokentide that wrote it');
  const keys =
    document !== null && typeof document === 'object' ? Object.keys(document).slice(0, 5).join(', ') : '';
  throw refuse(
    Array.isArray(document) || keys === ''
      ? 'it is JSON of another kind'
      : `it is JSON with the keys ${clip(keys, 60)}`,
    'our documents start with schemaVersion and kind',
  );
}

function compressionOf(head: Buffer): 'gzip' | 'zstd' | null {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  return head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : null;
}

function titleLine(what: string, bytes: number): string {
  const size = `(${formatBytes(bytes)})`;
  return `${clip(what, SCREEN_COLUMNS - size.length - 1)} ${size}`;
}

async function sizeOf(file: string): Promise<number> {
  const { size } = await stat(file);
  if (size > 0) return size;
  throw new ToolError({
    code: 'FILE_EMPTY',
    message: `${file} is empty (0 bytes)`,
    hint: 'was the command that writes it stopped early?',
  });
}

async function firstBytes(file: string, count: number): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}
