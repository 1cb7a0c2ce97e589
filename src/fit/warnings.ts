/** What a reader of the model must know before using it: sentences that go into the file and onto the screen. */
import type { DriftCheck, WorkloadClass } from '../types.js';
import { formatCount, formatDurationSec, formatRatio, significant } from '../units.js';
import { BURST_LIMIT } from './arrivals.js';

export interface WarningFacts {
  readonly classes: readonly WorkloadClass[];
  readonly drift: readonly DriftCheck[];
  readonly durationSec: number;
  readonly excluded: Readonly<Record<string, number>>;
}

/** From here on a window can show weekly and daily cycles. */
const CYCLES_SEC = 3 * 86_400;

export function collectWarnings(facts: WarningFacts): string[] {
  return [
    windowWarning(facts.durationSec),
    ...facts.drift.flatMap(driftWarning),
    ...facts.classes.flatMap((one) => arrivalWarnings(one, facts.classes.length > 1)),
    ...excludedWarning(facts.excluded),
  ];
}

function windowWarning(durationSec: number): string {
  const cycles = durationSec < CYCLES_SEC ? ': it knows no daily or weekly cycle' : '';
  return `valid for the fitted window of ${formatDurationSec(durationSec)}${cycles}`;
}

function driftWarning({ metric, value, floor }: DriftCheck): string[] {
  if (floor === null || value <= floor) return [];
  return [
    `the stream drifts: ${metric} between the halves of the window is ${significant(value)}, random halves stay below ${significant(floor)}`,
  ];
}

function arrivalWarnings(one: WorkloadClass, named: boolean): string[] {
  const prefix = named ? `class ${one.id}: ` : '';
  const { burstIndex, dequantizedGridNs, gaps, bursts } = one.arrivals;
  const warnings: string[] = [];
  if (typeof burstIndex === 'number' && burstIndex > BURST_LIMIT) {
    const index = `10-s counts stay ${significant(burstIndex)} × as dispersed as Poisson after removing the slow rate (limit ${BURST_LIMIT})`;
    warnings.push(
      bursts
        ? `${prefix}bursts: ${index}, so arrivals are drawn from ${bursts.mean.length} load states: when bursts come is random, so are the requests of a window; record bursts are drawn smaller than the real ones`
        : `${prefix}bursts: ${index}; a renewal model cannot reproduce them`,
    );
  }
  if (dequantizedGridNs !== null) {
    const cell = formatDurationSec(dequantizedGridNs / 1e9);
    warnings.push(
      `${prefix}the source's clock ticks every ${cell}: arrivals were spread evenly inside each tick, structure below ${cell} is not observed`,
    );
  }
  if (gaps.zeroShare !== undefined) {
    warnings.push(`${prefix}${formatRatio(gaps.zeroShare)} of gaps are zero and are drawn as such`);
  }
  return warnings;
}

function excludedWarning(excluded: Readonly<Record<string, number>>): string[] {
  const parts = Object.entries(excluded).map(([reason, rows]) => `${formatCount(rows)} (${reason})`);
  return parts.length === 0
    ? []
    : [`rows counted as arrivals but left out of the lengths: ${parts.join(', ')}`];
}
