/** The quality of a fit for the terminal: one screen per class, within 80 columns. */
import { familyOf } from '../stats/families.js';
import type { ArrivalModel, FitSummary, WorkloadClass, WorkloadModel } from '../types.js';
import { formatCount, formatDurationSec, formatRatio, significant } from '../units.js';
import { tableMedian } from './length-table.js';
import { sessionLines } from './sessions/report.js';

/** Text of a fitted model: families with the chosen one marked, dispersion real against model, drift, warnings. */
export function formatFitReport(model: WorkloadModel): string {
  const { source, classes, shared, choices = [] } = model;
  const rows = source === null ? '' : `${formatCount(source.rows)} requests over `;
  const lines = [
    `${model.name}: ${rows}${formatDurationSec(model.durationSec)}, ${significant(model.meanRatePerSec)}/s on average`,
    ...choices.flatMap((choice) => wrap(`${choice.chosen}: ${choice.because}`, `${choice.about}: `)),
    ...(shared ? ['', 'all classes together', ...arrivalLines(shared)] : []),
    ...(shared || classes.length > SCREENS
      ? ['', ...classTable(classes)]
      : classes.flatMap((one) => classLines(one, classes.length > 1))),
    ...sessionLines(model),
    ...driftLines(model),
    ...model.warnings.flatMap((warning) => wrap(warning, 'warning: ')),
  ];
  return lines.join('\n');
}

/** More classes than this are a table. */
const SCREENS = 6;
const SHOWN_CLASSES = 24;

/** Classes on one line each, the largest first. */
function classTable(classes: readonly WorkloadClass[]): string[] {
  const total = classes.reduce((sum, one) => sum + one.requests, 0);
  const shown = classes.toSorted((a, b) => b.requests - a.requests).slice(0, SHOWN_CLASSES);
  const rest = classes.length - shown.length;
  return [
    `  ${'class'.padEnd(14)}${pad('requests', 10)}${pad('share', 8)}${pad('input p50', 11)}${pad('output p50', 12)}${pad('rate from', 11)}${pad('to', 10)}`,
    ...shown.map(({ id, requests, arrivals: { rate }, lengths }) => {
      const [input, output] = medians(lengths);
      const name = id.length > 13 ? `${id.slice(0, 12)}…` : id;
      return `  ${name.padEnd(14)}${pad(formatCount(requests), 10)}${pad(formatRatio(requests / total), 8)}${pad(input, 11)}${pad(output, 12)}${pad(significant(Math.min(...rate.ratePerSec)), 11)}${pad(`${significant(Math.max(...rate.ratePerSec))}/s`, 10)}`;
    }),
    ...(rest > 0 ? [`  and ${formatCount(rest)} smaller ones`] : []),
    '',
  ];
}

/** Medians of input and output; of an output by input the geometric mean. */
function medians(lengths: WorkloadClass['lengths']): readonly [string, string] {
  if (lengths.kind === 'parametric') return ['–', '–'];
  const { input, outputGivenInput, outputFits } = lengths;
  const lognormal = outputFits.find((fit) => fit.family === 'lognormal');
  const output =
    outputGivenInput.length === 1
      ? formatCount(tableMedian(outputGivenInput[0].output))
      : lognormal === undefined
        ? '–'
        : significant(lognormal.params['scale']);
  return [formatCount(tableMedian(input)), output];
}

function classLines(one: WorkloadClass, named: boolean): string[] {
  const { arrivals, lengths } = one;
  const kernel =
    arrivals.rate.bandwidthSec === null ? '' : `, kernel ${formatDurationSec(arrivals.rate.bandwidthSec)}`;
  const lines = [
    '',
    ...(named ? [`class ${one.id}: ${formatCount(one.requests)} requests`] : []),
    `rate      ${formatCount(arrivals.rate.ratePerSec.length)} knots, ${significant(Math.min(...arrivals.rate.ratePerSec))} to ${significant(Math.max(...arrivals.rate.ratePerSec))}/s${kernel}`,
    '',
    ...arrivalLines(arrivals),
    '',
  ];
  if (lengths.kind === 'parametric') return lines;
  const { input, outputGivenInput } = lengths;
  const tables = outputGivenInput.length === 1 ? 'one table' : `${outputGivenInput.length} tables by input`;
  return [
    ...lines,
    ...familyTable('input tokens', lengths.inputFits, null),
    ...familyTable('output tokens', lengths.outputFits, null),
    `  input drawn from ${input.atoms.length} atoms and ${input.probs.length} knots, output from ${tables};`,
    `  rank correlation ${lengths.spearman === null ? 'undefined' : lengths.spearman.toFixed(3)}; the families are for comparison`,
    ...(lengths.dependence === undefined
      ? []
      : wrap(`${lengths.dependence.chosen}: ${lengths.dependence.because}`, '  output given input: ')),
  ];
}

