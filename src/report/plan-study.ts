/** The simulated part of a plan: cost against attainment, the SLO over time, the autoscaler found, what breaks it. Pure. */
import type { AutoscalingStudy, BreakTest, CapacityPlan, FleetOutcome, ParetoPoint } from '../types.js';
import { formatCount, formatRatio, significant } from '../units.js';
import { type ChartSeries, chartData, chartOf, shareRange } from './chart.js';
import { type Html, html, prose } from './html.js';
import { curveFigure } from './paired-figures.js';
import {
  columnTable,
  type FigureOptions,
  figureGrid,
  passMark,
  present,
  type Section,
  table,
} from './parts.js';
import { clockText } from './run-data.js';
import { countValue, inUnit, moneyValue, numberValue, ratioValue, secValue, UNKNOWN } from './values.js';

/** What the plan page adds when the plan was simulated over time; nothing for plans of older versions. */
export function studySections(plan: CapacityPlan): {
  readonly front: Section | null;
  readonly overTime: Section | null;
  readonly autoscaling: Section | null;
  readonly breaks: Section | null;
  readonly figures: readonly FigureOptions[];
} {
  const front = present([frontFigure(plan)]);
  const overTime = present([attainmentFigure(plan)]);
  return {
    front: frontSection(plan, front),
    overTime:
      overTime.length === 0
        ? null
        : { id: 'attainment', title: 'The SLO over time', nav: 'Over time', body: figureGrid(overTime) },
    autoscaling: plan.autoscaling === undefined ? null : studySection(plan.autoscaling),
    breaks:
      plan.breakTests === undefined || plan.breakTests.length === 0 ? null : breakSection(plan.breakTests),
    figures: [...front, ...overTime],
  };
}

interface PointClass {
  readonly series: ChartSeries;
  readonly holds: (point: ParetoPoint) => boolean;
}

/** Each point is in the first class that holds; the front and the rest differ by more than colour. */
const CLASSES: readonly PointClass[] = [
  { series: { label: 'recommended', colour: 'teal', style: 'points' }, holds: (point) => point.chosen },
  {
    series: { label: 'fixed, on the front', colour: 'blue', style: 'line-points' },
    holds: (point) => point.dominatedBy === null && point.fleet === 'static',
  },
  {
    series: { label: 'autoscaled, on the front', colour: 'orange', style: 'points' },
    holds: (point) => point.dominatedBy === null,
  },
  { series: { label: 'dominated', colour: 'grey', style: 'points' }, holds: () => true },
];

/** Cost against the share of good requests, over every fleet and engine choice. */
function frontFigure(plan: CapacityPlan): FigureOptions | null {
  const points = [...(plan.pareto ?? [])].sort(
    (a, b) => a.costPerHour - b.costPerHour || a.goodput - b.goodput,
  );
  if (points.length < 2) return null;
  const classOf = (point: ParetoPoint): PointClass => CLASSES.find(({ holds }) => holds(point))!;
  const shown = CLASSES.filter((one) => points.some((point) => classOf(point) === one));
  const chosen = points.find((point) => point.chosen);
  const cheaper = points.filter((point) => chosen !== undefined && point.costPerHour < chosen.costPerHour);
  return {
    chart: chartOf({
      id: 'plan-front',
      x: { label: 'cost per hour', unit: 'number', scale: 'linear' },
      y: {
        label: 'share of good requests (axis cut)',
        unit: 'ratio',
        scale: 'linear',
        range: shareRange(points.map((point) => point.goodput)),
      },
      data: chartData(
        points.map((point) => point.costPerHour),
        ...shown.map((one) => points.map((point) => (classOf(point) === one ? point.goodput : null))),
      ),
      series: shown.map((one) => one.series),
      lines:
        chosen === undefined
          ? []
          : [{ axis: 'x', value: chosen.costPerHour, label: `recommended: ${chosen.label}`, colour: 'teal' }],
    }),
    title: 'Cost against attainment',
    reading:
      chosen === undefined
        ? 'No fleet is recommended.'
        : `Recommended: ${chosen.label} at ${significant(chosen.costPerHour)} per hour, ${formatRatio(chosen.goodput)} good requests. ${cheaper.length === 0 ? 'Nothing is cheaper.' : `${cheaper.some((point) => point.met) ? 'Cheaper fleets that meet the SLO did not hold on fresh draws.' : 'Every cheaper fleet misses the SLO.'}`}`,
    n: `${formatCount(points.length)} fleets, ${formatCount(plan.workload.requests)} requests each`,
    window: `the workload’s ${clockText(plan.workload.durationSec)}`,
    definitions: ['goodput'],
    table: columnTable('Cost against attainment', [
      { title: 'fleet', cells: points.map((point) => `${point.choice}: ${point.label}`) },
      { title: 'cost per hour', cells: points.map((point) => moneyValue(point.costPerHour)) },
      { title: 'good requests', cells: points.map((point) => ratioValue(point.goodput)) },
    ]),
    wide: true,
  };
}

