/**
 * calibrate: measured runs of one replica → EngineModel.
 *
 * Iterations are reconstructed from the chunks' instants (steps.ts), or, where chunks were not kept, one observation
 * is taken per request (request-level.ts); a robust non-negative regression gives the step cost (regression.ts);
 * simulation of the same sends refines it (refine.ts) and says how well it explains what was measured. Capacity
 * limits come from the caller, the server's gauges, the base model, or the runs, in this order; what is left is a
 * default, and said so.
 */
import { ToolError } from '../errors.js';
import type {
  EngineLimits,
  EngineModel,
  EngineRequest,
  GaugeSummary,
  Manifest,
  RequestInstants,
} from '../types.js';
import { formatRatio, nsToSec, significant } from '../units.js';
import { compareWithRuns, type MeasuredRun, percentilesOf } from './compare-runs.js';
import { refineBySimulation } from './refine.js';
import { fitStepCost, type StepCostFit } from './regression.js';
import { requestObservations } from './request-level.js';
import {
  type CalibrationRequest,
  type Reconstruction,
  reconstructSteps,
  type StepObservation,
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

const DEFAULT_LIMITS: EngineLimits = {
  maxBatchedTokens: 2_048,
  maxSeqs: 256,
  kvBlocks: 125_000,
  blockSize: 16,
  maxModelLen: 131_072,
};
/** Token budgets that servers are commonly started with. */
const BUDGETS = [512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768];
const MIN_OBSERVATIONS = 20;

/** Estimates an engine model. Throws TOO_FEW_ROWS when the runs hold fewer than 20 usable observations. */
export function fitEngineModel(options: FitEngineOptions): EngineFit {
  const warnings: string[] = [];
  const runs = options.runs.map((run) => ({ run, requests: usableRequests(run.records) }));
  const withChunks = runs.filter(({ requests }) => requests.every((one) => one.tokenSec !== null));
  const method = withChunks.length > 0 ? 'iterations' : 'requests';
  if (method === 'requests') {
    warnings.push('the runs keep no chunk instants: coefficients rest on whole requests, not on iterations');
  }
  const { fit, budget, reconstructions } =
    method === 'iterations'
      ? fitIterations(
          withChunks.map(({ requests }) => requests),
          knownBudget(options),
          warnings,
        )
      : { fit: fitRequests(runs.map(({ requests }) => requests)), budget: null, reconstructions: [] };
  if (fit === null || fit.observations < MIN_OBSERVATIONS) {
    throw new ToolError({
      code: 'TOO_FEW_ROWS',
      message: `calibration needs at least ${MIN_OBSERVATIONS} observed iterations, the runs hold ${fit?.observations ?? 0}`,
      hint: 'replay with streaming answers of several tokens, at two or more rates',
    });
  }
  if (new Set(options.runs.map((run) => run.ratePerSec)).size < 2) {
    warnings.push(
      'one load level only: the costs per iteration, per sequence and per context token cannot be told apart well',
    );
  }
  const limits = limitsOf(options, budget, reconstructions, warnings);
  let engine = modelOf(options, fit, limits);
  const measured = runs.map(({ run, requests }) => measuredRun(run, requests));
  const seed = options.seed ?? '1';
  if (options.refine ?? true) {
    engine = refineBySimulation({
      engine,
      runs: measured,
      seed,
      stiffness: method === 'iterations' ? 0.5 : 0.1,
      signal: options.signal,
    }).engine;
  }
  engine = {
    ...engine,
    calibration: {
      samples: fit.observations,
      runs: runs.length,
      errors: compareWithRuns(engine, measured, seed),
    },
  };
  return {
    engine,
    method,
    observations: fit.observations,
    usedRatio: fit.usedRatio,
    relativeScale: fit.relativeScale,
    warnings,
  };
}

/** A request with what reconstruction needs; `tokenSec` null when chunks were not kept. */
interface UsableRequest {
  readonly sentSec: number;
  readonly inputTokens: number;
  readonly prefillTokens: number;
  readonly outputTokens: number;
  readonly firstSec: number;
  readonly lastSec: number;
  readonly tokenSec: ArrayLike<number> | null;
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
      tokenSec: chunkNs === null ? null : Float64Array.from(chunkNs, nsToSec),
      record,
    });
  }
  return usable.sort((a, b) => a.sentSec - b.sentSec);
}

interface IterationFit {
  readonly fit: StepCostFit | null;
  readonly budget: number;
  readonly reconstructions: readonly Reconstruction[];
}

