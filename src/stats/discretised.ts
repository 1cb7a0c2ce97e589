/**
 * Continuous families as laws of whole numbers: P(k) = [F(k + ½) − F(k − ½)] / [1 − F(½)]. Token counts repeat, and a
 * density has no bound on a value that repeats; a probability has (STATISTICS §1.3, §2.2).
 *
 * Source: interval likelihood; its maximum by Nelder & Mead (1965) in the logarithms of the parameters, started from the
 * density's. Differences are taken on the smaller tail, so that far values keep their digits.
 */
import type { Distribution, Params } from './distribution.js';
import { type GroupedSample, weightedSum } from './sample.js';

export interface DiscreteFit {
  readonly params: Params;
  readonly logLikelihood: number;
}

/** ln P(k) of a whole number k ≥ 1. */
export function discreteLogPmf(family: Distribution, k: number, params: Params): number {
  return Math.log(intervalMass(family, k - 0.5, k + 0.5, params) / family.survival(0.5, params));
}

function intervalMass(family: Distribution, from: number, to: number, params: Params): number {
  const upper = family.survival(from, params);
  return upper < 0.5
    ? upper - family.survival(to, params)
    : family.cdf(to, params) - family.cdf(from, params);
}

/** Σ ln P(k); −∞ when a value has no probability. */
export function discreteLogLikelihood(family: Distribution, sample: GroupedSample, params: Params): number {
  return weightedSum(sample, (k) => discreteLogPmf(family, k, params));
}

/** Largest distance of the distribution functions of whole numbers: |Fₙ(k) − F(k + ½)| and |Fₙ(k − 1) − F(k − ½)|. */
export function discreteKsDistance(family: Distribution, sample: GroupedSample, params: Params): number {
  let below = 0;
  let largest = 0;
  sample.values.forEach((k, i) => {
    const upTo = below + sample.counts[i];
    largest = Math.max(
      largest,
      Math.abs(upTo / sample.n - family.cdf(k + 0.5, params)),
      Math.abs(below / sample.n - family.cdf(k - 0.5, params)),
    );
    below = upTo;
  });
  return largest;
}

/** Maximum of the discrete likelihood for families whose parameters are all positive and free; null when none is found. */
export function fitDiscretised(family: Distribution, sample: GroupedSample): DiscreteFit | null {
  const start = family.fit(sample);
  if (start === null) return null;
  const names = family.parameters;
  const paramsOf = (point: readonly number[]): Params =>
    Object.fromEntries(names.map((name, i) => [name, Math.exp(point[i])]));
  const cost = (point: readonly number[]): number => {
    const value = -discreteLogLikelihood(family, sample, paramsOf(point));
    return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
  };
  const best = minimize(
    cost,
    names.map((name) => Math.log(start[name])),
  );
  return { params: paramsOf(best.point), logLikelihood: -best.value };
}

interface Vertex {
  readonly point: readonly number[];
  readonly value: number;
}

/** Nelder–Mead with restarts until a restart gains nothing. */
function minimize(cost: (point: readonly number[]) => number, start: readonly number[]): Vertex {
  let best: Vertex = { point: start, value: cost(start) };
  for (let round = 0; round < 6; round++) {
    const found = simplexSearch(cost, best, round === 0 ? 0.1 : 0.01);
    const gain = best.value - found.value;
    best = found;
    if (gain <= 1e-10 * Math.abs(best.value)) break;
  }
  return best;
}

function simplexSearch(cost: (point: readonly number[]) => number, start: Vertex, size: number): Vertex {
  const dimensions = start.point.length;
  const at = (point: readonly number[]): Vertex => ({ point, value: cost(point) });
  const simplex: Vertex[] = [
    start,
    ...start.point.map((_, i) => at(start.point.map((value, j) => (i === j ? value + size : value)))),
  ];
  for (let step = 0; step < 400; step++) {
    simplex.sort((a, b) => a.value - b.value);
    const worst = simplex[dimensions];
    const spread = simplex[0].point.reduce(
      (most, value, j) => Math.max(most, Math.abs(value - worst.point[j])),
      0,
    );
    if (spread < 1e-9 || worst.value - simplex[0].value <= 1e-14 * Math.abs(worst.value)) break;
    const centre = start.point.map(
      (_, j) => simplex.slice(0, dimensions).reduce((sum, vertex) => sum + vertex.point[j], 0) / dimensions,
    );
    const along = (factor: number): Vertex =>
      at(centre.map((value, j) => value + factor * (worst.point[j] - value)));
    const reflected = along(-1);
    if (reflected.value < simplex[0].value) {
      const expanded = along(-2);
      simplex[dimensions] = expanded.value < reflected.value ? expanded : reflected;
    } else if (reflected.value < simplex[dimensions - 1].value) simplex[dimensions] = reflected;
    else {
      const contracted = along(reflected.value < worst.value ? -0.5 : 0.5);
      if (contracted.value < Math.min(worst.value, reflected.value)) simplex[dimensions] = contracted;
      else {
        for (let k = 1; k <= dimensions; k++)
          simplex[k] = at(simplex[k].point.map((value, j) => (value + simplex[0].point[j]) / 2));
      }
    }
  }
  return simplex.reduce((a, b) => (b.value < a.value ? b : a));
}
