/** `tokentide synthesize`: workload model → seeded trace. */
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { EXIT, ToolError } from '../../errors.js';
import { writeWorkloadModel } from '../../fit/fit-file.js';
import { hashInput } from '../../manifest.js';
import { bootstrapToFile } from '../../synthesize/bootstrap-file.js';
import { bundledWorkloads, workloadModelPath } from '../../synthesize/bundled-models.js';
import { readWorkloadModel } from '../../synthesize/check-model.js';
import { type ContextWindow, WINDOW_POLICIES, type WindowPolicy } from '../../synthesize/context-window.js';
import { formatDispersion } from '../../synthesize/format-synthesis.js';
import { planSynthesis } from '../../synthesize/plan.js';
import type { LengthFactors } from '../../synthesize/scale-lengths.js';
import type { Scaling, ThinBy } from '../../synthesize/scaling.js';
import { isSpecPath } from '../../synthesize/spec/read-spec.js';
import { synthesizeToFile } from '../../synthesize/synthesize-file.js';
import { formatBytes, formatCount, type RateSpec } from '../../units.js';
import { type CommandContext, type CommandSpec, flagOf, type OptionSpec } from '../command.js';

/** "Four times the traffic" has several meanings; each has a verb of its own. */
const SCALING_OPTIONS: readonly OptionSpec[] = [
  {
    key: 'rate',
    type: 'rate',
    description: 'x2 or 20/s: mean rate, met by superposing independent copies (thinned below 1)',
  },
  {
    key: 'superpose',
    type: 'number',
    value: '<k>',
    description: 'more requesters like these: k independent copies, a fraction as a thinned one',
  },
  {
    key: 'intensify',
    type: 'number',
    value: '<k>',
    description: 'the same requesters send k times as much: bursts grow with the rate',
  },
  {
    key: 'scaleClass',
    type: 'strings',
    value: '<id=k>',
    description: 'one class grows by k, the mix shifts; may be repeated',
  },
  {
    key: 'thin',
    type: 'number',
    value: '<p>',
    description: "this replica's share of a balanced fleet: each request or session stays with probability p",
  },
  {
    key: 'thinBy',
    type: 'string',
    choices: ['request', 'session'],
    description:
      'what is thinned: request = random routing, session = affinity (default where there are sessions)',
  },
  {
    key: 'compress',
    type: 'number',
    value: '<c>',
    description: 'everything c times as fast, bursts and think times too: stress or quick look, no forecast',
  },
  {
    key: 'dilateThink',
    type: 'number',
    value: '<f>',
    description: 'think times × f; sessions start when they did',
  },
  {
    key: 'scaleLength',
    type: 'string',
    value: '<f|in,out>',
    description: 'lengths × f (one factor, or input,output): caps move along, template lengths stay',
  },
  {
    key: 'contextWindow',
    type: 'integer',
    value: '<tokens>',
    description: 'prompt and answer together fit into this many tokens',
  },
  {
    key: 'windowPolicy',
    type: 'string',
    choices: [...WINDOW_POLICIES],
    default: 'truncate',
    description:
      'what becomes of requests beyond --context-window: left out, cut (prompt first), or drawn again',
  },
];

/** What only a model can do. */
const NOT_FOR_TRACES = [
  ...SCALING_OPTIONS.map(({ key }) => key).filter((key) => key !== 'windowPolicy'),
  'requests',
  'firstRequest',
  'matchCount',
  'modelOutput',
];

export const command: CommandSpec = {
  name: 'synthesize',
  summary: 'workload model → seeded trace',
  description:
    'Draws a trace from a workload model. The same model, seed and options give the same bytes on every machine and ' +
    'with any number of workers. Scaling is by verbs, because "four times the traffic" has several meanings: the ' +
    'capacity that they need differs by more than two times. After scaling, the dispersion of the trace is printed ' +
    "beside the unscaled model's.",
  arguments: [
    {
      name: 'model',
      description:
        'workload model: *.workload.json of `tokentide fit`, a hand-written *.yaml, or a bundled one by name ' +
        `(${bundledWorkloads().join(', ')}); a trace *.parquet is resampled in blocks`,
      required: true,
    },
  ],
  options: [
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<file>',
      required: true,
      description: 'trace Parquet to write',
    },
    {
      key: 'seed',
      type: 'string',
      default: '1',
      description: 'number or text that decides every draw',
    },
    {
      key: 'duration',
      type: 'duration',
      description: 'length of the trace; the fitted window when left out, longer repeats its rate curve',
    },
    {
      key: 'requests',
      type: 'integer',
      description: 'stop after this many requests; without --duration the rate curve repeats until then',
    },
    {
      key: 'firstRequest',
      type: 'integer',
      value: '<n>',
      description: 'resume: leave out the first n requests, the rest is as without this option',
    },
    {
      key: 'matchCount',
      type: 'boolean',
      description: 'draw again until the number of requests is within 2 % of what the model expects',
    },
    ...SCALING_OPTIONS,
    {
      key: 'block',
      type: 'duration',
      description:
        'a trace instead of a model: length of the blocks that are drawn from it; 60s when left out',
    },
    {
      key: 'modelOutput',
      type: 'string',
      value: '<file>',
      description:
        'also write the model that was drawn from as JSON: a hand-written one resolved, a scaled one scaled',
    },
    {
      key: 'workers',
      type: 'integer',
      description: 'threads that draw (1 = none beside the writer); by the number of cores when left out',
    },
  ],
  examples: [
    'tokentide synthesize conv.workload.json --seed 42 -o synthetic.parquet',
    'tokentide synthesize conv.workload.json --seed 42 --duration 10m --rate x2 -o double.parquet',
    'tokentide synthesize code.workload.json --intensify 4 --context-window 8192 -o heavy.parquet',
    'tokentide synthesize chat --rate 20/s -o chat.parquet',
  ],
  async run(context) {
    const { args, options, io, signal } = context;
    if (args[0].endsWith('.parquet')) return resample(context);
    const path = workloadModelPath(args[0]);
    const model = await readWorkloadModel(path);
    const output = options['output'] as string;
    const seed = options['seed'] as string;
    const settings = {
      model,
      seed,
      durationSec: options['duration'] as number | undefined,
      rate: options['rate'] as RateSpec | undefined,
      scaling: scalingOf(options),
      window: windowOf(options),
      requests: options['requests'] as number | undefined,
      firstRequest: options['firstRequest'] as number | undefined,
    };
    const modelOutput = options['modelOutput'] as string | undefined;
    if (modelOutput !== undefined) await writeWorkloadModel(modelOutput, planSynthesis(settings).model);
    const written = await synthesizeToFile({
      ...settings,
      path: output,
      inputs: [await hashInput(path), ...model.manifest.inputs.filter(() => isSpecPath(path))],
      matchCount: options['matchCount'] === true,
      workers: (options['workers'] as number | undefined) ?? defaultWorkers(),
      signal,
      progress: io.progress,
    });
    for (const note of written.notes) io.note(note);
    if (written.dispersion !== null) io.print(formatDispersion(written.dispersion));
    io.print(
      `wrote ${output}: ${formatCount(written.rows)} requests, ${formatBytes(written.bytes)}, seed ${seed}`,
    );
    io.print(`content hash ${written.contentHash}`);
    io.result({
      schemaVersion: 1,
      kind: 'synthesis',
      trace: basename(output),
      model: model.name,
      seed,
      rows: written.rows,
      bytes: written.bytes,
      contentHash: written.contentHash,
      dispersion: written.dispersion,
      notes: written.notes,
    });
    return EXIT.ok;
  },
};

