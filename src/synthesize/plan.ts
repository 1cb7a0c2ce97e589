/** What a synthesis will do, decided before the first draw: rate factor, end, expected size, and what to tell the user. */
import { ToolError } from '../errors.js';
import { hmmMeanCount } from '../stats/count-hmm.js';
import { CumulativeRate } from '../stats/rate-curve.js';
import type { CountHmmModel, WorkloadModel } from '../types.js';
import { formatDurationSec, type RateSpec, significant } from '../units.js';
import { sessionNotes, withLaterTurns } from './sessions/expected.js';

export interface SynthesisOptions {
  readonly model: WorkloadModel;
  /** Text or number; 42 and '42' are the same. */
  readonly seed: string | number;
  /** Default: the fitted window, or no end when `requests` is given. */
  readonly durationSec?: number;
  /** Factor on, or target for, the mean rate. Default: as fitted. */
  readonly rate?: RateSpec;
  /** Stop after this many requests. */
  readonly requests?: number;
  /** Threads that draw: 1 = this one. The result does not depend on it. */
  readonly workers?: number;
}

export interface SynthesisPlan {
  /** Multiplies every class's rate. */
  readonly factor: number;
  /** null = no end in time. */
  readonly durationSec: number | null;
  /** null = no limit. */
  readonly requests: number | null;
  readonly workers: number;
  readonly expectedRequests: number;
  readonly notes: readonly string[];
}

const MOST_WORKERS = 64;

/** Checks the options against the model. Throws BAD_VALUE naming the option. */
export function planSynthesis(options: SynthesisOptions): SynthesisPlan {
  const { model } = options;
  checkPositive('duration', options.durationSec, 's');
  checkCount('requests', options.requests, Number.MAX_SAFE_INTEGER);
  checkCount('workers', options.workers, MOST_WORKERS);
  const ratePerSec = meanRatePerSec(model);
  const factor = rateFactor(options.rate, ratePerSec);
  const requests = options.requests ?? null;
  const durationSec = options.durationSec ?? (requests === null ? model.durationSec : null);
  const inTime =
    durationSec === null ? Number.POSITIVE_INFINITY : factor * expectedRequests(model, durationSec);
  const expected = Math.min(inTime, requests ?? Number.POSITIVE_INFINITY);
  const lengthSec = durationSec ?? expected / (factor * ratePerSec);
  return {
    factor,
    durationSec,
    requests,
    workers: options.workers ?? 1,
    expectedRequests: expected,
    notes: [...repeatNote(model, lengthSec), ...scaleNote(factor), ...sessionNotes(model, lengthSec)],
  };
}

/** Mean rate of all classes over the fitted window. */
export function meanRatePerSec(model: WorkloadModel): number {
  return expectedRequests(model, model.durationSec) / model.durationSec;
}

function expectedRequests(model: WorkloadModel, durationSec: number): number {
  return withLaterTurns(model, expectedFirstTurns(model, durationSec), durationSec);
}

/** Requests of the classes; with sessions these are first turns. */
function expectedFirstTurns(
  { classes, shared, durationSec: periodSec }: WorkloadModel,
  durationSec: number,
): number {
  if (shared?.bursts) return expectedBursts(shared.bursts, durationSec);
  return classes.reduce((sum, { arrivals }) => {
    if (arrivals.bursts && !shared) return sum + expectedBursts(arrivals.bursts, durationSec);
    return sum + new CumulativeRate(arrivals.rate, periodSec).at(durationSec);
  }, 0);
}

function expectedBursts(bursts: CountHmmModel, durationSec: number): number {
  return (hmmMeanCount(bursts) / bursts.binSec) * durationSec;
}

function rateFactor(rate: RateSpec | undefined, ratePerSec: number): number {
  if (rate === undefined) return 1;
  const factor = rate.kind === 'factor' ? rate.factor : rate.ratePerSec / ratePerSec;
  checkPositive('rate', factor, '× the fitted rate');
  return factor;
}

function repeatNote(model: WorkloadModel, lengthSec: number): string[] {
  const isConstant =
    Boolean(model.shared?.bursts) ||
    model.classes.every(({ arrivals }) => arrivals.bursts || arrivals.rate.ratePerSec.length === 1);
  if (lengthSec <= model.durationSec * 1.001 || isConstant) return [];
  const times = significant(lengthSec / model.durationSec);
  return [
    `longer than the fitted window of ${formatDurationSec(model.durationSec)}: its rate curve repeats (${times} times in all)`,
  ];
}

function scaleNote(factor: number): string[] {
  if (factor === 1) return [];
  return [
    `rate × ${significant(factor)} by intensifying: the same requesters send more, so bursts grow with the rate; independent further users would smooth them`,
  ];
}

function checkPositive(name: string, value: number | undefined, unit: string): void {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected ${name} above 0 ${unit}, got ${value}`,
    hint: `correct --${name}`,
  });
}

function checkCount(name: string, value: number | undefined, most: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= most)) return;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected ${name} to be a whole number from 1 to ${most}, got ${value}`,
    hint: `correct --${name}`,
  });
}
