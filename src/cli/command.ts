/**
 * The shape of a command: one option table that yields the parser, `--help`, the config-file keys and the docs.
 * A command file in `commands/` exports one `CommandSpec` const named `command`; `registry.ts` lists them.
 */
import type { ProgressListener } from '../types.js';

export type OptionType =
  | 'string'
  | 'strings'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'duration'
  | 'rate'
  | 'window'
  | 'price'
  | 'numbers';

export interface OptionSpec {
  /** Key in code and in config files, camelCase; the flag is its kebab-case form. */
  readonly key: string;
  readonly type: OptionType;
  /** One line: what it does, with the unit. */
  readonly description: string;
  /** Single letter, e.g. `o` for -o. */
  readonly short?: string;
  /** Placeholder of the value in help, e.g. `<file>`. */
  readonly value?: string;
  /** As the user would type it; shown in help. */
  readonly default?: string | number | boolean;
  readonly choices?: readonly string[];
  readonly required?: boolean;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly variadic?: boolean;
}

/** Where a command's words go. Results to stdout, everything else to stderr. */
export interface CommandIo {
  readonly json: boolean;
  readonly quiet: boolean;
  /** stderr is a terminal. */
  readonly interactive: boolean;
  /** stdout takes colour (terminal and no NO_COLOR). */
  readonly colour: boolean;
  /** Human result lines; silent with --json. */
  print(text: string): void;
  /** The machine-readable result; printed only with --json, once. */
  result(document: object): void;
  /** A note on stderr. */
  note(text: string): void;
  readonly progress: ProgressListener;
}

export interface CommandContext {
  readonly args: readonly string[];
  /** Parsed values by key; undefined = not given and no default. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly io: CommandIo;
  /** Aborted on the first Ctrl-C; a second one ends the process. */
  readonly signal: AbortSignal;
}

/** What help and parsing need of a command. */
export interface CommandTable {
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  /** Two real command lines. */
  readonly examples: readonly string[];
}

export interface CommandSpec extends CommandTable {
  /** Returns the exit status. Throws ToolError for refusals. */
  run(context: CommandContext): Promise<number>;
}

/** Options that every command has. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { key: 'json', type: 'boolean', description: 'print the result as one JSON document on stdout' },
  { key: 'quiet', type: 'boolean', description: 'no notes and no progress' },
  { key: 'config', type: 'string', value: '<file.yaml>', description: 'read options from a file; flags win' },
];

/** Flag of an option key: `maxGap` → `--max-gap`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