/** A trace instead of a model: blocks of it in a random order. */
async function resample({ args, options, io, signal }: CommandContext): Promise<number> {
  const output = options['output'] as string;
  const seed = options['seed'] as string;
  const unused = NOT_FOR_TRACES.find((key) => options[key] !== undefined && options[key] !== false);
  if (unused !== undefined) {
    throw new ToolError({
      code: 'USAGE',
      message: `${flagOf(unused)} needs a workload model; a trace is only resampled`,
      hint: 'fit the trace first: tokentide fit trace.parquet -o model.workload.json',
    });
  }
  const written = await bootstrapToFile({
    trace: args[0],
    path: output,
    seed,
    blockSec: options['block'] as number | undefined,
    durationSec: options['duration'] as number | undefined,
    signal,
    progress: io.progress,
  });
  io.note('resampled in blocks: trends longer than a block, sessions and prefix reuse are broken');
  io.print(
    `wrote ${output}: ${formatCount(written.rows)} requests, ${formatBytes(written.bytes)}, seed ${seed}`,
  );
  io.print(`content hash ${written.contentHash}`);
  io.result({
    schemaVersion: 1,
    kind: 'synthesis',
    trace: basename(output),
    model: null,
    seed,
    rows: written.rows,
    bytes: written.bytes,
    contentHash: written.contentHash,
    dispersion: null,
    notes: [],
  });
  return EXIT.ok;
}

function scalingOf(options: Readonly<Record<string, unknown>>): Scaling {
  const number = (key: string): number | undefined => options[key] as number | undefined;
  const share = number('thin');
  return {
    superpose: number('superpose'),
    intensify: number('intensify'),
    classes: classFactors(options['scaleClass'] as string[] | undefined),
    thin: share === undefined ? undefined : { share, by: options['thinBy'] as ThinBy | undefined },
    compress: number('compress'),
    dilateThink: number('dilateThink'),
    lengths: lengthFactors(options['scaleLength'] as string | undefined),
  };
}

function windowOf(options: Readonly<Record<string, unknown>>): ContextWindow | undefined {
  const tokens = options['contextWindow'] as number | undefined;
  return tokens === undefined ? undefined : { tokens, policy: options['windowPolicy'] as WindowPolicy };
}

function classFactors(words: readonly string[] | undefined): Scaling['classes'] {
  if (words === undefined) return undefined;
  return Object.fromEntries(
    words.map((word) => {
      const at = word.lastIndexOf('=');
      const factor = Number(word.slice(at + 1));
      if (at < 1 || word.slice(at + 1).trim() === '' || !Number.isFinite(factor))
        throw badValue('--scale-class', 'a class and a factor', word, 'write it like latent-3=2');
      return [word.slice(0, at), factor];
    }),
  );
}

function lengthFactors(word: string | undefined): LengthFactors | undefined {
  if (word === undefined) return undefined;
  const factors = word.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (factors.length > 2 || factors.some((factor) => !Number.isFinite(factor)))
    throw badValue('--scale-length', 'one factor or two joined by a comma', word, 'write it like 2 or 1.5,3');
  return { input: factors[0], output: factors[1] ?? factors[0] };
}

function badValue(flag: string, wanted: string, got: string, hint: string): ToolError {
  return new ToolError({ code: 'BAD_VALUE', message: `${flag}: expected ${wanted}, got '${got}'`, hint });
}

/** One thread writes; up to four more draw. */
function defaultWorkers(): number {
  return Math.max(1, Math.min(4, availableParallelism() - 1));
}
