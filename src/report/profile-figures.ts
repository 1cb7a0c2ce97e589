/** Figures of a latency profile: everything against the offered rate, with the SLO, the knee and the capacity marked. Pure. */
import { parseSlo, type SloTerm } from '../slo.js';
import type { MetricId } from '../types/run-support.js';
import type { LatencyProfile, LoadLevel } from '../types.js';
import { formatCount, formatDurationSec, formatMs, formatRatio, significant } from '../units.js';
import { type ChartColour, type ChartLine, chartData, shareRange } from './chart.js';
import { METRIC_DEFINITIONS } from './definitions.js';
import { type FigureOptions, table } from './parts.js';
import { sloLines } from './run-data.js';
import { msValue, numberValue, perSecValue, ratioValue, tokensPerSecValue } from './values.js';

/** What figures draw: the last attempt at each rate, by rising rate, if it was valid. The others stay in the table. */
export interface ProfileData {
  readonly levels: readonly LoadLevel[];
  readonly slo: readonly SloTerm[];
  /** Knee and capacity as vertical lines. */
  readonly marks: readonly ChartLine[];
  readonly n: string;
  readonly window: string;
}

export function arrangeProfile(profile: LatencyProfile): ProfileData {
  const last = new Map<number, LoadLevel>();
  for (const level of profile.levels) {
    const known = last.get(level.ratePerSec);
    if (known === undefined || level.attempt >= known.attempt) last.set(level.ratePerSec, level);
  }
  const levels = [...last.values()]
    .filter((level) => level.valid)
    .sort((a, b) => a.ratePerSec - b.ratePerSec);
  const marks: ChartLine[] = [];
  const { capacity, knee } = profile;
  if (knee.ratePerSec !== null)
    marks.push({
      axis: 'x',
      value: knee.ratePerSec,
      label: `knee ${significant(knee.ratePerSec)}/s`,
      colour: 'grey',
    });
  if (capacity.ratePerSec !== null)
    marks.push({
      axis: 'x',
      value: capacity.ratePerSec,
      label: `capacity ${significant(capacity.ratePerSec)}/s`,
      colour: 'teal',
    });
  const requests = levels.reduce((sum, level) => sum + level.requests, 0);
  const durations = levels.map((level) => level.durationSec);
  return {
    levels,
    slo: profile.slo.trim() === '' ? [] : parseSlo(profile.slo).terms,
    marks,
    n: `${formatCount(requests)} requests at ${levels.length} valid load ${levels.length === 1 ? 'level' : 'levels'}`,
    window:
      levels.length === 0
        ? 'no valid level'
        : `one run of ${rangeText(Math.min(...durations), Math.max(...durations))} per level`,
  };
}

const rangeText = (fromSec: number, toSec: number): string =>
  formatDurationSec(fromSec) === formatDurationSec(toSec)
    ? formatDurationSec(fromSec)
    : `${formatDurationSec(fromSec)} – ${formatDurationSec(toSec)}`;

/** Axis of everything that is drawn against load. */
export const rateAxis = {
  label: 'offered rate, requests per second',
  unit: 'perSec',
  scale: 'linear',
} as const;
const rates = (data: ProfileData): number[] => data.levels.map((level) => level.ratePerSec);
const everyColumnNull = (columns: readonly (readonly unknown[])[]): boolean =>
  columns.every((column) => column.every((value) => value === null));

