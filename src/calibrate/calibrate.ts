/**
 * calibrate: measured runs of one replica → EngineModel.
 *
 * Iterations are reconstructed from the chunks' instants (steps.ts), or, where chunks were not kept, one observation
 * is taken per request (request-level.ts); a robust non-negative regression gives the step cost (regression.ts) and how
 * sure it is (intervals.ts); simulation of the same sends refines it (refine.ts). Two things say how far to trust it: what
 * was measured is simulated, and each load is predicted by a model that did not see it. Capacity limits: limits.ts.
 */
import { ToolError } from '../errors.js';
import { randomOf } from '../random.js';
import type {
  EngineLimits,
  EngineModel,
  EngineRequest,
  GaugeSummary,
  Manifest,
  RequestInstants,
} from '../types.js';
import { formatRatio, nsToSec, significant } from '../units.js';
import {
  compareWithRuns,
  type MeasuredRun,
  misfit,
  percentilesOf,
  type QualityErrors,
} from './compare-runs.js';
import { scaledIntervals, stepCostIntervals } from './intervals.js';
import { DEFAULT_LIMITS, type FoundLimits, findLimits, knownLimit, type LimitInputs } from './limits.js';
import { refineBySimulation } from './refine.js';
import { fitStepCost, type StepCostFit } from './regression.js';
import { requestObservations } from './request-level.js';
import {
  type CalibrationRequest,
  type Reconstruction,
  type StepObservation,
  stepReconstruction,
} from './steps.js';

/** What calibration needs of a run's record. */
export type CalibrationRecord = RequestInstants & {
  readonly inputTokensAsked?: number | null;
  readonly cachedTokens?: number | null;
};

export interface CalibrationRun {
  readonly ratePerSec: number;
  readonly records: readonly CalibrationRecord[];
  readonly gauges: readonly GaugeSummary[];
}

export interface FitEngineOptions {
  readonly runs: readonly CalibrationRun[];
  readonly name: string;
  readonly manifest: Manifest;
  /** Limits and settings that measurements cannot show; its step cost is not used. */
  readonly base?: EngineModel | null;
  /** Known limits win over everything. */
  readonly limits?: Partial<EngineLimits>;
  /** Limits as the server itself says. */
  readonly serverLimits?: Partial<EngineLimits>;
  readonly coldStartSec?: number | null;
  /** Default true. */
  readonly refine?: boolean;
  readonly seed?: string;
  readonly signal?: AbortSignal | null;
}

export interface EngineFit {
  readonly engine: EngineModel;
  /** `iterations` from chunks, `requests` from first and last tokens. */
  readonly method: 'iterations' | 'requests';
  readonly observations: number;
  readonly usedRatio: number;
  /** Robust relative error of one observation. */
  readonly relativeScale: number;
  readonly warnings: readonly string[];
}

/** Token budgets that servers are commonly started with. */
const BUDGETS = [512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768];
const MIN_OBSERVATIONS = 20;

/** Estimates an engine model. Throws TOO_FEW_ROWS when the runs hold fewer than 20 usable observations. */
export function fitEngineModel(options: FitEngineOptions): EngineFit {
  const runs = options.runs.map((run) => ({ run, requests: usableRequests(run.records) }));
  const { engine, fit, method, observations, limits, measured } = estimate(options, runs);
  const warnings = [...limits.warnings];
  if (method === 'requests') {
    const why = runs.some(hasChunks)
      ? 'the chunk instants are too uneven to tell iterations apart (a late client, or a server that bunches them)'
      : 'the runs keep no chunk instants';
    warnings.push(`${why}: coefficients rest on whole requests, not on iterations`);
  }
  const rates = distinctRates(runs);
  if (rates.length < 2) {
    warnings.push(
      'one load level only: the costs per iteration, per sequence and per context token cannot be told apart well',
    );
  }
  const seed = options.seed ?? '1';
  const intervals = stepCostIntervals({
    runs: observations,
    fit,
    rng: randomOf(seed, 'bootstrap', 'calibrate'),
  });
  const heldOut = rates.length < FEWEST_LOADS ? null : heldOutErrors(options, runs, limits);
  if (heldOut === null) {
    warnings.push(`nothing held out: with ${FEWEST_LOADS} loads or more, each is predicted from the others`);
  }
  return {
    engine: {
      ...engine,
      calibration: {
        samples: fit.observations,
        runs: runs.length,
        errors: compareWithRuns(engine, measured, seed),
        ...(heldOut === null ? {} : { heldOut }),
        ...(intervals === null ? {} : { intervals: scaledIntervals(intervals, fit.step, engine.step) }),
        limitSources: limits.sources,
      },
    },
    method,
    observations: fit.observations,
    usedRatio: fit.usedRatio,
    relativeScale: fit.relativeScale,
    warnings,
  };
}

