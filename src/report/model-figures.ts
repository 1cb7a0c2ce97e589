/** Figures of a workload model: rate curves, dispersion of model and source, length distributions. Pure. */
import type { ArrivalModel, QuantileTable, WorkloadClass, WorkloadModel } from '../types.js';
import { formatCount, formatDurationSec, significant } from '../units.js';
import type { ChartColour } from './chart.js';
import { curveFigure } from './paired-figures.js';
import { type FigureOptions, present } from './parts.js';
import { clockText } from './run-data.js';
import { commonGrid, ecdfFromQuantiles } from './series/quantile-curves.js';
import { countValue, numberValue, ratioValue, secValue } from './values.js';

const COLOURS: readonly ChartColour[] = ['blue', 'orange', 'teal', 'purple', 'red'];

/** More classes than this make one line of all. */
const MOST_CLASSES = 4;

const byWeight = (model: WorkloadModel): WorkloadClass[] =>
  [...model.classes].sort((a, b) => b.requests - a.requests);

function requestsText(model: WorkloadModel): string {
  return model.source === null ? '1 model written by hand' : `${formatCount(model.source.rows)} requests`;
}

/** Rate at a time: linear between knots, the first and last hold beyond. */
function rateAt({ stepSec, ratePerSec }: ArrivalModel['rate'], sec: number): number {
  const place = Math.min(Math.max(sec / stepSec, 0), ratePerSec.length - 1);
  const k = Math.min(Math.floor(place), ratePerSec.length - 2);
  if (k < 0) return ratePerSec[0];
  return ratePerSec[k] + (place - k) * (ratePerSec[k + 1] - ratePerSec[k]);
}

const RATE_POINTS = 240;

/** The rate of all classes, and of the largest ones. */
export function rateFigure(model: WorkloadModel): FigureOptions | null {
  const classes = byWeight(model);
  const knots = Math.max(...classes.map((one) => one.arrivals.rate.ratePerSec.length));
  const points = Math.min(RATE_POINTS, Math.max(2, knots));
  const at = Array.from({ length: points }, (_, i) => (i / (points - 1)) * model.durationSec);
  const curve = (of: readonly WorkloadClass[]): number[] =>
    at.map((sec) => of.reduce((sum, one) => sum + rateAt(one.arrivals.rate, sec), 0));
  const all = curve(classes);
  const shown = classes.length > 1 && classes.length <= MOST_CLASSES ? classes : [];
  const bandwidth = classes[0].arrivals.rate.bandwidthSec;
  return curveFigure(
    {
      id: 'model-rate',
      title: 'Rate over the window',
      reading: `Between ${significant(Math.min(...all))} and ${significant(Math.max(...all))} requests/s. ${bandwidth === null ? 'Not smoothed.' : `Smoothed with a Gaussian kernel of ${formatDurationSec(bandwidth)}: quicker changes are left to the gaps.`}`,
      n: requestsText(model),
      window: clockText(model.durationSec),
      definitions: ['arrival_rate'],
      wide: true,
    },
    {
      x: { label: 'time from the window’s start', unit: 'clock', scale: 'linear' },
      y: { label: 'requests per second', unit: 'perSec', scale: 'linear' },
      at,
      xValue: clockText,
      columns: [
        { series: { label: 'all requests', colour: 'blue', style: 'line' }, values: all, value: numberValue },
        ...shown.map((one, i) => ({
          series: { label: `class ${one.id}`, colour: COLOURS[i + 1], style: 'line', dashed: true } as const,
          values: curve([one]),
          value: numberValue,
        })),
      ],
    },
  );
}

/** Index of dispersion: source, and model in simulation. */
export function dispersionFigures(model: WorkloadModel): FigureOptions[] {
  const arrivals = model.shared ?? byWeight(model)[0].arrivals;
  const { dispersion } = arrivals;
  const values = dispersion.map((one) => one.model);
  return present([
    curveFigure(
      {
        id: 'model-dispersion',
        title: 'Burstiness: model against source',
        reading:
          'Where the model’s line runs below the source’s, it makes arrivals too smooth and asks for too few replicas. Poisson arrivals lie on 1.',
        n: requestsText(model),
        window: clockText(model.durationSec),
        definitions: ['dispersion'],
      },
      {
        x: { label: 'window, seconds (log scale)', unit: 'number', scale: 'log' },
        y: { label: 'variance ÷ mean of counts (log scale)', unit: 'number', scale: 'log' },
        at: dispersion.map((one) => one.windowSec),
        xValue: secValue,
        columns: [
          {
            series: { label: 'source', colour: 'blue', style: 'line-points' },
            values: dispersion.map((one) => one.source),
            value: numberValue,
          },
          { series: { label: 'model', colour: 'orange', style: 'line-points' }, values, value: numberValue },
        ],
        lines: [{ axis: 'y', value: 1, label: 'Poisson', colour: 'grey' }],
      },
    ),
  ]);
}

