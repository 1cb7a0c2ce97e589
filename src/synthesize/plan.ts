/** What a synthesis will do, decided before the first draw: model, copies, end, expected size, and what to tell the user. */
import { ToolError } from '../errors.js';
import { CumulativeRate } from '../stats/rate-curve.js';
import type { CountHmmModel, WorkloadModel } from '../types.js';
import { formatCount, formatDurationSec, type RateSpec, significant } from '../units.js';
import { type ContextWindow, WINDOW_POLICIES } from './context-window.js';
import { type Copy, planCopies } from './copies.js';
import { burstRatePerSec } from './scale-model.js';
import { resolveScaling, type Scaling, type ThinBy } from './scaling.js';
import { sessionNotes, withLaterTurns } from './sessions/expected.js';
import { smallestInput, smallestOutput } from './smallest-lengths.js';

export interface SynthesisOptions {
  readonly model: WorkloadModel;
  /** Text or number; 42 and '42' are the same. */
  readonly seed: string | number;
  /** Default: the fitted window, or no end when `requests` is given. */
  readonly durationSec?: number;
  /** Factor on, or target for, the mean rate, met by superposing independent copies. Default: as fitted. */
  readonly rate?: RateSpec;
  readonly scaling?: Scaling;
  /** Largest prompt and answer together, and what becomes of requests beyond it. Default: as fitted. */
  readonly window?: ContextWindow;
  /** Stop after this many requests. */
  readonly requests?: number;
  /** Number of the first request that is written, from 0: those before it are drawn and left out. Default 0. */
  readonly firstRequest?: number;
  /** Threads that draw: 1 = this one. The result does not depend on it. */
  readonly workers?: number;
}

export interface SynthesisPlan {
  /** The model with its rates, clock and lengths as they will be drawn. */
  readonly model: WorkloadModel;
  readonly copies: readonly Copy[];
  readonly thinBy: ThinBy;
  readonly isScaled: boolean;
  readonly window: ContextWindow | null;
  /** null = no end in time. */
  readonly durationSec: number | null;
  /** null = no limit. */
  readonly requests: number | null;
  readonly firstRequest: number;
  readonly workers: number;
  readonly expectedRequests: number;
  readonly notes: readonly string[];
}

const MOST_WORKERS = 64;

/** Checks the options against the model. Throws BAD_VALUE naming the option. */
export function planSynthesis(options: SynthesisOptions): SynthesisPlan {
  checkPositive('duration', options.durationSec, 's');
  checkCount('requests', options.requests, 1, Number.MAX_SAFE_INTEGER);
  checkCount('first-request', options.firstRequest, 0, Number.MAX_SAFE_INTEGER);
  checkCount('workers', options.workers, 1, MOST_WORKERS);
  const scaled = resolveScaling(options.model, options.scaling ?? {}, options.rate, meanRatePerSec);
  const window = options.window ?? null;
  if (window !== null) checkWindow(scaled.model, window);
  const model = window === null ? scaled.model : withSessionWindow(scaled.model, window);
  const copies = planCopies(String(options.seed), scaled.copies, scaled.share);
  const total = copies.reduce((sum, copy) => sum + copy.share, 0);
  const requests = options.requests ?? null;
  const firstRequest = options.firstRequest ?? 0;
  const durationSec = options.durationSec ?? (requests === null ? model.durationSec : null);
  const inTime =
    durationSec === null ? Number.POSITIVE_INFINITY : total * expectedRequests(model, durationSec);
  const expected = Math.min(Math.max(0, inTime - firstRequest), requests ?? Number.POSITIVE_INFINITY);
  const lengthSec = durationSec ?? (expected + firstRequest) / (total * meanRatePerSec(model));
  return {
    model,
    copies,
    thinBy: scaled.thinBy,
    isScaled: scaled.isScaled,
    window,
    durationSec,
    requests,
    firstRequest,
    workers: options.workers ?? 1,
    expectedRequests: expected,
    notes: [...repeatNote(model, lengthSec), ...scaled.notes, ...sessionNotes(model, lengthSec)],
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
  const follows = (bursts: CountHmmModel | null | undefined): boolean => bursts?.clock === 'operational';
  if (shared?.bursts && !follows(shared.bursts)) return burstRatePerSec(shared.bursts) * durationSec;
  return classes.reduce((sum, { arrivals }) => {
    if (arrivals.bursts && !shared && !follows(arrivals.bursts))
      return sum + burstRatePerSec(arrivals.bursts) * durationSec;
    return sum + new CumulativeRate(arrivals.rate, periodSec).at(durationSec);
  }, 0);
}

/** Sessions keep their own law of what happens at the window's end; only its place moves. */
function withSessionWindow(model: WorkloadModel, window: ContextWindow): WorkloadModel {
  if (!model.sessions) return model;
  const policy = window.policy === 'truncate' ? 'truncate_history' : 'end_session';
  return { ...model, sessions: { ...model.sessions, window: { tokens: window.tokens, policy } } };
}

function checkWindow(model: WorkloadModel, { tokens, policy }: ContextWindow): void {
  checkCount('context-window', tokens, 2, 2_147_483_647);
  if (!WINDOW_POLICIES.includes(policy)) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `expected a window policy of ${WINDOW_POLICIES.join(', ')}, got '${policy}'`,
      hint: 'correct --window-policy',
    });
  }
  const least = Math.min(
    ...model.classes.map(({ lengths }) => smallestInput(lengths) + smallestOutput(lengths)),
  );
  if (tokens >= least) return;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `a context window of ${formatCount(tokens)} tokens holds no request of this model: the shortest prompt and answer together have ${formatCount(least)}`,
    hint: 'choose a larger --context-window, or shorter requests with --scale-length',
  });
}

function repeatNote(model: WorkloadModel, lengthSec: number): string[] {
  const { classes, shared, durationSec } = model;
  const hasCourse = (bursts: CountHmmModel | null | undefined): boolean =>
    !bursts || bursts.clock === 'operational';
  const isConstant =
    !hasCourse(shared?.bursts) ||
    classes.every(({ arrivals }) => !hasCourse(arrivals.bursts) || arrivals.rate.ratePerSec.length === 1);
  if (lengthSec <= durationSec * 1.001 || isConstant) return [];
  const window = formatDurationSec(durationSec);
  const repeated = classes.map(({ arrivals }) => arrivals.rate.repeatSec);
  const [repeatSec] = repeated;
  if (repeatSec !== undefined && repeated.every((sec) => sec === repeatSec)) {
    return [
      `longer than the fitted window of ${window}: after it the cycle goes on, as in the window's last ${formatDurationSec(repeatSec)}`,
    ];
  }
  const times = significant(lengthSec / durationSec);
  return [`longer than the fitted window of ${window}: its rate curve repeats (${times} times in all)`];
}

function checkPositive(name: string, value: number | undefined, unit: string): void {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected ${name} above 0 ${unit}, got ${value}`,
    hint: `correct --${name}`,
  });
}

function checkCount(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected ${name} to be a whole number from ${least} to ${most}, got ${value}`,
    hint: `correct --${name}`,
  });
}
