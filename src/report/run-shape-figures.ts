/** Figures of a run's distributions: ECDFs with SLO lines, TTFT by input length, the proof of exact sending. Pure. */
import { percentileSorted } from '../metrics.js';
import { formatCount, formatMs, formatRatio } from '../units.js';
import { chartData } from './chart.js';
import { METRIC_DEFINITIONS } from './definitions.js';
import { type FigureOptions, table } from './parts.js';
import {
  measuredWindowText,
  type RequestMetric,
  type RunData,
  requestsText,
  samplesOf,
  sloLines,
} from './run-data.js';
import { ecdfOnGrid, logGrid } from './series/ecdf.js';
import { logHistogram } from './series/histogram.js';
import { bandsByX, type Point, thinPoints } from './series/scatter.js';
import { countValue, msValue, ratioValue } from './values.js';

const ECDF_POINTS = 220;
const CLOUD_POINTS = 1_600;
const ECDF_PROBS = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1];

/** Distribution of a metric, beside its variant from the intended instant where there is one. */
export function ecdfFigure(
  data: RunData,
  metric: RequestMetric,
  responseMetric: RequestMetric | null,
): FigureOptions | null {
  const values = samplesOf(data.measured, metric).map((sample) => sample.value);
  if (values.length === 0) return null;
  const response =
    responseMetric === null ? [] : samplesOf(data.measured, responseMetric).map((sample) => sample.value);
  const grid = logGrid([values, response], ECDF_POINTS);
  if (grid.length < 2) return null;
  const lines = sloLines(data.slo, metric, 'x');
  const sorted = Float64Array.from(values).sort();
  const sortedResponse = Float64Array.from(response).sort();
  const columns = [ecdfOnGrid(values, grid), ...(response.length > 0 ? [ecdfOnGrid(response, grid)] : [])];
  const limit = lines[0]?.value ?? null;
  const within = limit === null ? null : sorted.filter((value) => value <= limit).length / sorted.length;
  const { name } = METRIC_DEFINITIONS[metric];
  return {
    chart: {
      id: `ecdf-${metric}`,
      x: { label: `${metric} (log scale)`, unit: 'ms', scale: 'log' },
      y: { label: 'share of requests at or below', unit: 'ratio', scale: 'linear', range: [0, 1] },
      data: chartData(grid, ...columns),
      series: [
        { label: metric, colour: 'blue', style: 'line' },
        ...(response.length > 0
          ? [{ label: responseMetric!, colour: 'orange' as const, style: 'line' as const, dashed: true }]
          : []),
      ],
      lines,
      shades: [],
      group: null,
      height: 'tall',
      tail: true,
    },
    title: `${name}: distribution`,
    reading:
      within === null
        ? `Half of the requests took at most ${formatMs(percentileSorted(sorted, 0.5))}, 99 of 100 at most ${formatMs(percentileSorted(sorted, 0.99))}.`
        : `${formatRatio(within)} of the completed requests were within ${formatMs(limit)}, the limit of ${lines[0].label.replace(/^SLO /, '')}.`,
    n: requestsText(values.length),
    window: measuredWindowText(data),
    definitions: responseMetric === null ? [metric] : [metric, responseMetric],
    table: table({
      caption: `Percentiles of ${metric}`,
      captionHidden: true,
      columns: [
        { title: 'share at or below' },
        { title: metric, numeric: true },
        ...(response.length > 0 ? [{ title: responseMetric!, numeric: true }] : []),
      ],
      rows: ECDF_PROBS.map((p) => [
        ratioValue(p),
        msValue(percentileSorted(sorted, p)),
        ...(response.length > 0 ? [msValue(percentileSorted(sortedResponse, p))] : []),
      ]),
    }),
  };
}

