/** Reads the fields of a parsed YAML or JSON document; every problem is collected, none is thrown. Base part. */
import { nearestWord, ToolError } from '../../errors.js';
import { parseDurationSec } from '../../units.js';
import { parseQuantity } from './quantity.js';

export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  readonly whole?: boolean;
}

/** One object of a document. `where` is its path in messages. */
export class Fields {
  readonly where: string;
  readonly problems: string[];
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #asked = new Set<string>();

  constructor(value: unknown, where: string, problems: string[]) {
    this.where = where;
    this.problems = problems;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject) problems.push(`${where}: expected an object, got ${show(value)}`);
    this.#values = isObject ? (value as Record<string, unknown>) : {};
  }

  has(key: string): boolean {
    return this.#values[key] !== undefined && this.#values[key] !== null;
  }

  /** A number or quantity; `fallback` when the field is absent, a problem when there is no fallback. */
  number(key: string, fallback?: number, range?: NumberRange): number;
  number(key: string, fallback: null, range?: NumberRange): number | null;
  number(key: string, fallback?: number | null, range: NumberRange = {}): number | null {
    const value = this.#take(key);
    if (value === undefined && fallback !== undefined) return fallback;
    const parsed = parseQuantity(value);
    const { min = 0, max = Number.POSITIVE_INFINITY, whole = false } = range;
    if (parsed !== null && parsed >= min && parsed <= max && (!whole || Number.isSafeInteger(parsed)))
      return parsed;
    const upTo = max === Number.POSITIVE_INFINITY ? '' : ` to ${max}`;
    this.#problem(key, `${whole ? 'a whole number' : 'a number'} from ${min}${upTo}`, value);
    return fallback ?? min;
  }

  whole(key: string, fallback?: number, min?: number): number;
  whole(key: string, fallback: null, min?: number): number | null;
  whole(key: string, fallback?: number | null, min = 0): number | null {
    return this.number(key, fallback as number, { min, whole: true });
  }

  /** Seconds: a number, or text with a unit such as `90s`. */
  seconds(key: string, fallback?: number): number {
    const value = this.#take(key);
    if (value === undefined && fallback !== undefined) return fallback;
    try {
      if (typeof value === 'string' || typeof value === 'number') return parseDurationSec(String(value));
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
    }
    this.#problem(key, 'a duration such as 90s', value);
    return fallback ?? 0;
  }

  text(key: string, fallback?: string): string {
    const value = this.#take(key);
    if (value === undefined && fallback !== undefined) return fallback;
    if (typeof value === 'string' && value !== '') return value;
    this.#problem(key, 'text', value);
    return fallback ?? '';
  }

  choice<C extends string>(key: string, choices: readonly C[], fallback?: C): C {
    const value = this.#take(key);
    if (value === undefined && fallback !== undefined) return fallback;
    if (choices.includes(value as C)) return value as C;
    const near = typeof value === 'string' ? nearestWord(value, choices) : null;
    this.#problem(
      key,
      `one of ${choices.join(', ')}${near === null ? '' : ` (did you mean ${near}?)`}`,
      value,
    );
    return fallback ?? choices[0];
  }

  /** An object in this one; null when it is absent. */
  child(key: string): Fields | null {
    const value = this.#take(key);
    return value === undefined ? null : new Fields(value, `${this.where}.${key}`, this.problems);
  }

  /** The objects of a list; a list that is absent is empty. */
  list(key: string): readonly Fields[] {
    const value = this.#take(key);
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.#problem(key, 'a list', value);
      return [];
    }
    return value.map((item, i) => new Fields(item, `${this.where}.${key}[${i}]`, this.problems));
  }

  raw(key: string): unknown {
    return this.#take(key);
  }

  /** Names the fields that nobody asked for. */
  refuseUnknown(): void {
    for (const key of Object.keys(this.#values)) {
      if (this.#asked.has(key)) continue;
      const near = nearestWord(key, this.#asked);
      this.problems.push(
        `${this.where}: unknown key '${key}'${near === null ? '' : ` (did you mean ${near}?)`}`,
      );
    }
  }

  /** Runs a reader that may throw BAD_VALUE; its complaint becomes a problem of this field. */
  attempt<T>(key: string, read: () => T, fallback: T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      this.problems.push(`${this.where}.${key}: ${error.message}; ${error.hint}`);
      return fallback;
    }
  }

  #take(key: string): unknown {
    this.#asked.add(key);
    return this.#values[key] ?? undefined;
  }

  #problem(key: string, wanted: string, got: unknown): void {
    this.problems.push(`${this.where}.${key}: expected ${wanted}, got ${show(got)}`);
  }
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
