/** What a reader of the model must know before using it: sentences that go into the file and onto the screen. */
import type { ArrivalModel, DriftCheck, LocalityModel, SharedArrivals, WorkloadClass } from '../types.js';
import { formatCount, formatDurationSec, formatRatio, significant } from '../units.js';
import { BURST_LIMIT } from './arrivals.js';

export interface WarningFacts {
  readonly classes: readonly WorkloadClass[];
  /** When classes arrive together, what there is to know about arrivals is here. */
  readonly shared: SharedArrivals | null;
  readonly locality: LocalityModel | null;
  readonly drift: readonly DriftCheck[];
  readonly durationSec: number;
  readonly excluded: Readonly<Record<string, number>>;
  /** Classes with too few known lengths, which use the lengths of all classes. */
  readonly borrowed: readonly string[];
  /** Silence before the first arrival that was left out. */
  readonly skippedSec: number;
}

/** From here on a window can show weekly and daily cycles. */
const CYCLES_SEC = 3 * 86_400;
/** From here on the slow rate is more than the memory of a burst. */
const SLOW_RATE_SEC = 6 * 3_600;

export function collectWarnings(facts: WarningFacts): string[] {
  return [
    windowWarning(facts),
    ...facts.drift.flatMap(driftWarning),
    ...(facts.shared === null
      ? facts.classes.flatMap((one) => arrivalWarnings(one.arrivals, classPrefix(one, facts), facts))
      : arrivalWarnings(facts.shared, '', facts)),
    ...localityWarning(facts.locality),
    ...excludedWarning(facts.excluded),
    ...facts.borrowed.map(
      (id) => `class ${id}: too few known lengths of its own, it uses those of all classes`,
    ),
    ...(facts.skippedSec > 0
      ? [`the first arrival is ${formatDurationSec(facts.skippedSec)} after zero: that silence is left out`]
      : []),
  ];
}

function windowWarning({ classes, durationSec }: WarningFacts): string {
  const window = `valid for the fitted window of ${formatDurationSec(durationSec)}`;
  const repeatSec = classes[0]?.arrivals.rate.repeatSec;
  if (repeatSec !== undefined)
    return `${window}: beyond it the last ${formatDurationSec(repeatSec)} repeats, at the level that the rate ended with`;
  return durationSec < CYCLES_SEC ? `${window}: it knows no daily or weekly cycle` : window;
}

function driftWarning({ metric, value, floor }: DriftCheck): string[] {
  if (floor === null || value <= floor) return [];
  return [
    `the stream drifts: ${metric} between the halves of the window is ${significant(value)}, random halves stay below ${significant(floor)}`,
  ];
}

function classPrefix(one: WorkloadClass, facts: WarningFacts): string {
  return facts.classes.length > 1 ? `class ${one.id}: ` : '';
}

function localityWarning(locality: LocalityModel | null): string[] {
  if (locality === null) return [];
  return [
    `${formatRatio(locality.source)} of inputs equal one of the ${locality.windowRequests} before them, ${formatRatio(locality.shuffled)} would by chance: the model repeats ${formatRatio(locality.inputRepeatShare)} on purpose. Whether they share a prefix, lengths cannot say`,
  ];
}

function arrivalWarnings(
  { burstIndex, dequantizedGridNs, gaps, bursts }: Omit<ArrivalModel, 'rate'>,
  prefix: string,
  facts: WarningFacts,
): string[] {
  const warnings: string[] = [];
  if (typeof burstIndex === 'number' && burstIndex > BURST_LIMIT) {
    const index = `10-s counts stay ${significant(burstIndex)} × as dispersed as Poisson after removing the slow rate (limit ${BURST_LIMIT})`;
    warnings.push(
      bursts
        ? `${prefix}bursts: ${index}, so arrivals are drawn from ${bursts.mean.length} load states: when bursts come is random, so are the requests of a window; record bursts are drawn smaller than the real ones`
        : `${prefix}bursts: ${index}; a renewal model cannot reproduce them`,
    );
  }
  if (bursts && bursts.clock === undefined && facts.durationSec > SLOW_RATE_SEC) {
    warnings.push(`${prefix}load states know no time of day: the slow rate of this window is not reproduced`);
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
