/** Every number of the statistics reference that `stats` touches, on the four public traces (skipped without them). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { andersonDarling } from '../../src/stats/anderson-darling.js';
import { autocorrelation } from '../../src/stats/autocorrelation.js';
import { hmmLogLikelihood } from '../../src/stats/count-hmm.js';
import { fitCountHmm } from '../../src/stats/count-hmm-fit.js';
import { discreteKsDistance, discreteLogLikelihood, fitDiscretised } from '../../src/stats/discretised.js';
import { countsPerWindow, dispersionIndex } from '../../src/stats/dispersion.js';
import { familyOf } from '../../src/stats/families.js';
import { fitFamily } from '../../src/stats/fit-families.js';
import { binCentres, gaussianSmooth } from '../../src/stats/gaussian-smooth.js';
import { hawkesLogLikelihood } from '../../src/stats/hawkes.js';
import { ksDistance } from '../../src/stats/ks-distance.js';
import { ksTwoSample } from '../../src/stats/ks-two-sample.js';
import { mmppLogLikelihood } from '../../src/stats/mmpp.js';
import { meanOf, populationVarianceOf, sumOf, varianceOf, variationOf } from '../../src/stats/moments.js';
import { quantilesOf } from '../../src/stats/quantiles.js';
import { groupSample } from '../../src/stats/sample.js';
import { spearman } from '../../src/stats/spearman.js';
import { fitTail, judgeTail } from '../../src/stats/tail-fit.js';
import { wassersteinDistance } from '../../src/stats/wasserstein.js';
import type { FamilyName } from '../../src/types.js';
import {
  gapsOf,
  missingData,
  PUBLIC_TRACES,
  type PublicTraceName,
  readPublicTrace,
} from './public-traces.js';
import { assertClose, reference } from './reference.js';

const skip = missingData();

function columnOf(trace: string, column: string): Float64Array {
  const rows = readPublicTrace(trace as PublicTraceName);
  switch (column) {
    case 'input_tokens':
      return Float64Array.from(rows.inputTokens);
    case 'output_tokens':
      return Float64Array.from(rows.outputTokens);
    case 'iat_s':
      return gapsOf(rows.timesSec);
    case 'iat_s_positive_only':
      return gapsOf(rows.timesSec).filter((gap) => gap > 0);
    default:
      throw new Error(`unknown column ${column}`);
  }
}

const isMixture = (family: string): boolean => /mixture|hyperexponential/.test(family);

for (const expected of reference.fits) {
  const title = `${expected.trace} ${expected.column} ${expected.family}`;
  const family = familyOf(expected.family as FamilyName);

  test(`fit of ${title} equals SciPy${isMixture(expected.family) ? ' or is better' : ' within 1e-6'}`, {
    skip,
  }, () => {
    const sample = groupSample(columnOf(expected.trace!, expected.column!));
    const fit = fitFamily(family, sample);
    assert.ok(fit);
    assert.equal(fit.n, expected.n);
    // The number of parameters shows in AIC.
    assertClose((fit.aic + 2 * fit.logLikelihood) / 2, expected.k, 1e-9, 'parameters');
    // EM stops early and finds local maxima: a better one is a pass (reference tolerance: 0.5). The reference's lomax
    // on azure_code's gaps is 10.3 below the maximum; its hyperexponential on azure_conv's had not come to rest.
    assert.ok(
      fit.logLikelihood >
        expected.loglik - (isMixture(expected.family) ? 0.5 : 1e-6 * Math.abs(expected.loglik)),
    );
    if (fit.logLikelihood > expected.loglik + (expected.family.startsWith('hyper') ? 1e-3 : 0.5)) {
      assert.ok(isMixture(expected.family) || expected.family === 'lomax');
      return;
    }
    const tolerance = isMixture(expected.family) ? 1e-2 : 1e-6;
    for (const [name, value] of Object.entries(expected.params))
      assertClose(fit.params[name], value, tolerance, name, name === 'c' ? 1e-7 : 0);
    assertClose(fit.logLikelihood, expected.loglik, 1e-6, 'log-likelihood');
    assertClose(fit.aic, expected.aic, 1e-6, 'AIC');
    assertClose(fit.bic, expected.bic, 1e-6, 'BIC');
    assertClose(fit.ksDistance, expected.ks_D, 0, 'KS', isMixture(expected.family) ? 1e-3 : 1e-6);
  });

  test(`distances of ${title} at the reference parameters`, { skip }, () => {
    const sample = groupSample(columnOf(expected.trace!, expected.column!));
    const { params } = expected;
    const cdf = (x: number): number => family.cdf(x, params);
    assertClose(ksDistance(sample, cdf), expected.ks_D, 1e-9, 'KS');
    const ad = andersonDarling(sample, cdf, (x) => family.survival(x, params));
    assertClose(ad, expected.ad_A2, 1e-7, 'Anderson–Darling');
    if (expected.disc_loglik === undefined) return;
    assertClose(discreteKsDistance(family, sample, params), expected.ks_D_disc!, 1e-9, 'discrete KS');
    const discrete = discreteLogLikelihood(family, sample, params);
    assertClose(discrete, expected.disc_loglik, 1e-8, 'discrete log-likelihood');
  });
}

for (const expected of reference.discretisedMle) {
  test(`discretised ${expected.family} on ${expected.trace} ${expected.column}`, { skip }, () => {
    const sample = groupSample(columnOf(expected.trace, expected.column));
    const fit = fitDiscretised(familyOf(expected.family as FamilyName), sample)!;
    assert.equal(sample.n, expected.n);
    assert.ok(
      fit.logLikelihood > expected.disc_loglik - 1e-4,
      `${fit.logLikelihood} vs ${expected.disc_loglik}`,
    );
    assertClose(fit.logLikelihood, expected.disc_loglik, 1e-7, 'log-likelihood');
    // The reference's own optimiser stops near 1e-4 of the parameters.
    for (const [name, value] of Object.entries(expected.params))
      assertClose(fit.params[name], value, 1e-3, name);
  });
}

for (const expected of reference.gpdTails) {
  test(`tail of ${expected.trace} ${expected.column} above q = ${expected.q}`, { skip }, () => {
    const sample = groupSample(columnOf(expected.trace, `${expected.column}_tokens`));
    const fit = fitTail(sample, expected.q)!;
    assert.equal(fit.threshold, expected.u);
    assert.equal(fit.exceedances, expected.n_exc);
    assert.ok(fit.logLikelihood > expected.loglik - 1e-6 * Math.abs(expected.loglik));
    assertClose(fit.xi, expected.xi, 1e-5, 'xi');
    assertClose(fit.sigma, expected.sigma, 1e-5, 'sigma');
    assertClose(fit.logLikelihood, expected.loglik, 1e-9, 'log-likelihood');
    assertClose(fit.ksDistance, expected.ks_D, 0, 'KS', 1e-6);
    assertClose(fit.andersonDarling, expected.ad, 1e-4, 'Anderson–Darling');
  });
}

test('of the eight columns one has a tail that may be believed: the outputs of azure_code', { skip }, () => {
  const accepted: string[] = [];
  for (const trace of PUBLIC_TRACES) {
    for (const column of ['input_tokens', 'output_tokens']) {
      const sample = groupSample(columnOf(trace, column));
      // STATISTICS §1.3: the largest values of code inputs and of conv and mooncake_conversation outputs are caps.
      const isCapped = sample.counts.at(-1)! >= 5;
      const { accepted: tail } = judgeTail(sample, isCapped);
      if (tail !== null) accepted.push(`${trace} ${column} ${tail.quantile}`);
    }
  }
  assert.deepEqual(accepted, ['azure_code output_tokens 0.8']);
});

for (const expected of reference.pointProcesses) {
  test(`${expected.model} likelihood on ${expected.trace} at ${JSON.stringify(expected.params).slice(0, 60)}`, {
    skip,
  }, () => {
    const { timesSec } = readPublicTrace(expected.trace as PublicTraceName);
    const durationSec = timesSec.at(-1)!;
    const actual =
      expected.model === 'hawkes'
        ? hawkesLogLikelihood(expected.params, timesSec, durationSec)
        : mmppLogLikelihood(
            { rates: expected.params.lam, generator: expected.params.Q },
            timesSec,
            durationSec,
          );
    assertClose(actual, expected.loglik, 1e-9, 'log-likelihood');
  });
}

for (const expected of reference.descriptives) {
  test(`moments and quantiles of ${expected.trace} ${expected.column}`, { skip }, () => {
    const values = columnOf(expected.trace, expected.column);
    const sample = groupSample(values);
    assert.equal(values.length, expected.n);
    assertClose(sumOf(values), expected.sum, 1e-12, 'sum');
    assertClose(meanOf(values), expected.mean, 1e-12, 'mean');
    assertClose(Math.sqrt(populationVarianceOf(values)!), expected.sd_ddof0, 1e-12, 'sd (n)');
    assertClose(Math.sqrt(varianceOf(values)!), expected.sd_ddof1, 1e-12, 'sd (n − 1)');
    assertClose(variationOf(values), expected.cv_ddof1, 1e-12, 'cv');
    const probs = Object.keys(expected.quantiles).map(Number);
    quantilesOf(values, probs).forEach((value, i) => {
      // Gaps are differences of times near one hour: 1e-12 s is their resolution in double precision.
      assertClose(value, expected.quantiles[String(probs[i])], 1e-9, `quantile ${probs[i]}`, 1e-12);
    });
    if (expected.column === 'iat_s') return;
    assert.equal(sample.values.length, expected.n_distinct);
    assert.equal(sample.values[0], expected.min);
    assert.equal(sample.values.at(-1), expected.max);
    for (const [value, count] of expected.top_atoms ?? []) {
      assert.equal(sample.counts[sample.values.indexOf(value)], count, `rows with ${value}`);
    }
  });
}

for (const expected of reference.arrivals) {
  test(`dispersion and autocorrelation of ${expected.trace}`, { skip }, () => {
    const { timesSec } = readPublicTrace(expected.trace as PublicTraceName);
    assertClose(timesSec.at(-1), expected.T, 1e-12, 'duration');
    for (const [window, { value, windows, max }] of Object.entries(expected.idc)) {
      const counts = countsPerWindow(timesSec, Number(window), expected.T);
      assert.equal(counts.length, windows);
      assert.equal(Math.max(...counts), max);
      if (value === null) assert.equal(dispersionIndex(counts), null);
      else assertClose(dispersionIndex(counts), value, 1e-10, `IDC(${window} s)`);
    }
    const perSecond = countsPerWindow(timesSec, 1, expected.T);
    for (const [lag, value] of Object.entries(expected.acf_1s)) {
      assertClose(autocorrelation(perSecond, Number(lag)), value, 1e-9, `ACF lag ${lag}`, 1e-12);
    }
    const gaps = gapsOf(timesSec);
    assertClose(
      spearman(gaps.subarray(0, -1), gaps.subarray(1)),
      expected.iat_lag1_spearman,
      1e-6,
      'lag-1 Spearman',
    );
  });

  test(`gaps of ${expected.trace} after removing the smoothed rate`, { skip }, () => {
    const { timesSec } = readPublicTrace(expected.trace as PublicTraceName);
    const bins = Math.ceil(expected.T);
    const counts = new Float64Array(bins);
    for (const t of timesSec) counts[Math.min(bins - 1, Math.floor(t))] += 1;
    for (const [sigma, values] of Object.entries(expected.rescaled)) {
      const rate = gaussianSmooth(counts, Number(sigma), binCentres(bins));
      // Piecewise constant rate, scaled so that its integral over [0, T] is n.
      let total = 0;
      for (let j = 0; j < bins; j++) total += rate[j] * Math.min(1, expected.T - j);
      const factor = expected.n / total;
      const integral = new Float64Array(bins + 1);
      for (let j = 0; j < bins; j++) integral[j + 1] = integral[j] + rate[j] * factor;
      const gaps = gapsOf(
        timesSec.map((t) => {
          const j = Math.min(bins - 1, Math.floor(t));
          return integral[j] + (t - j) * rate[j] * factor;
        }),
      );
      values.first5_lambda.forEach((value, j) => {
        assertClose(rate[j] * factor, value, 1e-9, `rate of bin ${j}`);
      });
      assertClose(rate[600] * factor, values.lambda_at_600s, 1e-9, 'rate of bin 600');
      assertClose(variationOf(gaps), values.cv_ddof1, 1e-9, `cv, σ = ${sigma} s`);
      const distance = ksDistance(groupSample(gaps), (u) => -Math.expm1(-u));
      assertClose(distance, values.ks_D_vs_expon1, 0, `KS, σ = ${sigma} s`, 1e-6);
    }
  });
}

for (const expected of reference.dependence) {
  test(`Spearman of input and output of ${expected.trace}`, { skip }, () => {
    const { inputTokens, outputTokens } = readPublicTrace(expected.trace as PublicTraceName);
    assertClose(spearman(inputTokens, outputTokens), expected.spearman, 1e-10, 'Spearman');
  });
}

for (const expected of reference.twoSampleHalves) {
  test(`first half against second: ${expected.trace} ${expected.column}`, { skip }, () => {
    const { timesSec } = readPublicTrace(expected.trace as PublicTraceName);
    const values = columnOf(expected.trace, expected.column);
    const half = timesSec.at(-1)! / 2;
    const a = groupSample(values.filter((_, i) => timesSec[i] < half));
    const b = groupSample(values.filter((_, i) => timesSec[i] >= half));
    assert.equal(a.n, expected.n1);
    assert.equal(b.n, expected.n2);
    const { distance, pValue } = ksTwoSample(a, b);
    assertClose(distance, expected.ks_D, 1e-10, 'KS');
    // SciPy's asymptotic p-value of this call rounds the effective sample size, which shows in the tail only.
    if (expected.ks_p_asymp > 1e-3) assertClose(pValue, expected.ks_p_asymp, 0.05, 'p');
    assertClose(wassersteinDistance(a, b), expected.wasserstein, 1e-10, 'Wasserstein');
  });
}

/** Counts in ⌈T⌉ bins of 1 s. */
function countsPerSecond(trace: string): Int32Array {
  const { timesSec } = readPublicTrace(trace as PublicTraceName);
  const counts = new Int32Array(Math.ceil(timesSec.at(-1)!));
  for (const t of timesSec) counts[Math.min(counts.length - 1, Math.floor(t))] += 1;
  return counts;
}

