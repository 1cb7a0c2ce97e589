/**
 * Refinement by simulation: the coefficients that regression found are nudged, one at a time, while that brings the
 * simulated percentiles closer to the measured ones. Regression sees single iterations; this sees what a user sees,
 * queueing included. A nudge must buy more than it bends: the objective is the mean squared log error of the
 * percentiles plus `stiffness` × the squared logs of the nudges, because percentiles of a short run are noisier than
 * thousands of iterations. Coordinate search with factors 1.10, 1.03 and 1.01; coefficients at zero stay there.
 */
import type { EngineModel, StepCost } from '../types.js';
import { compareWithRuns, type MeasuredRun, misfit } from './compare-runs.js';

export interface RefineOptions {
  readonly engine: EngineModel;
  readonly runs: readonly MeasuredRun[];
  readonly seed: string;
  /** Trust in the regression against the percentiles. */
  readonly stiffness: number;
  /** Simulations of all runs at most. Default 80. */
  readonly maxEvaluations?: number;
  readonly signal?: AbortSignal | null;
}

export interface Refinement {
  readonly engine: EngineModel;
  /** Objective before and after. */
  readonly before: number;
  readonly after: number;
  readonly evaluations: number;
}

const FACTORS = [1.1, 1.03, 1.01];
const KEYS = ['baseSec', 'perPrefillTokenSec', 'perDecodeSeqSec', 'perKvTokenSec'] as const;

/** The nudged model, never worse than the given one at the runs' loads. */
export function refineBySimulation(options: RefineOptions): Refinement {
  const limit = options.maxEvaluations ?? 80;
  const start = options.engine.step;
  let evaluations = 0;
  const score = (step: StepCost): number => {
    options.signal?.throwIfAborted();
    evaluations += 1;
    const errors = compareWithRuns({ ...options.engine, step }, options.runs, options.seed);
    const bend = KEYS.reduce((sum, key) => {
      return start[key] > 0 ? sum + Math.log(step[key] / start[key]) ** 2 : sum;
    }, 0);
    return misfit(errors) + options.stiffness * bend;
  };
  let step = start;
  const before = score(step);
  let best = before;
  for (const factor of FACTORS) {
    for (let improved = true; improved && evaluations < limit; ) {
      improved = false;
      for (const key of KEYS) {
        if (step[key] === 0 || evaluations >= limit) continue;
        for (const scale of [factor, 1 / factor]) {
          const candidate = { ...step, [key]: step[key] * scale };
          const value = score(candidate);
          if (value < best * 0.999) {
            best = value;
            step = candidate;
            improved = true;
            break;
          }
        }
      }
    }
  }
  return { engine: { ...options.engine, step }, before, after: best, evaluations };
}
