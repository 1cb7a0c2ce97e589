/** The screen text of a plan. Sentences are one line each, however long: who prints breaks them. */
import type {
  AutoscalingStudy,
  CapacityPlan,
  FleetOutcome,
  FleetTrial,
  ParetoPoint,
  Threshold,
} from '../types.js';
import { formatCount, formatDurationSec, formatMs, formatRatio, significant } from '../units.js';
import { replicaRangeText } from './evidence.js';

/** The end table of `tokentide plan`: answer, evidence, cost, thresholds, files. */
export function formatPlan(plan: CapacityPlan, folder: string | null): string {
  const { workload, cost, autoscaler } = plan;
  const lines = [
    `${workload.name}${plan.growth === 1 ? '' : ` × ${significant(plan.growth)}`}: ${formatCount(workload.requests)} requests in ${formatDurationSec(workload.durationSec)}, mean ${significant(workload.meanRatePerSec)}/s, peak minute ${significant(workload.peakRatePerSec)}/s`,
    `on ${plan.engine.name}, router ${plan.router}, SLO ${plan.slo}`,
    '',
  ];
  if (plan.trials.length > 0) lines.push(...trialTable(plan.trials), '');
  const answer =
    plan.replicas === null
      ? 'INFEASIBLE'
      : `${plan.replicas} ${plan.replicas === 1 ? 'REPLICA' : 'REPLICAS'}`;
  lines.push(`${answer}: ${plan.verdict.because}`);
  if (cost.perHour !== null) {
    const per = (value: number | null, what: string): string =>
      value === null ? '' : `, ${significant(value)} per ${what}`;
    lines.push(
      `cost: ${significant(cost.perHour)} per hour${per(cost.perMillionOutputTokens, 'million output tokens')}${per(cost.perMillionTokens, 'million tokens')}${per(cost.perThousandGoodRequests, 'thousand requests that met the SLO')}`,
    );
  }
  if (autoscaler !== null) {
    lines.push('', `autoscaler: ${replicaRangeText(autoscaler.minReplicas, autoscaler.maxReplicas)}`);
    lines.push(thresholdLine(autoscaler.recommended));
    if (autoscaler.alternatives.length > 0) lines.push(alternativesLine(autoscaler.alternatives));
    for (const sentence of autoscaler.evidence) lines.push(`  ${sentence}`);
  }
  if (plan.autoscaling !== undefined) lines.push('', ...studyLines(plan.autoscaling));
  if (plan.pareto !== undefined && plan.pareto.length > 1) lines.push('', ...frontLines(plan.pareto));
  if (plan.breakTests !== undefined) {
    lines.push('', 'how it breaks:');
    for (const test of plan.breakTests)
      lines.push(`  ${test.text}:`, ...test.because.split('; ').map((sentence) => `    ${sentence}`));
  }
  for (const warning of plan.warnings) lines.push(`note: ${warning}`);
  lines.push('', plan.verdict.recommendation);
  if (folder !== null) lines.push(`wrote ${folder}: ${plan.files.join(', ')}`);
  return lines.join('\n');
}

function trialTable(trials: readonly FleetTrial[]): string[] {
  const terms = trials[0].slo.slice(0, 2).map((term) => term.term.split(/\s*[<>]/)[0]);
  const head = ['replicas', 'trial', ...terms, 'goodput', 'busy', 'SLO'];
  const rows = [...trials]
    .sort((a, b) => a.replicas - b.replicas)
    .map((trial) => [
      String(trial.replicas),
      roleText(trial),
      ...trial.slo
        .slice(0, 2)
        .map((term) =>
          term.value === null ? '–' : term.unit === 'ms' ? formatMs(term.value) : formatRatio(term.value),
        ),
      formatRatio(trial.goodput),
      formatRatio(trial.utilisation),
      trial.met ? 'met' : 'MISSED',
    ]);
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) =>
    row
      .map((cell, column) => (column === 1 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  '),
  );
}

function roleText(trial: FleetTrial): string {
  if (trial.role === 'search') return 'the workload';
  return `fresh seed ${/(\d+)$/.exec(trial.seed)?.[1] ?? trial.seed}`;
}

function thresholdLine(threshold: Threshold): string {
  return `  → ${threshold.signal} ${significant(threshold.target)} per replica: ${threshold.because}`;
}

