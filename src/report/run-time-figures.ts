/** Figures of a run over time: latency, offered and achieved rate under it, requests in flight. Pure. */

import { formatDurationSec, formatMs, significant } from '../units.js';
import { type ChartAxis, chartData, stepData } from './chart.js';
import { METRIC_DEFINITIONS } from './definitions.js';
import { type FigureOptions, table } from './parts.js';
import {
  clockText,
  type RequestMetric,
  type RunData,
  requestsText,
  samplesOf,
  sloLines,
  windowText,
} from './run-data.js';
import { inFlightByBin } from './series/in-flight.js';
import { binMiddles, binStarts, countsByBin, percentilesByBin, ratesByBin } from './series/time-bins.js';
import { countValue, msValue, numberValue, perSecValue } from './values.js';

/** p50, p90, p99 of a metric in each bin of the instant that its requests were due; null without a sample. */
export function latencyOverTime(data: RunData, metric: RequestMetric): FigureOptions | null {
  const samples = samplesOf(data.all, metric);
  if (samples.length === 0) return null;
  const { bins } = data;
  const found = percentilesByBin(bins, samples);
  const middles = binMiddles(bins);
  const worst = indexOfMax(found.p99);
  const medians = found.p50.filter((value): value is number => value !== null);
  const { name } = METRIC_DEFINITIONS[metric];
  const step = formatDurationSec(bins.stepSec);
  return {
    chart: {
      id: `time-${metric}`,
      x: timeAxis(data, 'time from the run’s start, when the request was due'),
      y: { label: `${metric}, per ${step}`, unit: 'ms', scale: 'linear' },
      data: chartData(middles, found.p50, found.p90, found.p99, found.max),
      series: [
        { label: 'p50', colour: 'blue', style: 'line' },
        { label: 'p90', colour: 'teal', style: 'line', hidden: true },
        { label: 'p99', colour: 'orange', style: 'line' },
        { label: 'max', colour: 'grey', style: 'line', dashed: true, hidden: true },
      ],
      lines: sloLines(data.slo, metric, 'y'),
      shades: data.shades,
      group: 'run-time',
      height: 'tall',
    },
    title: `${name} over time`,
    reading: `The median lay between ${formatMs(Math.min(...medians))} and ${formatMs(Math.max(...medians))} per ${step}; p99 was highest at ${clockText(binStarts(bins)[worst])}, with ${formatMs(found.p99[worst])} (n = ${found.n[worst]} there).`,
    n: requestsText(samples.length),
    window: `${windowText(data)}, bins of ${step}`,
    definitions: [metric],
    table: table({
      caption: `${name} by the time that requests were due`,
      captionHidden: true,
      columns: [
        { title: 'from' },
        { title: 'n', numeric: true },
        { title: 'p50', numeric: true },
        { title: 'p90', numeric: true },
        { title: 'p99', numeric: true },
        { title: 'max', numeric: true },
      ],
      rows: binStarts(bins).map((start, i) => [
        clockText(start),
        countValue(found.n[i]),
        msValue(found.p50[i]),
        msValue(found.p90[i]),
        msValue(found.p99[i]),
        msValue(found.max[i]),
      ]),
    }),
    wide: true,
  };
}