function frontSection(plan: CapacityPlan, figures: readonly FigureOptions[]): Section | null {
  const points = plan.pareto ?? [];
  if (points.length === 0) return null;
  return {
    id: 'front',
    title: 'What more money buys',
    nav: 'Cost front',
    intro:
      'Fixed and autoscaled fleets of every engine choice. A fleet is dominated when another is at least as good in everything and better in something.',
    body: html`${figureGrid(figures)}${table({
      caption: 'Every fleet, the cheapest first',
      columns: [
        { title: 'fleet' },
        { title: 'engine' },
        { title: 'cost per hour', numeric: true },
        { title: 'good requests', numeric: true },
        { title: 'tightest limit' },
        { title: 'SLO' },
        { title: 'standing' },
      ],
      rows: points.map((point) => [
        point.label,
        point.choice,
        moneyValue(point.costPerHour),
        ratioValue(point.goodput),
        point.tightest === null
          ? UNKNOWN
          : html`<code>${point.tightest.term}</code>: ${inUnit(point.tightest.value, point.tightest.unit)}`,
        passMark(point.met),
        point.chosen
          ? html`<span class="tag">recommended</span>`
          : point.dominatedBy === null
            ? 'on the front'
            : html`<span class="unknown">dominated</span>`,
      ]),
      rowClass: (i) => (points[i].chosen ? 'strong' : points[i].dominatedBy === null ? null : 'muted'),
    })}`,
  };
}

/** Good requests by window: the fixed fleet, and the autoscaler found. */
function attainmentFigure(plan: CapacityPlan): FigureOptions | null {
  const fixed = plan.attainmentOverTime ?? plan.autoscaling?.static.attainment;
  if (fixed === undefined || fixed.windows.length < 2) return null;
  const scaled = plan.autoscaling?.recommended.attainment ?? null;
  const both = scaled !== null && scaled.windows.length === fixed.windows.length;
  const goal = plan.autoscaling?.windowGoal ?? null;
  const ratios = fixed.windows.map((one) => one.ratio);
  const ofScaled = both ? scaled.windows.map((one) => one.ratio) : [];
  const { worst } = fixed;
  return curveFigure(
    {
      id: 'plan-attainment-time',
      title: 'Good requests by window',
      reading: `The fixed fleet meets the SLO in ${fixed.metRatio === null ? 'no' : formatRatio(fixed.metRatio)} of the windows${worst === null || worst.ratio === null ? '' : `; its worst, at ${clockText(worst.fromSec)}, has ${formatRatio(worst.ratio)} good requests`}.${both && scaled.metRatio !== null ? ` The autoscaled one meets it in ${formatRatio(scaled.metRatio)}.` : ''}${goal === null ? '' : ` Asked for: ${formatRatio(goal)} of the windows.`}`,
      n: `${formatCount(fixed.windows.reduce((sum, one) => sum + one.offered, 0))} requests`,
      window: `${clockText(plan.workload.durationSec)}, windows of ${clockText(fixed.windowSec)}`,
      definitions: ['attainment'],
      wide: true,
    },
    {
      x: { label: 'time from the workload’s start', unit: 'clock', scale: 'linear' },
      y: {
        label: 'share of good requests (axis cut)',
        unit: 'ratio',
        scale: 'linear',
        range: shareRange([...ratios, ...ofScaled]),
      },
      at: fixed.windows.map((one) => one.fromSec),
      end: Math.max(plan.workload.durationSec, fixed.windows[fixed.windows.length - 1].fromSec),
      xValue: clockText,
      columns: [
        {
          series: { label: 'fixed fleet', colour: 'blue', style: 'step' },
          values: ratios,
          value: ratioValue,
        },
        ...(both
          ? [
              {
                series: { label: 'autoscaled', colour: 'orange', style: 'step', dashed: true } as const,
                values: ofScaled,
                value: ratioValue,
              },
            ]
          : []),
      ],
      group: 'plan-time',
    },
  );
}

