/** Figures that show the same quantity of two documents: ECDFs, Q–Q plots and curves along one axis. Pure. */
import type { MetricId } from '../types/run-support.js';
import type { PairedSeries } from '../types.js';
import {
  type ChartAxis,
  type ChartLine,
  type ChartSeries,
  type ChartShade,
  type ChartUnit,
  chartData,
  chartOf,
  stepData,
} from './chart.js';
import type { FlowId } from './definitions.js';
import type { Html } from './html.js';
import { columnTable, type FigureOptions } from './parts.js';
import { commonGrid, ecdfFromQuantiles } from './series/quantile-curves.js';
import { ratioValue } from './values.js';

/** What both sides are called, a first. */
export type SideNames = readonly [string, string];

/** What a figure says beside its lines. */
export interface FigureWords {
  readonly id: string;
  readonly title: string;
  readonly reading: string;
  readonly n: string;
  readonly window: string;
  readonly definitions: readonly (MetricId | FlowId)[];
  readonly wide?: boolean;
}

/** Quantiles of both sides at equal probabilities, with how their values are written. */
export interface QuantilePair {
  readonly probs: readonly number[];
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly label: string;
  readonly unit: ChartUnit;
  readonly value: (value: number) => Html;
}

/** A side has its colour in every figure of a page. */
export const sideSeries = (
  names: SideNames,
  style: ChartSeries['style'],
): readonly [ChartSeries, ChartSeries] => [
  { label: names[0], colour: 'blue', style },
  { label: names[1], colour: 'orange', style },
];

/** Both ECDFs on a log axis; null when nothing lies above zero. */
export function pairedEcdf(pair: QuantilePair, names: SideNames, words: FigureWords): FigureOptions | null {
  const grid = commonGrid(pair.a, pair.b);
  if (grid.length < 2) return null;
  const shares = [pair.a, pair.b].map((values) => ecdfFromQuantiles(pair.probs, values, grid));
  return {
    ...wordsOf(words),
    chart: chartOf({
      id: words.id,
      x: { label: `${pair.label} (log scale)`, unit: pair.unit, scale: 'log' },
      y: { label: 'share of samples at or below', unit: 'ratio', scale: 'linear', range: [0, 1] },
      data: chartData(grid, ...shares),
      series: sideSeries(names, 'line'),
      tail: true,
    }),
    table: columnTable(words.title, [
      { title: 'share', cells: pair.probs.map(ratioValue) },
      { title: names[0], cells: pair.a.map(pair.value) },
      { title: names[1], cells: pair.b.map(pair.value) },
    ]),
  };
}

/** Quantile against quantile: on the dashed line both sides are equal. */
export function quantileQuantile(
  pair: QuantilePair,
  names: SideNames,
  words: FigureWords,
): FigureOptions | null {
  const points = pair.a
    .map((x, k) => ({ x, y: pair.b[k], p: pair.probs[k] }))
    .filter(({ x, y }) => x > 0 && y > 0);
  if (points.length < 2) return null;
  const x = points.map((point) => point.x);
  const y = points.map((point) => point.y);
  return {
    ...wordsOf(words),
    chart: chartOf({
      id: words.id,
      x: { label: `${names[0]}: ${pair.label} (log scale)`, unit: pair.unit, scale: 'log' },
      y: { label: `${names[1]}: ${pair.label} (log scale)`, unit: pair.unit, scale: 'log' },
      data: chartData(x, x, y),
      series: [
        { label: 'equal', colour: 'grey', style: 'line', dashed: true },
        { label: `${names[1]} at the same share`, colour: 'orange', style: 'points' },
      ],
    }),
    table: columnTable(words.title, [
      { title: 'share', cells: points.map((point) => ratioValue(point.p)) },
      { title: names[0], cells: x.map(pair.value) },
      { title: names[1], cells: y.map(pair.value) },
    ]),
  };
}

export interface CurveOptions {
  readonly x: ChartAxis;
  readonly y: ChartAxis;
  readonly style?: ChartSeries['style'];
  readonly xValue: (value: number) => Html | string;
  readonly yValue: (value: number | null) => Html;
  readonly group?: string;
  readonly height?: 'tall' | 'low';
  readonly lines?: readonly ChartLine[];
}

/** One statistic of both sides along one axis; null without two points. */
export function pairedCurve(
  series: PairedSeries,
  names: SideNames,
  words: FigureWords,
  options: CurveOptions,
): FigureOptions | null {
  const [a, b] = sideSeries(names, options.style ?? 'line-points');
  const value = options.yValue;
  return curveFigure(words, {
    ...options,
    at: series.x,
    columns: [
      { series: a, values: series.a, value },
      { series: b, values: series.b, value },
    ],
  });
}

export interface CurveColumn {
  readonly series: ChartSeries;
  readonly values: readonly (number | null)[];
  readonly value: (value: number | null) => Html;
}

/** Any number of statistics along one axis, with their table; null without two points. */
export function curveFigure(
  words: FigureWords,
  options: {
    readonly x: ChartAxis;
    readonly y: ChartAxis;
    readonly at: readonly number[];
    readonly xValue: (value: number) => Html | string;
    readonly columns: readonly CurveColumn[];
    /** Steps: where the last one ends. */
    readonly end?: number;
    readonly group?: string;
    readonly height?: 'tall' | 'low';
    readonly lines?: readonly ChartLine[];
    readonly shades?: readonly ChartShade[];
    readonly tail?: boolean;
  },
): FigureOptions | null {
  const { at, columns, end } = options;
  if (at.length < 2) return null;
  const values = columns.map((column) => column.values);
  return {
    ...wordsOf(words),
    chart: chartOf({
      id: words.id,
      x: options.x,
      y: options.y,
      data: end === undefined ? chartData(at, ...values) : stepData(at, end, ...values),
      series: columns.map((column) => column.series),
      lines: options.lines ?? [],
      shades: options.shades ?? [],
      group: options.group ?? null,
      height: options.height ?? 'tall',
      tail: options.tail,
    }),
    table: columnTable(words.title, [
      { title: options.x.label, cells: at.map(options.xValue) },
      ...columns.map((column) => ({ title: column.series.label, cells: column.values.map(column.value) })),
    ]),
  };
}

/** The part of a figure that words alone decide. */
export function wordsOf({
  title,
  reading,
  n,
  window,
  definitions,
  wide,
}: FigureWords): Omit<FigureOptions, 'chart' | 'table'> {
  return { title, reading, n, window, definitions, wide };
}