/** With an unknown token budget, the usual ones are tried; the default stays unless another explains clearly more. */
function fitIterations(
  runs: readonly (readonly UsableRequest[])[],
  known: number | null,
  warnings: string[],
): IterationFit {
  const requests = runs.map((run) =>
    run.map((one): CalibrationRequest => ({ ...one, tokenSec: one.tokenSec! })),
  );
  const attempt = (budget: number): IterationFit => {
    const reconstructions = requests.map((run) => reconstructSteps(run, budget));
    const observations = reconstructions.flatMap((one) => one.observations);
    return { fit: fitStepCost(observations), budget, reconstructions };
  };
  if (known !== null) return attempt(known);
  const unexplained = ({ fit }: IterationFit): number => fit?.unexplained ?? Number.POSITIVE_INFINITY;
  const fallback = attempt(DEFAULT_LIMITS.maxBatchedTokens);
  let best = fallback;
  for (const budget of BUDGETS) {
    if (budget === fallback.budget) continue;
    const candidate = attempt(budget);
    if (unexplained(candidate) < 0.7 * unexplained(best) - 1) best = candidate;
  }
  warnings.push(
    best === fallback
      ? `token budget unknown: ${best.budget} assumed (give --max-batched-tokens)`
      : `token budget unknown: ${best.budget} explains the iterations best`,
  );
  return best;
}

function fitRequests(runs: readonly (readonly UsableRequest[])[]): StepCostFit | null {
  const observations: StepObservation[] = runs.flatMap((run) => requestObservations(run));
  return fitStepCost(observations);
}

function knownBudget(options: FitEngineOptions): number | null {
  return options.limits?.maxBatchedTokens ?? options.base?.limits.maxBatchedTokens ?? null;
}

function limitsOf(
  options: FitEngineOptions,
  budget: number | null,
  reconstructions: readonly Reconstruction[],
  warnings: string[],
): EngineLimits {
  const given = options.limits ?? {};
  const base = options.base?.limits;
  const seen = seenMaxSeqs(options, reconstructions);
  let maxSeqs = given.maxSeqs ?? base?.maxSeqs;
  if (maxSeqs === undefined) {
    maxSeqs = seen ?? DEFAULT_LIMITS.maxSeqs;
    warnings.push(
      seen === null
        ? `most sequences at once unknown: ${maxSeqs} assumed (give --max-seqs)`
        : `most sequences at once: ${seen}, where the runs stop rising while requests wait`,
    );
  }
  const kvBlocks = given.kvBlocks ?? base?.kvBlocks;
  if (kvBlocks === undefined) {
    warnings.push(`KV cache size unknown: ${DEFAULT_LIMITS.kvBlocks} blocks assumed (give --kv-blocks)`);
  }
  return {
    maxBatchedTokens: budget ?? knownBudget(options) ?? DEFAULT_LIMITS.maxBatchedTokens,
    maxSeqs,
    kvBlocks: kvBlocks ?? DEFAULT_LIMITS.kvBlocks,
    blockSize: given.blockSize ?? base?.blockSize ?? DEFAULT_LIMITS.blockSize,
    maxModelLen: given.maxModelLen ?? base?.maxModelLen ?? DEFAULT_LIMITS.maxModelLen,
  };
}

/** A plateau: the largest batch was seen often while other requests waited. */
function seenMaxSeqs(options: FitEngineOptions, reconstructions: readonly Reconstruction[]): number | null {
  const most = Math.max(0, ...reconstructions.map((one) => one.maxDecodeSeqs));
  const plateau = reconstructions.some(
    (one) => one.maxDecodeSeqs === most && one.iterationsAtMax > 0.05 * one.iterations,
  );
  if (plateau && most > 1) return most;
  const running = gaugeMax(options.runs, 'running');
  const waiting = gaugeMax(options.runs, 'waiting');
  return running !== null && running > 0 && waiting !== null && waiting > 3 ? Math.round(running) : null;
}

function gaugeMax(runs: readonly CalibrationRun[], name: string): number | null {
  let best: number | null = null;
  for (const run of runs) {
    for (const gauge of run.gauges) {
      if (gauge.name === name && gauge.max !== null) best = Math.max(best ?? 0, gauge.max);
    }
  }
  return best;
}

function modelOf(options: FitEngineOptions, fit: StepCostFit, limits: EngineLimits): EngineModel {
  const rates = [...new Set(options.runs.map((run) => run.ratePerSec))].sort((a, b) => a - b);
  return {
    schemaVersion: 1,
    kind: 'engine-model',
    manifest: options.manifest,
    name: options.name,
    source:
      `calibrated on ${options.runs.length} runs at ${rates.map((rate) => significant(rate)).join(', ')} requests/s: ` +
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
