/** The screen text of a trace comparison, within 80 columns. */
import type { ComparedTrace, FidelityGroup, FidelityMetric, TraceComparison } from '../types.js';
import { formatCount, formatDurationSec, formatRatio, significant } from '../units.js';

const GROUPS: readonly FidelityGroup[] = ['lengths', 'joint', 'arrivals', 'serving', 'prefix'];

/** What a person wants to know first, then every judged metric beside its limit. */
export function formatTraceComparison(comparison: TraceComparison): string {
  const { a, b, verdict, metrics, floor } = comparison;
  const lines = [
    `real       ${traceLine(a)}`,
    `synthetic  ${traceLine(b)}`,
    '',
    `${verdict.verdict.replace('_', ' ')}: ${comparison.passed} of ${comparison.judged} metrics within the noise floor`,
    `  because ${verdict.because}`,
    `  next    ${verdict.recommendation}`,
    ...capacityLines(comparison),
    '',
    row('metric', ['real', 'synthetic', 'distance', 'floor', 'limit', 'drift'], ''),
  ];
  for (const group of GROUPS) {
    const shown = metrics.filter(
      (metric) => metric.group === group && (metric.pass !== null || floor === null),
    );
    if (shown.length > 0) lines.push(group, ...shown.map(metricLine));
  }
  const informed = metrics.filter((metric) => metric.pass === null).length;
  lines.push('');
  if (floor !== null) {
    lines.push(
      `floor, limit: median and 95 % point of the distance between random halves of the real trace (${floor.repeats} splits of ${formatDurationSec(floor.blockSec)} blocks); the limit is never below 0.02. drift: its first half against its second. Ratios count as |ln(b / a)|.`,
    );
  }
  if (informed > 0 && floor !== null) lines.push(`${informed} more for information in --json.`);
  return lines.join('\n');
}

function traceLine(trace: ComparedTrace): string {
  return `${trace.name}: ${formatCount(trace.comparedRows)} requests, ${formatDurationSec(trace.durationSec)}, ${significant(trace.ratePerSec)}/s`;
}

function capacityLines({ serving }: TraceComparison): string[] {
  if (serving === null) return [];
  const { capacity, objective, engine } = serving;
  const { speedA, speedB, ratio, interval } = capacity;
  const [early, late] = capacity.speedHalves;
  const within =
    interval === null ? '' : `, block resamples ${speedText(interval.low)}–${speedText(interval.high)}`;
  return [
    `  serving ${objective} on engine ${engine.name}: the real trace needs speed ${speedText(speedA)} (halves ${speedText(early)} and ${speedText(late)}${within}), the synthetic one ${speedText(speedB)}${ratio === null ? '' : ` = ${formatRatio(ratio)}`}${capacity.pass === null ? '' : capacity.pass ? ': ok' : ': OFF'}`,
  ];
}

const speedText = (speed: number | null): string => (speed === null ? '–' : significant(speed));

function metricLine(metric: FidelityMetric): string {
  const mark = metric.pass === null ? '' : metric.pass ? 'ok' : 'FAIL';
  return row(
    `  ${metric.id}`,
    [
      cell(metric.a),
      cell(metric.b),
      cell(metric.value),
      cell(metric.floorP50),
      metric.floorP95 === null ? '–' : cell(metric.limit),
      cell(metric.drift),
    ],
    mark,
  );
}

/** Three digits, but nothing below a thousandth. */
function cell(value: number | null): string {
  if (value === null) return '–';
  return Math.abs(value) < 0.0995 ? value.toFixed(3) : significant(value);
}

const WIDTHS = [10, 10, 9, 8, 8, 8];

function row(name: string, cells: readonly string[], mark: string): string {
  return `${name.padEnd(18)}${cells.map((text, k) => text.padStart(WIDTHS[k])).join('')}  ${mark}`.trimEnd();
}
