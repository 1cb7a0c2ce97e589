/** A run's records, arranged once for all of its figures. Pure. */
import { REQUEST_METRICS } from '../metrics.js';
import { parseSlo, type SloTerm } from '../slo.js';
import type { MetricId } from '../types/run-support.js';
import type { RunRecord, SloResult } from '../types.js';
import { formatCount, nsToSec } from '../units.js';
import type { ChartLine, ChartShade } from './chart.js';
import { chooseTimeBins, type TimeBins } from './series/time-bins.js';

export type RequestMetric = keyof typeof REQUEST_METRICS;

export interface RunData {
  /** Every request, warm-up included, by intended instant. */
  readonly all: readonly RunRecord[];
  /** Those that the summary counts. */
  readonly measured: readonly RunRecord[];
  /** First intended instant → last instant of any kind, seconds. */
  readonly fromSec: number;
  readonly toSec: number;
  readonly bins: TimeBins;
  readonly shades: readonly ChartShade[];
  readonly slo: readonly SloTerm[];
}

export interface Sample {
  readonly atNs: number;
  readonly value: number;
}

/** Sorts and splits the records, and chooses the time bins. */
export function arrangeRun(records: readonly RunRecord[], slo: readonly SloResult[]): RunData {
  const all = [...records].sort((a, b) => a.intendedNs - b.intendedNs || a.index - b.index);
  const measured = all.filter((record) => record.phase === 'measure');
  const fromSec = all.length > 0 ? nsToSec(all[0].intendedNs) : 0;
  let lastNs = 0;
  for (const record of all)
    lastNs = Math.max(lastNs, record.intendedNs, record.endNs ?? 0, record.lastTokenNs ?? 0);
  const toSec = Math.max(nsToSec(lastNs), fromSec);
  const warm = all.filter((record) => record.phase === 'warmup');
  const shades =
    warm.length === 0
      ? []
      : [{ from: fromSec, to: nsToSec(measured[0]?.intendedNs ?? lastNs), label: 'warm-up (not counted)' }];
  return {
    all,
    measured,
    fromSec,
    toSec,
    bins: chooseTimeBins({ fromSec, toSec, events: all.length }),
    shades,
    slo: sloTerms(slo),
  };
}

/** The terms of judged SLOs. */
export function sloTerms(results: readonly SloResult[]): readonly SloTerm[] {
  return results.flatMap((result) => parseSlo(result.term).terms);
}

/** Values of one metric with the instant that each request was due. */
export function samplesOf(records: readonly RunRecord[], metric: RequestMetric): Sample[] {
  const samples: Sample[] = [];
  for (const record of records) {
    const value = REQUEST_METRICS[metric](record);
    if (typeof value === 'number') samples.push({ atNs: record.intendedNs, value });
  }
  return samples;
}

/** Limits of the SLO on one metric, as lines of a chart. */
export function sloLines(terms: readonly SloTerm[], metric: MetricId, axis: 'x' | 'y'): ChartLine[] {
  return terms.flatMap((term) =>
    term.kind === 'latency' && term.metric === metric
      ? [{ axis, value: term.limitMs, label: `SLO ${term.text}`, colour: 'red' as const }]
      : [],
  );
}

/** Seconds as m:ss or h:mm:ss; tenths below an hour when they matter; warm-up lies before zero. */
export function clockText(sec: number): string {
  if (sec < 0) return `−${clockText(-sec)}`;
  const whole = Math.floor(sec + 1e-9);
  const hours = Math.floor(whole / 3_600);
  const minutes = Math.floor((whole % 3_600) / 60);
  const seconds = String(whole % 60).padStart(2, '0');
  const tenths = Math.round((sec - whole) * 10);
  const fraction = hours === 0 && minutes === 0 && tenths > 0 && tenths < 10 ? `.${tenths}` : '';
  return hours > 0
    ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}`
    : `${minutes}:${seconds}${fraction}`;
}

/** The stretch of time that a figure of every request covers. */
export function windowText(data: RunData): string {
  return `window ${clockText(data.fromSec)}–${clockText(data.toSec)} from the run’s start`;
}

/** The stretch that a figure of the measured requests covers. */
export function measuredWindowText(data: RunData): string {
  const [first] = data.measured;
  const fromSec = first === undefined ? data.fromSec : nsToSec(first.intendedNs);
  return `window ${clockText(fromSec)}–${clockText(data.toSec)} from the run’s start`;
}

/** What the shading of figures over time means. */
export const shadeNote = (data: RunData | null): string =>
  data === null || data.shades.length === 0
    ? ''
    : ' Shaded: warm-up, drawn here but not counted anywhere else.';

export const requestsText = (n: number): string => `${formatCount(n)} ${n === 1 ? 'request' : 'requests'}`;
