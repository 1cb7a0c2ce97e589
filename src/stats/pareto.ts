/**
 * Pareto family, for reports only: it starts at the smallest value seen and its mean is usually infinite. Parameters b
 * (tail index) and scale (lower end).
 *
 * Source: closed-form maximum likelihood, scale = min, 1/b = mean ln(x/min) (Hill over the whole sample). It can win a
 * race of densities and still put the mean sixty times too high (STATISTICS §1.3); the generator does not offer it.
 */
import type { Distribution } from './distribution.js';
import { weightedSum } from './sample.js';

export const pareto: Distribution = {
  name: 'pareto',
  parameters: ['b', 'scale'],
  logPdf: (x, { b, scale }) =>
    x < scale ? Number.NEGATIVE_INFINITY : Math.log(b / x) - b * Math.log(x / scale),
  cdf: (x, { b, scale }) => (x <= scale ? 0 : -Math.expm1(-b * Math.log(x / scale))),
  survival: (x, { b, scale }) => (x <= scale ? 1 : (scale / x) ** b),
  quantile: (p, { b, scale }) => scale * Math.exp(-Math.log1p(-p) / b),
  mean: ({ b, scale }) => (b > 1 ? (scale * b) / (b - 1) : Number.POSITIVE_INFINITY),
  sample: (rng, { b, scale }) => scale * Math.exp(rng.exponential() / b),
  // Size-biased, x·f(x) is Pareto with index b − 1.
  sampleSizeBiased: (rng, { b, scale }) => scale * Math.exp(rng.exponential() / (b - 1)),
  scaled: ({ b, scale }, factor) => ({ b, scale: scale * factor }),
  fit(sample) {
    const [scale] = sample.values;
    if (sample.values.length < 2 || scale <= 0) return null;
    const meanLog = weightedSum(sample, (x) => Math.log(x / scale)) / sample.n;
    return meanLog > 0 ? { b: 1 / meanLog, scale } : null;
  },
};
