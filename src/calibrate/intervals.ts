/**
 * How sure the step cost is: confidence intervals by resampling windows of the runs.
 *
 * Neighbouring iterations share their batch, their clock and their neighbours on the machine, so windows of consecutive
 * observations are drawn, not single ones (block bootstrap, Künsch 1989, disjoint blocks), within each run, so that every
 * resample sees all loads. A resample is solved with the robust weights of the fit (Salibian-Barrera & Zamar 2002, without
 * their correction): it costs one 4 × 4 solution. Percentile intervals, widened for few windows by Student's t
 * (Hesterberg 2015).
 */
import { percentileSorted } from '../metrics.js';
import type { Rng } from '../random.js';
import { normalCdf } from '../stats/normal-cdf.js';
import { studentQuantile } from '../stats/student-quantile.js';
import type { StepCost, StepCostIntervals } from '../types.js';
import { addRow, emptyNormalEquations, type NormalEquations, solveNonNegative } from './nnls.js';
import { predictedSec, type StepCostFit } from './regression.js';
import type { StepObservation } from './steps.js';

export interface IntervalOptions {
  /** The observations of the fit, run after run, each in order of time. */
  readonly runs: readonly (readonly StepObservation[])[];
  /** The fit of all of them together. */
  readonly fit: StepCostFit;
  readonly rng: Rng;
  /** Default 1000. */
  readonly resamples?: number;
}

const LEVEL = 0.95;
const RESAMPLES = 1_000;
/** Observations of a window at least, and windows of a run at most. */
const WINDOW_OBSERVATIONS = 25;
const WINDOWS_PER_RUN = 50;
const FEWEST_WINDOWS = 6;
const KEYS = ['baseSec', 'perPrefillTokenSec', 'perDecodeSeqSec', 'perKvTokenSec'] as const;

/** Intervals of the four coefficients; null with fewer than six windows. */
export function stepCostIntervals(options: IntervalOptions): StepCostIntervals | null {
  const { fit, rng } = options;
  const resamples = options.resamples ?? RESAMPLES;
  let from = 0;
  const runs = options.runs.map((observations) => {
    const windows = windowsOf(observations, fit.weights.subarray(from, from + observations.length), fit.step);
    from += observations.length;
    return windows;
  });
  const windows = runs.reduce((sum, run) => sum + run.length, 0);
  if (windows < FEWEST_WINDOWS) return null;
  const draws = KEYS.map(() => new Float64Array(resamples));
  for (let r = 0; r < resamples; r++) {
    const sum = emptyNormalEquations(KEYS.length);
    for (const run of runs) for (let i = 0; i < run.length; i++) addEquations(sum, run[rng.int(run.length)]);
    solveNonNegative(sum).forEach((value, key) => {
      draws[key][r] = value;
    });
  }
  const tail = normalCdf(studentQuantile((1 - LEVEL) / 2, windows - 1) * Math.sqrt(windows / (windows - 1)));
  const interval = (key: number): readonly [number, number] => {
    const sorted = draws[key].sort();
    return [percentileSorted(sorted, tail)!, percentileSorted(sorted, 1 - tail)!];
  };
  return {
    level: LEVEL,
    resamples,
    windows,
    baseSec: interval(0),
    perPrefillTokenSec: interval(1),
    perDecodeSeqSec: interval(2),
    perKvTokenSec: interval(3),
  };
}

/** The same intervals around coefficients that were changed afterwards: the factor of each coefficient scales its ends. */
export function scaledIntervals(
  intervals: StepCostIntervals,
  fitted: StepCost,
  final: StepCost,
): StepCostIntervals {
  const scaled = (key: (typeof KEYS)[number]): readonly [number, number] => {
    const factor = fitted[key] > 0 ? final[key] / fitted[key] : 1;
    return [intervals[key][0] * factor, intervals[key][1] * factor];
  };
  return {
    ...intervals,
    baseSec: scaled('baseSec'),
    perPrefillTokenSec: scaled('perPrefillTokenSec'),
    perDecodeSeqSec: scaled('perDecodeSeqSec'),
    perKvTokenSec: scaled('perKvTokenSec'),
  };
}

/** Normal equations of each window of a run. */
function windowsOf(
  observations: readonly StepObservation[],
  weights: Float64Array,
  step: StepCost,
): NormalEquations[] {
  const count = Math.min(WINDOWS_PER_RUN, Math.max(1, Math.floor(observations.length / WINDOW_OBSERVATIONS)));
  const windows = Array.from({ length: count }, () => emptyNormalEquations(KEYS.length));
  const coefficients = KEYS.map((key) => step[key]);
  observations.forEach((one, i) => {
    const expectedSec = predictedSec(one, coefficients);
    if (weights[i] === 0 || expectedSec <= 0) return;
    const row = [one.iterations, one.prefillTokens, one.decodeSeqs, one.kvTokens];
    const window = windows[Math.floor((i * count) / observations.length)];
    addRow(window, row, one.durationSec, Math.sqrt(weights[i]) / expectedSec);
  });
  return windows.filter((window) => window.rows > 0);
}

function addEquations(sum: NormalEquations, one: NormalEquations): void {
  for (let i = 0; i < sum.gram.length; i++) sum.gram[i] += one.gram[i];
  for (let i = 0; i < sum.moment.length; i++) sum.moment[i] += one.moment[i];
  sum.rows += one.rows;
}
