/** Figures of an autoscaled fleet: replicas, load and SLO attainment over time. Used by simulations and plans. Pure. */
import type { AttainmentSample, ScalingSummary } from '../types.js';
import { formatCount, formatRatio, significant } from '../units.js';
import { type ChartLine, type ChartShade, shareRange } from './chart.js';
import { curveFigure } from './paired-figures.js';
import { type FigureOptions, present } from './parts.js';
import { clockText } from './run-data.js';
import { numberValue, ratioValue } from './values.js';

const TIME = { label: 'time from the trace’s start', unit: 'clock', scale: 'linear' } as const;

/** More samples than this are thinned: every k-th, and the last. */
const MOST_SAMPLES = 1_500;

/** What is drawn of an autoscaled fleet. */
export type FleetCourse = Pick<
  ScalingSummary,
  'timeline' | 'breaches' | 'meanReplicas' | 'goal' | 'attainment'
> & {
  /** Changes of the size; absent = not known. */
  readonly scaleEvents?: ScalingSummary['scaleEvents'];
};

export interface ScalingFigureOptions {
  /** What the requests are: `19 366 requests`. */
  readonly n: string;
  /** Keeps the ids of two fleets apart. */
  readonly key: string;
  /** Charts that share a cursor; default: those of this fleet. */
  readonly group?: string;
  /** How far apart the samples are, where they are not the scrapes. */
  readonly spacing?: string;
  /** Beside the replicas, such as a fleet of fixed size. */
  readonly lines?: readonly ChartLine[];
}

/** Times in which the SLO was missed, as shades. */
function breachShades({ breaches, timeline }: FleetCourse): ChartShade[] {
  const end = timeline.at(-1)?.atSec ?? 0;
  return breaches.map((breach) => ({
    from: breach.fromSec,
    to: breach.recoveredSec ?? end,
    label: 'SLO missed',
  }));
}

/** Replicas over time, requests in the fleet, attainment. */
export function scalingFigures(scaling: FleetCourse, options: ScalingFigureOptions): FigureOptions[] {
  const { n, key, group = `scaling-${key}` } = options;
  const step = Math.max(1, Math.ceil(scaling.timeline.length / MOST_SAMPLES));
  const samples = scaling.timeline.filter((_, i, all) => i % step === 0 || i === all.length - 1);
  const at = samples.map((sample) => sample.atSec);
  const end = at.at(-1) ?? 0;
  const spacing = options.spacing ?? `a sample ${step === 1 ? 'per scrape' : `every ${step} scrapes`}`;
  const window = `${clockText(end)}, ${spacing}`;
  const events = scaling.scaleEvents;
  const changes = events === undefined ? '' : `; ${formatCount(events.length)} changes`;
  const shades = breachShades(scaling);
  const shaded = shades.length === 0 ? '' : ' Shaded: the SLO was missed.';
  const most = Math.max(0, ...samples.map((sample) => sample.ready + sample.starting));
  return present([
    curveFigure(
      {
        id: `replicas-${key}`,
        title: 'Replicas over time',
        reading: `At most ${most} at once, ${scaling.meanReplicas === null ? 'mean unknown' : `${significant(scaling.meanReplicas)} on average`}${changes}. Ready lags asked-for by the cold start.${shaded}`,
        n: `${formatCount(samples.length)} samples`,
        window,
        definitions: ['replicas'],
        wide: true,
      },
      {
        x: TIME,
        y: { label: 'replicas', unit: 'count', scale: 'linear' },
        at,
        end,
        xValue: clockText,
        columns: [
          {
            series: { label: 'ready', colour: 'teal', style: 'step' },
            values: samples.map((one) => one.ready),
            value: numberValue,
          },
          {
            series: { label: 'asked for', colour: 'orange', style: 'step', dashed: true },
            values: samples.map((one) => one.desired),
            value: numberValue,
          },
          {
            series: { label: 'starting', colour: 'grey', style: 'step', hidden: true },
            values: samples.map((one) => one.starting),
            value: numberValue,
          },
          {
            series: { label: 'draining', colour: 'purple', style: 'step', hidden: true },
            values: samples.map((one) => one.draining),
            value: numberValue,
          },
        ],
        group,
        lines: options.lines,
        shades,
      },
    ),
    curveFigure(
      {
        id: `load-${key}`,
        title: 'Requests in the fleet',
        reading: `Waiting requests are what the autoscaler is late for.${shaded}`,
        n,
        window,
        definitions: ['in_flight'],
        wide: true,
      },
      {
        x: TIME,
        y: { label: 'requests', unit: 'count', scale: 'linear' },
        at,
        end,
        xValue: clockText,
        columns: [
          {
            series: { label: 'running', colour: 'blue', style: 'step' },
            values: samples.map((one) => one.running),
            value: numberValue,
          },
          {
            series: { label: 'waiting', colour: 'red', style: 'step' },
            values: samples.map((one) => one.waiting),
            value: numberValue,
          },
          {
            series: { label: 'held by the router', colour: 'grey', style: 'step', hidden: true },
            values: samples.map((one) => one.held),
            value: numberValue,
          },
        ],
        group,
        height: 'low',
        shades,
      },
    ),
    attainmentFigure(scaling.attainment, { key, group, goal: scaling.goal, endSec: end }),
  ]);
}

/** Share of good requests by window of arrival. */
export function attainmentFigure(
  windows: readonly AttainmentSample[],
  options: {
    readonly key: string;
    readonly group: string;
    readonly goal: number | null;
    readonly endSec: number;
  },
): FigureOptions | null {
  if (windows.length < 2) return null;
  const { key, group, goal } = options;
  const ratios = windows.map((one) => one.ratio);
  const widthSec = windows[1].fromSec - windows[0].fromSec;
  const known = windows.filter((one) => one.ratio !== null);
  const below = goal === null ? 0 : known.filter((one) => one.ratio! < goal).length;
  const offered = windows.reduce((sum, one) => sum + one.offered, 0);
  return curveFigure(
    {
      id: `attainment-${key}`,
      title: 'SLO attainment over time',
      reading:
        goal === null
          ? 'Share of the requests of each window that met every limit.'
          : `${formatCount(below)} of ${formatCount(known.length)} windows with requests lie below the goal of ${formatRatio(goal)}.`,
      n: `${formatCount(offered)} requests`,
      window: `${clockText(options.endSec)}, windows of ${clockText(widthSec)}`,
      definitions: ['attainment'],
      wide: true,
    },
    {
      x: TIME,
      y: {
        label: 'share of good requests',
        unit: 'ratio',
        scale: 'linear',
        range: shareRange([...ratios, goal]),
      },
      at: windows.map((one) => one.fromSec),
      end: Math.max(options.endSec, windows[windows.length - 1].fromSec),
      xValue: clockText,
      columns: [
        {
          series: { label: 'good requests', colour: 'blue', style: 'step' },
          values: ratios,
          value: ratioValue,
        },
      ],
      lines:
        goal === null ? [] : [{ axis: 'y', value: goal, label: `goal ${formatRatio(goal)}`, colour: 'red' }],
      group,
      height: 'low',
    },
  );
}
