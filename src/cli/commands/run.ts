/** `tokentide run`: an experiment file, step by step. */
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { EXIT, ToolError } from '../../errors.js';
import type { CommandIo, CommandSpec } from '../command.js';
import { type Experiment, readExperiment } from '../experiment/file.js';
import { type ExperimentResult, formatExperiment, runExperiment } from '../experiment/run.js';
import { parseAssignments } from '../experiment/variables.js';
import { commandLine, wordsOf } from '../experiment/words.js';

export const command: CommandSpec = {
  name: 'run',
  summary: 'an experiment file: steps with variables, resumable',
  description:
    'Runs the steps of an experiment file in order; each is a command with its options. Paths are relative to the ' +
    'file. Everything is checked before the first step; the record beside the file says what ran and how it ended. ' +
    '`tokentide init` writes a commented starter.',
  arguments: [{ name: 'experiment', description: 'YAML file', required: true }],
  options: [
    { key: 'set', type: 'strings', value: '<name=value>', description: 'replaces a variable; repeatable' },
    { key: 'resume', type: 'boolean', description: 'keeps the steps that an earlier run finished' },
    { key: 'dryRun', type: 'boolean', description: 'checks everything and prints the commands, runs none' },
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<file.json>',
      description: 'the record; default: <experiment>.result.json beside the file',
    },
  ],
  examples: [
    'tokentide run experiment.yaml --set rate=x2',
    'tokentide run experiment.yaml --dry-run',
    'tokentide run experiment.yaml --resume',
  ],
  async run({ args, options, io, signal }) {
    const path = args[0];
    const overrides = await parseAssignments((options['set'] as string[] | undefined) ?? []);
    const experiment = await readExperiment(path, overrides, process.env);
    process.chdir(dirname(path));
    if (options['dryRun'] === true) {
      await printPlan(experiment, io, signal);
      return EXIT.ok;
    }
    const recordPath =
      (options['output'] as string | undefined) ?? `${basename(path).replace(/\.ya?ml$/i, '')}.result.json`;
    const earlier = options['resume'] === true ? await readRecord(recordPath) : null;
    const result = await runExperiment({ experiment, recordPath, earlier, io, signal });
    io.print(`\n${formatExperiment(result)}\nwrote ${recordPath}`);
    io.result(result);
    return result.exitStatus;
  },
};

/** The steps as command lines; a step that can say what it would send does so when its input exists already. */
async function printPlan(experiment: Experiment, io: CommandIo, signal: AbortSignal): Promise<void> {
  const steps: object[] = [];
  for (const [index, step] of experiment.steps.entries()) {
    const line = `tokentide ${commandLine(wordsOf(step.spec, step.args, step.given))}`;
    io.print(`[${index + 1}/${experiment.steps.length}] ${line}${step.background ? ' &' : ''}`);
    let estimate: object | null = null;
    if (step.spec.options.some(({ key }) => key === 'dryRun')) {
      const stepIo: CommandIo = { ...io, result: (document) => (estimate = document) };
      const stepOptions = { ...step.options, dryRun: true };
      await step.spec.run({ args: step.args, options: stepOptions, io: stepIo, signal }).catch((error) => {
        if (!(error instanceof ToolError)) throw error;
        io.print(
          `  (${error.code === 'FILE_NOT_FOUND' ? 'its input is made by an earlier step' : error.message})`,
        );
      });
    }
    steps.push({ name: step.name, command: line, background: step.background, estimate });
  }
  io.result({ schemaVersion: 1, kind: 'experiment-plan', name: experiment.name, steps });
}

async function readRecord(path: string): Promise<ExperimentResult | null> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    throw cause;
  });
  if (text === null) return null;
  try {
    const document = JSON.parse(text) as ExperimentResult;
    if (document.kind === 'experiment-result' && Array.isArray(document.steps)) return document;
  } catch {
    // Fall through: whatever it is, it is no record.
  }
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `${path} is not the record of an experiment`,
    hint: 'run without --resume, or name another record with -o',
  });
}
