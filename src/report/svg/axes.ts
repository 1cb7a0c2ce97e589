/** Scales and ticks of static charts; the rules of the page's script. Pure. */
import type { ChartAxis, ChartSpec, ChartUnit } from '../chart.js';
import { tickValues } from '../pictures.js';

/** From values to places along an axis. */
export interface Scale {
  readonly from: number;
  readonly to: number;
  readonly isLog: boolean;
  /** Share of the axis, 0–1 inside the range. */
  readonly at: (value: number) => number;
}

export function scaleOf([from, to]: readonly [number, number], isLog: boolean): Scale {
  const map = isLog ? Math.log : (value: number) => value;
  const [low, high] = [map(from), map(to)];
  return { from, to, isLog, at: (value) => (map(value) - low) / (high - low) };
}

const CLOCK_STEPS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200,
  86_400,
];

/** Values with a tick: round, about `wished` of them. */
export function ticksOf(scale: Scale, unit: ChartUnit, wished: number): number[] {
  const { from, to, isLog } = scale;
  if (isLog) {
    for (const digits of [[1, 2, 5], [1, 3], [1]]) {
      const ticks = logTicks(scale, digits);
      if (ticks.length > 1 && (ticks.length <= wished + 2 || digits.length === 1))
        return thinned(ticks, wished + 2);
    }
  }
  if (unit === 'clock') {
    const step =
      CLOCK_STEPS.find((one) => (to - from) / one <= wished) ??
      86_400 * Math.ceil((to - from) / 86_400 / wished);
    const ticks: number[] = [];
    for (let k = Math.ceil(from / step - 1e-9); k * step <= to * (1 + 1e-9); k++) ticks.push(k * step + 0);
    return ticks;
  }
  const ticks = tickValues(from, to, wished);
  return unit === 'count' ? ticks.filter(Number.isInteger) : ticks;
}

function logTicks({ from, to }: Scale, digits: readonly number[]): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    for (const digit of digits) {
      const value = Number((digit * 10 ** power).toPrecision(3));
      if (value >= from * (1 - 1e-9) && value <= to * (1 + 1e-9)) ticks.push(value);
    }
  }
  return ticks;
}

function thinned(ticks: readonly number[], most: number): number[] {
  const step = Math.ceil(ticks.length / most);
  return ticks.filter((_, i) => i % step === 0);
}

/** Range of the x axis: given, or from the first to the last value, with lines that lie near. */
export function xRange({ x, data, lines }: ChartSpec): readonly [number, number] {
  if (x.range) return x.range;
  const isLog = x.scale === 'log';
  const map = isLog ? Math.log : (value: number) => value;
  const back = isLog ? Math.exp : (value: number) => value;
  const values = data[0].filter((value): value is number => value !== null && (!isLog || value > 0));
  let [from, to] = [map(values[0] ?? 1), map(values.at(-1) ?? 2)];
  if (from === to) return [back(from - 1), back(to + 1)];
  const room = 0.3 * (to - from);
  for (const line of lines) {
    const at = line.axis === 'x' ? map(line.value) : Number.NaN;
    if (at > from - room && at < to + room) [from, to] = [Math.min(from, at), Math.max(to, at)];
  }
  const pad = x.unit === 'clock' ? 0 : (to - from) * 0.02;
  return [back(from - pad), back(to + pad)];
}

/** Range of the y axis over the shown series: from zero where it is linear, with lines that lie near. */
export function yRange({ y, data, series, lines }: ChartSpec): readonly [number, number] {
  if (y.range) return [y.range[0], y.range[1] + 0.02 * (y.range[1] - y.range[0])];
  const isLog = y.scale === 'log';
  const values = series.flatMap((one, i) =>
    one.hidden ? [] : data[i + 1].filter((value): value is number => value !== null && (!isLog || value > 0)),
  );
  if (values.length === 0) return isLog ? [0.1, 1] : [0, 1];
  let min = values.reduce((least, value) => Math.min(least, value));
  let max = values.reduce((most, value) => Math.max(most, value));
  for (const line of lines) {
    if (line.axis !== 'y') continue;
    if (line.value > max && line.value <= max * (isLog ? 10 : 2.5)) max = line.value;
    if (isLog && line.value < min && line.value >= min / 10) min = line.value;
  }
  if (isLog) return [min / 1.25, max === min ? max * 2 : max * 1.25];
  return [Math.min(0, min), max > 0 ? max * 1.08 : 1];
}

export const isLogAxis = (axis: ChartAxis): boolean => axis.scale === 'log';
