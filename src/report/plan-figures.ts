/** Figures of a plan: attainment and limit use against replicas, offered rate and needed replicas over time. Pure. */
import type { CapacityPlan, FleetTrial, SloResult } from '../types.js';
import { formatCount, formatRatio, significant } from '../units.js';
import { type ChartLine, chartData, shareRange, stepData } from './chart.js';
import { type FigureOptions, passMark, table } from './parts.js';
import { clockText } from './run-data.js';
import { countValue, numberValue, perSecValue, ratioValue } from './values.js';

/** Trials by rising fleet size; at equal size in the order of the search. */
export function sortedTrials(plan: CapacityPlan): FleetTrial[] {
  return plan.trials
    .map((trial, i) => ({ trial, i }))
    .sort((a, b) => a.trial.replicas - b.trial.replicas || a.i - b.i)
    .map(({ trial }) => trial);
}

function chosenLine(plan: CapacityPlan): ChartLine[] {
  return plan.replicas === null
    ? []
    : [{ axis: 'x', value: plan.replicas, label: `chosen: ${plan.replicas}`, colour: 'teal' }];
}

const replicaAxis = { label: 'replicas', unit: 'count', scale: 'linear' } as const;
const windowOf = (plan: CapacityPlan): string =>
  `the workload’s ${clockText(plan.workload.durationSec)}, simulated per fleet size`;
const trialsText = (plan: CapacityPlan): string =>
  `${formatCount(plan.workload.requests)} requests in each of ${plan.trials.length} simulated trials`;

/** Goodput against replicas, the confirmation on a fresh seed beside the search. */
export function attainmentByReplicas(plan: CapacityPlan): FigureOptions | null {
  const trials = sortedTrials(plan);
  if (trials.length < 2) return null;
  const search = trials.map((trial) => (trial.role === 'search' ? trial.goodput : null));
  const fresh = trials.map((trial) => (trial.role === 'search' ? null : trial.goodput));
  return {
    chart: {
      id: 'plan-attainment',
      x: replicaAxis,
      y: {
        label: 'goodput (axis cut)',
        unit: 'ratio',
        scale: 'linear',
        range: shareRange(trials.map((trial) => trial.goodput)),
      },
      data: chartData(
        trials.map((trial) => trial.replicas),
        search,
        fresh,
      ),
      series: [
        { label: 'search', colour: 'blue', style: 'line-points' },
        { label: 'fresh seed', colour: 'orange', style: 'points' },
      ],
      lines: chosenLine(plan),
      shades: [],
      group: 'plan-replicas',
      height: 'tall',
    },
    title: 'Goodput against replicas',
    reading: freshText(plan),
    n: trialsText(plan),
    window: windowOf(plan),
    definitions: ['goodput'],
    table: trialTable(
      trials,
      ['goodput'],
      trials.map((trial) => [ratioValue(trial.goodput)]),
    ),
  };
}

function freshText(plan: CapacityPlan): string {
  const words = (role: FleetTrial['role']): string | null => {
    const trials = plan.trials.filter((trial) => trial.role === role);
    if (trials.length === 0) return null;
    const goodput = trials.map((trial) => trial.goodput);
    const met = trials.filter((trial) => trial.met).length;
    const [low, high] = [formatRatio(Math.min(...goodput)), formatRatio(Math.max(...goodput))];
    const range = low === high ? low : `${low} to ${high}`;
    const fleet = trials[0].replicas === 1 ? '1 replica gives' : `${trials[0].replicas} replicas give`;
    return `${fleet} ${range} goodput, with the SLO met on ${met} of ${trials.length}`;
  };
  const parts = [words('confirm'), words('fewer')].filter((part) => part !== null);
  return parts.length === 0 ? 'Each point is one simulated fleet.' : `On fresh seeds ${parts.join('; ')}.`;
}