/** Loads that leave two when one is held out. */
const FEWEST_LOADS = 3;
/** Loads that are held out at most, and simulations for each: they cost as much as the fit itself. */
const MOST_HELD_OUT = 5;
const HELD_OUT_EVALUATIONS = 24;

/** Mean squared log error of simulated percentiles, a fifth on average, from which iterations may be misread. */
const DOUBTFUL_MISFIT = 0.04;

interface Run {
  readonly run: CalibrationRun;
  readonly requests: readonly UsableRequest[];
}

interface Estimate {
  /** Without its quality. */
  readonly engine: EngineModel;
  readonly fit: StepCostFit;
  readonly method: EngineFit['method'];
  /** Of each run that the fit saw. */
  readonly observations: readonly (readonly StepObservation[])[];
  readonly limits: FoundLimits;
  readonly measured: readonly MeasuredRun[];
}

/** Regression, limits and refinement on some of the runs. */
function estimate(
  options: FitEngineOptions,
  runs: readonly Run[],
  known: { readonly limits?: FoundLimits; readonly maxEvaluations?: number } = {},
): Estimate {
  const gauges = runs.map(({ run }) => run.gauges);
  const inputs = inputsOf(options);
  const measured = runs.map(({ run, requests }) => measuredRun(run, requests));
  const seed = options.seed ?? '1';
  const candidates = [
    ...(runs.some(hasChunks) ? (['iterations'] as const) : []),
    'requests' as const,
  ].flatMap((method) => {
    const { fit, budget, observations, reconstructions } =
      method === 'iterations'
        ? fitIterations(
            runs.filter(hasChunks).map(({ requests }) => requests),
            known.limits?.limits.maxBatchedTokens ?? knownLimit(inputs, 'maxBatchedTokens')?.value ?? null,
          )
        : fitRequests(runs.map(({ requests }) => requests));
    if (fit === null || fit.observations < MIN_OBSERVATIONS) return [];
    const limits = known.limits ?? findLimits({ ...inputs, budget, reconstructions, gauges });
    return [{ method, fit, observations, limits, engine: modelOf(options, runs, fit, limits.limits) }];
  });
  if (candidates.length === 0) {
    throw new ToolError({
      code: 'TOO_FEW_ROWS',
      message: `calibration needs at least ${MIN_OBSERVATIONS} observed iterations, the runs hold fewer`,
      hint: 'replay with streaming answers of several tokens, at two or more rates',
    });
  }
  const [finest, coarse] = candidates;
  const error = (one: typeof finest): number => misfit(compareWithRuns(one.engine, measured, seed));
  const fineError = coarse === undefined ? 0 : error(finest);
  const { method, fit, observations, limits, engine } =
    fineError > DOUBTFUL_MISFIT && error(coarse) < fineError / 2 ? coarse : finest;
  const refined =
    (options.refine ?? true)
      ? refineBySimulation({
          engine,
          runs: measured,
          seed,
          stiffness: method === 'iterations' ? 0.5 : 0.1,
          maxEvaluations: known.maxEvaluations,
          signal: options.signal,
        }).engine
      : engine;
  return { engine: refined, fit, method, observations, limits, measured };
}

const hasChunks = ({ requests }: Run): boolean => requests.every((one) => one.tokenSec !== null);

/** Every load (of many, some spread over all) predicted by a model that was fitted to the others. */
function heldOutErrors(
  options: FitEngineOptions,
  runs: readonly Run[],
  limits: FoundLimits,
): QualityErrors | null {
  const rates = distinctRates(runs);
  const every = Math.ceil(rates.length / MOST_HELD_OUT);
  const errors = rates
    .filter((_, i) => i % every === 0)
    .flatMap((ratePerSec) => {
      const others = runs.filter(({ run }) => run.ratePerSec !== ratePerSec);
      const own = runs.filter(({ run }) => run.ratePerSec === ratePerSec);
      try {
        const { engine } = estimate(options, others, { limits, maxEvaluations: HELD_OUT_EVALUATIONS });
        const measured = own.map(({ run, requests }) => measuredRun(run, requests));
        return compareWithRuns(engine, measured, options.seed ?? '1');
      } catch (error) {
        // The other loads alone are too little to fit.
        if (error instanceof ToolError && error.code === 'TOO_FEW_ROWS') return [];
        throw error;
      }
    });
  return errors.length === 0 ? null : errors;
}

const distinctRates = (runs: readonly Run[]): number[] =>
  [...new Set(runs.map(({ run }) => run.ratePerSec))].sort((a, b) => a - b);

const inputsOf = (options: FitEngineOptions): Pick<LimitInputs, 'given' | 'server' | 'base'> => ({
  given: options.limits ?? {},
  server: options.serverLimits ?? {},
  base: options.base ?? null,
});

