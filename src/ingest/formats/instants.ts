/** Instants and lengths of time that a record spells out: differences of two stamps, and durations with their own unit. */
import type { TimeUnit } from '../format.js';
import { RowReject, type SourceRecord } from '../record.js';
import type { StagedRow } from '../rows.js';
import { scaleDecimal } from '../time.js';

const NS_PER_SEC = 1_000_000_000n;
const INT64_LIMIT = 1n << 63n;

/** An instant of the record as ns on its own time line; null = unknown. */
export function instantNs(record: SourceRecord, column: number, unit: TimeUnit): bigint | null {
  const time = record.time(column, unit);
  return time === null ? null : BigInt(time.sec) * NS_PER_SEC + BigInt(time.nanos);
}

/** The staged row's arrival on the same time line. */
export function arrivalNs(row: StagedRow): bigint {
  return BigInt(row.sec) * NS_PER_SEC + BigInt(row.nanos);
}

/** Moves the staged row's arrival back: from the end of a request to its beginning. */
export function backdate(row: StagedRow, byNs: bigint): void {
  const ns = arrivalNs(row) - byNs;
  if (ns >= INT64_LIMIT || -ns >= INT64_LIMIT)
    throw new RowReject('the arrival is not within 292 years of 1970');
  const nanos = ((ns % NS_PER_SEC) + NS_PER_SEC) % NS_PER_SEC;
  row.nanos = Number(nanos);
  row.sec = Number((ns - nanos) / NS_PER_SEC);
}

/** Two lengths of time, one after the other, ns. */
export function sumNs(a: bigint, b: bigint): bigint {
  if (a + b >= INT64_LIMIT) throw new RowReject('the duration is longer than 292 years');
  return a + b;
}

/** From `start` to `end`, ns; null when either is unknown or the end comes first (clocks of two machines). */
export function elapsedNs(start: bigint | null, end: bigint | null): bigint | null {
  if (start === null || end === null || end < start) return null;
  const elapsed = end - start;
  return elapsed < INT64_LIMIT ? elapsed : null;
}

/** A JSON number of seconds, ≥ 0, in ns, exact to its shortest decimal form; null when it is none. */
export function secondsNs(value: unknown): bigint | null {
  return typeof value === 'number' ? inRange(scaleDecimal(String(value), 9)?.value) : null;
}

/** A JSON number of milliseconds, ≥ 0, in ns, exact to its shortest decimal form; null when it is none. */
export function msNs(value: unknown): bigint | null {
  return typeof value === 'number' ? inRange(scaleDecimal(String(value), 6)?.value) : null;
}

function inRange(ns: bigint | undefined): bigint | null {
  return ns !== undefined && ns >= 0n && ns < INT64_LIMIT ? ns : null;
}

const NS_PLACES: Readonly<Record<string, number>> = { s: 9, ms: 6, us: 3, µs: 3, μs: 3, Âµs: 3, ns: 0 };

/**
 * A Rust `Duration` in its debug form (`1.212s`, `633.018µs`, `950ns`; the micro sign in either code point, or twice
 * encoded) in ns, rounded to whole ones; null when it is none.
 */
export function parseRustDurationNs(text: string): bigint | null {
  const match = /^(\d+(?:\.\d+)?)(\D+)$/.exec(text.trim());
  const places = match === null ? undefined : NS_PLACES[match[2]];
  return places === undefined ? null : inRange(scaleDecimal(match![1], places)?.value);
}

/** Sets the staged row's arrival to an instant in ns since 1970, written to so many decimal places of a second. */
export function setArrivalNs(row: StagedRow, ns: bigint, places: number): void {
  row.sec = 0;
  row.nanos = 0;
  backdate(row, -ns);
  row.places = places;
  row.isDate = false;
  row.hasZone = true;
  row.localKind = 'plain';
}
