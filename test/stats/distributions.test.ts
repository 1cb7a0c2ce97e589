/** The contract that every family satisfies, and maximum likelihood on the 20-point set against SciPy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../src/random.js';
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
};

for (const family of FAMILIES) {
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
      assert.equal(family.cdf(0, params), 0);
      assert.equal(family.cdf(-1, params), 0);
      assert.equal(family.quantile(0, params), 0);
      assert.equal(family.quantile(1, params), Number.POSITIVE_INFINITY);
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
      const points = 200_000;
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
      const points = 100_000;
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
      for (const name of family.parameters) assertClose(fitted[name], params[name], 0.03, name);
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
      assertClose(fit.params[name], value, 1e-8, `${expected.family} ${name}`);
    }
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
    ['lognormal', 'weibull', 'gamma', 'exponential'],
  );
});