/** A request with what reconstruction needs; `tokenSec` null when chunks were not kept. */
interface UsableRequest {
  readonly sentSec: number;
  readonly inputTokens: number;
  readonly prefillTokens: number;
  readonly outputTokens: number;
  readonly firstSec: number;
  readonly lastSec: number;
  readonly tokenSec: readonly number[] | null;
  readonly record: CalibrationRecord;
}

/** Requests that reached the engine and gave tokens, in order of sending; partial answers are load too. */
function usableRequests(records: readonly CalibrationRecord[]): UsableRequest[] {
  const usable: UsableRequest[] = [];
  for (const record of records) {
    const inputTokens = record.inputTokens ?? record.inputTokensAsked ?? null;
    const { sentNs, firstTokenNs, lastTokenNs, chunkNs } = record;
    if (sentNs === null || firstTokenNs === null || lastTokenNs === null || inputTokens === null) continue;
    const tokens = record.outputTokens ?? chunkNs?.length ?? null;
    if (tokens === null || tokens < 1) continue;
    usable.push({
      sentSec: nsToSec(sentNs),
      inputTokens,
      prefillTokens: Math.max(1, inputTokens - (record.cachedTokens ?? 0)),
      outputTokens: tokens,
      firstSec: nsToSec(firstTokenNs),
      lastSec: nsToSec(lastTokenNs),
      tokenSec: chunkNs?.map(nsToSec) ?? null,
      record,
    });
  }
  return usable.sort((a, b) => a.sentSec - b.sentSec);
}

interface Fitted {
  readonly fit: StepCostFit | null;
  readonly budget: LimitInputs['budget'];
  readonly observations: readonly (readonly StepObservation[])[];
  readonly reconstructions: readonly Reconstruction[];
}

/** With an unknown token budget, the usual ones are tried; the default stays unless another explains clearly more. */
function fitIterations(runs: readonly (readonly UsableRequest[])[], known: number | null): Fitted {
  // Only runs with chunks come here.
  const reconstructors = runs.map((run) => stepReconstruction(run as readonly CalibrationRequest[]));
  const attempt = (tokens: number, seen: boolean): Fitted => {
    const reconstructions = reconstructors.map((reconstruct) => reconstruct(tokens));
    const observations = reconstructions.map((one) => one.observations);
    return { fit: fitStepCost(observations.flat()), budget: { tokens, seen }, observations, reconstructions };
  };
  if (known !== null) return attempt(known, false);
  const unexplained = ({ fit }: Fitted): number => fit?.unexplained ?? Number.POSITIVE_INFINITY;
  let best = attempt(DEFAULT_LIMITS.maxBatchedTokens, false);
  for (const tokens of BUDGETS) {
    if (tokens === DEFAULT_LIMITS.maxBatchedTokens) continue;
    const candidate = attempt(tokens, true);
    if (unexplained(candidate) < 0.7 * unexplained(best) - 1) best = candidate;
  }
  return best;
}

function fitRequests(runs: readonly (readonly UsableRequest[])[]): Fitted {
  const observations = runs.map((run) => requestObservations(run));
  return { fit: fitStepCost(observations.flat()), budget: null, observations, reconstructions: [] };
}

function modelOf(
  options: FitEngineOptions,
  runs: readonly Run[],
  fit: StepCostFit,
  limits: EngineLimits,
): EngineModel {
  const rates = distinctRates(runs);
  return {
    schemaVersion: 1,
    kind: 'engine-model',
    manifest: options.manifest,
    name: options.name,
    source:
      `calibrated on ${runs.length} runs at ${rates.map((rate) => significant(rate)).join(', ')} requests/s: ` +
      `${fit.observations} observations, ${formatRatio(fit.usedRatio)} used, error of one ${formatRatio(fit.relativeScale)}`,
    step: fit.step,
    limits,
    kvAdmission: options.base?.kvAdmission ?? 'watermark',
    // Prompts are simulated without their cached part, so the model must not find it a second time.
    prefixCaching: options.base?.prefixCaching ?? true,
    coldStartSec: options.coldStartSec ?? options.base?.coldStartSec ?? 0,
    calibration: null,
  };
}

function measuredRun(run: CalibrationRun, requests: readonly UsableRequest[]): MeasuredRun {
  const originSec = requests[0]?.sentSec ?? 0;
  return {
    ratePerSec: run.ratePerSec,
    requests: requests.map(
      (request, id): EngineRequest => ({
        id,
        arrivalSec: request.sentSec - originSec,
        inputTokens: request.prefillTokens,
        outputTokens: request.outputTokens,
        prefixHashes: null,
        sessionKey: null,
      }),
    ),
    percentiles: percentilesOf(requests.map((request) => request.record)),
  };
}
