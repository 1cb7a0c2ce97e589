/** The figure of a fitted engine model: measured against simulated percentiles at the calibration loads. Pure. */
import type { CalibrationQuality } from '../types.js';
import { formatCount, formatRatio, significant } from '../units.js';
import { chartData } from './chart.js';
import { type FigureOptions, table } from './parts.js';
import { rateAxis } from './profile-figures.js';
import { inUnit, msValue, perSecValue } from './values.js';

/** Measured against simulated percentiles at the calibration loads. */
export function calibrationFigure(quality: CalibrationQuality): FigureOptions | null {
  const byKey = new Map<string, CalibrationQuality['errors'][number][]>();
  for (const error of quality.errors) {
    const key = `p${significant(error.percentile * 100)} ${error.metric}`;
    byKey.set(key, [...(byKey.get(key) ?? []), error]);
  }
  const loads = [...new Set(quality.errors.map((error) => error.ratePerSec))].sort((a, b) => a - b);
  if (loads.length < 2) return null;
  const colours = ['blue', 'orange', 'teal', 'purple'] as const;
  const shown = [...byKey].slice(0, 4);
  const columns = shown.flatMap(([, list]) => {
    const at = (rate: number): CalibrationQuality['errors'][number] | undefined =>
      list.find((error) => error.ratePerSec === rate);
    return [
      loads.map((rate) => at(rate)?.measuredMs ?? null),
      loads.map((rate) => at(rate)?.simulatedMs ?? null),
    ];
  });
  const relative = quality.errors.filter((error) => error.measuredMs > 0).map(relativeError);
  const worst = relative.reduce((best, value) => Math.max(best, Math.abs(value)), 0);
  return {
    chart: {
      id: 'calibration',
      x: rateAxis,
      y: { label: 'latency (log scale)', unit: 'ms', scale: 'log' },
      data: chartData(loads, ...columns),
      series: shown.flatMap(([key], i) => [
        { label: `${key} measured`, colour: colours[i], style: 'line-points' as const, hidden: i > 1 },
        {
          label: `${key} simulated`,
          colour: colours[i],
          style: 'line-points' as const,
          dashed: true,
          hidden: i > 1,
        },
      ]),
      lines: [],
      shades: [],
      group: 'load',
      height: 'tall',
    },
    title: 'Fitted engine against the measurement',
    reading: `The largest relative error of a percentile at a calibration load is ${formatRatio(worst)}.`,
    n: `${formatCount(quality.samples)} requests of ${formatCount(quality.runs)} runs`,
    window: 'the calibration loads',
    definitions: ['ttft', 'tpot'],
    table: table({
      caption: 'Measured and simulated percentiles',
      captionHidden: true,
      columns: [
        { title: 'percentile' },
        { title: 'offered', numeric: true },
        { title: 'measured', numeric: true },
        { title: 'simulated', numeric: true },
        { title: 'error', numeric: true },
      ],
      rows: quality.errors.map((error) => [
        `p${significant(error.percentile * 100)} ${error.metric}`,
        perSecValue(error.ratePerSec),
        msValue(error.measuredMs),
        msValue(error.simulatedMs),
        error.measuredMs > 0 ? inUnit(relativeError(error), 'ratio') : inUnit(null, 'ratio'),
      ]),
    }),
    wide: true,
  };
}

/** (simulated − measured) ÷ measured. */
export function relativeError(error: CalibrationQuality['errors'][number]): number {
  return error.simulatedMs / error.measuredMs - 1;
}
