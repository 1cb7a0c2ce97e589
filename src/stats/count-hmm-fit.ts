/**
 * Fits the count chain of count-hmm.ts by expectation–maximization.
 *
 * Source: Baum–Welch with scaling; the mean of a state is the weighted mean of counts (the maximum for any size), its
 * size by golden-section search of ln r in [−5, 8]; transition probabilities floored at 1e-12, means at 1e-6
 * (STATISTICS §2.4, §5.12). EM finds local optima, so two starts are tried and the better kept. Cost: about K²
 * products per bin and iteration; 3 436 bins, K = 4: some 0.3 s.
 */
import { type CountHmm, countLogPmf, emissionTable } from './count-hmm.js';

export interface FittedHmm extends CountHmm {
  readonly logLikelihood: number;
  readonly bic: number;
}

const MOST_ITERATIONS = 400;
const RELATIVE_GAIN = 1e-9;
const LEAST_PROBABILITY = 1e-12;
const LEAST_MEAN = 1e-6;
const LOG_SIZE_RANGE = [-5, 8] as const;

/** Fits `states` ≥ 2 states to whole counts ≥ 0; states come by rising mean. */
export function fitCountHmm(counts: ArrayLike<number>, states: number): FittedHmm {
  const starts = [startByQuantiles(counts, states), startByLogarithms(counts, states)];
  const fits = starts.map((means) => iterate(counts, means));
  return fits.reduce((best, fit) => (fit.logLikelihood > best.logLikelihood ? fit : best));
}

/** Parameters counted as in the reference: means, sizes, transitions and the initial law. */
function parameterCount(states: number): number {
  return 2 * states + states * (states - 1) + states - 1;
}

/** Means of equal groups of the sorted counts. */
function startByQuantiles(counts: ArrayLike<number>, states: number): number[] {
  const sorted = Float64Array.from(counts).sort();
  const n = sorted.length;
  return Array.from({ length: states }, (_, k) => {
    const group = sorted.subarray(Math.floor((k * n) / states), Math.floor(((k + 1) * n) / states));
    const mean = group.reduce((sum, count) => sum + count, 0) / group.length;
    return mean + 0.05 * (k + 1);
  });
}

/** Means spread evenly in ln(1 + count). */
function startByLogarithms(counts: ArrayLike<number>, states: number): number[] {
  let largest = 1;
  for (let t = 0; t < counts.length; t++) largest = Math.max(largest, counts[t]);
  return Array.from(
    { length: states },
    (_, k) => Math.expm1((Math.log1p(largest) * (k + 0.1)) / states) + 0.01,
  );
}

interface Working {
  readonly mean: number[];
  readonly size: number[];
  readonly transition: number[][];
  readonly initial: number[];
}

function iterate(counts: ArrayLike<number>, means: readonly number[]): FittedHmm {
  const states = means.length;
  let largest = 0;
  for (let t = 0; t < counts.length; t++) largest = Math.max(largest, counts[t]);
  const working: Working = {
    mean: [...means],
    size: means.map(() => 2),
    transition: means.map((_, i) => means.map((__, j) => (i === j ? 0.9 : 0.1 / (states - 1)))),
    initial: means.map(() => 1 / states),
  };
  let logLikelihood = Number.NEGATIVE_INFINITY;
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
    const step = expectation(counts, working, largest);
    const gain = step.logLikelihood - logLikelihood;
    logLikelihood = step.logLikelihood;
    if (iteration > 5 && gain <= RELATIVE_GAIN * Math.abs(logLikelihood)) break;
    maximization(working, step);
  }
  const order = working.mean.map((_, k) => k).sort((a, b) => working.mean[a] - working.mean[b]);
  return {
    mean: order.map((k) => working.mean[k]),
    size: order.map((k) => working.size[k]),
    transition: order.map((i) => order.map((j) => working.transition[i][j])),
    logLikelihood,
    bic: parameterCount(states) * Math.log(counts.length) - 2 * logLikelihood,
  };
}

interface Expectation {
  readonly logLikelihood: number;
  /** Expected number of moves i → j. */
  readonly moves: Float64Array[];
  /** Expected bins in each state with each count. */
  readonly occupancy: Float64Array[];
  /** State probabilities of the first bin. */
  readonly first: Float64Array;
}

