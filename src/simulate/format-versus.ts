/** The screen text of two fleets on one trace, within 80 columns. */
import type { MetricId } from '../types/run-support.js';
import type { FleetComparison, PairedDifference, SimulationDocument } from '../types.js';
import { formatCount, formatMs, formatRatio, significant } from '../units.js';
import { replicaHours } from './versus.js';

const SHOWN: readonly MetricId[] = ['ttft', 'tpot', 'e2e'];

export function formatComparison(comparison: FleetComparison): string {
  const { base, other, paired } = comparison;
  const lines = [
    `${base.trace.name}: ${formatCount(base.counts.offered)} requests on two fleets`,
    `  first  ${fleetText(base)}`,
    `  other  ${fleetText(other)}`,
    '',
    row('', 'first', 'other'),
  ];
  for (const id of SHOWN) {
    const [a, b] = [base.metrics[id], other.metrics[id]];
    lines.push(row(`${id} p50`, formatMs(a?.p50 ?? null), formatMs(b?.p50 ?? null)));
    lines.push(row(`${id} p99`, formatMs(a?.p99 ?? null), formatMs(b?.p99 ?? null)));
  }
  lines.push(
    row('refused or lost', failures(base), failures(other)),
    row('busy', formatRatio(base.utilisation), formatRatio(other.utilisation)),
    row('replica-hours', significant(replicaHours(base)), significant(replicaHours(other))),
  );
  if (base.cost !== undefined && other.cost !== undefined)
    lines.push(row('cost per hour', money(base.cost.perHour), money(other.cost.perHour)));
  if (base.goodput !== null && other.goodput !== null)
    lines.push(row('goodput', formatRatio(base.goodput), formatRatio(other.goodput)));
  for (const [i, term] of base.slo.entries())
    lines.push(row(term.term, term.met ? 'met' : 'MISSED', other.slo[i].met ? 'met' : 'MISSED'));
  lines.push(
    '',
    'the same request on the other fleet, later (+) or earlier (−):',
    cells('', 'median', 'p5', 'p95', 'faster', 'slower'),
    ...paired.map(pairedLine),
  );
  return lines.join('\n');
}

function fleetText(document: SimulationDocument): string {
  const { scaling, engine, replicas, router } = document;
  const size =
    scaling === undefined
      ? `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`
      : `${scaling.autoscaler.kind}, at most ${replicas} replicas`;
  return `${size} of ${engine.name} (${router})`;
}

const money = (value: number | null): string => (value === null ? '–' : significant(value));

function failures(document: SimulationDocument): string {
  return formatCount(document.counts.offered - document.counts.ok);
}

function pairedLine({ metric, n, p50Ms, p05Ms, p95Ms, fasterRatio, slowerRatio }: PairedDifference): string {
  if (n === 0) return `${metric.padEnd(7)}no request has it on both`;
  return cells(
    metric,
    signed(p50Ms),
    signed(p05Ms),
    signed(p95Ms),
    formatRatio(fasterRatio!),
    formatRatio(slowerRatio!),
  );
}

function signed(ms: number | null): string {
  if (ms === null) return '–';
  if (ms === 0) return '0';
  return `${ms > 0 ? '+' : '−'}${formatMs(Math.abs(ms))}`;
}

function row(name: string, first: string, other: string): string {
  return `${name.padEnd(30)}${first.padStart(14)}${other.padStart(14)}`.trimEnd();
}

function cells(name: string, ...values: readonly string[]): string {
  return `${name.padEnd(7)}${values.map((value) => value.padStart(12)).join('')}`.trimEnd();
}
