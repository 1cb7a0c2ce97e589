/**
 * Hyperexponential families: one of K exponential gaps, short ones inside bursts and long ones between. Used for gaps
 * in time; parts by rising scale.
 *
 * Source: EM from two starts, groups of equal size and a group of the shortest 2 % (gaps of a millisecond among gaps of
 * a second are a part of their own that equal groups miss). Plain EM creeps where parts overlap, so each step is followed by a squared
 * extrapolation (SQUAREM; Varadhan & Roland, Scand. J. Stat. 35, 2008) that is kept only if the likelihood rises.
 * Samples above 50 000 are thinned to evenly spaced order statistics.
 */
import { exponential } from './exponential.js';
import { equalGroups, mixtureOf, type Part } from './mixture.js';
import type { GroupedSample } from './sample.js';

const MOST_STEPS = 200;
const RELATIVE_GAIN = 1e-10;
const MOST_VALUES = 50_000;

export const hyperexponential2 = mixtureOf('hyperexponential_2', 2, exponential, (sample) =>
  fitParts(sample, 2),
);
export const hyperexponential3 = mixtureOf('hyperexponential_3', 3, exponential, (sample) =>
  fitParts(sample, 3),
);
export const hyperexponential4 = mixtureOf('hyperexponential_4', 4, exponential, (sample) =>
  fitParts(sample, 4),
);

/** Logarithms of weight and rate of each part: [ln w₁, ln r₁, …]. */
type State = Float64Array;

function fitParts(sample: GroupedSample, parts: number): Part[] | null {
  if (sample.values.length < 2 * parts) return null;
  const grouped = thinned(sample);
  const found = [equalGroups(grouped.n, parts), shortestApart(grouped.n, parts)]
    .map((ends) => climb(grouped, ends))
    .filter((one) => one !== null);
  if (found.length === 0) return null;
  const { state } = found.reduce((best, one) => (one.logLikelihood > best.logLikelihood ? one : best));
  return Array.from({ length: parts }, (_, k) => ({
    weight: Math.exp(state[2 * k]),
    params: { scale: Math.exp(-state[2 * k + 1]) },
  })).sort((a, b) => a.params.scale - b.params.scale);
}

/** Ends of the groups: the shortest 2 % apart, the rest in equal groups. */
function shortestApart(n: number, parts: number): Uint32Array {
  const first = Math.max(1, Math.round(0.02 * n));
  return Uint32Array.from([first, ...equalGroups(n - first, parts - 1).map((end) => first + end)]);
}

interface Climb {
  readonly state: State;
  readonly logLikelihood: number;
}

function climb({ values, counts, n }: GroupedSample, ends: Uint32Array): Climb | null {
  let state = start(values, counts, n, ends);
  let logLikelihood = Number.NEGATIVE_INFINITY;
  for (let step = 0; step < MOST_STEPS; step++) {
    const first = iterate(state, values, counts, n);
    const second = iterate(first.next, values, counts, n);
    let next = second.next;
    const jump = extrapolate(state, first.next, second.next);
    // One more step from the jump shows its likelihood and brings it back towards the maximum.
    const after = jump === null ? null : iterate(jump, values, counts, n);
    if (after !== null && after.logLikelihood >= second.logLikelihood) next = after.next;
    const reached = Math.max(second.logLikelihood, after?.logLikelihood ?? Number.NEGATIVE_INFINITY);
    if (!Number.isFinite(reached)) return null;
    const done = step > 3 && reached - logLikelihood <= RELATIVE_GAIN * Math.abs(reached);
    logLikelihood = reached;
    state = next;
    if (done) break;
  }
  return { state, logLikelihood };
}

function thinned(sample: GroupedSample): GroupedSample {
  if (sample.values.length <= MOST_VALUES) return sample;
  const values = new Float64Array(MOST_VALUES);
  let i = 0;
  let upTo = sample.counts[0];
  for (let k = 0; k < MOST_VALUES; k++) {
    const place = ((k + 0.5) / MOST_VALUES) * sample.n;
    while (upTo < place) upTo += sample.counts[++i];
    values[k] = sample.values[i];
  }
  return { values, counts: new Float64Array(MOST_VALUES).fill(1), n: MOST_VALUES };
}

/** Weights and rates of the groups. */
function start(values: Float64Array, counts: Float64Array, n: number, ends: Uint32Array): State {
  const parts = ends.length;
  const sums = new Float64Array(parts);
  const sizes = new Float64Array(parts);
  for (let i = 0, g = 0, place = 0; i < values.length; i++) {
    while (place >= ends[g] && g < parts - 1) g += 1;
    sums[g] += counts[i] * values[i];
    sizes[g] += counts[i];
    place += counts[i];
  }
  const mean = sums.reduce((sum, one) => sum + one, 0) / n;
  const state = new Float64Array(2 * parts);
  for (let g = 0; g < parts; g++) {
    state[2 * g] = Math.log(Math.max(1e-6, sizes[g] / n));
    state[2 * g + 1] = Math.log(sums[g] > 0 ? sizes[g] / sums[g] : 1_000 / mean);
  }
  return state;
}

interface Iteration {
  /** Of the state before the step. */
  readonly logLikelihood: number;
  readonly next: State;
}

function iterate(state: State, values: Float64Array, counts: Float64Array, n: number): Iteration {
  const parts = state.length / 2;
  const front = new Float64Array(parts);
  const rate = new Float64Array(parts);
  for (let k = 0; k < parts; k++) {
    rate[k] = Math.exp(state[2 * k + 1]);
    front[k] = Math.exp(state[2 * k]) * rate[k];
  }
  const weight = new Float64Array(parts);
  const sum = new Float64Array(parts);
  const density = new Float64Array(parts);
  let logLikelihood = 0;
  for (let i = 0; i < values.length; i++) {
    let total = 0;
    for (let k = 0; k < parts; k++) {
      density[k] = front[k] * Math.exp(-rate[k] * values[i]);
      total += density[k];
    }
    logLikelihood += counts[i] * Math.log(total);
    const share = counts[i] / total;
    for (let k = 0; k < parts; k++) {
      const own = share * density[k];
      weight[k] += own;
      sum[k] += own * values[i];
    }
  }
  const next = new Float64Array(2 * parts);
  for (let k = 0; k < parts; k++) {
    next[2 * k] = Math.log(weight[k] / n);
    next[2 * k + 1] = Math.log(weight[k] / sum[k]);
  }
  return { logLikelihood, next };
}

/** Squared extrapolation along two steps, weights scaled to sum 1; null when it leads nowhere. */
function extrapolate(from: State, first: State, second: State): State | null {
  let change = 0;
  let curve = 0;
  for (let i = 0; i < from.length; i++) {
    const r = first[i] - from[i];
    const v = second[i] - first[i] - r;
    change += r * r;
    curve += v * v;
  }
  if (!(curve > 0)) return null;
  const alpha = Math.min(-1, -Math.sqrt(change / curve));
  const jump = from.map((value, i) => {
    const r = first[i] - value;
    const v = second[i] - first[i] - r;
    return value - 2 * alpha * r + alpha * alpha * v;
  });
  let total = 0;
  for (let k = 0; k < jump.length; k += 2) total += Math.exp(jump[k]);
  if (!(total > 0 && Number.isFinite(total))) return null;
  for (let k = 0; k < jump.length; k += 2) jump[k] -= Math.log(total);
  return jump.every(Number.isFinite) ? jump : null;
}
