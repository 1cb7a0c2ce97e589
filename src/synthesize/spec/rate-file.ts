/**
 * A measured rate over time from a CSV: the output of `tokentide ingest --rate-curve`, a Prometheus range query, a usage
 * dashboard. One row per bucket or sample; the rate holds until the next row.
 */
import type { RateOverTime, RatePiece } from './rate-words.js';
import { sampled } from './rate-words.js';
import { badSpec, type Place } from './words.js';

export interface RateFileOptions {
  readonly text: string;
  /** Name of the column with times; default: the first that is called like one, else the first. */
  readonly time?: string;
  /** Name of the column with values; default: the first that is called like a rate or a count, else the second. */
  readonly value?: string;
  /** What a value is; default: by the column's name, `rate` unless it is called like a count. */
  readonly unit?: 'rate' | 'requests';
  /** null = the whole file. */
  readonly durationSec: number | null;
  readonly place: Place;
}

const TIME_NAMES = ['start_utc', 'start_time', 'start_time_iso', 'timestamp', 'time', 'date', 't', 'ts'];
const RATE_NAMES = ['rate_per_sec', 'rate', 'value', 'rps', 'qps', 'requests_per_sec', 'requests_per_second'];
const COUNT_NAMES = ['requests', 'num_model_requests', 'count', 'n'];

/** Throws BAD_MODEL that names the line. */
export function rateFromFile(options: RateFileOptions): RateOverTime {
  const { place } = options;
  const lines = options.text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const header = splitCsv(lines[0] ?? '');
  const hasHeader = header.some((cell) => Number.isNaN(Number(cell)) && parseTimeSec(cell) === null);
  const names = hasHeader ? header.map((name) => name.trim().toLowerCase()) : [];
  const timeColumn = columnOf(names, options.time, TIME_NAMES, 0, place);
  const valueColumn = columnOf(
    names,
    options.value,
    [...RATE_NAMES, ...COUNT_NAMES],
    timeColumn === 0 ? 1 : 0,
    place,
  );
  const isCount =
    options.unit === undefined ? COUNT_NAMES.includes(names[valueColumn] ?? '') : options.unit === 'requests';
  const rows = lines.slice(hasHeader ? 1 : 0).map((line, i) => {
    const cells = splitCsv(line);
    const sec = parseTimeSec(cells[timeColumn] ?? '');
    const text = (cells[valueColumn] ?? '').trim();
    const value = text === '' || /^(null|nan|undefined)$/i.test(text) ? 0 : Number(text);
    if (sec === null || !Number.isFinite(value) || value < 0)
      throw badSpec(
        place,
        `line ${i + (hasHeader ? 2 : 1)} of the curve has no time and value: '${line.slice(0, 60)}'`,
      );
    return { sec, value };
  });
  // A time may come several times, once per model or series: they add up.
  const sums = new Map<number, number>();
  for (const { sec, value } of rows) sums.set(sec, (sums.get(sec) ?? 0) + value);
  const points = [...sums].sort((a, b) => a[0] - b[0]);
  if (points.length < 2) throw badSpec(place, `a curve needs at least two times, it has ${points.length}`);
  const steps = points.slice(1).map(([sec], i) => sec - points[i][0]);
  const lastStep = steps.toSorted((a, b) => a - b)[steps.length >> 1];
  const pieces: RatePiece[] = points.map(([, value], i) => {
    const sec = steps[i] ?? lastStep;
    const rate = isCount ? value / sec : value;
    return { from: rate, to: rate, sec };
  });
  const total = pieces.reduce((sum, piece) => sum + piece.sec, 0);
  return sampled(pieces, Math.min(options.durationSec ?? total, total), place);
}

function columnOf(
  names: readonly string[],
  asked: string | undefined,
  usual: readonly string[],
  otherwise: number,
  place: Place,
): number {
  if (asked !== undefined) {
    const found = names.indexOf(asked.toLowerCase());
    if (found < 0)
      throw badSpec(place, `the curve has no column '${asked}'`, `its columns are ${names.join(', ')}`);
    return found;
  }
  for (const name of usual) {
    const found = names.indexOf(name);
    if (found >= 0) return found;
  }
  return otherwise;
}

/** Cells of one line; quoted cells may hold commas. */
function splitCsv(line: string): string[] {
  const cells: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const letter = line[i];
    if (letter === '"' && quoted && line[i + 1] === '"') cell += line[++i];
    else if (letter === '"') quoted = !quoted;
    else if (letter === ',' && !quoted) {
      cells.push(cell);
      cell = '';
    } else cell += letter;
  }
  return [...cells, cell];
}

/** Epoch seconds or milliseconds, or ISO text read as UTC unless it names a zone; null = no time. */
function parseTimeSec(text: string): number | null {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    const value = Number(trimmed);
    return value > 1e11 ? value / 1_000 : value;
  }
  const match = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(Z|[+-]\d{2}:?\d{2})?$/i.exec(
    trimmed,
  );
  if (!match) return null;
  const ms = Date.parse(`${match[1]}T${match[2]}${match[3] ?? 'Z'}`);
  return Number.isNaN(ms) ? null : ms / 1_000;
}
