/**
 * Mixtures of two or three lognormals by density, for reports: what one lognormal misses.
 *
 * Source: EM on ln x from groups of equal size, standard deviations floored at 0.01. Densities have no upper bound on
 * values that repeat, so a part may sit on an atom (the floor says so); samples of whole numbers are better served by
 * lognormal-mixture-discrete.ts. Cost: parts × distinct values per iteration, some hundred iterations.
 */
import { lognormal } from './lognormal.js';
import { equalGroups, mixtureOf, type Part } from './mixture.js';
import type { GroupedSample } from './sample.js';

const LEAST_SD = 0.01;
const MOST_ITERATIONS = 3_000;
const RELATIVE_GAIN = 1e-13;

export const lognormalMixture2 = mixtureOf('lognormal_mixture_2', 2, lognormal, (sample) =>
  fitParts(sample, 2),
);
export const lognormalMixture3 = mixtureOf('lognormal_mixture_3', 3, lognormal, (sample) =>
  fitParts(sample, 3),
);

/** Working parameters of the parts, in logarithms of the values. */
export interface LogParts {
  readonly weight: Float64Array;
  readonly mean: Float64Array;
  readonly sd: Float64Array;
}

/** Parts of the equally large groups of the sorted sample. */
export function startOfEqualGroups(
  logs: Float64Array,
  counts: Float64Array,
  parts: number,
  leastSd: number,
): LogParts {
  const n = counts.reduce((sum, count) => sum + count, 0);
  const ends = equalGroups(n, parts);
  const weight = new Float64Array(parts);
  const mean = new Float64Array(parts);
  const squares = new Float64Array(parts);
  for (let i = 0, g = 0, place = 0; i < logs.length; i++) {
    for (let left = counts[i]; left > 0; ) {
      while (place >= ends[g] && g < parts - 1) g += 1;
      const taken = Math.min(left, g === parts - 1 ? left : ends[g] - place);
      weight[g] += taken;
      mean[g] += taken * logs[i];
      squares[g] += taken * logs[i] * logs[i];
      place += taken;
      left -= taken;
    }
  }
  const sd = new Float64Array(parts);
  for (let g = 0; g < parts; g++) {
    mean[g] /= weight[g];
    sd[g] = Math.max(leastSd, Math.sqrt(Math.max(0, squares[g] / weight[g] - mean[g] * mean[g])));
    weight[g] /= n;
  }
  return { weight, mean, sd };
}

/** By rising median. */
export function sortedParts({ weight, mean, sd }: LogParts): Part[] {
  return Array.from(weight, (w, k) => ({ weight: w, params: { s: sd[k], scale: Math.exp(mean[k]) } })).sort(
    (a, b) => a.params.scale - b.params.scale,
  );
}

function fitParts(sample: GroupedSample, parts: number): Part[] | null {
  if (sample.values.length < 2 * parts) return null;
  const logs = sample.values.map(Math.log);
  const { counts, n } = sample;
  const { weight, mean, sd } = startOfEqualGroups(logs, counts, parts, LEAST_SD);
  const density = new Float64Array(parts);
  let before = Number.NEGATIVE_INFINITY;
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
    const sums = Array.from({ length: parts }, () => ({ n: 0, first: 0, second: 0 }));
    let logLikelihood = 0;
    for (let i = 0; i < logs.length; i++) {
      let total = 0;
      for (let k = 0; k < parts; k++) {
        const z = (logs[i] - mean[k]) / sd[k];
        density[k] = (weight[k] * Math.exp(-0.5 * z * z)) / sd[k];
        total += density[k];
      }
      logLikelihood += counts[i] * Math.log(total);
      for (let k = 0; k < parts; k++) {
        const share = (counts[i] * density[k]) / total;
        // Moments about the present mean: no cancellation when a part is narrow.
        const off = logs[i] - mean[k];
        sums[k].n += share;
        sums[k].first += share * off;
        sums[k].second += share * off * off;
      }
    }
    if (!Number.isFinite(logLikelihood)) return null;
    sums.forEach((sum, k) => {
      weight[k] = sum.n / n;
      const shift = sum.n > 0 ? sum.first / sum.n : 0;
      mean[k] += shift;
      sd[k] = Math.max(LEAST_SD, Math.sqrt(Math.max(0, sum.n > 0 ? sum.second / sum.n - shift * shift : 0)));
    });
    if (iteration > 5 && logLikelihood - before <= RELATIVE_GAIN * Math.abs(logLikelihood)) break;
    before = logLikelihood;
  }
  return sortedParts({ weight, mean, sd });
}
