/** The judgement of two runs, and what to know about their loads before believing it. */
import type { RunComparison, RunDifference } from '../types.js';
import { formatCount, formatDurationSec, formatRatio, significant } from '../units.js';
import type { RunSides } from './run-sides.js';
import type { ComparableSummary } from './runs.js';

/** Planned rates this close are the same load (relative). */
export const SAME_RATE = 0.02;

interface JudgedRun {
  readonly name: string;
  readonly summary: ComparableSummary;
}

export function judgeRuns(
  a: JudgedRun,
  b: JudgedRun,
  differences: readonly RunDifference[],
): RunComparison['verdict'] {
  const invalid = [a, b].find(({ summary }) => summary.validity.verdict !== 'valid');
  if (invalid !== undefined) {
    return {
      verdict: 'not_comparable',
      because: `run ${invalid.name} is INVALID: ${invalid.summary.validity.because}`,
      recommendation: `repeat it: ${invalid.summary.validity.recommendation}`,
    };
  }
  const judged = differences.filter((one) => one.change !== null);
  if (judged.length === 0) {
    return {
      verdict: 'not_comparable',
      because: 'the runs are too short for intervals, or share no metric',
      recommendation: 'replay at least a minute and a few hundred requests, the same trace for both',
    };
  }
  const better = judged.filter((one) => one.change === 'better');
  const worse = judged.filter((one) => one.change === 'worse');
  if (better.length > 0 && worse.length > 0) {
    return {
      verdict: 'mixed',
      because: `worse in ${listed(worse)}; better in ${listed(better)}`,
      recommendation: 'decide by the objective: judge both runs with --slo',
    };
  }
  if (worse.length > 0) {
    return {
      verdict: 'worse',
      because: `${listed(worse)}, and nothing is better`,
      recommendation:
        'repeat both runs once in the other order before rolling back: the machine may have changed',
    };
  }
  if (better.length > 0) {
    return {
      verdict: 'better',
      because: `${listed(better)}, and nothing is worse`,
      recommendation: 'repeat both runs once in the other order to rule out that the machine changed',
    };
  }
  return {
    verdict: 'no_difference_shown',
    because: `no judged quantity differs beyond chance${resolution(judged)}`,
    recommendation: 'to see smaller differences replay longer, with the same trace, salt and start for both',
  };
}

/** `p99 ttft +12 %` and the like. */
function listed(changes: readonly RunDifference[]): string {
  return changes
    .map(({ id, statistic, unit, difference, relative }) => {
      const name = [statistic, id.replace(/_/g, ' ')].filter((part) => part !== null).join(' ');
      if (unit !== 'ratio' && relative !== null) return `${name} ${signedPercent(relative)}`;
      return `${name} ${difference! > 0 ? '+' : '−'}${significant(Math.abs(difference!))}`;
    })
    .join(', ');
}

/** What would have been seen: half the widest side of the p99 TTFT interval. */
function resolution(judged: readonly RunDifference[]): string {
  const p99 = judged.find((one) => one.id === 'ttft' && one.statistic === 'p99');
  if (p99 === undefined || p99.a === null || p99.a === 0 || p99.familyLow === null) return '';
  const half = Math.max(p99.familyHigh! - p99.difference!, p99.difference! - p99.familyLow);
  return `; a change of p99 TTFT by ${percent(half / p99.a)} or more would have shown`;
}

/** `+12 %`, `−0.4 %`; what is less than a twentieth of a percent is none. */
export function signedPercent(ratio: number): string {
  const text = percent(Math.abs(ratio));
  return text === '0 %' ? text : `${ratio > 0 ? '+' : '−'}${text}`;
}

function percent(ratio: number): string {
  const size = ratio * 100;
  return `${size < 9.95 ? Number(size.toFixed(1)) : formatCount(size)} %`;
}

/** Whatever makes the runs' loads differ, and how they were matched. */
export function loadNotes(a: ComparableSummary, b: ComparableSummary, sides: RunSides): string[] {
  const notes: string[] = [];
  const differing: string[] = [];
  const differ = (what: string, x: unknown, y: unknown): void => {
    if (x !== y) differing.push(`${what} ${x ?? 'none'} and ${y ?? 'none'}`);
  };
  differ('trace', a.load.traceName, b.load.traceName);
  if (a.load.traceName === b.load.traceName && a.load.traceHash !== b.load.traceHash)
    differing.push('two traces of one name with different rows');
  differ('speed', a.load.speed, b.load.speed);
  differ('rate', a.load.rate, b.load.rate);
  differ('window', a.load.window, b.load.window);
  differ('concurrency', a.load.concurrency, b.load.concurrency);
  const rates = [a.load.plannedRatePerSec, b.load.plannedRatePerSec];
  if (differing.length === 0 && Math.abs(rates[0] / rates[1] - 1) > SAME_RATE)
    differing.push(`planned rate ${significant(rates[0])}/s and ${significant(rates[1])}/s`);
  if (differing.length > 0)
    notes.push(`the loads differ (${differing.join('; ')}): differences show load and target together`);
  if (sides.paired) {
    const left = [a.counts.offered - sides.a.records.length, b.counts.offered - sides.b.records.length];
    if (left[0] + left[1] > 0)
      notes.push(
        `${formatCount(left[0])} and ${formatCount(left[1])} requests whose row only one run measured are left out`,
      );
  } else notes.push('the runs did not send the same rows: intervals are of independent samples, and wider');
  const late = [a, b].filter((run) => run.interrupted).length;
  if (late > 0) notes.push(`${late === 2 ? 'both runs were' : 'one run was'} interrupted`);
  const errors = [a, b].map((run) => 1 - (run.counts.byStatus.ok ?? 0) / Math.max(1, run.counts.offered));
  if (Math.max(...errors) > 0.01)
    notes.push(
      `${formatRatio(errors[0])} and ${formatRatio(errors[1])} of requests did not end ok: they have no latency, which flatters the worse run`,
    );
  if (sides.a.blocks < 10 || sides.b.blocks < 10)
    notes.push(
      `only ${Math.min(sides.a.blocks, sides.b.blocks)} blocks of ${formatDurationSec(sides.blockSec)}: intervals are wide`,
    );
  return notes;
}
