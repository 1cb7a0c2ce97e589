/** A run folder → the result file of another tool. The list of targets, and the edge that reads and writes files. */
import { join } from 'node:path';
import { nearestWord, ToolError } from '../errors.js';
import { readJsonDocument, writeFileAtomic } from '../trace/files.js';
import { readRunRecords } from '../trace/run-records.js';
import type { RunSummary } from '../types.js';
import { aiperfRecords, aiperfSummary, genaiPerfSummary } from './aiperf.js';
import { chromeTrace } from './chrome-trace.js';
import { csvLines } from './csv.js';
import { guidellmReport } from './guidellm.js';
import { inferencePerfSummary } from './inference-perf.js';
import { jsonText } from './json-text.js';
import { perfAnalyzerExport } from './perf-analyzer.js';
import { prometheusText } from './prometheus.js';
import type { ExportedRun } from './quantities.js';
import { vllmBenchResult } from './vllm-bench.js';

export interface ExportTarget {
  readonly name: string;
  /** What its tool calls the file. */
  readonly file: string;
  readonly summary: string;
  text(run: ExportedRun): string;
}

const json = (make: (run: ExportedRun) => object) => (run: ExportedRun) => `${jsonText(make(run), 2)}\n`;

export const EXPORT_TARGETS: readonly ExportTarget[] = [
  {
    name: 'vllm-bench',
    file: 'result.json',
    summary: 'vllm bench serve --save-result --save-detailed',
    text: json(vllmBenchResult),
  },
  {
    name: 'aiperf',
    file: 'profile_export_aiperf.json',
    summary: "AIPerf's aggregated profile export",
    text: json(aiperfSummary),
  },
  {
    name: 'aiperf-records',
    file: 'profile_export.jsonl',
    summary: "AIPerf's record per request",
    text: (run) => [...aiperfRecords(run)].map((record) => `${jsonText(record)}\n`).join(''),
  },
  {
    name: 'genai-perf',
    file: 'profile_export_genai_perf.json',
    summary: "genai-perf's aggregated profile export",
    text: json(genaiPerfSummary),
  },
  {
    name: 'perf-analyzer',
    file: 'profile_export.json',
    summary: "perf_analyzer's raw instants",
    text: json(perfAnalyzerExport),
  },
  {
    name: 'inference-perf',
    file: 'summary_lifecycle_metrics.json',
    summary: "inference-perf's lifecycle report",
    text: json(inferencePerfSummary),
  },
  {
    name: 'guidellm',
    file: 'benchmarks.json',
    summary: 'the metrics of a GuideLLM benchmark',
    text: json(guidellmReport),
  },
  {
    name: 'csv',
    file: 'requests.csv',
    summary: 'one line per request, instants and metrics',
    text: (run) => [...csvLines(run)].map((line) => `${line}\n`).join(''),
  },
  {
    name: 'prometheus',
    file: 'run.prom',
    summary: 'the summary as Prometheus text',
    text: prometheusText,
  },
  {
    name: 'chrome-trace',
    file: 'trace.json',
    summary: 'slices for chrome://tracing and Perfetto',
    text: (run) => `${jsonText(chromeTrace(run))}\n`,
  },
];

export interface ExportOptions {
  /** Folder of a finished run, or the run.json in it. */
  readonly run: string;
  /** Name of a target. */
  readonly to: string;
  /** File to write; default: the tool's own name for it, in the run folder. */
  readonly output?: string;
}

export interface WrittenExport {
  readonly target: string;
  readonly output: string;
  readonly requests: number;
  readonly bytes: number;
}

/** Writes a run as another tool would have. Throws BAD_VALUE for an unknown target, BAD_RUN, FILE_NOT_FOUND. */
export async function exportRun(options: ExportOptions): Promise<WrittenExport> {
  const target = findTarget(options.to);
  const folder = options.run.replace(/(^|\/)run\.json$/, '') || '.';
  const run = await readExportedRun(folder);
  const output = options.output ?? join(folder, target.file);
  const text = target.text(run);
  await writeFileAtomic(output, text);
  return { target: target.name, output, requests: run.records.length, bytes: Buffer.byteLength(text) };
}

/** Reads the measured part of a run. */
export async function readExportedRun(folder: string): Promise<ExportedRun> {
  const summary = await readJsonDocument<RunSummary>(join(folder, 'run.json'), 'run', 'BAD_RUN');
  const records = await readRunRecords(join(folder, 'requests.parquet'));
  return {
    summary,
    records: records.filter((record) => record.phase === 'measure'),
    startEpochNs: BigInt(Date.parse(summary.startedUtc)) * 1_000_000n,
  };
}

function findTarget(name: string): ExportTarget {
  const target = EXPORT_TARGETS.find((candidate) => candidate.name === name);
  if (target) return target;
  const names = EXPORT_TARGETS.map((candidate) => candidate.name);
  const near = nearestWord(name, names);
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected an export of ${names.join(', ')}, got '${name}'`,
    hint: near ? `did you mean ${near}?` : 'choose one of them with --to',
  });
}
