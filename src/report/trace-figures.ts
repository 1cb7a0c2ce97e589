/** Figures of a trace's rows: arrivals, burstiness, gaps, lengths. Pure. */
import { formatCount, formatDurationSec, formatRatio, significant } from '../units.js';
import type { Html } from './html.js';
import { curveFigure } from './paired-figures.js';
import type { FigureOptions } from './parts.js';
import { clockText } from './run-data.js';
import { commonGrid, ecdfFromQuantiles } from './series/quantile-curves.js';
import { FACT_PROBS, type Quantiles, type TraceFacts } from './trace-facts.js';
import { countValue, numberValue, ratioValue, secValue } from './values.js';

const rowsText = (found: TraceFacts): string => `${formatCount(found.rows)} requests`;

/** Arrivals per second. */
export function rateFigure(found: TraceFacts): FigureOptions | null {
  const { rate } = found;
  const firstSec = rate.startSec[0] ?? 0;
  const peak = rate.perSec.indexOf(Math.max(...rate.perSec));
  return curveFigure(
    {
      id: 'trace-rate',
      title: 'Arrivals over time',
      reading: `The busiest ${formatDurationSec(rate.binSec)}, at ${clockText(rate.startSec[peak] ?? 0)}, had ${significant(rate.perSec[peak] ?? 0)} requests/s.`,
      n: rowsText(found),
      window: `${clockText(found.durationSec)}, bins of ${formatDurationSec(rate.binSec)}`,
      definitions: ['arrival_rate'],
      wide: true,
    },
    {
      x: { label: 'time from the trace’s start', unit: 'clock', scale: 'linear' },
      y: { label: 'requests per second', unit: 'perSec', scale: 'linear' },
      at: rate.startSec,
      end: firstSec + found.durationSec,
      xValue: clockText,
      columns: [
        {
          series: { label: 'arrivals', colour: 'blue', style: 'area' },
          values: rate.perSec,
          value: numberValue,
        },
      ],
    },
  );
}

/** Index of dispersion by window. */
export function dispersionFigure(found: TraceFacts): FigureOptions | null {
  const { windowSec, index } = found.dispersion;
  const last = index.at(-1) ?? null;
  return curveFigure(
    {
      id: 'trace-dispersion',
      title: 'Burstiness by window',
      reading: `Poisson arrivals lie on 1 at every window. ${last === null ? '' : `In windows of ${formatDurationSec(windowSec.at(-1)!)} the variance is ${significant(last)} times that of Poisson arrivals.`}`,
      n: rowsText(found),
      window: clockText(found.durationSec),
      definitions: ['dispersion'],
    },
    {
      x: { label: 'window, seconds (log scale)', unit: 'number', scale: 'log' },
      y: { label: 'variance ÷ mean of counts (log scale)', unit: 'number', scale: 'log' },
      at: windowSec,
      xValue: secValue,
      columns: [
        {
          series: { label: 'trace', colour: 'blue', style: 'line-points' },
          values: index,
          value: numberValue,
        },
      ],
      lines: [{ axis: 'y', value: 1, label: 'Poisson', colour: 'grey' }],
    },
  );
}

/** ECDF of the gaps. */
export function gapFigure(found: TraceFacts): FigureOptions | null {
  const { gapsSec } = found;
  if (gapsSec === null) return null;
  const meanSec = found.durationSec / gapsSec.n;
  const zero = FACT_PROBS[Math.max(0, gapsSec.values.lastIndexOf(0))];
  return quantileFigure(found, gapsSec, {
    id: 'trace-gaps',
    title: 'Gaps between arrivals',
    reading: `Median ${formatDurationSec(gapsSec.values[50])}, mean ${formatDurationSec(meanSec)}${gapsSec.values[0] === 0 ? `; about ${formatRatio(zero)} of the gaps are zero` : ''}.`,
    definition: 'gap',
    label: 'gap',
    scale: 1_000,
    unit: 'ms',
    value: (ms) => secValue(ms === null ? null : ms / 1_000),
  });
}

/** ECDF of one side's known lengths. */
export function lengthFigure(
  found: TraceFacts,
  side: 'input' | 'output',
  quantiles: Quantiles | null,
): FigureOptions | null {
  if (quantiles === null) return null;
  const at = (p: number): string => formatCount(quantiles.values[FACT_PROBS.indexOf(p)]);
  return quantileFigure(found, quantiles, {
    id: `trace-${side}`,
    title: side === 'input' ? 'Input lengths' : 'Output lengths',
    reading: `Median ${at(0.5)} tokens, p90 ${at(0.9)}, p99 ${at(0.99)}, longest ${at(1)}. A vertical step is one length that many requests share.`,
    definition: `${side}_tokens`,
    label: `${side} tokens`,
    scale: 1,
    unit: 'tokens',
    value: countValue,
  });
}

function quantileFigure(
  found: TraceFacts,
  quantiles: Quantiles,
  words: {
    readonly id: string;
    readonly title: string;
    readonly reading: string;
    readonly definition: 'gap' | 'input_tokens' | 'output_tokens';
    readonly label: string;
    readonly scale: number;
    readonly unit: 'ms' | 'tokens';
    readonly value: (value: number | null) => Html;
  },
): FigureOptions | null {
  const values = quantiles.values.map((value) => value * words.scale);
  const grid = commonGrid(values, []);
  return curveFigure(
    {
      id: words.id,
      title: words.title,
      reading: words.reading,
      n: `${formatCount(quantiles.n)} ${words.definition === 'gap' ? 'gaps' : 'known lengths'}`,
      window: clockText(found.durationSec),
      definitions: [words.definition],
    },
    {
      x: { label: `${words.label} (log scale)`, unit: words.unit, scale: 'log' },
      y: { label: 'share at or below', unit: 'ratio', scale: 'linear', range: [0, 1] },
      at: grid,
      xValue: words.value,
      columns: [
        {
          series: { label: words.label, colour: 'teal', style: 'line' },
          values: ecdfFromQuantiles(FACT_PROBS, values, grid),
          value: ratioValue,
        },
      ],
      tail: true,
    },
  );
}
