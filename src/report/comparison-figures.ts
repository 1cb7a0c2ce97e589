/** Figures of two compared traces: the metrics against their limits, lengths, arrivals, prefixes, serving. Pure. */
import type { FidelityMetric, PairedQuantiles, TraceComparison } from '../types.js';
import { formatCount, formatDurationSec, significant } from '../units.js';
import {
  pairedCurve,
  pairedEcdf,
  type QuantilePair,
  quantileQuantile,
  type SideNames,
} from './paired-figures.js';
import { columnTable, type FigureOptions, present } from './parts.js';
import type { IntervalRow } from './pictures.js';
import { clockText } from './run-data.js';
import { countValue, numberValue, ratioValue, secValue } from './values.js';

export const TRACE_NAMES: SideNames = ['real', 'synthetic'];

/** Bars beyond this many times the limit are cut, with an arrow. */
const MOST_LIMITS = 4;

const windowOf = ({ a, b }: TraceComparison): string =>
  `${formatDurationSec(a.durationSec)} and ${formatDurationSec(b.durationSec)}`;

function countsOf({ a, b }: TraceComparison, usable: boolean): string {
  const [ofA, ofB] = usable ? [a.usableRows, b.usableRows] : [a.comparedRows, b.comparedRows];
  return `${formatCount(ofA)} and ${formatCount(ofB)} ${usable ? 'requests with lengths' : 'requests'}`;
}

/** Every judged metric as a share of its limit, with what random halves of the real trace show. */
export function metricFigure(comparison: TraceComparison): FigureOptions | null {
  const judged = comparison.metrics.filter((metric) => metric.pass !== null);
  if (judged.length === 0) return null;
  const rows = judged.map(metricRow);
  const failing = judged.filter((metric) => metric.pass === false);
  return {
    chart: {
      id: 'fidelity',
      picture: 'intervals',
      xLabel: `distance ÷ limit (cut at ${MOST_LIMITS})`,
      unit: 'number',
      from: 0,
      to: Math.max(1.2, Math.min(MOST_LIMITS, ...[Math.max(...rows.map((row) => row.point ?? MOST_LIMITS))])),
      line: { at: 1, label: 'limit' },
      rows,
    },
    title: 'Each metric against its limit',
    reading:
      failing.length === 0
        ? 'Every mark is left of the limit: the difference is no larger than between two halves of the real trace.'
        : `${failing.length} of ${judged.length} marks are right of the limit (crosses): ${failing.map((metric) => metric.id).join(', ')}.`,
    note: 'Bars reach from the median to the 95 % point of the same distance between random halves of the real trace.',
    n: countsOf(comparison, false),
    window: windowOf(comparison),
    definitions: ['floor_use'],
    table: columnTable('Distance as a share of the limit', [
      { title: 'metric', cells: rows.map((row) => row.label) },
      { title: 'distance ÷ limit', cells: rows.map((row) => numberValue(row.point)) },
      { title: 'floor p50', cells: rows.map((row) => numberValue(row.low)) },
      { title: 'floor p95', cells: rows.map((row) => numberValue(row.high)) },
    ]),
    wide: true,
  };
}

function metricRow({ id, value, limit, floorP50, floorP95, pass, label }: FidelityMetric): IntervalRow {
  const share = (of: number | null): number | null => (of === null ? null : of / limit);
  return {
    label: id,
    low: share(floorP50),
    high: share(floorP95),
    point: share(value),
    text: value === null ? 'no value' : `${significant(value / limit, 2)} (${label})`,
    tone: pass ? 'good' : 'bad',
  };
}

const QUANTILES: Readonly<
  Record<
    PairedQuantiles['id'],
    Pick<QuantilePair, 'label' | 'unit' | 'value'> & {
      readonly name: string;
      readonly definition: 'input_tokens' | 'output_tokens' | 'gap' | 'ttft';
    }
  >
> = {
  input_tokens: {
    label: 'input tokens',
    name: 'Input lengths',
    unit: 'tokens',
    value: countValue,
    definition: 'input_tokens',
  },
  output_tokens: {
    label: 'output tokens',
    name: 'Output lengths',
    unit: 'tokens',
    value: countValue,
    definition: 'output_tokens',
  },
  gap_sec: {
    label: 'gap between arrivals',
    name: 'Gaps between arrivals',
    unit: 'ms',
    value: (ms) => secValue(ms / 1_000),
    definition: 'gap',
  },
  ttft_sec: {
    label: 'time to first token',
    name: 'Time to first token in the engine',
    unit: 'ms',
    value: (ms) => secValue(ms / 1_000),
    definition: 'ttft',
  },
};

