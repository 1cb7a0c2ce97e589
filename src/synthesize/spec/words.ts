/** Words of hand-written models: tokens, numbers and refusals that name the key and what may stand there. */
import { nearestWord, ToolError } from '../../errors.js';
import { parseDurationSec, parseRate } from '../../units.js';

/** Where in the file a text stands, e.g. `classes[1].input`. */
export type Place = string;

export function badSpec(place: Place, message: string, hint = 'correct this key'): ToolError {
  return new ToolError({ code: 'BAD_MODEL', message: `${place}: ${message}`, hint });
}

/** A plain number, `2k` = 2 000, or with `unit: time` a duration in seconds. */
export function parseNumber(text: string, place: Place, unit: 'number' | 'time' = 'number'): number {
  if (unit === 'time') return within(place, () => parseDurationSec(text));
  const match = /^([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(k|%)?$/i.exec(text.trim());
  if (!match) throw badSpec(place, `expected a number, got '${text}'`, 'write it like 800, 0.3 or 2k');
  const value = Number(match[1]);
  return match[2] === undefined ? value : match[2] === '%' ? value / 100 : value * 1_000;
}

export function parseSeconds(value: unknown, place: Place): number {
  return within(place, () => parseDurationSec(String(value)));
}

/** `20/s`, `90/min`, `1000/h` or a bare number per second; 0 is a rate too. */
export function parseRatePerSec(text: string, place: Place): number {
  if (/^0+(\.0+)?\s*(\/\s*\w+)?$/.test(text.trim())) return 0;
  const rate = within(place, () => parseRate(text));
  if (rate.kind === 'absolute') return rate.ratePerSec;
  throw badSpec(place, `expected a rate, got the factor '${text}'`, 'write it like 20/s or 90/min');
}

/** Runs a parser of units and names the key in what it refuses. */
function within<T>(place: Place, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw badSpec(place, error.message, error.hint);
  }
}

/** An object of the file with known keys only. */
export function recordAt(
  value: unknown,
  place: Place,
  keys: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badSpec(place, `expected keys and values, got ${JSON.stringify(value) ?? 'nothing'}`);
  for (const key of Object.keys(value)) {
    if (keys.includes(key)) continue;
    const near = nearestWord(key, keys);
    throw badSpec(
      place === '' ? key : `${place}.${key}`,
      `unknown key${near === null ? '' : ` (did you mean ${near}?)`}`,
      `keys here: ${keys.join(', ')}`,
    );
  }
  return value as Readonly<Record<string, unknown>>;
}

/** A text, or a number written as one. */
export function textAt(value: unknown, place: Place): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value).trim();
  throw badSpec(place, `expected a text, got ${JSON.stringify(value) ?? 'nothing'}`);
}

export function numberAt(
  value: unknown,
  place: Place,
  { min, max, integer }: { readonly min: number; readonly max: number; readonly integer?: boolean },
): number {
  const number = parseNumber(textAt(value, place), place);
  if (number >= min && number <= max && (!integer || Number.isInteger(number))) return number;
  throw badSpec(
    place,
    `expected ${integer ? 'a whole number' : 'a number'} from ${min} to ${max}, got ${number}`,
  );
}

export function choiceAt<T extends string>(value: unknown, place: Place, choices: readonly T[]): T {
  const text = textAt(value, place);
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  const near = nearestWord(text, choices);
  throw badSpec(
    place,
    `expected ${choices.join(', ')}, got '${text}'${near === null ? '' : ` (did you mean ${near}?)`}`,
  );
}

/** Place of a key inside an object. */
export const under = (place: Place, key: string): Place => (place === '' ? key : `${place}.${key}`);
