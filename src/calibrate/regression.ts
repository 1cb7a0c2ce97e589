/**
 * Step-cost coefficients from observations: non-negative least squares on relative errors, made robust.
 *
 * An observation's duration = iterations·base + prefill·p + decodes·d + kv·k. Errors are taken relative to the
 * prediction (engine noise is multiplicative) and re-weighted by Tukey's bisquare (c = 4.685 robust standard
 * deviations; Holland & Welsch 1977), so that pauses of the network or the client do not count. Iterations with and
 * without prefill have a standard deviation each: prefill is rare, and would be an outlier among plain decoding.
 */
import type { StepCost } from '../types.js';
import { addRow, emptyNormalEquations, solveNonNegative } from './nnls.js';
import type { StepObservation } from './steps.js';

export interface StepCostFit {
  readonly step: StepCost;
  /** Observations, and the share of them that kept at least half of their weight. */
  readonly observations: number;
  readonly usedRatio: number;
  /** Robust standard deviation of the relative error (1.4826 × median absolute deviation). */
  readonly relativeScale: number;
  /**
   * Sum of the relative errors that noise cannot explain (beyond 4.685 robust standard deviations of all errors), each
   * counted as 0.5 at most: tells a wrong reconstruction from a right one.
   */
  readonly unexplained: number;
  /** Weight of each observation at the end, 0–1: 0 = not used. */
  readonly weights: Float64Array;
}

const BISQUARE = 4.685;
const ROUNDS = 30;
/** Standard deviations are not taken as smaller than this: an error within 5 % or so is never an outlier. */
const SCALE_FLOOR = 0.01;

/** Fits the four coefficients; null when there is no observation. */
export function fitStepCost(observations: readonly StepObservation[]): StepCostFit | null {
  if (observations.length === 0) return null;
  const weights = new Float64Array(observations.length).fill(1);
  let coefficients = solveWeighted(observations, weights, null);
  let scale = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const errors = relativeErrors(observations, coefficients);
    scale = robustScale(errors);
    const limits = [false, true].map((prefill) => {
      const own = errors.filter((_, i) => observations[i].prefillTokens > 0 === prefill);
      return BISQUARE * Math.max(robustScale(own), SCALE_FLOOR);
    });
    for (let i = 0; i < errors.length; i++) {
      const u = errors[i] / limits[observations[i].prefillTokens > 0 ? 1 : 0];
      weights[i] = Math.abs(u) < 1 ? (1 - u * u) ** 2 : 0;
    }
    const next = solveWeighted(observations, weights, coefficients);
    const change = Math.max(...next.map((value, j) => Math.abs(value - coefficients[j]) / (value || 1)));
    coefficients = next;
    if (change < 1e-9) break;
  }
  const [baseSec, perPrefillTokenSec, perDecodeSeqSec, perKvTokenSec] = coefficients;
  const errors = relativeErrors(observations, coefficients);
  const noise = BISQUARE * Math.max(scale, SCALE_FLOOR);
  const unexplained = errors.reduce(
    (sum, error) => (Math.abs(error) > noise ? sum + Math.min(0.5, Math.abs(error)) : sum),
    0,
  );
  const used = weights.reduce((count, weight) => count + (weight >= 0.5 ? 1 : 0), 0);
  return {
    step: {
      baseSec,
      perPrefillTokenSec,
      perDecodeSeqSec,
      perKvTokenSec,
      noiseCv: noiseCvOf(errors, weights),
    },
    observations: observations.length,
    usedRatio: used / observations.length,
    relativeScale: scale,
    unexplained,
    weights,
  };
}

/** Predicted seconds of an observation. */
export function predictedSec(observation: StepObservation, c: readonly number[]): number {
  return (
    c[0] * observation.iterations +
    c[1] * observation.prefillTokens +
    c[2] * observation.decodeSeqs +
    c[3] * observation.kvTokens
  );
}

function solveWeighted(
  observations: readonly StepObservation[],
  weights: Float64Array,
  previous: readonly number[] | null,
): number[] {
  const equations = emptyNormalEquations(4);
  const row = new Float64Array(4);
  for (let i = 0; i < observations.length; i++) {
    if (weights[i] === 0) continue;
    const observation = observations[i];
    row[0] = observation.iterations;
    row[1] = observation.prefillTokens;
    row[2] = observation.decodeSeqs;
    row[3] = observation.kvTokens;
    const expected = previous === null ? observation.durationSec : predictedSec(observation, previous);
    if (expected <= 0) continue;
    addRow(equations, row, observation.durationSec, Math.sqrt(weights[i]) / expected);
  }
  return solveNonNegative(equations);
}

function relativeErrors(
  observations: readonly StepObservation[],
  coefficients: readonly number[],
): Float64Array {
  return Float64Array.from(observations, (observation) => {
    const expected = predictedSec(observation, coefficients);
    return expected > 0 ? observation.durationSec / expected - 1 : 1;
  });
}

/** 1.4826 × median absolute error; 0 without errors. */
function robustScale(errors: Float64Array): number {
  if (errors.length === 0) return 0;
  const sorted = errors.map(Math.abs).sort();
  return 1.4826 * sorted[Math.floor(sorted.length / 2)];
}

/**
 * Noise of the engine itself: a late write makes one observation longer and the next one shorter by the same, so
 * errors of the clock or the network have lag-1 covariance −σ²; what remains of the variance is the engine's. Values
 * below 1 % are reported as none.
 */
function noiseCvOf(errors: Float64Array, weights: Float64Array): number {
  let square = 0;
  let cross = 0;
  let n = 0;
  let pairs = 0;
  for (let i = 0; i < errors.length; i++) {
    if (weights[i] === 0) continue;
    square += errors[i] ** 2;
    n += 1;
    if (i > 0 && weights[i - 1] > 0) {
      cross += errors[i] * errors[i - 1];
      pairs += 1;
    }
  }
  if (n < 2 || pairs < 2) return 0;
  const variance = square / n + 2 * Math.min(0, cross / pairs);
  const cv = Math.sqrt(Math.max(0, variance));
  return cv < 0.01 ? 0 : cv;
}
