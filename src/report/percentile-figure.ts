/** Percentiles of a metric as a curve towards the tail, from summaries alone: for documents without raw samples. Pure. */
import type { MetricId, MetricSummary, MetricSummaryMap } from '../types/run-support.js';
import { formatMs } from '../units.js';
import type { ChartColour } from './chart.js';
import { curveFigure } from './paired-figures.js';
import type { FigureOptions } from './parts.js';
import { msValue, ratioValue } from './values.js';

const SHARES = [0.5, 0.9, 0.95, 0.99, 0.999] as const;
const COLOURS: readonly ChartColour[] = ['blue', 'orange'];

function at(summary: MetricSummary | undefined, share: (typeof SHARES)[number]): number | null {
  if (summary === undefined) return null;
  return { 0.5: summary.p50, 0.9: summary.p90, 0.95: summary.p95, 0.99: summary.p99, 0.999: summary.p999 }[
    share
  ];
}

/** One metric of one or two fleets by the share of requests that were slower: 50 % down to 0.1 %. */
export function percentileFigure(
  fleets: readonly { readonly label: string; readonly metrics: MetricSummaryMap }[],
  n: string,
  window: string,
  id: MetricId = 'ttft',
): FigureOptions | null {
  const summaries = fleets.map((fleet) => fleet.metrics[id]);
  if (summaries.some((summary) => summary === undefined || summary.p50 === null)) return null;
  const slower = SHARES.map((share) => Number((1 - share).toPrecision(3))).reverse();
  const reading = fleets
    .map(
      (fleet, i) =>
        `${fleet.label}: half within ${formatMs(at(summaries[i], 0.5))}, 99 % within ${formatMs(at(summaries[i], 0.99))}`,
    )
    .join('; ');
  return curveFigure(
    {
      id: `percentiles-${id}`,
      title: `Percentiles of ${id}`,
      reading: `${reading}.`,
      n,
      window,
      definitions: [id],
      wide: true,
    },
    {
      x: { label: 'share of requests that were slower (log scale)', unit: 'ratio', scale: 'log' },
      y: { label: `${id} (log scale)`, unit: 'ms', scale: 'log' },
      at: slower,
      xValue: ratioValue,
      columns: fleets.map((fleet, i) => ({
        series: { label: fleet.label, colour: COLOURS[i % COLOURS.length], style: 'line-points' },
        values: [...SHARES].reverse().map((share) => at(summaries[i], share)),
        value: (value) => msValue(value),
      })),
    },
  );
}
