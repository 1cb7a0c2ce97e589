/** The screen text of a run comparison, within 80 columns. */
import type { ComparedRun, RunComparison, RunDifference } from '../types.js';
import { formatCount, formatDurationSec, formatMs, formatRatio, significant } from '../units.js';
import { signedPercent } from './run-verdict.js';

export function formatRunComparison(comparison: RunComparison): string {
  const { a, b, verdict, bootstrap, differences } = comparison;
  const matched = bootstrap.paired
    ? `both sent the same ${formatCount(bootstrap.pairedRows)} rows`
    : 'different rows';
  return [
    `a  ${runLine(a)}`,
    `b  ${runLine(b)}`,
    '',
    verdict.verdict.replace(/_/g, ' '),
    `  because ${verdict.because}`,
    `  next    ${verdict.recommendation}`,
    '',
    row(['', 'a', 'b', 'b − a', '95 % interval', '', '']),
    ...differences.map(differenceLine),
    '',
    bootstrap.blocks === 0
      ? 'No intervals: they need the requests of both runs.'
      : `Intervals: ${formatCount(bootstrap.resamples)} resamples of ${bootstrap.blocks} blocks of ${formatDurationSec(bootstrap.blockSec)}, ${matched}. Better and worse rest on wider intervals that hold for all judged lines at once.`,
    ...(comparison.slo === null ? [] : [`Goodput by ${comparison.slo}.`]),
  ].join('\n');
}

function runLine(run: ComparedRun): string {
  const failed = run.offered - run.ok;
  return `${run.name}${run.valid ? '' : ' (INVALID)'}: ${run.model ?? run.url}, ${run.traceName}, ${formatCount(run.offered)} requests${failed > 0 ? `, ${formatCount(failed)} not ok` : ''}`;
}

function differenceLine(one: RunDifference): string {
  const name = one.statistic === null ? (RATE_NAMES[one.id] ?? one.id) : `${one.id} ${one.statistic}`;
  const text = (value: number | null): string => (value === null ? '–' : valueText(one.unit, value));
  const signed = (value: number | null): string =>
    value === null ? '–' : `${value > 0 ? '+' : value < 0 ? '−' : ''}${valueText(one.unit, Math.abs(value))}`;
  const interval = one.low === null ? '–' : `${signed(one.low)} … ${signed(one.high)}`;
  const relative = one.relative === null ? '' : signedPercent(one.relative);
  const mark = one.change === 'better' ? 'better' : one.change === 'worse' ? 'WORSE' : '';
  return row([name, text(one.a), text(one.b), signed(one.difference), interval, relative, mark]);
}

function valueText(unit: RunDifference['unit'], value: number): string {
  if (unit === 'ms') return formatMs(value);
  return unit === 'ratio' ? formatRatio(value) : significant(value);
}

const RATE_NAMES: Readonly<Record<string, string>> = {
  error_rate: 'error rate',
  requests_per_sec: 'ok requests/s',
  output_tokens_per_sec: 'output tokens/s',
};

const WIDTHS = [18, 8, 8, 10, 21, 8];

function row(cells: readonly string[]): string {
  const [name, ...rest] = cells;
  const mark = rest.pop() ?? '';
  return `${name.padEnd(WIDTHS[0])}${rest.map((text, k) => text.padStart(WIDTHS[k + 1])).join('')} ${mark}`.trimEnd();
}