/** Shares at or below x: atoms jump, the sketch between them is linear. */
function tableCdf(quantiles: QuantileTable, grid: readonly number[]): number[] {
  const atomRows = quantiles.atoms.reduce((sum, [, count]) => sum + count, 0);
  const rest = Math.max(0, 1 - atomRows / quantiles.n);
  const sketch =
    quantiles.values.length === 0
      ? grid.map(() => 0)
      : ecdfFromQuantiles(quantiles.probs, quantiles.values, grid);
  return grid.map(
    (x, i) =>
      rest * sketch[i] +
      quantiles.atoms.reduce((sum, [value, count]) => sum + (value <= x ? count : 0), 0) / quantiles.n,
  );
}

/** Input distributions of the largest classes, and output by input range of the largest. */
export function lengthFigures(model: WorkloadModel): FigureOptions[] {
  const classes = byWeight(model)
    .filter((one) => one.lengths.kind === 'pairs')
    .slice(0, MOST_CLASSES);
  const inputs = classes.flatMap((one) =>
    one.lengths.kind === 'pairs'
      ? [{ label: classes.length === 1 ? 'input tokens' : `class ${one.id}`, table: one.lengths.input }]
      : [],
  );
  const [largest] = classes;
  const outputs =
    largest?.lengths.kind === 'pairs'
      ? spread(largest.lengths.outputGivenInput).map((one) => ({
          label:
            one.inputFrom === one.inputTo
              ? `input ${formatCount(one.inputFrom)}`
              : `input ${formatCount(one.inputFrom)}–${formatCount(one.inputTo)}`,
          table: one.output,
        }))
      : [];
  return present([
    tableFigure(model, inputs, {
      id: 'model-input',
      title: 'Input lengths',
      reading: `${inputs[0] === undefined ? '' : `${formatCount(inputs[0].table.atoms.length)} lengths are kept as atoms because many requests share them; `}the rest is a table of quantiles.`,
      definition: 'input_tokens',
    }),
    tableFigure(model, outputs, {
      id: 'model-output',
      title: 'Output lengths given the input',
      reading: `Ranges of the input from short to long${classes.length > 1 ? ` (class ${largest.id})` : ''}; lines that part show how the answer depends on the prompt.`,
      definition: 'output_tokens',
    }),
  ]);
}

/** Four ranges from short to long; tables of single lengths are left out where ranges exist. */
function spread<T extends { readonly inputFrom: number; readonly inputTo: number }>(
  tables: readonly T[],
): T[] {
  const ranges = tables.filter((one) => one.inputTo > one.inputFrom);
  const sorted = (ranges.length > 0 ? ranges : [...tables]).sort((a, b) => a.inputFrom - b.inputFrom);
  if (sorted.length <= 4) return sorted;
  return [0, 1, 2, 3].map((i) => sorted[Math.round((i * (sorted.length - 1)) / 3)]);
}

function tableFigure(
  model: WorkloadModel,
  tables: readonly { readonly label: string; readonly table: QuantileTable }[],
  words: {
    readonly id: string;
    readonly title: string;
    readonly reading: string;
    readonly definition: 'input_tokens' | 'output_tokens';
  },
): FigureOptions | null {
  const grid = commonGrid(
    tables.flatMap((one) => one.table.values),
    tables.flatMap((one) => one.table.atoms.map(([value]) => value)),
  );
  if (tables.length === 0) return null;
  return curveFigure(
    {
      id: words.id,
      title: words.title,
      reading: words.reading,
      n: `${tables.map((one) => formatCount(one.table.n)).join(', ')} requests`,
      window: clockText(model.durationSec),
      definitions: [words.definition],
    },
    {
      x: { label: `${words.definition.replace('_', ' ')} (log scale)`, unit: 'tokens', scale: 'log' },
      y: { label: 'share at or below', unit: 'ratio', scale: 'linear', range: [0, 1] },
      at: grid,
      xValue: countValue,
      columns: tables.map((one, i) => ({
        series: { label: one.label, colour: COLOURS[i % COLOURS.length], style: 'line' },
        values: tableCdf(one.table, grid),
        value: ratioValue,
      })),
      tail: true,
    },
  );
}
