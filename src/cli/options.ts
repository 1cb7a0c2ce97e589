/** From raw words (config file, environment, flags: the later wins) to typed values; every problem is reported at once. */
import { nearestWord, ToolError } from '../errors.js';
import { parseDurationSec, parsePricePerHour, parseRate, parseWindowSec } from '../units.js';
import { COMMON_OPTIONS, type CommandTable, flagOf, type OptionSpec } from './command.js';
import { readYamlRecord } from './yaml-file.js';

/** Variables of the environment, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Environment variable of an option key: `maxGap` → `TOKENTIDE_MAX_GAP`. */
export function variableOf(key: string): string {
  return `TOKENTIDE_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Key of an option as a config file may write it: `max-gap` → `maxGap`. */
export function keyOf(word: string): string {
  return word.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Merges config file, environment and flags, checks and converts.
 * Throws one USAGE error that lists all problems.
 */
export async function resolveOptions(
  spec: CommandTable,
  flags: Readonly<Record<string, unknown>>,
  environment: Environment = {},
): Promise<Record<string, unknown>> {
  const table = [...COMMON_OPTIONS, ...spec.options];
  const raw: Record<string, unknown> = {};
  const problems: string[] = [];
  const config = flags['config'] ?? environment[variableOf('config')];
  if (typeof config === 'string') {
    for (const [key, value] of Object.entries(
      await readYamlRecord(config, 'config file', 'write one `key: value` per line'),
    )) {
      if (table.some((option) => option.key === keyOf(key))) raw[keyOf(key)] = value;
      else problems.push(unknownKey(key, config, table));
    }
  }
  const fromVariable = new Set<string>();
  for (const { key } of table) {
    const text = environment[variableOf(key)];
    if (text === undefined || text === '' || flags[key] !== undefined) continue;
    raw[key] = text;
    fromVariable.add(key);
  }
  for (const [key, value] of Object.entries(flags)) if (value !== undefined) raw[key] = value;

  const values: Record<string, unknown> = {};
  for (const option of table) {
    const given = raw[option.key] ?? option.default;
    if (given === undefined) {
      if (option.required) problems.push(`${flagOf(option.key)} is required: ${option.description}`);
      continue;
    }
    try {
      values[option.key] = convert(option, given);
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      const place = fromVariable.has(option.key) ? variableOf(option.key) : flagOf(option.key);
      problems.push(`${place}: ${error.message}; ${error.hint}`);
    }
  }
  if (problems.length > 0) {
    throw new ToolError({
      code: 'USAGE',
      message: problems.join('\n       '),
      hint: `\`tokentide ${spec.name} --help\` lists the options with units and defaults`,
    });
  }
  return values;
}

function unknownKey(key: string, place: string, table: readonly OptionSpec[]): string {
  const near = nearestWord(
    keyOf(key),
    table.map((option) => option.key),
  );
  return `unknown key '${key}' in ${place}${near ? ` (did you mean ${near}?)` : ''}`;
}

function convert(option: OptionSpec, given: unknown): unknown {
  if (option.type === 'boolean') {
    if (typeof given === 'boolean') return given;
    if (given === 'true' || given === '1') return true;
    if (given === 'false' || given === '0') return false;
    throw bad('true or false', given);
  }
  if (option.type === 'strings') return (Array.isArray(given) ? given : [given]).map(String);
  const text = String(given);
  if (option.choices && !option.choices.includes(text)) {
    const near = nearestWord(text, option.choices);
    throw bad(`one of ${option.choices.join(', ')}`, given, near ? `did you mean ${near}?` : undefined);
  }
  switch (option.type) {
    case 'string':
      return text;
    case 'integer': {
      const value = Number(text);
      if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0)
        throw bad('a whole number from 0', given);
      return value;
    }
    case 'number': {
      const value = Number(text);
      if (text.trim() === '' || !Number.isFinite(value)) throw bad('a number', given);
      return value;
    }
    case 'numbers': {
      const values = (Array.isArray(given) ? given : text.split(',')).map((part) => Number(part));
      if (values.length === 0 || values.some((value) => !Number.isFinite(value)))
        throw bad('numbers joined by commas', given);
      return values;
    }
    case 'duration':
      return parseDurationSec(text);
    case 'rate':
      return parseRate(text);
    case 'window':
      return parseWindowSec(text);
    case 'price':
      return parsePricePerHour(text);
  }
}

function bad(wanted: string, got: unknown, hint = 'correct the value'): ToolError {
  return new ToolError({ code: 'BAD_VALUE', message: `expected ${wanted}, got '${String(got)}'`, hint });
}