/** ECDF and Q–Q plot of one quantity. */
export function quantileFigures(comparison: TraceComparison, id: PairedQuantiles['id']): FigureOptions[] {
  const found = comparison.figures.quantiles.find((one) => one.id === id);
  if (found === undefined) return [];
  const { name, definition, ...how } = QUANTILES[id];
  const scale = found.unit === 's' ? 1_000 : 1;
  const scaled = (values: readonly number[]): number[] => values.map((value) => value * scale);
  const pair: QuantilePair = { ...how, probs: found.probs, a: scaled(found.a), b: scaled(found.b) };
  const words = {
    n: countsOf(comparison, id !== 'gap_sec'),
    window: windowOf(comparison),
    definitions: [definition],
  } as const;
  const key = id.replace(/_.*$/, '');
  const [p50, p99] = [0.5, 0.99].map((p) => found.probs.indexOf(p));
  const at = (k: number): string =>
    `${textOf(found, found.a[k])} real, ${textOf(found, found.b[k])} synthetic`;
  return present([
    pairedEcdf(pair, TRACE_NAMES, {
      ...words,
      id: `ecdf-${key}`,
      title: name,
      reading: `Median ${at(p50)}; p99 ${at(p99)}.`,
    }),
    quantileQuantile(pair, TRACE_NAMES, {
      ...words,
      id: `qq-${key}`,
      title: `${name}: quantile against quantile`,
      reading: `On the dashed line both traces agree. ${widestGap(found)}`,
    }),
  ]);
}

function textOf({ unit }: PairedQuantiles, value: number): string {
  return unit === 's' ? formatDurationSec(value) : formatCount(value);
}

/** Where between p5 and p99 the quantiles differ most. */
function widestGap(found: PairedQuantiles): string {
  let worst = { ratio: 1, p: 0 };
  found.probs.forEach((p, k) => {
    if (p < 0.05 || p > 0.99 || !(found.a[k] > 0) || !(found.b[k] > 0)) return;
    const ratio = found.b[k] / found.a[k];
    if (Math.abs(Math.log(ratio)) > Math.abs(Math.log(worst.ratio))) worst = { ratio, p };
  });
  return worst.ratio === 1
    ? 'Between p5 and p99 they do.'
    : `Between p5 and p99 they differ most at p${significant(worst.p * 100)}: synthetic ÷ real = ${significant(worst.ratio)}.`;
}

export function countsFigure(comparison: TraceComparison): FigureOptions | null {
  const { binSec, ...series } = comparison.figures.countsOverTime;
  const rates = (counts: PairedSeries): (number | null)[] =>
    counts.map((count) => (count === null ? null : count / binSec));
  const peak = (counts: PairedSeries): string =>
    significant(Math.max(...counts.map((count) => count ?? 0)) / binSec);
  return pairedCurve(
    { x: series.x, a: rates(series.a), b: rates(series.b) },
    TRACE_NAMES,
    {
      id: 'arrivals-time',
      title: 'Arrivals over time',
      reading: `The busiest ${formatDurationSec(binSec)} had ${peak(series.a)}/s in the real trace and ${peak(series.b)}/s in the synthetic one. Single bins need not agree; their spread and slow course must.`,
      n: countsOf(comparison, false),
      window: `${windowOf(comparison)}, bins of ${formatDurationSec(binSec)}`,
      definitions: ['arrival_rate'],
      wide: true,
    },
    {
      x: { label: 'time from the trace’s start', unit: 'clock', scale: 'linear' },
      y: { label: 'requests per second', unit: 'perSec', scale: 'linear' },
      style: 'step',
      xValue: clockText,
      yValue: numberValue,
    },
  );
}

type PairedSeries = readonly (number | null)[];

/** Dispersion by window and autocorrelation by lag. */
export function burstFigures(comparison: TraceComparison): FigureOptions[] {
  const { dispersion, autocorrelation } = comparison.figures;
  const words = { n: countsOf(comparison, false), window: windowOf(comparison) };
  return present([
    pairedCurve(
      dispersion,
      TRACE_NAMES,
      {
        ...words,
        id: 'dispersion',
        title: 'Burstiness by window',
        reading:
          'Poisson arrivals lie on 1 at every window. A rise to the right is a slow change of the rate; a high level is bursts. A model whose line runs lower asks for too few replicas.',
        definitions: ['dispersion'],
      },
      {
        x: { label: 'window, seconds (log scale)', unit: 'number', scale: 'log' },
        y: { label: 'variance ÷ mean of counts (log scale)', unit: 'number', scale: 'log' },
        xValue: secValue,
        yValue: numberValue,
        lines: [{ axis: 'y', value: 1, label: 'Poisson', colour: 'grey' }],
      },
    ),
    pairedCurve(
      autocorrelation,
      TRACE_NAMES,
      {
        ...words,
        id: 'autocorrelation',
        title: 'Memory of the arrival rate',
        reading: 'How much a busy second says about the seconds after it; 0 is none.',
        definitions: ['autocorrelation'],
      },
      {
        x: { label: 'lag, seconds', unit: 'number', scale: 'linear' },
        y: {
          label: 'correlation',
          unit: 'number',
          scale: 'linear',
          range: autocorrelationRange(autocorrelation),
        },
        style: 'line',
        xValue: secValue,
        yValue: numberValue,
      },
    ),
  ]);
}