/** Percentiles of one metric against load. */
export function latencyByLoad(data: ProfileData, metric: MetricId): FigureOptions | null {
  const pick = (key: 'p50' | 'p90' | 'p99'): (number | null)[] =>
    data.levels.map((level) => level.metrics[metric]?.[key] ?? null);
  const [p50, p90, p99] = [pick('p50'), pick('p90'), pick('p99')];
  if (everyColumnNull([p50, p90, p99])) return null;
  const first = p99.find((value) => value !== null) ?? null;
  const last = p99.findLast((value) => value !== null) ?? null;
  const { name } = METRIC_DEFINITIONS[metric];
  return {
    chart: {
      id: `load-${metric}`,
      x: rateAxis,
      y: { label: metric, unit: 'ms', scale: 'linear' },
      data: chartData(rates(data), p50, p90, p99),
      series: [
        { label: 'p50', colour: 'blue', style: 'line-points' },
        { label: 'p90', colour: 'teal', style: 'line-points', hidden: true },
        { label: 'p99', colour: 'orange', style: 'line-points' },
      ],
      lines: [...sloLines(data.slo, metric, 'y'), ...data.marks],
      shades: [],
      group: 'load',
      height: 'tall',
    },
    title: `${name} against load`,
    reading:
      data.levels.length === 1
        ? `p99 was ${formatMs(first)} at the only valid load level.`
        : `p99 went from ${formatMs(first)} at the lowest rate to ${formatMs(last)} at the highest.`,
    n: data.n,
    window: data.window,
    definitions: [metric],
    table: table({
      caption: `${name} by offered rate`,
      captionHidden: true,
      columns: [
        { title: 'offered' },
        { title: 'n', numeric: true },
        { title: 'p50', numeric: true },
        { title: 'p90', numeric: true },
        { title: 'p99', numeric: true },
      ],
      rows: data.levels.map((level, i) => [
        perSecValue(level.ratePerSec),
        numberValue(level.metrics[metric]?.n),
        msValue(p50[i]),
        msValue(p90[i]),
        msValue(p99[i]),
      ]),
    }),
  };
}

/** Requests sent and completed against requests offered; below the diagonal the server falls behind. */
export function requestsByLoad(data: ProfileData): FigureOptions {
  const ok = data.levels.map((level) => level.completedPerSec);
  const best = Math.max(...ok);
  return {
    chart: {
      id: 'load-requests',
      x: rateAxis,
      y: { label: 'requests per second', unit: 'perSec', scale: 'linear' },
      data: chartData(
        rates(data),
        rates(data),
        data.levels.map((level) => level.achievedPerSec),
        ok,
      ),
      series: [
        { label: 'offered', colour: 'grey', style: 'line', dashed: true },
        { label: 'sent', colour: 'blue', style: 'line-points' },
        { label: 'completed', colour: 'teal', style: 'line-points' },
      ],
      lines: data.marks,
      shades: [],
      group: 'load',
      height: 'tall',
    },
    title: 'Requests completed against load',
    reading: `The most that completed was ${significant(best)}/s. Where the line leaves the diagonal the server falls behind.`,
    n: data.n,
    window: data.window,
    definitions: ['sent_rate', 'completed_rate'],
    table: table({
      caption: 'Requests per second by offered rate',
      captionHidden: true,
      columns: [
        { title: 'offered' },
        { title: 'sent', numeric: true },
        { title: 'completed', numeric: true },
      ],
      rows: data.levels.map((level) => [
        perSecValue(level.ratePerSec),
        perSecValue(level.achievedPerSec),
        perSecValue(level.completedPerSec),
      ]),
    }),
  };
}

/** Token flow against load. */
export function tokensByLoad(data: ProfileData): FigureOptions {
  const output = data.levels.map((level) => level.throughput.okOutputTokensPerSec);
  const input = data.levels.map((level) => level.throughput.inputTokensPerSec);
  return {
    chart: {
      id: 'load-tokens',
      x: rateAxis,
      y: { label: 'tokens per second', unit: 'tokensPerSec', scale: 'linear' },
      data: chartData(rates(data), output, input),
      series: [
        { label: 'output tokens of ok requests', colour: 'teal', style: 'line-points' },
        { label: 'prompt tokens', colour: 'purple', style: 'line-points', dashed: true, hidden: true },
      ],
      lines: data.marks,
      shades: [],
      group: 'load',
      height: 'tall',
    },
    title: 'Token throughput against load',
    reading: `At its best the endpoint generated ${significant(Math.max(...output))} tokens/s for requests that ended ok.`,
    n: data.n,
    window: data.window,
    definitions: ['throughput'],
    table: table({
      caption: 'Tokens per second by offered rate',
      captionHidden: true,
      columns: [{ title: 'offered' }, { title: 'output', numeric: true }, { title: 'prompt', numeric: true }],
      rows: data.levels.map((level, i) => [
        perSecValue(level.ratePerSec),
        tokensPerSecValue(output[i]),
        tokensPerSecValue(input[i]),
      ]),
    }),
  };
}

/** Goodput against load; null without an objective. */
export function goodputByLoad(data: ProfileData): FigureOptions | null {
  const goodput = data.levels.map((level) => level.goodput);
  if (everyColumnNull([goodput])) return null;
  const drop = data.levels.find((level) => level.goodput !== null && level.goodput < 0.99);
  return {
    ...shareFigure(data, 'goodput', goodput, 'teal', shareRange(goodput)),
    title: 'Goodput against load',
    reading:
      drop === undefined
        ? 'At every load at least 99 % of the requests met every objective.'
        : `Goodput first fell below 99 % at ${significant(drop.ratePerSec)}/s, to ${formatRatio(drop.goodput ?? 0)}.`,
    definitions: ['goodput'],
  };
}

