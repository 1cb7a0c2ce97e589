/** The contract that every family satisfies, and maximum likelihood on the 20-point set against SciPy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../src/random.js';
import { andersonDarling } from '../../src/stats/anderson-darling.js';
import type { Params } from '../../src/stats/distribution.js';
import { FAMILIES, familyOf } from '../../src/stats/families.js';
import { fitAllFamilies, fitFamily } from '../../src/stats/fit-families.js';
import { ksDistance } from '../../src/stats/ks-distance.js';
import { groupSample } from '../../src/stats/sample.js';
import type { FamilyName } from '../../src/types.js';
import { assertClose, reference } from './reference.js';

const EXAMPLES: Readonly<Record<FamilyName, readonly Params[]>> = {
  exponential: [{ scale: 0.39 }, { scale: 2_048 }],
  gamma: [
    { a: 0.23, scale: 1.7 },
    { a: 1, scale: 3 },
    { a: 5.5, scale: 400 },
  ],
  weibull: [
    { c: 0.42, scale: 0.1 },
    { c: 1, scale: 3 },
    { c: 2.2, scale: 1_000 },
  ],
  lognormal: [
    { s: 0.4, scale: 151 },
    { s: 1.36, scale: 1_095 },
  ],
  inverse_gaussian: [
    { mu: 0.02, scale: 9_000 },
    { mu: 1.2, scale: 23 },
    { mu: 6, scale: 340 },
  ],
  log_logistic: [
    { c: 4.5, scale: 15 },
    { c: 9, scale: 1_300 },
  ],
  lomax: [
    { c: 0.2, scale: 117 },
    { c: -0.3, scale: 2_000 },
  ],
  pareto: [
    { b: 5.5, scale: 3 },
    { b: 9, scale: 6 },
  ],
  lognormal_mixture_2: [{ w1: 0.3, s1: 0.5, scale1: 20, w2: 0.7, s2: 0.25, scale2: 400 }],
  lognormal_mixture_3: [
    { w1: 0.3, s1: 0.3, scale1: 5, w2: 0.3, s2: 0.2, scale2: 60, w3: 0.4, s3: 0.25, scale3: 900 },
  ],
  hyperexponential_2: [{ w1: 0.4, scale1: 0.002, w2: 0.6, scale2: 0.6 }],
  hyperexponential_3: [{ w1: 0.3, scale1: 0.001, w2: 0.3, scale2: 0.06, w3: 0.4, scale3: 4 }],
  hyperexponential_4: [
    { w1: 0.25, scale1: 1e-4, w2: 0.25, scale2: 0.01, w3: 0.25, scale3: 1, w4: 0.25, scale4: 100 },
  ],
};

/** Relative error of parameters estimated from 60 000 draws: far more than four standard errors of any of them. */
const FIT_TOLERANCE: Readonly<Partial<Record<FamilyName, number>>> = {
  lognormal_mixture_3: 0.05,
  hyperexponential_3: 0.05,
  hyperexponential_4: 0.08,
  lomax: 0.06,
};

