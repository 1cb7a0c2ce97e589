/** `${name}` and `${env:NAME}` in experiment files. */
import { nearestWord, ToolError } from '../../errors.js';
import type { Environment } from '../options.js';

export type Variables = Readonly<Record<string, unknown>>;

/**
 * Replaces `${name}` in every text of a document. A text that is one variable and nothing else keeps the
 * variable's type; `$${` stands for `${`. Throws USAGE for a name that is not declared.
 */
export function substitute(value: unknown, variables: Variables, environment: Environment): unknown {
  if (typeof value === 'string') return inText(value, variables, environment);
  if (Array.isArray(value)) return value.map((item) => substitute(item, variables, environment));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, substitute(item, variables, environment)]),
    );
  }
  return value;
}

/** Reads `--set name=value` words; a value that is a YAML scalar (number, true) keeps its type. */
export async function parseAssignments(words: readonly string[]): Promise<Variables> {
  const { parse } = await import('yaml');
  const entries = words.map((word): [string, unknown] => {
    const at = word.indexOf('=');
    if (at <= 0) {
      throw new ToolError({
        code: 'BAD_VALUE',
        message: `expected name=value after --set, got '${word}'`,
        hint: 'write --set rate=x2',
      });
    }
    return [word.slice(0, at), parse(word.slice(at + 1))];
  });
  return Object.fromEntries(entries);
}

function inText(text: string, variables: Variables, environment: Environment): unknown {
  const whole = /^\$\{([^}]+)\}$/.exec(text);
  if (whole) return lookUp(whole[1].trim(), variables, environment);
  return text.replace(/\$(\$\{)|\$\{([^}]+)\}/g, (_, escaped: string | undefined, name: string) =>
    escaped ? '${' : String(lookUp(name.trim(), variables, environment)),
  );
}

function lookUp(name: string, variables: Variables, environment: Environment): unknown {
  if (name.startsWith('env:')) {
    const value = environment[name.slice(4)];
    if (value !== undefined) return value;
    throw new ToolError({
      code: 'USAGE',
      message: `the environment has no ${name.slice(4)}`,
      hint: `set it: ${name.slice(4)}=… tokentide run …`,
    });
  }
  if (name in variables) return variables[name];
  const near = nearestWord(name, Object.keys(variables));
  throw new ToolError({
    code: 'USAGE',
    message: `no variable '${name}'${near ? ` (did you mean ${near}?)` : ''}`,
    hint: 'declare it under variables',
  });
}
