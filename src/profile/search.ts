/**
 * Which level to run next: a pure function of the levels that ran, so that an interrupted search continues where it
 * stopped and every decision can be tested.
 *
 * From a low rate the load doubles until a level misses; then the gap between the last met and the first missed
 * level is halved on a logarithmic scale until it is narrow enough. A first level that misses sends the search down
 * until requests no longer meet each other, or until less load no longer helps: then the miss is not the load's fault.
 * A level that contradicts an
 * earlier one (met above a miss) is repeated once, with a fresh seed; after that the lowest run of met levels counts
 * and the contradiction is reported. It ends: at most two runs per rate, a narrowing bracket, and a level limit.
 */
import type { LoadLevel } from '../types.js';
import { significant } from '../units.js';

/** The part of a level that the search looks at. */
export type SearchLevel = Pick<
  LoadLevel,
  'ratePerSec' | 'attempt' | 'sloMet' | 'steady' | 'inFlightMean' | 'valid' | 'slo'
>;

export interface SearchOptions {
  readonly startRatePerSec: number;
  /** Rates are not tried above this; Infinity = no limit. */
  readonly maxRatePerSec: number;
  /** Wanted relative half-width of the bracket, e.g. 0.05. */
  readonly resolution: number;
  readonly maxLevels: number;
}

export type SearchStep =
  | {
      readonly kind: 'run';
      readonly ratePerSec: number;
      /** 1, or 2 for the repetition of a doubtful level. */
      readonly attempt: number;
      readonly because: string;
    }
  | { readonly kind: 'stop'; readonly because: string };

/** Requests in the system on average below which they hardly ever meet. */
export const UNLOADED_IN_FLIGHT = 0.1;

const GROWTH = 2;
const DESCENT = 4;

/** The next level to run, or why the search is over. */
export function planNextLevel(history: readonly SearchLevel[], options: SearchOptions): SearchStep {
  if (history.length === 0) return run(options.startRatePerSec, 1, 'the start rate');
  if (history.length >= options.maxLevels) return stop(`the limit of ${options.maxLevels} levels is reached`);
  const doubtful = doubtfulLevel(history);
  if (doubtful !== null) return doubtful;

  const { met, missed } = bracketOf(history);
  if (met === null) return descend(history, options);
  if (missed === null) {
    if (met.ratePerSec >= roundRate(options.maxRatePerSec))
      return stop('the highest allowed rate still meets the SLO');
    const rate = Math.min(met.ratePerSec * GROWTH, options.maxRatePerSec);
    return run(rate, 1, `${significant(met.ratePerSec)}/s met the SLO`);
  }
  const ratio = missed.ratePerSec / met.ratePerSec;
  if (ratio <= (1 + options.resolution) / (1 - options.resolution)) {
    return stop(`the bracket is within ±${significant(options.resolution * 100)} %`);
  }
  const rate = met.ratePerSec * Math.sqrt(ratio);
  return run(
    rate,
    1,
    `between ${significant(met.ratePerSec)}/s (met) and ${significant(missed.ratePerSec)}/s (${missed.valid ? 'missed' : 'invalid'})`,
  );
}

/**
 * The tightest pair of levels around the capacity: the last of the lowest run of met levels, and the level above it
 * that missed (or was invalid). The last attempt at a rate counts.
 */
export function bracketOf<L extends SearchLevel>(
  history: readonly L[],
): { readonly met: L | null; readonly missed: L | null; readonly contradictions: readonly L[] } {
  const levels = effectiveLevels(history);
  const first = levels.findIndex(isMet);
  if (first === -1) return { met: null, missed: levels[0] ?? null, contradictions: [] };
  let last = first;
  while (last + 1 < levels.length && isMet(levels[last + 1])) last += 1;
  const contradictions = [
    ...levels.slice(0, first).filter((level) => level.valid),
    ...levels.slice(last + 1).filter(isMet),
  ];
  return { met: levels[last], missed: levels[last + 1] ?? null, contradictions };
}