const OUTCOME_COLUMNS = [
  { title: 'fleet' },
  { title: 'SLO' },
  { title: 'SLO over time' },
  ...[
    'good requests',
    'windows met',
    'worst window',
    'replicas, mean',
    'most',
    'replica-hours',
    'flaps',
    'cut off',
    'longest breach',
    'cost/h',
  ].map((title) => ({ title, numeric: true })),
];

function outcomeCells(name: Html | string, one: FleetOutcome): (Html | string)[] {
  return [
    name,
    passMark(one.met),
    passMark(one.metOverTime),
    ratioValue(one.goodput),
    ratioValue(one.attainment.metRatio),
    ratioValue(one.attainment.worst?.ratio),
    numberValue(one.meanReplicas),
    countValue(one.peakReplicas),
    numberValue(one.replicaHours),
    countValue(one.flaps),
    countValue(one.cutOff + one.unserved),
    one.timeToRecoverSec === null ? 'not recovered' : secValue(one.timeToRecoverSec),
    moneyValue(one.cost.perHour),
  ];
}

function studySection(study: AutoscalingStudy): Section {
  const rows: readonly (readonly [string, FleetOutcome])[] = [
    ['fixed', study.static],
    ['recipe', study.recipe],
    ['found', study.recommended],
    ...study.confirm.map((one, i) => [`found, fresh draw ${i + 1}`, one] as const),
  ];
  const { candidates } = study;
  return {
    id: 'scaling',
    title: 'The autoscaler, simulated',
    nav: 'Simulated',
    intro: html`${study.kind.toUpperCase()} with scrapes every ${secValue(study.scrapeSec)} and a cold start of ${secValue(study.coldStartSec)}. ${prose(study.because)}`,
    body: html`${table({
      caption: 'The fixed fleet, the recipe’s setting, the setting found, and fresh draws of the workload',
      columns: OUTCOME_COLUMNS,
      rows: rows.map(([name, one]) => outcomeCells(html`${name}: ${one.label}`, one)),
      rowClass: (i) => (rows[i][0] === 'found' ? 'strong' : null),
    })}${table({
      caption: 'Every setting that was tried, in order',
      columns: [
        { title: 'signal' },
        ...[
          'target',
          'minimum',
          'scale-down window',
          'good requests',
          'windows met',
          'replica-hours',
          'cost/h',
        ].map((title) => ({ title, numeric: true })),
        { title: 'SLO' },
        { title: 'SLO over time' },
      ],
      rows: candidates.map((one) => [
        html`<code>${one.signal}</code>`,
        numberValue(one.target),
        countValue(one.minReplicas),
        secValue(one.scaleDownWindowSec),
        ratioValue(one.goodput),
        ratioValue(one.windowsMetRatio),
        numberValue(one.replicaHours),
        moneyValue(one.costPerHour),
        passMark(one.met),
        passMark(one.metOverTime),
      ]),
    })}`,
  };
}

function breakSection(tests: readonly BreakTest[]): Section {
  const rows = tests.flatMap((test) => [
    { test, fleet: 'fixed', outcome: test.static },
    ...(test.autoscaled === null ? [] : [{ test, fleet: 'autoscaled', outcome: test.autoscaled }]),
  ]);
  return {
    id: 'breaks',
    title: 'What happens when something goes wrong',
    nav: 'Break tests',
    body: html`<ul class="notes">${tests.map((test) => html`<li><strong>${prose(test.text)}</strong> ${prose(test.because)}</li>`)}</ul>${table(
      {
        caption: 'Break tests',
        captionHidden: true,
        columns: OUTCOME_COLUMNS,
        rows: rows.map(({ test, fleet, outcome }) =>
          outcomeCells(html`${BREAKS[test.id]}: ${fleet}`, outcome),
        ),
        rowClass: (i) => (rows[i].outcome.met ? null : 'bad'),
      },
    )}`,
  };
}

const BREAKS: Readonly<Record<BreakTest['id'], string>> = {
  growth: 'more traffic',
  'lost-replica': 'a replica is lost',
  burst: 'a burst',
};
