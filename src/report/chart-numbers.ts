/**
 * How a chart writes its numbers: values under the pointer, and ticks. The one definition for static charts and for the
 * page's script, into which these functions go as text; so they may only call each other and those listed at the end.
 */
import { formatCount, formatDurationSec, formatMs, formatRatio, significant } from '../units.js';
import type { ChartUnit } from './chart.js';
import { clockText } from './run-data.js';

/** A value with its unit. */
export function valueText(unit: ChartUnit, value: number): string {
  switch (unit) {
    case 'ms':
      return formatMs(value);
    case 'clock':
      return clockText(value);
    case 'ratio':
      return shortRatio(value);
    case 'perSec':
      return `${significant(value)}/s`;
    case 'tokens':
      return `${significant(value)} tokens`;
    case 'tokensPerSec':
      return `${significant(value)} tokens/s`;
    case 'count':
      return significant(value, 9);
    case 'number':
      return significant(value, 4);
  }
}

/** A tick: without the unit that the axis names; clocks in hours where the axis reaches two. */
export function tickText(unit: ChartUnit, value: number, lastTick: number): string {
  if (unit === 'clock' && lastTick >= 7_200) return hoursText(value);
  if (unit === 'ms' && value === 0) return '0';
  return unit === 'perSec' || unit === 'tokens' || unit === 'tokensPerSec'
    ? significant(value)
    : valueText(unit, value);
}

/** A ratio as a percentage without zeros at its end. */
export function shortRatio(ratio: number): string {
  return formatRatio(ratio)
    .replace(/(\.\d*?)0+ %$/, '$1 %')
    .replace('. %', ' %');
}

/** Seconds as 3h, 3h30, 2d 6h. */
export function hoursText(sec: number): string {
  if (sec < 0) return `−${hoursText(-sec)}`;
  const minutes = Math.round(sec / 60);
  const days = Math.floor(minutes / 1_440);
  const rest = minutes % 1_440;
  const text = `${Math.floor(rest / 60)}h${rest % 60 === 0 ? '' : String(rest % 60).padStart(2, '0')}`;
  return days === 0 ? text : rest === 0 ? `${days}d` : `${days}d ${text}`;
}

/** The text of these functions, for a script that has no modules. */
export const CHART_NUMBERS_SCRIPT = [
  significant,
  formatCount,
  formatDurationSec,
  formatMs,
  formatRatio,
  clockText,
  valueText,
  tickText,
  shortRatio,
  hoursText,
]
  .map(String)
  .join('\n');