/** Each objective as a share of its limit, against replicas. */
export function limitUseByReplicas(plan: CapacityPlan): FigureOptions | null {
  const trials = sortedTrials(plan).filter((trial) => trial.role === 'search');
  if (trials.length < 2 || trials[0].slo.length === 0) return null;
  const terms = trials[0].slo.map((result) => result.term);
  const use = terms.map((term) =>
    trials.map((trial) => {
      const result = trial.slo.find((candidate) => candidate.term === term);
      const share = result === undefined ? null : limitUse(result);
      return share === null || share <= 0 ? null : share;
    }),
  );
  if (use.every((column) => column.every((value) => value === null))) return null;
  const colours = ['blue', 'orange', 'purple', 'teal', 'grey'] as const;
  return {
    chart: {
      id: 'plan-limit-use',
      x: replicaAxis,
      y: { label: 'value ÷ limit (log scale)', unit: 'number', scale: 'log' },
      data: chartData(
        trials.map((trial) => trial.replicas),
        ...use,
      ),
      series: terms.map((term, i) => ({
        label: term,
        colour: colours[i % colours.length],
        style: 'line-points',
      })),
      lines: [{ axis: 'y', value: 1, label: 'limit', colour: 'red' }, ...chosenLine(plan)],
      shades: [],
      group: 'plan-replicas',
      height: 'tall',
    },
    title: 'Use of each objective’s limit against replicas',
    reading: 'A fleet size meets the SLO when every line is below 1.',
    n: trialsText(plan),
    window: windowOf(plan),
    definitions: ['slo_use'],
    table: trialTable(
      trials,
      terms,
      trials.map((_, i) => use.map((column) => numberValue(column[i]))),
    ),
  };
}

/** Share of a limit that is used; below 1 = met. null when it has no meaning (no value, or a limit of exactly 1). */
export function limitUse(result: SloResult): number | null {
  if (result.value === null) return null;
  const minimum = /[>≥]/.test(result.term);
  if (!minimum) return result.limit > 0 ? result.value / result.limit : null;
  return result.limit < 1 ? (1 - result.value) / (1 - result.limit) : null;
}

function trialTable(
  trials: readonly FleetTrial[],
  titles: readonly string[],
  cells: readonly (readonly ReturnType<typeof ratioValue>[])[],
): ReturnType<typeof table> {
  return table({
    caption: 'By fleet size',
    captionHidden: true,
    columns: [
      { title: 'replicas' },
      { title: 'trial' },
      ...titles.map((title) => ({ title, numeric: true })),
      { title: 'SLO' },
    ],
    rows: trials.map((trial, i) => [
      countValue(trial.replicas),
      trial.role,
      ...cells[i],
      passMark(trial.met),
    ]),
  });
}

/** Bins of the offered rate: minutes, or several joined so that a long trace stays readable; the peak minute is kept. */
export interface RateBins {
  readonly minutes: number;
  readonly startSec: readonly number[];
  readonly mean: readonly number[];
  readonly peak: readonly number[];
}

/** Joins minutes into at most `limit` bins, each with its mean and its highest minute. */
export function joinMinutes(ratePerMinute: readonly number[], limit: number): RateBins {
  const minutes = Math.max(1, Math.ceil(ratePerMinute.length / limit));
  const startSec: number[] = [];
  const mean: number[] = [];
  const peak: number[] = [];
  for (let from = 0; from < ratePerMinute.length; from += minutes) {
    const part = ratePerMinute.slice(from, from + minutes);
    startSec.push(from * 60);
    mean.push(part.reduce((sum, rate) => sum + rate, 0) / part.length);
    peak.push(Math.max(...part));
  }
  return { minutes, startSec, mean, peak };
}