function arrivalLines(arrivals: Omit<ArrivalModel, 'rate'>): string[] {
  const lines = [
    ...familyTable(
      'gaps, slow rate removed',
      arrivals.gaps.candidates,
      arrivals.bursts ? null : arrivals.gaps.family,
    ),
    '',
    '  dispersion of counts (Poisson = 1)',
    '    window        real    model',
    ...arrivals.dispersion.map(
      ({ windowSec, source, model }) =>
        `    ${pad(formatDurationSec(windowSec), 6)} ${pad(significant(source), 8)} ${pad(model === null ? '–' : significant(model), 8)}`,
    ),
  ];
  if (typeof arrivals.burstIndex === 'number') {
    lines.push(
      `  burst index ${significant(arrivals.burstIndex)} (1 = Poisson once the slow rate is removed)`,
    );
  }
  if (arrivals.bursts) lines.push(...burstLines(arrivals.bursts));
  return lines;
}

function burstLines(bursts: NonNullable<WorkloadClass['arrivals']['bursts']>): string[] {
  const tried = bursts.candidates.map(({ states, bic }) => `${states}: ${significant(bic, 5)}`).join(', ');
  return [
    `  arrivals drawn from ${bursts.mean.length} load states, counts per ${formatDurationSec(bursts.binSec)}; BIC by number of states:`,
    `    ${tried}`,
    `  mean count by state: ${bursts.mean.map((mean) => significant(mean)).join(', ')}`,
  ];
}

function familyTable(title: string, fits: readonly FitSummary[], chosen: string | null): string[] {
  if (fits.length === 0) return [`  ${title}: too few distinct values for a family`];
  const sample = fits.find((fit) => fit.family === 'exponential');
  const facts = `n ${formatCount(fits[0].n)}${sample === undefined ? '' : `, mean ${significant(sample.params['scale'])}`}`;
  return [
    `  ${title} (${facts})`,
    `    family           ${pad('log-likelihood', 14)}${pad('AIC', 8)}${pad('KS', 7)}${pad('mean', 8)} parameters`,
    ...fits.flatMap((fit) => {
      const mark = fit.family === chosen ? '*' : ' ';
      const mean = familyOf(fit.family).mean(fit.params);
      const meanText = Number.isFinite(mean) ? significant(mean) : '∞';
      const params = Object.entries(fit.params).map(([name, value]) => `${name} ${significant(value)}`);
      const line = `  ${mark} ${fit.family.replaceAll('_', ' ').padEnd(17)}${pad(fit.logLikelihood.toFixed(1), 14)}${pad(fit.aic.toFixed(0), 8)}${pad(fit.ksDistance.toFixed(4), 7)}${pad(meanText, 8)}`;
      return params.length > 2 ? [line, `        ${params.join(', ')}`] : [`${line} ${params.join(' ')}`];
    }),
  ];
}

function driftLines(model: WorkloadModel): string[] {
  if (model.drift === undefined || model.drift.length === 0) return [];
  return [
    '',
    '  drift, first to second half      value    chance alone stays below',
    ...model.drift.map(
      ({ metric, value, floor }) =>
        `  ${metric.padEnd(26)} ${pad(significant(value), 11)}    ${floor === null ? '–' : significant(floor)}`,
    ),
    '',
  ];
}

function pad(text: string, width: number): string {
  return text.padStart(width);
}

/** Wraps at 80 columns; further lines are indented to the first word. */
function wrap(text: string, prefix: string): string[] {
  const lines: string[] = [];
  let line = prefix;
  for (const word of text.split(' ')) {
    const isFirst = line === prefix || line.trim() === '';
    if (!isFirst && line.length + 1 + word.length > 80) {
      lines.push(line);
      line = ' '.repeat(prefix.length) + word;
    } else line = isFirst ? line + word : `${line} ${word}`;
  }
  return [...lines, line];
}