/** Errors against load. */
export function errorsByLoad(data: ProfileData): FigureOptions {
  const errors = data.levels.map((level) => level.errorRatio);
  const first = data.levels.find((level) => level.errorRatio > 0);
  return {
    ...shareFigure(data, 'errors', errors, 'red', [0, Math.max(0.01, ...errors) * 1.05]),
    title: 'Errors against load',
    reading:
      first === undefined
        ? 'No request failed at any load.'
        : `Requests first failed at ${significant(first.ratePerSec)}/s: ${formatRatio(first.errorRatio)} of them.`,
    definitions: ['error_ratio'],
  };
}

function shareFigure(
  data: ProfileData,
  label: string,
  values: readonly (number | null)[],
  colour: ChartColour,
  range: readonly [number, number],
): Pick<FigureOptions, 'chart' | 'n' | 'window' | 'table'> {
  return {
    chart: {
      id: `load-${label}`,
      x: rateAxis,
      y: {
        label: `${label}, share of requests offered${range[0] > 0 ? ' (axis cut)' : ''}`,
        unit: 'ratio',
        scale: 'linear',
        range,
      },
      data: chartData(rates(data), values),
      series: [{ label, colour, style: 'line-points' }],
      lines: data.marks,
      shades: [],
      group: 'load',
      height: 'tall',
    },
    n: data.n,
    window: data.window,
    table: table({
      caption: `${label} by offered rate`,
      captionHidden: true,
      columns: [{ title: 'offered' }, { title: label, numeric: true }],
      rows: data.levels.map((level, i) => [perSecValue(level.ratePerSec), ratioValue(values[i])]),
    }),
  };
}

/** One figure per gauge of the server that any level scraped; counters (without a mean) show their growth. */
export function gaugesByLoad(data: ProfileData): FigureOptions[] {
  const names = [...new Set(data.levels.flatMap((level) => level.gauges.map((gauge) => gauge.name)))];
  return names.flatMap((name, i) => gaugeByLoad(data, name, `load-gauge-${i}`) ?? []);
}

function gaugeByLoad(data: ProfileData, name: string, id: string): FigureOptions | null {
  const found = data.levels.map((level) => level.gauges.find((gauge) => gauge.name === name));
  const pick = (key: 'mean' | 'max' | 'last'): (number | null)[] =>
    found.map((gauge) => gauge?.[key] ?? null);
  const isCounter = everyColumnNull([pick('mean')]);
  const shown = isCounter
    ? [{ label: 'growth over the level', values: pick('last') }]
    : [
        { label: 'mean', values: pick('mean') },
        { label: 'max', values: pick('max') },
      ];
  if (everyColumnNull(shown.map((column) => column.values))) return null;
  const samples = found.reduce((sum, gauge) => sum + (gauge?.samples ?? 0), 0);
  const source = found.find((gauge) => gauge?.source !== undefined)?.source ?? name;
  const peak = shown
    .flatMap((column) => column.values)
    .reduce<number>((best, v) => Math.max(best, v ?? 0), 0);
  return {
    chart: {
      id,
      x: rateAxis,
      y: { label: name, unit: 'number', scale: 'linear' },
      data: chartData(rates(data), ...shown.map((column) => column.values)),
      series: shown.map(({ label }, i) => ({
        label,
        colour: i === 0 ? 'purple' : 'grey',
        style: 'line-points',
        dashed: i > 0,
      })),
      lines: data.marks,
      shades: [],
      group: 'load',
      height: 'low',
    },
    title: `${name} against load`,
    reading: `The server exports it as ${source}; at most ${significant(peak)} at any load.`,
    n: `${formatCount(samples)} scrapes`,
    window: data.window,
    definitions: [],
    table: table({
      caption: `${name} by offered rate`,
      captionHidden: true,
      columns: [{ title: 'offered' }, ...shown.map(({ label }) => ({ title: label, numeric: true }))],
      rows: data.levels.map((level, i) => [
        perSecValue(level.ratePerSec),
        ...shown.map(({ values }) => numberValue(values[i])),
      ]),
    }),
  };
}
