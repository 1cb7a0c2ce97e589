/** The command line: finds the command, parses its options, runs it, and turns errors into one clear line and a status. */
import { Command, CommanderError, Option } from 'commander';
import { EXIT, nearestWord, ToolError } from '../errors.js';
import { toolVersion } from '../manifest.js';
import { COMMON_OPTIONS, type CommandTable, flagOf, type OptionSpec } from './command.js';
import { terminalIo } from './io.js';
import { resolveOptions } from './options.js';
import { COMMANDS, type CommandEntry, tableOf } from './registry.js';

/** Runs one command line (without `node` and script). Returns the exit status; never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json');
  process.stdout.on('error', leaveWhenUnread);
  try {
    return await dispatch(argv);
  } catch (error) {
    return reportError(error, json);
  }
}

/** `tokentide … | head` closes our output early: nobody reads on, so we end without a word. */
function leaveWhenUnread(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [word, ...rest] = argv;
  const entry = COMMANDS.find((candidate) => candidate.name === word || candidate.aliases.includes(word));
  if (entry) return runCommand(entry, rest);
  if (word === 'help' && rest.length > 0) return dispatch([...rest, '--help']);
  if (word === '--version' || word === '-V') {
    process.stdout.write(`${toolVersion()}\n`);
    return EXIT.ok;
  }
  if (word === undefined || word === '--help' || word === '-h' || word === 'help') {
    process.stdout.write(overview());
    return word === undefined ? EXIT.usage : EXIT.ok;
  }
  const names = COMMANDS.flatMap((candidate) => [candidate.name, ...candidate.aliases]);
  const near = nearestWord(word, names);
  throw new ToolError({
    code: 'USAGE',
    message: `unknown command '${word}'`,
    hint: near ? `did you mean \`tokentide ${near}\`?` : '`tokentide --help` lists the commands',
  });
}

async function runCommand(entry: CommandEntry, words: readonly string[]): Promise<number> {
  const table = await tableOf(entry);
  const parsed = parseWords(table, words);
  if (parsed === null) return EXIT.ok;
  const options = await resolveOptions(table, parsed.options, process.env);
  const io = terminalIo({ json: options['json'] === true, quiet: options['quiet'] === true });
  const interrupt = new AbortController();
  let interrupts = 0;
  const onInterrupt = (): void => {
    interrupts += 1;
    if (interrupts > 1) process.exit(EXIT.interrupted);
    io.note('interrupted: finishing what is in flight (Ctrl-C again to stop at once)');
    interrupt.abort(
      new ToolError({ code: 'INTERRUPTED', message: 'interrupted', hint: 'run the command again' }),
    );
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  try {
    const { command } = await entry.load();
    return await command.run({ args: parsed.args, options, io, signal: interrupt.signal });
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}

/** Words → raw options; null when help was printed. */
function parseWords(
  spec: CommandTable,
  words: readonly string[],
): { args: string[]; options: Record<string, unknown> } | null {
  const command = new Command(`tokentide ${spec.name}`);
  command
    .description(spec.description ?? spec.summary)
    .exitOverride()
    .showSuggestionAfterError(true);
  command.configureOutput({ writeErr: () => undefined });
  for (const argument of spec.arguments) {
    const name = argument.variadic ? `${argument.name}...` : argument.name;
    command.argument(argument.required ? `<${name}>` : `[${name}]`, argument.description);
  }
  for (const option of [...spec.options, ...COMMON_OPTIONS]) command.addOption(toCommander(option));
  if (spec.examples.length > 0) {
    command.addHelpText('after', `\nExamples:\n${spec.examples.map((example) => `  ${example}`).join('\n')}`);
  }
  try {
    command.parse([...words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return null;
    const [first, ...more] = error.message.replace(/^error: /, '').split('\n');
    throw new ToolError({
      code: error.code === 'commander.unknownOption' ? 'UNKNOWN_OPTION' : 'USAGE',
      message: first,
      hint:
        more.join(' ').replace(/^\(|\)$/g, '') || `\`tokentide ${spec.name} --help\` shows how to call it`,
      cause: error,
    });
  }
  return { args: command.args, options: command.opts() };
}

function toCommander(option: OptionSpec): Option {
  const name = option.short ? `-${option.short}, ${flagOf(option.key)}` : flagOf(option.key);
  const value = option.type === 'boolean' ? '' : ` ${option.value ?? `<${option.type}>`}`;
  const suffix = [
    option.choices ? `choices: ${option.choices.join(', ')}` : '',
    option.required ? 'required' : '',
    option.default !== undefined && option.default !== false ? `default: ${option.default}` : '',
  ].filter((part) => part !== '');
  const text = suffix.length > 0 ? `${option.description} (${suffix.join('; ')})` : option.description;
  const result = new Option(`${name}${value}`, text);
  if (option.type === 'strings')
    result.argParser((word: string, previous: string[] | undefined) => [...(previous ?? []), word]);
  result.attributeName = () => option.key;
  // commander reads a leading `--no-` as the opposite of another flag; here it is a flag of its own.
  result.negate = false;
  return result;
}

function overview(): string {
  const width = Math.max(...COMMANDS.map((entry) => entry.name.length), 8);
  const lines = COMMANDS.map((entry) => `  ${entry.name.padEnd(width)}  ${entry.summary}`);
  return `tokentide ${toolVersion()}: from production LLM request logs to a capacity plan that its author can defend

Usage: tokentide <command> [options]

Commands:
${lines.join('\n')}

\`tokentide <command> --help\` shows options with units, defaults and examples.
Every option can also stand in the environment (--max-gap as TOKENTIDE_MAX_GAP) and in a --config file; flags win.
Exit status: 0 ok, 1 our bug, 2 usage, 3 bad input, 4 endpoint unreachable, 5 SLO missed, 6 run invalid, 130 interrupted.
`;
}

function reportError(error: unknown, json: boolean): number {
  if (error instanceof ToolError) {
    if (json) {
      const document = {
        schemaVersion: 1,
        kind: 'error',
        code: error.code,
        message: error.message,
        hint: error.hint,
        exitCode: error.exitCode,
      };
      process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    }
    process.stderr.write(`tokentide: ${error.message}\n  hint: ${error.hint}\n`);
    return error.exitCode;
  }
  process.stderr.write(
    `tokentide: this is a bug of ours, please report it with the command that you ran\n${error instanceof Error ? error.stack : String(error)}\n`,
  );
  return EXIT.bug;
}