/** Offered rate over the workload, under what the chosen fleet can carry. */
export function offeredRate(plan: CapacityPlan): FigureOptions | null {
  if (plan.ratePerMinute.length < 2) return null;
  const bins = joinMinutes(plan.ratePerMinute, 480);
  const { autoscaler, replicas } = plan;
  const lines: ChartLine[] = [];
  if (autoscaler !== null && replicas !== null)
    lines.push({
      axis: 'y',
      value: replicas * autoscaler.capacityPerReplicaPerSec,
      label: `${replicas} × ${significant(autoscaler.capacityPerReplicaPerSec)}/s`,
      colour: 'teal',
    });
  const busiest = bins.peak.indexOf(Math.max(...bins.peak));
  const unit = bins.minutes === 1 ? '1 minute' : `${bins.minutes} minutes`;
  return {
    chart: {
      id: 'plan-rate',
      x: { label: 'time from the workload’s start', unit: 'clock', scale: 'linear' },
      y: { label: `requests per second, per ${unit}`, unit: 'perSec', scale: 'linear' },
      data: stepData(
        bins.startSec,
        plan.workload.durationSec,
        ...(bins.minutes === 1 ? [bins.mean] : [bins.mean, bins.peak]),
      ),
      series: [
        { label: bins.minutes === 1 ? 'offered' : 'offered, mean', colour: 'blue', style: 'area' },
        ...(bins.minutes === 1
          ? []
          : [{ label: 'highest minute', colour: 'grey' as const, style: 'step' as const, dashed: true }]),
      ],
      lines,
      shades: [],
      group: 'plan-time',
      height: 'tall',
    },
    title: 'Offered rate over time',
    reading: `The busiest minute, around ${clockText(bins.startSec[busiest])}, offered ${significant(bins.peak[busiest])} requests/s.`,
    n: `${formatCount(plan.workload.requests)} requests`,
    window: `${clockText(plan.workload.durationSec)}, bins of ${unit}`,
    definitions: ['offered_rate'],
    table: table({
      caption: 'Offered rate by time',
      captionHidden: true,
      columns: [
        { title: 'from' },
        { title: 'mean', numeric: true },
        { title: 'highest minute', numeric: true },
      ],
      rows: bins.startSec.map((start, i) => [
        clockText(start),
        perSecValue(bins.mean[i]),
        perSecValue(bins.peak[i]),
      ]),
    }),
    wide: true,
  };
}

/** Replicas that the rate of each minute needs at the sized capacity, within the autoscaler's bounds. */
export function replicasOverTime(plan: CapacityPlan): FigureOptions | null {
  const { autoscaler } = plan;
  if (autoscaler === null || !(autoscaler.sizedPerReplicaPerSec > 0) || plan.ratePerMinute.length < 2)
    return null;
  const bins = joinMinutes(plan.ratePerMinute, 480);
  const needed = bins.peak.map((rate) =>
    Math.min(
      Math.max(Math.ceil(rate / autoscaler.sizedPerReplicaPerSec - 1e-9), autoscaler.minReplicas),
      autoscaler.maxReplicas,
    ),
  );
  const mean = needed.reduce((sum, count) => sum + count, 0) / needed.length;
  return {
    chart: {
      id: 'plan-replicas',
      x: { label: 'time from the workload’s start', unit: 'clock', scale: 'linear' },
      y: { label: 'replicas', unit: 'count', scale: 'linear' },
      data: stepData(bins.startSec, plan.workload.durationSec, needed),
      series: [{ label: 'needed at the sized capacity', colour: 'purple', style: 'step' }],
      lines:
        plan.replicas === null
          ? []
          : [{ axis: 'y', value: plan.replicas, label: `fixed fleet: ${plan.replicas}`, colour: 'teal' }],
      shades: [],
      group: 'plan-time',
      height: 'low',
    },
    title: 'Replicas that each minute needs',
    reading: `Between ${Math.min(...needed)} and ${Math.max(...needed)}, ${significant(mean)} on average: ceil(rate ÷ ${significant(autoscaler.sizedPerReplicaPerSec)}/s), within ${autoscaler.minReplicas}–${autoscaler.maxReplicas}. An ideal that knows each minute in advance, not a simulated autoscaler.`,
    n: `${formatCount(plan.ratePerMinute.length)} minutes`,
    window: clockText(plan.workload.durationSec),
    definitions: ['offered_rate'],
    table: table({
      caption: 'Replicas by time',
      captionHidden: true,
      columns: [{ title: 'from' }, { title: 'rate', numeric: true }, { title: 'replicas', numeric: true }],
      rows: bins.startSec.map((start, i) => [
        clockText(start),
        perSecValue(bins.peak[i]),
        numberValue(needed[i]),
      ]),
    }),
    wide: true,
  };
}
