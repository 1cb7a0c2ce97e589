/** A step as the command line that a person would type: shown, recorded, and used to start servers. */
import { type CommandSpec, flagOf } from '../command.js';

/** Words of a call: positional arguments, then flags in the order of the option table. */
export function wordsOf(
  spec: CommandSpec,
  args: readonly string[],
  given: Readonly<Record<string, unknown>>,
): string[] {
  const flags = spec.options.flatMap((option) => {
    const value = given[option.key];
    if (value === undefined || value === false) return [];
    if (value === true) return [flagOf(option.key)];
    const values = Array.isArray(value) && option.type === 'strings' ? value : [value];
    return values.flatMap((item) => [flagOf(option.key), String(item)]);
  });
  return [spec.name, ...args, ...flags];
}

/** Words joined so that a POSIX shell reads the same words back. */
export function commandLine(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