for (const family of FAMILIES) {
  const isIterative = family.shares !== undefined || family.name === 'inverse_gaussian';
  for (const params of EXAMPLES[family.name]) {
    const title = `${family.name} ${JSON.stringify(params)}`;

    test(`${title}: quantile undoes cdf, and both are monotone`, () => {
      let previous = -1;
      for (let i = 1; i < 200; i++) {
        const p = i / 200;
        const x = family.quantile(p, params);
        assert.ok(x > previous, `quantile(${p}) = ${x} is not above ${previous}`);
        previous = x;
        assertClose(family.cdf(x, params), p, 1e-10, `cdf(quantile(${p}))`);
      }
      const lowest = family.name === 'pareto' ? params['scale'] : 0;
      const highest =
        family.name === 'lomax' && params['c'] < 0
          ? -params['scale'] / params['c']
          : Number.POSITIVE_INFINITY;
      assert.equal(family.cdf(lowest, params), 0);
      assert.equal(family.cdf(-1, params), 0);
      assert.equal(family.survival(-1, params), 1);
      assert.equal(family.quantile(0, params), lowest);
      assertClose(1 / family.quantile(1, params), 1 / highest, 1e-12, 'upper end');
    });

    test(`${title}: survival is what cdf leaves, and keeps its digits where cdf has none left`, () => {
      for (const p of [0.01, 0.3, 0.7, 0.999]) {
        const x = family.quantile(p, params);
        assertClose(family.survival(x, params), 1 - family.cdf(x, params), 1e-9, `at the ${p} quantile`);
      }
      if (family.name === 'lomax' && params['c'] < 0) return;
      // At 1 − 1e-15 a cdf has one digit; e-folding of the survival function shows that it has all of its own.
      let x = family.quantile(1 - 1e-12, params);
      for (let step = 0; step < 20; step++) {
        const slope = (family.survival(x * 1.0001, params) - family.survival(x, params)) / (x * 1e-4);
        assertClose(-slope, Math.exp(family.logPdf(x * 1.000_05, params)), 1e-3, `density at ${x}`);
        x *= 1.05;
      }
    });

    test(`${title}: the density is the slope of the cdf`, () => {
      for (const p of [0.05, 0.3, 0.5, 0.8, 0.99]) {
        const x = family.quantile(p, params);
        const h = x * 1e-5;
        const slope = (family.cdf(x + h, params) - family.cdf(x - h, params)) / (2 * h);
        assertClose(Math.exp(family.logPdf(x, params)), slope, 1e-6, `density at the ${p} quantile`);
      }
      assert.equal(family.logPdf(-1, params), Number.NEGATIVE_INFINITY);
    });

    test(`${title}: the mean is the integral of the quantile function`, () => {
      // Quantiles found by iteration cost a hundred times those in closed form.
      const points = isIterative ? 20_000 : 200_000;
      let sum = 0;
      for (let i = 0; i < points; i++) sum += family.quantile((i + 0.5) / points, params);
      assertClose(sum / points, family.mean(params), 2e-3, 'mean');
    });

    test(`${title}: draws follow the cdf, and size-biased draws the density x·f(x)/mean`, () => {
      const n = 40_000;
      const rng = randomOf(7, 'bootstrap', family.name, JSON.stringify(params));
      const draws = groupSample(Float64Array.from({ length: n }, () => family.sample(rng, params)));
      // The 99.9 % point of D for a fully specified distribution is 1.95/√n.
      assert.ok(ksDistance(draws, (x) => family.cdf(x, params)) < 1.95 / Math.sqrt(n));
      // Share of size-biased draws below the median = ∫ quantile(p) dp over [0, ½] / mean.
      let below = 0;
      const median = family.quantile(0.5, params);
      for (let i = 0; i < n; i++) {
        if (family.sampleSizeBiased(rng, params) <= median) below += 1;
      }
      let partialMean = 0;
      const points = isIterative ? 10_000 : 100_000;
      for (let i = 0; i < points; i++) partialMean += family.quantile((0.5 * (i + 0.5)) / points, params);
      const expected = (0.5 * partialMean) / points / family.mean(params);
      const tolerance = (4 * Math.sqrt(expected * (1 - expected))) / Math.sqrt(n);
      assert.ok(Math.abs(below / n - expected) < tolerance, `${below / n} vs ${expected}`);
    });

    test(`${title}: fit(sample(p)) is p within sampling error, and scaling is exact`, () => {
      const n = 60_000;
      const rng = randomOf('fit', 'bootstrap', family.name, JSON.stringify(params));
      const draws = groupSample(Float64Array.from({ length: n }, () => family.sample(rng, params)));
      const fitted = family.fit(draws);
      assert.ok(fitted);
      const tolerance = FIT_TOLERANCE[family.name] ?? 0.03;
      for (const name of family.parameters) assertClose(fitted[name], params[name], tolerance, name);
      const scaled = family.scaled(params, 2.5);
      assertClose(family.mean(scaled), 2.5 * family.mean(params), 1e-12, 'mean of the scaled family');
      assertClose(family.cdf(2.5, scaled), family.cdf(1, params), 1e-10, 'cdf of the scaled family');
    });
  }

  test(`${family.name}: refuses samples that do not determine it`, () => {
    assert.equal(family.fit(groupSample([])), null);
    assert.equal(family.fit(groupSample([0, 1, 2])), null);
    assert.equal(family.fit(groupSample([-1, 1, 2])), null);
    if (family.parameters.length > 1) assert.equal(family.fit(groupSample([5, 5, 5])), null);
  });
}

test('maximum likelihood on the 20-point set equals SciPy', () => {
  const sample = groupSample(reference.toy.x);
  for (const expected of reference.toy.fits) {
    const fit = fitFamily(familyOf(expected.family as FamilyName), sample);
    assert.ok(fit);
    for (const [name, value] of Object.entries(expected.params)) {
      assertClose(fit.params[name], value, 1e-7, `${expected.family} ${name}`);
    }
    const family = familyOf(expected.family as FamilyName);
    const ad = andersonDarling(
      sample,
      (x) => family.cdf(x, fit.params),
      (x) => family.survival(x, fit.params),
    );
    assertClose(ad, expected.ad_A2, 1e-7, `${expected.family} AD`);
    assertClose(fit.logLikelihood, expected.loglik, 1e-12, `${expected.family} log-likelihood`);
    assertClose(fit.aic, expected.aic, 1e-12, `${expected.family} AIC`);
    assertClose(fit.bic, expected.bic, 1e-12, `${expected.family} BIC`);
    assertClose(fit.ksDistance, expected.ks_D, 1e-7, `${expected.family} KS`);
  }
});

test('families come lowest AIC first', () => {
  const fits = fitAllFamilies(groupSample(reference.toy.x));
  assert.deepEqual(
    fits.map((fit) => fit.family),
    ['inverse_gaussian', 'lognormal', 'lomax', 'log_logistic', 'weibull', 'gamma', 'exponential'],
  );
});
