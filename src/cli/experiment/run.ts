/** Runs an experiment: the steps in order, servers beside them, a record that says what ran and how it ended. */
import { EXIT, ToolError } from '../../errors.js';
import { writeJson } from '../../trace/files.js';
import { formatDurationSec } from '../../units.js';
import type { CommandIo } from '../command.js';
import type { Experiment, ExperimentStep } from './file.js';
import { type RunningServer, startServer } from './server-step.js';
import { commandLine, wordsOf } from './words.js';

export interface StepResult {
  readonly name: string;
  /** As a person would type it. */
  readonly command: string;
  /** `kept`: an earlier, interrupted run had finished it. */
  readonly outcome: 'done' | 'kept' | 'failed' | 'served' | 'not-run';
  readonly exitStatus: number | null;
  readonly startedAt: string | null;
  readonly durationSec: number | null;
  /** The refusal, when there was one. */
  readonly error: string | null;
  /** The command's own `--json` document. */
  readonly result: object | null;
}

export interface ExperimentResult {
  readonly schemaVersion: 1;
  readonly kind: 'experiment-result';
  readonly name: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly exitStatus: number;
  readonly steps: readonly StepResult[];
}

export interface RunExperimentOptions {
  readonly experiment: Experiment;
  /** Where the record goes; rewritten after every step. */
  readonly recordPath: string;
  /** A record of an earlier run: steps that it finished with the same command lines are kept. */
  readonly earlier: ExperimentResult | null;
  readonly io: CommandIo;
  readonly signal: AbortSignal;
}

/** Runs the steps until one fails. Refusals of a step end the experiment and stand in the record; bugs are thrown. */
export async function runExperiment(options: RunExperimentOptions): Promise<ExperimentResult> {
  const { experiment, io, signal } = options;
  const { steps } = experiment;
  const keep = countKept(options);
  const results: StepResult[] = [];
  const servers: { step: ExperimentStep; server: RunningServer; at: number }[] = [];
  let exitStatus: number = EXIT.ok;
  try {
    for (const [index, step] of steps.entries()) {
      const command = `tokentide ${commandLine(wordsOf(step.spec, step.args, step.given))}`;
      if (index < keep && !step.background) {
        results.push({ ...options.earlier!.steps[index], outcome: 'kept' });
        io.note(`[${index + 1}/${steps.length}] ${step.name}: kept from the earlier run`);
        continue;
      }
      io.print(`[${index + 1}/${steps.length}] ${command}`);
      const result = await runStep(step, command);
      results.push(result);
      await save();
      if (result.outcome === 'failed') {
        exitStatus = result.exitStatus!;
        break;
      }
    }
  } finally {
    for (const { server, at, step } of servers) {
      const status = await server.stop();
      results[at] = { ...results[at], exitStatus: status };
      io.note(`${step.name}: stopped`);
    }
  }
  return save();

  async function runStep(step: ExperimentStep, command: string): Promise<StepResult> {
    const started = performance.now();
    const startedAt = new Date().toISOString();
    let result: object | null = null;
    const finish = (outcome: StepResult['outcome'], status: number | null, error: string | null) => ({
      name: step.name,
      command,
      outcome,
      exitStatus: status,
      startedAt,
      durationSec: (performance.now() - started) / 1_000,
      error,
      result,
    });
    try {
      if (step.background) {
        const server = await startServer(step, io);
        servers.push({ step, server, at: results.length });
        return finish('served', null, null);
      }
      const stepIo: CommandIo = {
        ...io,
        // The record wants each step's document; standard output gets the experiment's only.
        result(document) {
          result = document;
        },
      };
      const status = await step.spec.run({ args: step.args, options: step.options, io: stepIo, signal });
      if (signal.aborted) return finish('failed', EXIT.interrupted, 'interrupted');
      const fine = status === EXIT.ok || step.allow.includes(status);
      return finish(fine ? 'done' : 'failed', status, null);
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      io.note(`step ${step.name}: ${error.message}\n  hint: ${error.hint}`);
      return finish('failed', error.exitCode, error.message);
    }
  }

  async function save(): Promise<ExperimentResult> {
    const missing = steps.slice(results.length).map(
      (step): StepResult => ({
        name: step.name,
        command: `tokentide ${commandLine(wordsOf(step.spec, step.args, step.given))}`,
        outcome: 'not-run',
        exitStatus: null,
        startedAt: null,
        durationSec: null,
        error: null,
        result: null,
      }),
    );
    const document: ExperimentResult = {
      schemaVersion: 1,
      kind: 'experiment-result',
      name: experiment.name,
      variables: experiment.variables,
      exitStatus,
      steps: [...results, ...missing],
    };
    await writeJson(options.recordPath, document);
    return document;
  }
}

/** How many leading steps the earlier run finished with the very command lines of now. */
function countKept({ experiment, earlier }: RunExperimentOptions): number {
  if (earlier === null) return 0;
  let kept = 0;
  for (const [index, step] of experiment.steps.entries()) {
    const before = earlier.steps[index];
    const command = `tokentide ${commandLine(wordsOf(step.spec, step.args, step.given))}`;
    if (before?.command !== command) break;
    if (!step.background && before.outcome !== 'done' && before.outcome !== 'kept') break;
    kept += 1;
  }
  return kept;
}

/** A line per step: how it ended and how long it took. */
export function formatExperiment(result: ExperimentResult): string {
  const width = Math.max(...result.steps.map((step) => step.name.length));
  return result.steps
    .map((step) => {
      const time = step.durationSec === null ? '' : `  ${formatDurationSec(step.durationSec)}`;
      const status = step.outcome === 'failed' ? `  exit ${step.exitStatus}` : '';
      return `${step.name.padEnd(width)}  ${step.outcome.padEnd(7)}${time}${status}`;
    })
    .join('\n');
}
