/**
 * A small checker of JSON documents: each rule looks at one value and lists what is wrong, with the path of the key.
 * All problems are found at once; unknown keys are problems that name the nearest known key.
 */
import { nearestWord } from '../errors.js';

/** Adds problems found at `path`. */
export type Rule = (value: unknown, path: string, problems: string[]) => void;

const show = (value: unknown): string => {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'nothing');
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

export interface NumberBounds {
  readonly min?: number;
  readonly max?: number;
  /** Excludes `min` itself. */
  readonly above?: number;
  readonly integer?: boolean;
}

/** A finite number within bounds. */
export function number(bounds: NumberBounds = {}): Rule {
  const wanted = [
    bounds.integer ? 'a whole number' : 'a number',
    bounds.above !== undefined ? `above ${bounds.above}` : '',
    bounds.min !== undefined ? `from ${bounds.min}` : '',
    bounds.max !== undefined ? `up to ${bounds.max}` : '',
  ].filter((part) => part !== '');
  return (value, path, problems) => {
    const fits =
      typeof value === 'number' &&
      Number.isFinite(value) &&
      (bounds.above === undefined || value > bounds.above) &&
      (bounds.min === undefined || value >= bounds.min) &&
      (bounds.max === undefined || value <= bounds.max) &&
      (bounds.integer !== true || Number.isInteger(value));
    if (!fits) problems.push(`${path} must be ${wanted.join(' ')}, it is ${show(value)}`);
  };
}

export const text: Rule = (value, path, problems) => {
  if (typeof value !== 'string') problems.push(`${path} must be a text, it is ${show(value)}`);
};

export function oneOf(...choices: readonly (string | number)[]): Rule {
  return (value, path, problems) => {
    if (choices.includes(value as string)) return;
    const near = typeof value === 'string' ? nearestWord(value, choices.map(String)) : null;
    const hint = near === null ? '' : ` (did you mean ${near}?)`;
    problems.push(`${path} must be ${choices.join(', ')}, it is ${show(value)}${hint}`);
  };
}

export function orNull(rule: Rule): Rule {
  return (value, path, problems) => {
    if (value !== null) rule(value, path, problems);
  };
}

/** A key that may be missing. */
export function optional(rule: Rule): Rule {
  return Object.assign(
    (value: unknown, path: string, problems: string[]) => {
      if (value !== undefined) rule(value, path, problems);
    },
    { optional: true },
  );
}

export function list(rule: Rule, least = 0): Rule {
  return (value, path, problems) => {
    if (!Array.isArray(value) || value.length < least) {
      problems.push(`${path} must be a list of at least ${least}, it is ${show(value)}`);
      return;
    }
    for (const [i, item] of value.entries()) rule(item, `${path}[${i}]`, problems);
  };
}

/** A list of exactly these. */
export function tuple(...rules: readonly Rule[]): Rule {
  return (value, path, problems) => {
    if (!Array.isArray(value) || value.length !== rules.length) {
      problems.push(`${path} must be a list of ${rules.length}, it is ${show(value)}`);
      return;
    }
    for (const [i, rule] of rules.entries()) rule(value[i], `${path}[${i}]`, problems);
  };
}

/** An object with these keys and no others. */
export function object(rules: Readonly<Record<string, Rule>>): Rule {
  const keys = Object.keys(rules);
  return (value, path, problems) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      problems.push(`${path === '' ? 'the model' : path} must be an object, it is ${show(value)}`);
      return;
    }
    const record = value as Record<string, unknown>;
    const at = (key: string): string => (path === '' ? key : `${path}.${key}`);
    for (const key of Object.keys(record)) {
      if (keys.includes(key)) continue;
      const near = nearestWord(key, keys);
      problems.push(`unknown key ${at(key)}${near === null ? '' : ` (did you mean ${near}?)`}`);
    }
    for (const key of keys) {
      if (record[key] === undefined && !('optional' in rules[key])) problems.push(`${at(key)} is missing`);
      else rules[key](record[key], at(key), problems);
    }
  };
}

/** An object whose keys are free. */
export function record(rule: Rule): Rule {
  return (value, path, problems) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      problems.push(`${path} must be an object, it is ${show(value)}`);
      return;
    }
    for (const [key, item] of Object.entries(value)) rule(item, `${path}.${key}`, problems);
  };
}

/** `first`, and where it finds nothing, also `second`, which may then trust the shape. */
export function both(first: Rule, second: Rule): Rule {
  return (value, path, problems) => {
    const before = problems.length;
    first(value, path, problems);
    if (problems.length === before) second(value, path, problems);
  };
}

/** Anything; for parts that synthesis does not read. */
export const anything: Rule = () => undefined;