function expectation(counts: ArrayLike<number>, working: Working, largest: number): Expectation {
  const states = working.mean.length;
  const bins = counts.length;
  const emissions = emissionTable(working, largest);
  const { transition } = working;
  const forward = new Float64Array(bins * states);
  const scale = new Float64Array(bins);
  let logLikelihood = 0;
  for (let t = 0; t < bins; t++) {
    const { relative, logScale } = emissions[counts[t]];
    const here = t * states;
    let total = 0;
    for (let j = 0; j < states; j++) {
      let reached = 0;
      if (t === 0) reached = working.initial[j];
      else for (let i = 0; i < states; i++) reached += forward[here - states + i] * transition[i][j];
      forward[here + j] = reached * relative[j];
      total += forward[here + j];
    }
    for (let j = 0; j < states; j++) forward[here + j] /= total;
    scale[t] = total;
    logLikelihood += Math.log(total) + logScale;
  }
  const moves = working.mean.map(() => new Float64Array(states));
  const occupancy = working.mean.map(() => new Float64Array(largest + 1));
  const weighted = new Float64Array(states);
  let backward = new Float64Array(states).fill(1);
  let first = new Float64Array(states);
  for (let t = bins - 1; t >= 0; t--) {
    const here = t * states;
    const posterior = new Float64Array(states);
    for (let j = 0; j < states; j++) {
      posterior[j] = forward[here + j] * backward[j];
      occupancy[j][counts[t]] += posterior[j];
    }
    if (t === 0) {
      first = posterior;
      break;
    }
    const { relative } = emissions[counts[t]];
    for (let j = 0; j < states; j++) weighted[j] = (relative[j] * backward[j]) / scale[t];
    const earlier = new Float64Array(states);
    for (let i = 0; i < states; i++) {
      const before = forward[here - states + i];
      let sum = 0;
      for (let j = 0; j < states; j++) {
        const passed = transition[i][j] * weighted[j];
        moves[i][j] += before * passed;
        sum += passed;
      }
      earlier[i] = sum;
    }
    backward = earlier;
  }
  return { logLikelihood, moves, occupancy, first };
}

function maximization(working: Working, step: Expectation): void {
  const states = working.mean.length;
  const firstTotal = step.first.reduce((sum, share) => sum + share, 0);
  for (let i = 0; i < states; i++) {
    working.initial[i] = step.first[i] / firstTotal;
    const out = step.moves[i].reduce((sum, count) => sum + count, 0);
    const row = Array.from(step.moves[i], (count) =>
      Math.max(LEAST_PROBABILITY, out > 0 ? count / out : 1 / states),
    );
    const total = row.reduce((sum, share) => sum + share, 0);
    working.transition[i] = row.map((share) => share / total);
    let bins = 0;
    let requests = 0;
    step.occupancy[i].forEach((weight, count) => {
      bins += weight;
      requests += weight * count;
    });
    working.mean[i] = Math.max(LEAST_MEAN, bins > 0 ? requests / bins : LEAST_MEAN);
    working.size[i] = bestSize(step.occupancy[i], working.mean[i]);
  }
}

/** Size that maximizes the weighted log-likelihood of counts at a given mean. */
function bestSize(weights: Float64Array, mean: number): number {
  const score = (logSize: number): number => {
    const size = Math.exp(logSize);
    let sum = 0;
    for (let count = 0; count < weights.length; count++) {
      if (weights[count] > 1e-12) sum += weights[count] * countLogPmf(count, mean, size);
    }
    return sum;
  };
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [low, high]: readonly [number, number] = LOG_SIZE_RANGE;
  let left = high - ratio * (high - low);
  let right = low + ratio * (high - low);
  let scoreLeft = score(left);
  let scoreRight = score(right);
  for (let i = 0; i < 40; i++) {
    if (scoreLeft > scoreRight) {
      high = right;
      [right, scoreRight] = [left, scoreLeft];
      left = high - ratio * (high - low);
      scoreLeft = score(left);
    } else {
      low = left;
      [left, scoreLeft] = [right, scoreRight];
      right = low + ratio * (high - low);
      scoreRight = score(right);
    }
  }
  return Math.exp((low + high) / 2);
}