/** What was due, what was sent, what completed and what failed, per second. */
export function ratesOverTime(data: RunData): FigureOptions {
  const { bins } = data;
  const failedAt = (record: (typeof data.all)[number]): number => record.endNs ?? record.intendedNs;
  const instants = {
    offered: data.all.map((record) => record.intendedNs),
    sent: data.all.flatMap((record) => (record.sentNs === null ? [] : [record.sentNs])),
    ok: data.all.flatMap((record) =>
      record.status === 'ok' ? [record.endNs ?? record.lastTokenNs ?? 0] : [],
    ),
    failed: data.all.filter((record) => record.status !== 'ok').map(failedAt),
  };
  const offered = ratesByBin(bins, instants.offered);
  const sent = ratesByBin(bins, instants.sent);
  const ok = ratesByBin(bins, instants.ok);
  const failed = ratesByBin(bins, instants.failed);
  const gap = worstShortfall(countsByBin(bins, instants.offered), countsByBin(bins, instants.sent));
  const step = formatDurationSec(bins.stepSec);
  const starts = binStarts(bins);
  return {
    chart: {
      id: 'time-rate',
      x: timeAxis(data, 'time from the run’s start'),
      y: { label: `requests per second, per ${step}`, unit: 'perSec', scale: 'linear' },
      data: stepData(starts, bins.toSec, offered, sent, ok, failed),
      series: [
        { label: 'offered', colour: 'grey', style: 'area' },
        { label: 'sent', colour: 'blue', style: 'step' },
        { label: 'completed ok', colour: 'teal', style: 'step', hidden: true },
        { label: 'failed', colour: 'red', style: 'step', hidden: instants.failed.length === 0 },
      ],
      lines: [],
      shades: data.shades,
      group: 'run-time',
      height: 'low',
    },
    title: 'Offered and achieved rate',
    reading:
      gap === null
        ? 'In every bin as many requests were sent as were due.'
        : `At ${clockText(starts[gap.bin])} the total sent was furthest behind the total due: by ${requestsText(gap.behind)}.`,
    n: requestsText(data.all.length),
    window: `${windowText(data)}, bins of ${step}`,
    definitions: ['offered_rate', 'achieved_rate'],
    table: table({
      caption: 'Requests per second by time',
      captionHidden: true,
      columns: [
        { title: 'from' },
        { title: 'offered', numeric: true },
        { title: 'sent', numeric: true },
        { title: 'completed ok', numeric: true },
        { title: 'failed', numeric: true },
      ],
      rows: starts.map((start, i) => [
        clockText(start),
        perSecValue(offered[i]),
        perSecValue(sent[i]),
        perSecValue(ok[i]),
        perSecValue(failed[i]),
      ]),
    }),
    wide: true,
  };
}

/** Requests that were sent and had not ended. */
export function inFlightOverTime(data: RunData): FigureOptions {
  const { bins } = data;
  const lastNs = data.toSec * 1e9;
  const stays = data.all.flatMap((record) =>
    record.sentNs === null
      ? []
      : [{ fromNs: record.sentNs, toNs: record.endNs ?? record.lastTokenNs ?? lastNs }],
  );
  const found = inFlightByBin(bins, stays);
  const starts = binStarts(bins);
  const step = formatDurationSec(bins.stepSec);
  const busiest = indexOfMax(found.max);
  return {
    chart: {
      id: 'time-in-flight',
      x: timeAxis(data, 'time from the run’s start'),
      y: { label: `requests in flight, per ${step}`, unit: 'number', scale: 'linear' },
      data: stepData(starts, bins.toSec, found.mean, found.max),
      series: [
        { label: 'mean', colour: 'purple', style: 'step' },
        { label: 'max', colour: 'grey', style: 'step', dashed: true },
      ],
      lines: [],
      shades: data.shades,
      group: 'run-time',
      height: 'low',
    },
    title: 'Requests in flight',
    reading: `At most ${significant(found.peak)} at once, at ${clockText(starts[busiest])}. A level that keeps rising means that the server falls behind.`,
    n: requestsText(stays.length),
    window: `${windowText(data)}, bins of ${step}`,
    definitions: ['in_flight'],
    table: table({
      caption: 'Requests in flight by time',
      captionHidden: true,
      columns: [{ title: 'from' }, { title: 'mean', numeric: true }, { title: 'max', numeric: true }],
      rows: starts.map((start, i) => [
        clockText(start),
        numberValue(found.mean[i]),
        countValue(found.max[i]),
      ]),
    }),
    wide: true,
  };
}

function timeAxis(data: RunData, label: string): ChartAxis {
  return { label, unit: 'clock', scale: 'linear', range: [data.bins.fromSec, data.bins.toSec] };
}

function indexOfMax(values: readonly (number | null)[]): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if ((values[i] ?? -1) > (values[best] ?? -1)) best = i;
  }
  return best;
}

/** Where the running total of sends was furthest behind the running total of due requests. */
function worstShortfall(
  due: readonly number[],
  sent: readonly number[],
): { readonly bin: number; readonly behind: number } | null {
  let behind = 0;
  let worst = { bin: 0, behind: 0 };
  for (let i = 0; i < due.length; i++) {
    behind += due[i] - sent[i];
    if (behind > worst.behind) worst = { bin: i, behind };
  }
  return worst.behind > 0 ? worst : null;
}