function autocorrelationRange({ a, b }: TraceComparison['figures']['autocorrelation']): [number, number] {
  const values = [...a, ...b].filter((value) => value !== null);
  return [Math.min(0, ...values) - 0.02, Math.max(0.1, ...values)];
}

export function heatFigure(comparison: TraceComparison): FigureOptions | null {
  const map = comparison.figures.heatMap;
  if (map === null) return null;
  const columns = map.outputEdges.length - 1;
  const cells = map.a
    .map((share, i) => ({ a: share, b: map.b[i], row: Math.floor(i / columns), column: i % columns }))
    .sort((x, y) => Math.abs(y.a - y.b) - Math.abs(x.a - x.b))
    .slice(0, 30);
  const range = (edges: readonly number[], i: number): string =>
    `${formatCount(edges[i])}–${formatCount(edges[i + 1] - 1)}`;
  const moved = map.a.reduce((sum, share, i) => sum + Math.abs(share - map.b[i]), 0) / 2;
  return {
    chart: {
      id: 'heat',
      picture: 'heat',
      xLabel: 'output tokens',
      yLabel: 'input tokens',
      xEdges: map.outputEdges,
      yEdges: map.inputEdges,
      panels: [
        { label: 'real', colour: 'blue', shares: map.a },
        { label: 'synthetic', colour: 'orange', shares: map.b },
      ],
    },
    title: 'Input and output lengths together',
    reading: `Stronger colour means more requests. ${significant(moved * 100)} % of the requests would have to change cells to make the maps equal; random halves of one trace differ too.`,
    n: countsOf(comparison, true),
    window: `${windowOf(comparison)}; cells log-spaced on both axes`,
    definitions: ['length_share'],
    table: columnTable('The cells that differ most', [
      { title: 'input tokens', cells: cells.map((cell) => range(map.inputEdges, cell.row)) },
      { title: 'output tokens', cells: cells.map((cell) => range(map.outputEdges, cell.column)) },
      { title: 'real', cells: cells.map((cell) => ratioValue(cell.a)) },
      { title: 'synthetic', cells: cells.map((cell) => ratioValue(cell.b)) },
    ]),
    wide: true,
  };
}

/** Cache hit ratio by size, and how conversations go on. */
export function prefixFigures(comparison: TraceComparison): FigureOptions[] {
  const { lruHitRatio, turnHazard } = comparison.figures;
  const words = { n: countsOf(comparison, true), window: windowOf(comparison) };
  const share = (label: string, values: PairedSeries[]) =>
    ({
      label,
      unit: 'ratio',
      scale: 'linear',
      range: [0, Math.min(1, Math.max(0.05, ...values.flat().map((value) => value ?? 0)) * 1.1)],
    }) as const;
  return present([
    lruHitRatio === null
      ? null
      : pairedCurve(
          lruHitRatio,
          TRACE_NAMES,
          {
            ...words,
            id: 'lru',
            title: 'Prefix cache hits by cache size',
            reading: `With ${formatCount(lruHitRatio.x.at(-1)!)} blocks the real trace hits ${significant((lruHitRatio.a.at(-1) ?? 0) * 100)} %, the synthetic one ${significant((lruHitRatio.b.at(-1) ?? 0) * 100)} %.`,
            definitions: ['lru_hit_ratio'],
          },
          {
            x: { label: 'cache size, blocks (log scale)', unit: 'count', scale: 'log' },
            y: share('share of blocks found', [lruHitRatio.a as PairedSeries, lruHitRatio.b as PairedSeries]),
            xValue: countValue,
            yValue: ratioValue,
          },
        ),
    turnHazard === null
      ? null
      : pairedCurve(
          turnHazard,
          TRACE_NAMES,
          {
            ...words,
            id: 'turns',
            title: 'Conversations that go on',
            reading: 'Share of conversations with another turn, by the turn that they have reached.',
            definitions: ['turn_hazard'],
          },
          {
            x: { label: 'turn', unit: 'count', scale: 'linear' },
            y: share('share that goes on', [turnHazard.a as PairedSeries, turnHazard.b as PairedSeries]),
            xValue: countValue,
            yValue: ratioValue,
          },
        ),
  ]);
}
