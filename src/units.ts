/**
 * The only place where units are converted: durations, rates, counts and sizes, to text and back.
 *
 * Inside the program times are ns (trace and run instants), ms (latency metrics) or seconds (models, rates);
 * the suffix of each name says which.
 */
import { ToolError } from './errors.js';

export const NS_PER_US = 1_000;
export const NS_PER_MS = 1_000_000;
export const NS_PER_SEC = 1_000_000_000;
export const MS_PER_SEC = 1_000;
export const SEC_PER_HOUR = 3_600;

export const nsToMs = (ns: number): number => ns / NS_PER_MS;
export const nsToSec = (ns: number): number => ns / NS_PER_SEC;
export const msToNs = (ms: number): number => ms * NS_PER_MS;
export const secToNs = (sec: number): number => sec * NS_PER_SEC;
export const secToMs = (sec: number): number => sec * MS_PER_SEC;
export const msToSec = (ms: number): number => ms / MS_PER_SEC;

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ms: 1e-3,
  s: 1,
  sec: 1,
  m: 60,
  min: 60,
  h: 3_600,
  d: 86_400,
};

/**
 * Reads a duration such as `500ms`, `1.5s`, `10m`, `1h30m`, `2d`; a bare number is seconds.
 * Returns seconds. Throws ToolError BAD_VALUE on anything else, including negative values.
 */
export function parseDurationSec(text: string): number {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?(e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed);
  const part = /(\d+(?:\.\d+)?)\s*(ns|us|µs|μs|ms|sec|s|min|m|h|d)/gy;
  let total = 0;
  let index = 0;
  for (let match = part.exec(trimmed); match !== null; match = part.exec(trimmed)) {
    total += Number(match[1]) * SECONDS_PER_UNIT[match[2]];
    index = part.lastIndex;
  }
  if (index === 0 || index !== trimmed.length) {
    throw badValue('a duration', text, 'write it like 500ms, 1.5s, 10m or 1h30m');
  }
  return total;
}

/** A multiplier of the present rate (`x2`) or an absolute rate (`20/s`, `90/min`, `1000/h`). */
export type RateSpec =
  | { readonly kind: 'factor'; readonly factor: number }
  | { readonly kind: 'absolute'; readonly ratePerSec: number };

/** Reads `x2`, `2x`, `20/s`, `90/min`, `1000/h` or a bare number (requests per second). */
export function parseRate(text: string): RateSpec {
  const trimmed = text.trim();
  const factor = /^(?:x(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)x)$/i.exec(trimmed);
  if (factor) {
    const value = Number(factor[1] ?? factor[2]);
    if (value > 0) return { kind: 'factor', factor: value };
  }
  const absolute = /^(\d+(?:\.\d+)?)\s*(?:(?:\/|\s*per\s*)(s|sec|min|m|h)|rps)?$/i.exec(trimmed);
  if (absolute && Number(absolute[1]) > 0) {
    const unit = (absolute[2] ?? 's').toLowerCase();
    return { kind: 'absolute', ratePerSec: Number(absolute[1]) / SECONDS_PER_UNIT[unit] };
  }
  throw badValue('a rate above zero', text, 'write it like 20/s, 90/min or x2');
}

/** Reads a price such as `2.5/h` or `0.04/min`; returns the price per replica-hour. */
export function parsePricePerHour(text: string): number {
  const match = /^\s*[$€]?\s*(\d+(?:\.\d+)?)\s*(?:\/\s*(h|hour|min|m|s))?\s*$/i.exec(text);
  if (!match) throw badValue('a price per time', text, 'write it like 2.5/h');
  const unit = (match[2] ?? 'h').toLowerCase();
  const seconds = unit === 'hour' ? SEC_PER_HOUR : SECONDS_PER_UNIT[unit];
  return (Number(match[1]) * SEC_PER_HOUR) / seconds;
}

/** Reads a window `from..to` of two durations; either side may be left out. Seconds, to exclusive. */
export function parseWindowSec(text: string): { readonly fromSec: number; readonly toSec: number | null } {
  const parts = text.split('..');
  if (parts.length !== 2) throw badValue('a window', text, 'write it like 10m..20m');
  const fromSec = parts[0].trim() === '' ? 0 : parseDurationSec(parts[0]);
  const toSec = parts[1].trim() === '' ? null : parseDurationSec(parts[1]);
  if (toSec !== null && toSec <= fromSec) {
    throw badValue('a window whose end is after its start', text, 'swap the two sides');
  }
  return { fromSec, toSec };
}

/** Text of a duration with three significant digits and the unit that suits its size. */
export function formatDurationSec(sec: number): string {
  const size = Math.abs(sec);
  if (size === 0) return '0 s';
  if (size < 1e-6) return `${significant(sec * 1e9)} ns`;
  if (size < 1e-3) return `${significant(sec * 1e6)} µs`;
  if (size < 1) return `${significant(sec * 1e3)} ms`;
  if (size < 120) return `${significant(sec)} s`;
  if (size < 7_200) return `${significant(sec / 60)} min`;
  if (size < 172_800) return `${significant(sec / 3_600)} h`;
  return `${significant(sec / 86_400)} d`;
}

/** Text of a latency in ms; null becomes a dash. */
export function formatMs(ms: number | null): string {
  return ms === null ? '–' : formatDurationSec(ms / 1_000);
}

/** Integer with thin thousands groups: 12 031. */
export function formatCount(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ' ');
}

/** Ratio 0–1 as a percentage with enough digits to tell 99.9 from 100. */
export function formatRatio(ratio: number): string {
  const percent = ratio * 100;
  const digits = percent > 99 && percent < 100 ? 2 : percent >= 10 || percent === 0 ? 1 : 2;
  return `${percent.toFixed(digits)} %`;
}

/** Bytes with a binary unit. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Number with three significant digits, without an exponent for ordinary sizes. */
export function significant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 10 ** digits) return formatCount(value);
  if (size < 1e-4) return value.toExponential(digits - 1);
  return String(Number(value.toPrecision(digits)));
}

function badValue(wanted: string, got: string, hint: string): ToolError {
  return new ToolError({ code: 'BAD_VALUE', message: `expected ${wanted}, got '${got}'`, hint });
}
