/**
 * The experiment file: steps that are commands, with variables. Reading checks everything that can be checked
 * before the first step runs: keys, values, required options, order of the steps.
 */
import { nearestWord, ToolError } from '../../errors.js';
import type { CommandSpec } from '../command.js';
import { type Environment, keyOf, resolveOptions } from '../options.js';
import { COMMANDS } from '../registry.js';
import { readYamlRecord } from '../yaml-file.js';
import { substitute, type Variables } from './variables.js';

/** One step, checked: a command with its words and options. */
export interface ExperimentStep {
  readonly name: string;
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  /** As written, after variables: what a person would type. */
  readonly given: Readonly<Record<string, unknown>>;
  /** Checked and converted, with defaults: what the command gets. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Runs beside the following steps until the experiment ends. Only `serve` does. */
  readonly background: boolean;
  /** Exit statuses besides 0 after which the experiment goes on, e.g. 5 for a missed objective. */
  readonly allow: readonly number[];
}

export interface Experiment {
  readonly path: string;
  readonly name: string;
  readonly variables: Variables;
  readonly steps: readonly ExperimentStep[];
}

const TOP_KEYS = ['schemaVersion', 'name', 'variables', 'steps'];
const STEP_KEYS = ['name', 'background', 'allow'];
/** Commands that make no sense inside an experiment. */
export const NOT_STEPS: readonly string[] = ['run', 'init', 'completion', 'demo'];

/**
 * Reads and checks an experiment. `overrides` replace variables of the file.
 * Throws one USAGE error that lists every problem with its step.
 */
export async function readExperiment(
  path: string,
  overrides: Variables = {},
  environment: Environment = {},
): Promise<Experiment> {
  const document = await readYamlRecord(
    path,
    'experiment',
    '`tokentide init` writes a commented experiment to start from',
  );
  const problems: string[] = [];
  for (const key of Object.keys(document)) {
    if (!TOP_KEYS.includes(key)) problems.push(`unknown key '${key}'${suggestion(key, TOP_KEYS)}`);
  }
  if (document['schemaVersion'] !== undefined && document['schemaVersion'] !== 1)
    problems.push(`schemaVersion must be 1, got ${String(document['schemaVersion'])}`);
  const declared = (document['variables'] ?? {}) as Variables;
  for (const key of Object.keys(overrides)) {
    if (!(key in declared))
      problems.push(`--set ${key}: no such variable${suggestion(key, Object.keys(declared))}`);
  }
  const variables = { ...declared, ...overrides };
  const written = document['steps'];
  if (!Array.isArray(written) || written.length === 0) problems.push('steps must list at least one step');
  const steps: ExperimentStep[] = [];
  for (const [index, entry] of (Array.isArray(written) ? written : []).entries()) {
    try {
      steps.push(await readStep(substitute(entry, variables, environment), steps));
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      problems.push(`step ${index + 1}: ${error.message}`);
    }
  }
  if (problems.length > 0) {
    throw new ToolError({
      code: 'USAGE',
      message: `${path}: ${problems.join('\n       ')}`,
      hint: '`tokentide init` writes a commented experiment; `tokentide <command> --help` lists the options of a step',
    });
  }
  const name = typeof document['name'] === 'string' ? document['name'] : path;
  return { path, name, variables, steps };
}

async function readStep(entry: unknown, before: readonly ExperimentStep[]): Promise<ExperimentStep> {
  if (!isRecord(entry)) throw bad('expected a command with its options, e.g. `fit: { trace: t.parquet }`');
  const words = Object.keys(entry).filter((key) => !STEP_KEYS.includes(key));
  if (words.length !== 1)
    throw bad(`expected one command, got ${words.length === 0 ? 'none' : words.join(', ')}`);
  const spec = await loadCommand(words[0]);
  const body = entry[words[0]] ?? {};
  if (!isRecord(body)) throw bad(`${spec.name}: expected options as keys and values`);
  const { args, given } = splitArguments(spec, body);
  const known = spec.options.map((option) => option.key);
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) {
      const words = [...known, ...spec.arguments.map((argument) => argument.name)];
      throw bad(`${spec.name}: unknown option '${key}'${suggestion(key, words)}`);
    }
  }
  const options = await resolveOptions(spec, given);
  const name = typeof entry['name'] === 'string' ? entry['name'] : spec.name;
  if (before.some((step) => step.name === name))
    throw bad(`a second step '${name}': give one of them another name, e.g. \`name: ${name}-2\``);
  const background = entry['background'] ?? spec.name === 'serve';
  if (typeof background !== 'boolean') throw bad('background must be true or false');
  if (background && spec.name !== 'serve') throw bad(`only serve runs in the background, not ${spec.name}`);
  if (!background && spec.name === 'serve')
    throw bad('serve never ends by itself: leave out `background: false`');
  const allow = entry['allow'] ?? [];
  if (!Array.isArray(allow) || !allow.every((status) => Number.isSafeInteger(status)))
    throw bad('allow must list exit statuses, e.g. [5]');
  return { name, spec, args, given, options: { ...options, json: false }, background, allow };
}

async function loadCommand(word: string): Promise<CommandSpec> {
  const entry = COMMANDS.find(({ name, aliases }) => name === word || aliases.includes(word));
  if (entry === undefined || NOT_STEPS.includes(entry.name)) {
    const names = COMMANDS.map(({ name }) => name).filter((name) => !NOT_STEPS.includes(name));
    throw bad(`'${word}' is no step${suggestion(word, names)}; steps are ${names.join(', ')}`);
  }
  return (await entry.load()).command;
}

/** A step's body names the command's words (`trace:`, `files:`) beside its options. */
function splitArguments(
  spec: CommandSpec,
  body: Readonly<Record<string, unknown>>,
): { args: string[]; given: Record<string, unknown> } {
  const given: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(body)) given[keyOf(key)] = value;
  const args: string[] = [];
  for (const argument of spec.arguments) {
    const value = given[argument.name];
    delete given[argument.name];
    if (value === undefined) {
      if (argument.required) throw bad(`${spec.name}: ${argument.name} is required: ${argument.description}`);
      continue;
    }
    if (Array.isArray(value) && !argument.variadic)
      throw bad(`${spec.name}: ${argument.name} takes one value`);
    args.push(...(Array.isArray(value) ? value : [value]).map(String));
  }
  return { args, given };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function suggestion(word: string, candidates: readonly string[]): string {
  const near = nearestWord(word, candidates);
  return near ? ` (did you mean ${near}?)` : '';
}

function bad(message: string): ToolError {
  return new ToolError({ code: 'USAGE', message, hint: 'correct the step' });
}
