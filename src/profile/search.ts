/**
 * Which level to run next: a pure function of the levels that ran, so that an interrupted search continues where it
 * stopped and every decision can be tested.
 *
 * From a low rate the load doubles until a level misses; then the gap between the last met and the first missed
 * level is halved on a logarithmic scale until it is narrow enough. A first level that misses sends the search down
 * until requests no longer meet each other, or until less load no longer helps: then the miss is not the load's fault.
 * A level that contradicts an
 * earlier one (met above a miss) is repeated once, with a fresh seed; after that the lowest run of met levels counts
 * and the contradiction is reported. An invalid run (the client was late) is repeated once too; then it bounds the
 * search if it missed, and is passed over if it met, because lateness makes latency look worse, not better. It ends: at most two runs per rate, a narrowing bracket, and a level limit.
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
/** Rates above the last met one whose runs were invalid: more of them, and the client is the limit. */
const MOST_PASSED_OVER = 2;

/** The next level to run, or why the search is over. */
export function planNextLevel(history: readonly SearchLevel[], options: SearchOptions): SearchStep {
  if (history.length === 0) return run(options.startRatePerSec, 1, 'the start rate');
  if (history.length >= options.maxLevels) return stop(`the limit of ${options.maxLevels} levels is reached`);
  const doubtful = doubtfulLevel(history);
  if (doubtful !== null) return doubtful;

  const { met, missed, passedOver } = bracketOf(history);
  if (met === null) return descend(history, options);
  const ratio = missed === null ? null : missed.ratePerSec / met.ratePerSec;
  if (ratio !== null && ratio <= (1 + options.resolution) / (1 - options.resolution)) {
    return stop(`the bracket is within ±${significant(options.resolution * 100)} %`);
  }
  if (passedOver.length >= MOST_PASSED_OVER) return stop('the client spoils its runs at these rates');
  if (ratio === null) {
    const highest = passedOver[passedOver.length - 1] ?? met;
    if (highest.ratePerSec >= roundRate(options.maxRatePerSec)) {
      return stop(
        highest === met
          ? 'the highest allowed rate still meets the SLO'
          : 'the highest allowed rate was tried',
      );
    }
    const rate = Math.min(highest.ratePerSec * GROWTH, options.maxRatePerSec);
    return run(rate, 1, `${significant(highest.ratePerSec)}/s met the SLO`);
  }
  // Beside the middle where the middle is a rate that was passed over.
  const share = [0.5, 0.35, 0.65].find((one) => {
    const rate = met.ratePerSec * ratio ** one;
    return passedOver.every((level) => Math.abs(level.ratePerSec / rate - 1) > 0.01);
  });
  return run(
    met.ratePerSec * ratio ** (share ?? 0.25),
    1,
    `between ${significant(met.ratePerSec)}/s (met) and ${significant(missed!.ratePerSec)}/s (${missed!.valid ? 'missed' : 'invalid'})`,
  );
}

export interface Bracket<L> {
  /** The last of the lowest run of met levels. */
  readonly met: L | null;
  /** The level above it that missed. */
  readonly missed: L | null;
  /** Levels above `met` (and below `missed`) that met, but whose runs were invalid. */
  readonly passedOver: readonly L[];
  readonly contradictions: readonly L[];
}

/** The tightest pair of levels around the capacity. The last attempt at a rate counts. */
export function bracketOf<L extends SearchLevel>(history: readonly L[]): Bracket<L> {
  const levels = effectiveLevels(history);
  const first = levels.findIndex(isMet);
  if (first === -1) return { met: null, missed: levels[0] ?? null, passedOver: [], contradictions: [] };
  let met = first;
  let end = first + 1;
  for (; end < levels.length && levels[end].sloMet; end++) if (isMet(levels[end])) met = end;
  return {
    met: levels[met],
    missed: levels[end] ?? null,
    passedOver: levels.slice(met + 1, end),
    contradictions: [
      ...levels.slice(0, first).filter((level) => level.valid),
      ...levels.slice(end + 1).filter(isMet),
    ],
  };
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
  if (levels.every((level) => !level.valid)) {
    return highest.sloMet && levels.length < MOST_PASSED_OVER
      ? run(highest.ratePerSec * GROWTH, 1, 'the first run met the SLO, but the client was late')
      : stop('no valid run at any rate');
  }
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