/** TTFT against prompt length: a thinned cloud with percentile bands of equal count. */
export function ttftByInput(data: RunData): FigureOptions | null {
  const points: Point[] = [];
  for (const record of data.measured) {
    const x = record.inputTokens ?? record.inputTokensAsked;
    if (x === null || x <= 0) continue;
    const [sample] = samplesOf([record], 'ttft');
    if (sample !== undefined && sample.value > 0) points.push({ x, y: sample.value });
  }
  if (points.length < 2) return null;
  const bands = bandsByX(points, Math.min(14, Math.max(2, Math.floor(points.length / 30))));
  const cloud = thinPoints(points, CLOUD_POINTS);
  const rows = [
    ...cloud.map((point) => ({ x: point.x, y: point.y, p50: null, p99: null })),
    ...bands.map((band) => ({ x: band.middle, y: null, p50: band.p50, p99: band.p99 })),
  ].sort((a, b) => a.x - b.x);
  const first = bands[0];
  const last = bands[bands.length - 1];
  return {
    chart: {
      id: 'ttft-by-input',
      x: { label: 'prompt length, tokens (log scale)', unit: 'tokens', scale: 'log' },
      y: { label: 'ttft (log scale)', unit: 'ms', scale: 'log' },
      data: chartData(
        rows.map((row) => row.x),
        rows.map((row) => row.y),
        rows.map((row) => row.p50),
        rows.map((row) => row.p99),
      ),
      series: [
        { label: 'requests', colour: 'grey', style: 'points' },
        { label: 'p50 of band', colour: 'blue', style: 'line-points' },
        { label: 'p99 of band', colour: 'orange', style: 'line-points' },
      ],
      lines: sloLines(data.slo, 'ttft', 'y'),
      shades: [],
      group: null,
      height: 'tall',
    },
    title: 'Time to first token by prompt length',
    reading: `The median went from ${formatMs(first.p50)} for prompts up to ${formatCount(first.to)} tokens to ${formatMs(last.p50)} for prompts from ${formatCount(last.from)} tokens.`,
    n: `${requestsText(points.length)} (${formatCount(cloud.length)} drawn, extremes kept)`,
    window: measuredWindowText(data),
    definitions: ['ttft'],
    table: table({
      caption: 'TTFT by prompt length, bands of about equal count',
      captionHidden: true,
      columns: [
        { title: 'prompt tokens' },
        { title: 'n', numeric: true },
        { title: 'p50', numeric: true },
        { title: 'p90', numeric: true },
        { title: 'p99', numeric: true },
      ],
      rows: bands.map((band) => [
        `${formatCount(band.from)} – ${formatCount(band.to)}`,
        countValue(band.n),
        msValue(band.p50),
        msValue(band.p90),
        msValue(band.p99),
      ]),
    }),
  };
}

/** How late sends were, on a log scale. */
export function sendLagFigure(data: RunData): FigureOptions | null {
  const values = samplesOf(data.measured, 'send_lag').map((sample) => sample.value);
  if (values.length === 0) return null;
  const histogram = logHistogram(values, 0.001, 6);
  const shares = histogram.counts.map((count) => count / values.length);
  const sorted = Float64Array.from(values).sort();
  const p99 = percentileSorted(sorted, 0.99);
  const upper = (i: number): number => histogram.edges[i + 1] ?? histogram.end;
  return {
    chart: {
      id: 'send-lag',
      x: { label: 'send lag (log scale)', unit: 'ms', scale: 'log' },
      y: { label: 'share of requests', unit: 'ratio', scale: 'linear' },
      data: chartData([...histogram.edges, histogram.end], [...shares, null]),
      series: [{ label: 'share of requests', colour: 'purple', style: 'bars' }],
      lines: p99 !== null && p99 > 0.001 ? [{ axis: 'x', value: p99, label: 'p99', colour: 'grey' }] : [],
      shades: [],
      group: null,
      height: 'tall',
    },
    title: 'Send lag: how late our client was',
    reading: `Half of the requests left within ${formatMs(percentileSorted(sorted, 0.5))} of their instant, 99 of 100 within ${formatMs(p99)}, the latest ${formatMs(sorted[sorted.length - 1])} after it.`,
    n: requestsText(values.length),
    window: measuredWindowText(data),
    definitions: ['send_lag'],
    table: table({
      caption: 'Histogram of send lag',
      captionHidden: true,
      columns: [
        { title: 'send lag' },
        { title: 'requests', numeric: true },
        { title: 'share', numeric: true },
      ],
      rows: histogram.counts.map((count, i) => [
        i === 0 ? `up to ${formatMs(upper(0))}` : `${formatMs(histogram.edges[i])} – ${formatMs(upper(i))}`,
        countValue(count),
        ratioValue(shares[i]),
      ]),
    }),
  };
}