function alternativesLine(thresholds: readonly Threshold[]): string {
  const words = thresholds.map((threshold) => `${threshold.signal} ${significant(threshold.target)}`);
  return `  other signals, by the recipe: ${words.join(', ')} per replica`;
}

/** Fixed, recipe and found side by side. */
function studyLines(study: AutoscalingStudy): string[] {
  const found = study.recommended;
  const fleets: (readonly [string, FleetOutcome])[] = [['fixed', study.static]];
  if (study.recipe.label !== found.label || study.recipe.replicaHours !== found.replicaHours)
    fleets.push(['recipe', study.recipe]);
  fleets.push(['found', found]);
  const priced = found.cost.perHour !== null;
  const head = [
    '',
    'replicas',
    'requests',
    'windows',
    'worst',
    'flaps',
    ...(priced ? ['cost/h'] : []),
    'SLO',
  ];
  const rows = fleets.map(([name, fleet]) => [
    name,
    significant(fleet.meanReplicas),
    formatRatio(fleet.goodput),
    fleet.attainment.metRatio === null ? '–' : formatRatio(fleet.attainment.metRatio),
    fleet.attainment.worst === null ? '–' : formatRatio(fleet.attainment.worst.ratio!),
    String(fleet.flaps),
    ...(fleet.cost.perHour === null ? [] : [significant(fleet.cost.perHour)]),
    fleet.metOverTime ? 'met' : 'MISSED',
  ]);
  const window = formatDurationSec(found.attainment.windowSec);
  return [
    `${study.kind} simulated with a cold start of ${formatDurationSec(study.coldStartSec)}; the SLO over the run and in ${formatRatio(study.windowGoal)} of the ${window} windows:`,
    ...alignRight([head, ...rows]),
    study.because,
  ];
}

/** Fleets on the screen at most. */
const MOST_POINTS = 16;

/** Cost against attainment: the front, and what it leaves behind. */
function frontLines(points: readonly ParetoPoint[]): string[] {
  // What is left out are dominated ones, the dearest first.
  const dominated = points.filter((point) => point.dominatedBy !== null);
  const room = Math.max(0, MOST_POINTS - (points.length - dominated.length));
  const hidden = new Set(dominated.slice(room));
  const shown = points.filter((point) => !hidden.has(point));
  const nameOf = ({ tightest }: ParetoPoint): string | null => tightest?.term.split(/\s*[<>]/)[0] ?? null;
  // Fleets can be tight in different terms: then each value says which.
  const names = new Set(shown.map(nameOf).filter((name) => name !== null));
  const tightestText = (point: ParetoPoint): string => {
    const { tightest } = point;
    if (tightest === null || tightest.value === null) return '–';
    const text = tightest.unit === 'ms' ? formatMs(tightest.value) : formatRatio(tightest.value);
    return names.size > 1 ? `${metricOf(tightest.term)} ${text}` : text;
  };
  const rows = shown.map((point) => [
    `${point.chosen ? '→' : point.dominatedBy === null ? '·' : ' '} ${clipped(point.choice)}`,
    point.fleet === 'static' ? point.label : `at ${point.label.split(',')[0].replace(' per replica', '')}`,
    significant(point.costPerHour),
    formatRatio(point.goodput),
    tightestText(point),
    point.met ? 'met' : 'MISSED',
  ]);
  const term = names.size === 1 ? [...names][0] : 'tightest';
  return [
    'cost against attainment (→ recommended, · on the front, the rest is dominated; fleets at a signal’s target are autoscaled):',
    ...alignRight([['  engine', 'fleet', 'cost/h', 'requests', term, 'SLO'], ...rows], 2),
    ...(hidden.size === 0 ? [] : [`  and ${hidden.size} dominated fleets more in plan.json`]),
  ];
}

/** `ttft` of `p99(ttft) < 1s`; a ratio is its own name. */
const metricOf = (term: string): string => /\(([\w.]+)\)/.exec(term)?.[1] ?? term.split(/\s*[<>]/)[0];

/** An engine's name, short enough for a table of 80 columns. */
const clipped = (name: string): string => (name.length <= 20 ? name : `${name.slice(0, 19)}…`);

/** Columns padded to their widest cell, the first ones to the left. */
function alignRight(rows: readonly (readonly string[])[], left = 1): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column < left ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  '),
  );
}
