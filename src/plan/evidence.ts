/** Sentences about trials: the evidence that a plan prints. */
import type { FleetTrial, SloResult } from '../types.js';
import { formatCount, formatMs, significant } from '../units.js';

/** Why `chosen` replicas and not one fewer; adds a warning when one fewer is not clearly worse. */
export function sizingEvidence(chosen: number, trials: readonly FleetTrial[], warnings: string[]): string {
  const at = (replicas: number, role: FleetTrial['role']): FleetTrial[] =>
    trials.filter((trial) => trial.replicas === replicas && trial.role === role);
  const search = at(chosen, 'search')[0];
  const confirm = at(chosen, 'confirm');
  const meets = `${replicasText(chosen)} ${chosen === 1 ? 'meets' : 'meet'} the SLO: ${valueText(search)} on the workload, ${rangeText(confirm)} on ${confirm.length} fresh seeds`;
  if (chosen === 1) return `${meets}; there is nothing below one replica`;
  const fewer = at(chosen - 1, 'fewer');
  const fewerSearch = at(chosen - 1, 'search')[0];
  const misses = fewer.filter((trial) => !trial.met).length;
  if (misses < fewer.length) {
    warnings.push(
      `borderline: with ${replicasText(chosen - 1)} the SLO is missed on ${misses} of ${fewer.length} fresh seeds and ${fewerSearch.met ? 'met' : 'missed'} on the workload itself`,
    );
  }
  return `${meets}; ${replicasText(chosen - 1)}: ${valueText(fewerSearch)} and ${rangeText(fewer)}, a miss on ${misses} of ${fewer.length} fresh seeds`;
}

/** `1 replica`, `4 replicas`. */
export const replicasText = (n: number): string => (n === 1 ? '1 replica' : `${n} replicas`);

/** `1 replica`, `2 to 6 replicas`. */
export const replicaRangeText = (least: number, most: number): string =>
  least === most ? replicasText(least) : `${least} to ${replicasText(most)}`;

/** `1 request cut off`, `30 requests cut off`. */
export const requestsText = (n: number): string => (n === 1 ? '1 request' : `${formatCount(n)} requests`);

/** The term closest to (or furthest over) its limit; null without terms. */
export function tightestTerm(slo: readonly SloResult[]): SloResult | null {
  const use = (term: SloResult): number =>
    term.value === null
      ? Number.POSITIVE_INFINITY
      : term.unit === 'ms'
        ? term.value / term.limit
        : term.met
          ? 0
          : 2;
  return slo.reduce<SloResult | null>(
    (worst, term) => (worst === null || use(term) > use(worst) ? term : worst),
    null,
  );
}

const tightest = (trial: FleetTrial): SloResult => tightestTerm(trial.slo)!;

function valueText(trial: FleetTrial): string {
  const term = tightest(trial);
  return `${term.term.split(/[<>]/)[0].trim()} ${termValue(term)}`;
}

function rangeText(trials: readonly FleetTrial[]): string {
  const values = trials.map(tightest);
  const sorted = [...values].sort((a, b) => (a.value ?? Infinity) - (b.value ?? Infinity));
  const first = termValue(sorted[0]);
  const last = termValue(sorted[sorted.length - 1]);
  return first === last ? first : `${first} to ${last}`;
}

/** The terms that were missed, with their values. */
export function missText(slo: readonly SloResult[]): string {
  return slo
    .filter((term) => !term.met)
    .map((term) => `${term.term} is ${termValue(term)}`)
    .join(', ');
}

function termValue(term: SloResult): string {
  if (term.value === null) return 'without a sample';
  return term.unit === 'ms' ? formatMs(term.value) : significant(term.value, 4);
}