for (const expected of reference.countHmm) {
  test(`likelihood of ${expected.model} with ${expected.K} states on ${expected.trace}`, { skip }, () => {
    const { lam, A, pi, r } = expected.params;
    const hmm = { mean: lam, size: lam.map((_, k) => (r === null ? null : r[k])), transition: A };
    const logLikelihood = hmmLogLikelihood(hmm, countsPerSecond(expected.trace), pi);
    assertClose(logLikelihood, expected.loglik_counts, 1e-9, 'log-likelihood');
  });
}

test('the chain fitted to azure_code reaches the reference optimum, and BIC chooses four states', {
  skip,
}, () => {
  const counts = countsPerSecond('azure_code');
  const two = fitCountHmm(counts, 2);
  const expected = reference.countHmm.find(({ model, K }) => model === 'count_hmm_nb' && K === 2)!;
  assertClose(two.logLikelihood, expected.loglik_counts, 1e-6, 'log-likelihood of two states');
  assertClose(two.bic, expected.bic, 1e-6, 'BIC of two states');
  const bics = [two.bic, ...[3, 4, 5].map((states) => fitCountHmm(counts, states).bic)];
  // STATISTICS §2.4: K = 4, BIC 7 091.
  assert.equal(Math.min(...bics), bics[2]);
  assertClose(bics[2], 7_091, 1e-3, 'BIC of four states');
});
