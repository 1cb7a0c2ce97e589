/** The screen text of a profile. Sentences are one line each, however long: who prints breaks them. */
import type { LatencyProfile, LoadLevel, SloResult } from '../types.js';
import { formatMs, formatRatio, significant } from '../units.js';

/** The end table of `tokentide profile`: levels, knee, capacity, verdict. */
export function formatProfile(profile: LatencyProfile): string {
  const terms = profile.levels[0]?.slo.map((term) => term.term.split(/\s*[<>]/)[0]) ?? [];
  // Two terms fit beside the fixed columns; the others are in the file and the report.
  const shown = terms.slice(0, 2);
  const head = ['rate/s', 'done/s', 'n', ...shown, 'goodput', 'running', 'SLO'];
  const rows = profile.levels.map((level) => [
    significant(level.ratePerSec, 4),
    significant(level.completedPerSec),
    String(level.requests),
    ...level.slo.slice(0, shown.length).map(valueText),
    level.goodput === null ? '–' : formatRatio(level.goodput),
    runningText(level),
    resultText(level),
  ]);
  const { capacity, knee, verdict } = profile;
  const lines = [
    `${profile.workload.name} on ${profile.target.url}`,
    `SLO: ${profile.slo}`,
    '',
    ...aligned([head, ...rows]),
    '',
    capacity.ratePerSec === null
      ? 'capacity: none'
      : `capacity: ${significant(capacity.ratePerSec)} requests/s${capacity.toleranceRatio === null ? '' : ` (bracket ±${significant(100 * capacity.toleranceRatio, 2)} %)`}`,
    `  ${capacity.because}`,
    `knee: ${knee.ratePerSec === null ? 'none' : `${significant(knee.ratePerSec)} requests/s`}`,
    `  ${knee.method}; ${knee.because}`,
    ...profile.warnings.map((warning) => `note: ${warning}`),
    '',
    `${verdict.verdict}: ${verdict.recommendation}`,
  ];
  return lines.join('\n');
}

/** One line when a level ends. */
export function formatLevel(level: LoadLevel): string {
  const again = level.attempt > 1 ? ' (repeated)' : '';
  const outcome = level.valid ? level.because : `does not count: ${level.invalidBecause ?? 'invalid run'}`;
  return `${significant(level.ratePerSec, 4)}/s${again}: ${outcome}`;
}

function resultText(level: LoadLevel): string {
  if (!level.valid) return 'INVALID';
  if (level.sloMet) return 'met';
  return level.steady ? 'MISSED' : 'MISSED, backlog grew';
}

function runningText(level: LoadLevel): string {
  const gauge = level.gauges.find((one) => one.name === 'running')?.mean ?? level.inFlightMean;
  return gauge === null ? '–' : significant(gauge);
}

function valueText(term: SloResult): string {
  if (term.value === null) return '–';
  return term.unit === 'ms' ? formatMs(term.value) : formatRatio(term.value);
}

/** Columns to the right, the last one to the left. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}
