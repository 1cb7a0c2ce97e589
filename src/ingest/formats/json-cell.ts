/**
 * JSON inside a value: an object nested in a record, or text in a CSV cell or JSON string. Only for small values whose
 * numbers are counts; times and ids above 2^53 are read by the record's own accessors.
 */
import { RowReject, type SourceRecord, shorten } from '../record.js';

/** Keys and array places (negative: from the end) to a value. */
export type JsonPath = readonly (string | number)[];

/** The value as parsed JSON; undefined when it is unknown or no JSON. */
export function jsonCell(record: SourceRecord, column: number): unknown {
  const text = record.text(column);
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What lies at a path; undefined when there is nothing. */
export function valueAt(value: unknown, path: JsonPath): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    if (typeof key === 'string')
      at = Object.hasOwn(at, key) ? (at as Record<string, unknown>)[key] : undefined;
    else at = Array.isArray(at) ? at.at(key) : undefined;
  }
  return at;
}

/** A value as JSON to keep: text that holds an object or a list becomes that; null when it says nothing. */
export function keptJson(value: unknown): string | null {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'object') return Object.keys(value).length === 0 ? null : JSON.stringify(value);
  const text = String(value);
  if (!/^\s*[[{]/.test(text)) return JSON.stringify(text);
  try {
    return keptJson(JSON.parse(text));
  } catch {
    return JSON.stringify(text);
  }
}

const INT32_MAX = 2_147_483_647;

/** The count at the first of the paths that has one, also when written as text; null = unknown. */
export function countAt(value: unknown, ...paths: readonly JsonPath[]): number | null {
  for (const path of paths) {
    const found = valueAt(value, path);
    if (found === undefined || found === null || found === '' || found === '-') continue;
    const number = typeof found === 'string' && /^\d+$/.test(found) ? Number(found) : found;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > INT32_MAX) {
      throw new RowReject(`${path.join('.')} is no count`, shorten(String(found)));
    }
    return number;
  }
  return null;
}

/** The text at the first of the paths that has one; numbers become text; null = unknown. */
export function textAt(value: unknown, ...paths: readonly JsonPath[]): string | null {
  for (const path of paths) {
    const found = valueAt(value, path);
    if (typeof found === 'number') return String(found);
    if (typeof found === 'string' && found !== '') return found;
  }
  return null;
}

/** The sum of known counts; null when none is known. Rejects the row when it is no count any more. */
export function sumCounts(...counts: readonly (number | null)[]): number | null {
  const known = counts.filter((count) => count !== null);
  if (known.length === 0) return null;
  const sum = known.reduce((total, count) => total + count, 0);
  if (sum > INT32_MAX) throw new RowReject('more tokens than fit a count', String(sum));
  return sum;
}
