/**
 * ChartSpec: one chart as data. Built by pure functions, put into the page as JSON, drawn by assets/report.js.
 * The same names appear there; a test in test/report draws every kind.
 */

import type { Picture } from './pictures.js';

/** How values of an axis or series are written. `clock` = seconds shown as h:mm:ss. */
export type ChartUnit = 'ms' | 'clock' | 'count' | 'ratio' | 'perSec' | 'tokens' | 'tokensPerSec' | 'number';

/** Colour by role; the style sheet gives it a value per theme. */
export type ChartColour = 'blue' | 'orange' | 'teal' | 'purple' | 'red' | 'grey';

export interface ChartAxis {
  readonly label: string;
  readonly unit: ChartUnit;
  readonly scale: 'linear' | 'log';
  /** Fixed range, e.g. [0, 1] for shares; missing = from the data and the lines near it. */
  readonly range?: readonly [number, number];
}

export interface ChartSeries {
  readonly label: string;
  readonly colour: ChartColour;
  readonly style: 'line' | 'step' | 'area' | 'bars' | 'points' | 'line-points';
  readonly dashed?: boolean;
  /** Hidden until its legend button is pressed. */
  readonly hidden?: boolean;
}

/** A line across the plot with a label: a limit, the knee, the capacity. */
export interface ChartLine {
  readonly axis: 'x' | 'y';
  readonly value: number;
  readonly label: string;
  readonly colour: ChartColour;
}

/** A shaded stretch of the x axis. */
export interface ChartShade {
  readonly from: number;
  readonly to: number;
  readonly label: string;
}

export interface ChartSpec {
  readonly id: string;
  readonly x: ChartAxis;
  readonly y: ChartAxis;
  /** x values, rising; then one array per series; null = no value there. */
  readonly data: readonly (readonly (number | null)[])[];
  readonly series: readonly ChartSeries[];
  readonly lines: readonly ChartLine[];
  readonly shades: readonly ChartShade[];
  /** Charts of one group share cursor and zoom. */
  readonly group: string | null;
  /** Height class of the plot. */
  readonly height: 'tall' | 'low';
  /** Offers a button that shows 1 − y on a log scale: the tail of an ECDF. */
  readonly tail?: boolean;
}

/** Anything that a figure can hold: drawn by the page's script, or a finished picture. */
export type Chart = ChartSpec | Picture;

/** A chart with what most charts leave out filled in. */
export function chartOf(
  spec: Pick<ChartSpec, 'id' | 'x' | 'y' | 'data' | 'series'> & Partial<ChartSpec>,
): ChartSpec {
  return { lines: [], shades: [], group: null, height: 'tall', ...spec };
}

/** A chart's numbers keep this many significant digits; the document's own numbers stay in the tables. */
const CHART_DIGITS = 5;

/** Rounds for the chart's JSON; null and values that are not finite become null. */
export function chartNumber(value: number | null): number | null {
  return value === null || !Number.isFinite(value) ? null : Number(value.toPrecision(CHART_DIGITS));
}

/**
 * Columns of a step chart: like `chartData`, with a closing point at `end`, so that the last step has its full width.
 */
export function stepData(
  starts: readonly number[],
  end: number,
  ...columns: readonly (readonly (number | null)[])[]
): (number | null)[][] {
  const close = (column: readonly (number | null)[]): (number | null)[] => [...column, column.at(-1) ?? null];
  return chartData([...starts, Math.max(end, starts.at(-1) ?? end)], ...columns.map(close));
}

/** Axis of shares near 1: from somewhat below the lowest value to 1, so that 98 and 99 % can be told apart. */
export function shareRange(values: readonly (number | null)[]): readonly [number, number] {
  const lowest = values.reduce<number>((least, value) => Math.min(least, value ?? 1), 1);
  return [Math.max(0, lowest - Math.max(0.15 * (1 - lowest), 0.01)), 1];
}

/** Columns of one chart, rounded. Throws (our bug) when their lengths differ or x falls. */
export function chartData(...columns: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const [x] = columns;
  for (const column of columns) {
    if (column.length !== x.length)
      throw new Error(`chart columns of ${x.length} and ${column.length} values`);
  }
  for (let i = 1; i < x.length; i++) {
    if (x[i] === null || x[i]! < x[i - 1]!) throw new Error(`chart x falls at ${i}`);
  }
  return columns.map((column) => column.map(chartNumber));
}
