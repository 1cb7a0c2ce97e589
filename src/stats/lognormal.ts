/**
 * Lognormal family. Parameters s (standard deviation of ln x) and scale (exp of the mean of ln x, the median).
 *
 * Source: closed-form maximum likelihood (n in the denominator of the variance). The fitted mean need not equal the
 * sample mean. Measured relative error against SciPy: below 1e-12.
 */
import type { Distribution } from './distribution.js';
import { normalCdf } from './normal-cdf.js';
import { normalQuantile } from './normal-quantile.js';
import { weightedSum } from './sample.js';

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);

export const lognormal: Distribution = {
  name: 'lognormal',
  parameters: ['s', 'scale'],
  logPdf(x, { s, scale }) {
    if (x <= 0) return Number.NEGATIVE_INFINITY;
    const z = Math.log(x / scale) / s;
    return -0.5 * z * z - HALF_LOG_TWO_PI - Math.log(s * x);
  },
  cdf: (x, { s, scale }) => (x <= 0 ? 0 : normalCdf(Math.log(x / scale) / s)),
  survival: (x, { s, scale }) => (x <= 0 ? 1 : normalCdf(-Math.log(x / scale) / s)),
  quantile: (p, { s, scale }) => scale * Math.exp(s * normalQuantile(p)),
  mean: ({ s, scale }) => scale * Math.exp(0.5 * s * s),
  sample: (rng, { s, scale }) => scale * Math.exp(s * rng.normal()),
  sampleSizeBiased: (rng, { s, scale }) => scale * Math.exp(s * s + s * rng.normal()),
  scaled: ({ s, scale }, factor) => ({ s, scale: scale * factor }),
  fit(sample) {
    if (sample.values.length < 2 || sample.values[0] <= 0) return null;
    const mu = weightedSum(sample, Math.log) / sample.n;
    const variance = weightedSum(sample, (x) => (Math.log(x) - mu) ** 2) / sample.n;
    return variance > 1e-24 ? { s: Math.sqrt(variance), scale: Math.exp(mu) } : null;
  },
};
