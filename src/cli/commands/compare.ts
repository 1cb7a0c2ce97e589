/** `tokentide compare`: two traces → fidelity battery; two runs → what changed. */

import { formatRunComparison } from '../../compare/format-runs.js';
import { formatTraceComparison } from '../../compare/format-traces.js';
import { compareRunFolders, isRunPath } from '../../compare/run-files.js';
import { compareTraceFiles, parseServingObjective } from '../../compare/trace-files.js';
import { readEngineModel } from '../../engine/model.js';
import { EXIT, ToolError } from '../../errors.js';
import { importResult } from '../../interop/import.js';
import type { ReportInput } from '../../report/input.js';
import { writeReportOf } from '../../report/write.js';
import { parseSlo } from '../../slo.js';
import { writeJson } from '../../trace/files.js';
import type { RunComparison, TraceComparison } from '../../types.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { fitScreen } from './screen.js';

export const command: CommandSpec = {
  name: 'compare',
  summary: 'two traces: fidelity battery; two runs: what changed',
  description:
    'Two traces, the real one first: every metric of the fidelity battery beside the noise floor of the real trace, ' +
    'down to what a serving engine feels and how much of it each trace needs. Two runs (folders of `replay -o`, or result files of vLLM bench, ' +
    'AIPerf, perf_analyzer with single requests): ' +
    'differences of percentiles, error rate, goodput and throughput with block-bootstrap intervals, and a verdict.',
  arguments: [
    {
      name: 'a',
      description: 'real trace Parquet, the folder of the run before, or another tool’s result',
      required: true,
    },
    {
      name: 'b',
      description: 'synthetic trace Parquet, the folder of the run after, or another tool’s result',
      required: true,
    },
  ],
  options: [
    { key: 'seed', type: 'string', default: '1', description: 'decides splits, resamples and engine noise' },
    {
      key: 'engine',
      short: 'e',
      type: 'string',
      value: '<file|name>',
      default: 'reference',
      description: 'traces: engine model of the serving check; none leaves the check out',
    },
    {
      key: 'slo',
      type: 'strings',
      value: '<text>',
      description:
        'traces: one percentile that sets the engine speed, "p99(ttft) <= 2s" when left out; runs: what goodput counts',
    },
    {
      key: 'repeats',
      type: 'integer',
      default: 40,
      description: 'traces: random splits of the real trace for the noise floor',
    },
    {
      key: 'block',
      type: 'duration',
      description: 'traces: length of split blocks; 60s, or 30s for traces under half an hour',
    },
    {
      key: 'resamples',
      type: 'integer',
      description: 'resamples for intervals: 40 of a trace (none above 100 000 rows), 2000 of runs; 0 = none',
    },
    { key: 'literalTimes', type: 'boolean', description: 'traces: coarse clocks as they are, not spread' },
    { key: 'strict', type: 'boolean', description: 'exit 5 when a metric fails or the second run is worse' },
    {
      key: 'output',
      short: 'o',
      type: 'strings',
      value: '<file>',
      description:
        'also write the result here: a page with charts as .html, its words as .md or .csv, everything as .json; repeatable',
    },
  ],
  examples: [
    'tokentide compare conv.parquet synthetic.parquet -o fidelity.html --strict',
    'tokentide compare run-before/ run-after/ --slo "p99(ttft) < 500ms"',
    'tokentide compare run/ vllm-bench-result.json -o tools.html',
  ],
  async run(context) {
    const [a, b] = context.args;
    const runs = await Promise.all([isRunPath(a), isRunPath(b)]);
    if (runs[0] !== runs[1]) {
      throw new ToolError({
        code: 'USAGE',
        message: `expected two traces or two runs, got ${runs[0] ? 'a run and a trace' : 'a trace and a run'}`,
        hint: 'name two trace files, or two runs: folders of `tokentide replay -o` or result files of other tools',
      });
    }
    return runs[0] ? twoRuns(context, a, b) : twoTraces(context, a, b);
  },
};

async function twoTraces({ options, io, signal }: CommandContext, a: string, b: string): Promise<number> {
  const slo = options['slo'] as string[] | undefined;
  const engine = options['engine'] as string;
  const comparison = await compareTraceFiles({
    a,
    b,
    seed: options['seed'] as string,
    floor: { repeats: options['repeats'] as number, blockSec: options['block'] as number | undefined },
    engine: engine === 'none' ? null : await readEngineModel(engine),
    objective: slo === undefined ? undefined : parseServingObjective(slo.join(', ')),
    resamples: options['resamples'] as number | undefined,
    literalTimes: options['literalTimes'] === true,
    signal,
    progress: io.progress,
  });
  await finish({ options, io }, comparison, formatTraceComparison(comparison));
  return options['strict'] === true && comparison.verdict.verdict === 'different' ? EXIT.sloMissed : EXIT.ok;
}

async function twoRuns({ options, io, signal }: CommandContext, a: string, b: string): Promise<number> {
  const slo = options['slo'] as string[] | undefined;
  const comparison = await compareRunFolders({
    a,
    b,
    seed: options['seed'] as string,
    readOther: importResult,
    resamples: options['resamples'] as number | undefined,
    slo: slo === undefined ? undefined : parseSlo(slo),
    signal,
    progress: io.progress,
  });
  await finish({ options, io }, comparison, formatRunComparison(comparison));
  if (options['strict'] !== true) return EXIT.ok;
  if (!comparison.a.valid || !comparison.b.valid) return EXIT.runInvalid;
  return ['worse', 'mixed'].includes(comparison.verdict.verdict) ? EXIT.sloMissed : EXIT.ok;
}

async function finish(
  { options, io }: Pick<CommandContext, 'options' | 'io'>,
  comparison: TraceComparison | RunComparison,
  text: string,
): Promise<void> {
  const outputs = (options['output'] as string[] | undefined) ?? [];
  for (const output of outputs) {
    if (/\.(html?|md|csv)$/i.test(output)) await writeReportOf(reportInputOf(comparison), output);
    else await writeJson(output, comparison);
  }
  io.print(fitScreen(text));
  for (const note of comparison.notes) io.note(`note: ${note}`);
  for (const output of outputs) io.print(`wrote ${output}`);
  io.result(comparison);
}

/** The comparison as a page's subject. */
function reportInputOf(document: TraceComparison | RunComparison): ReportInput {
  const name = `${document.b.name} against ${document.a.name}`;
  return document.kind === 'trace-comparison'
    ? { kind: document.kind, name, document }
    : { kind: document.kind, name, document };
}