/** One level per rate, ascending: the last attempt. */
export function effectiveLevels<L extends SearchLevel>(history: readonly L[]): L[] {
  const byRate = new Map<number, L>();
  for (const level of history) {
    const known = byRate.get(level.ratePerSec);
    if (known === undefined || level.attempt >= known.attempt) byRate.set(level.ratePerSec, level);
  }
  return [...byRate.values()].sort((a, b) => a.ratePerSec - b.ratePerSec);
}

const isMet = (level: SearchLevel): boolean => level.valid && level.sloMet;

/** A level that is invalid, or that contradicts its neighbours, gets one repetition. */
function doubtfulLevel(history: readonly SearchLevel[]): SearchStep | null {
  const last = history[history.length - 1];
  if (!last.valid && last.attempt === 1) {
    return run(last.ratePerSec, 2, 'the run was invalid; tried once more');
  }
  const levels = effectiveLevels(history).filter((level) => level.valid);
  const contradicts = levels.some((level) =>
    last.sloMet
      ? level.ratePerSec < last.ratePerSec && !level.sloMet
      : level.ratePerSec > last.ratePerSec && level.sloMet,
  );
  if (last.valid && last.attempt === 1 && contradicts) {
    return run(last.ratePerSec, 2, 'it contradicts another level; repeated once with a fresh seed');
  }
  return null;
}

/** No level met so far: go down until the server is idle, and look above once in case it is slow only when idle. */
function descend(history: readonly SearchLevel[], options: SearchOptions): SearchStep {
  const levels = effectiveLevels(history);
  const lowest = levels[0];
  const highest = levels[levels.length - 1];
  if (levels.every((level) => !level.valid)) return stop('no valid run at any rate');
  const unloaded = lowest.valid && lowest.inFlightMean !== null && lowest.inFlightMean <= UNLOADED_IN_FLIGHT;
  const helpless = lessLoadDoesNotHelp(levels);
  if (!unloaded && helpless === null) {
    return run(lowest.ratePerSec / DESCENT, 1, `${significant(lowest.ratePerSec)}/s missed the SLO`);
  }
  const saturated = levels.some((level) => !level.steady || !level.valid);
  const above = highest.ratePerSec * DESCENT;
  if (
    !saturated &&
    highest.ratePerSec <= roundRate(options.startRatePerSec) &&
    above <= options.maxRatePerSec
  ) {
    return run(above, 1, 'every level missed without a backlog: is the server slow only when idle?');
  }
  const idle = `even an unloaded server misses the SLO (${significant(lowest.inFlightMean ?? 0, 2)} requests in the system on average at ${significant(lowest.ratePerSec)}/s)`;
  return stop(unloaded || helpless === null ? idle : helpless);
}

/** The lowest two levels, a factor apart, miss by nearly as much: a sentence that says so, or null. */
function lessLoadDoesNotHelp(levels: readonly SearchLevel[]): string | null {
  const [low, high] = levels;
  if (high === undefined || !low.valid || !high.valid || !low.steady || !high.steady) return null;
  if (high.ratePerSec < (DESCENT / 1.5) * low.ratePerSec) return null;
  const lowUse = limitUse(low);
  const highUse = limitUse(high);
  if (lowUse === null || highUse === null || lowUse < 0.9 * highUse || lowUse <= 1) return null;
  return `less load does not help: ${significant(lowUse)} × the limit at ${significant(low.ratePerSec)}/s and ${significant(highUse)} × at ${significant(high.ratePerSec)}/s`;
}

/** The largest latency of the SLO ÷ its limit; null without a value. */
function limitUse(level: SearchLevel): number | null {
  const uses = level.slo.flatMap((term) =>
    term.unit === 'ms' && term.value !== null && term.limit > 0 ? [term.value / term.limit] : [],
  );
  return uses.length === 0 ? null : Math.max(...uses);
}

function run(ratePerSec: number, attempt: number, because: string): SearchStep {
  return { kind: 'run', ratePerSec: roundRate(ratePerSec), attempt, because };
}

function stop(because: string): SearchStep {
  return { kind: 'stop', because };
}

/** Four significant digits: rates that a person can retype, and the same on every machine. */
function roundRate(ratePerSec: number): number {
  return Number(ratePerSec.toPrecision(4));
}
