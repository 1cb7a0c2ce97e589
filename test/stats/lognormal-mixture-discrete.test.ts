/** Mixtures for whole numbers: parts are found, the likelihood is that of intervals, small values are not missed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../src/random.js';
import { discreteLogLikelihood } from '../../src/stats/discretised.js';
import { lognormal } from '../../src/stats/lognormal.js';
import { fitDiscreteMixture } from '../../src/stats/lognormal-mixture-discrete.js';
import { normalCdf } from '../../src/stats/normal-cdf.js';
import { type GroupedSample, groupSample, weightedSum } from '../../src/stats/sample.js';
import { missingData, PUBLIC_TRACES, readPublicTrace } from './public-traces.js';
import { assertClose, reference } from './reference.js';

const PARTS = [
  { weight: 0.25, s: 0.3, scale: 12 },
  { weight: 0.45, s: 0.5, scale: 200 },
  { weight: 0.3, s: 0.08, scale: 1_500 },
];

function draw(n: number, seed: number): GroupedSample {
  const rng = randomOf(seed, 'bootstrap', 'mixture');
  const values: number[] = [];
  while (values.length < n) {
    const u = rng.uniform();
    const part = PARTS[u < 0.25 ? 0 : u < 0.7 ? 1 : 2];
    const value = Math.round(part.scale * Math.exp(part.s * rng.normal()));
    if (value >= 1) values.push(value);
  }
  return groupSample(Int32Array.from(values));
}

test('three parts are found by BIC with their weights, widths and medians', () => {
  const fit = fitDiscreteMixture(draw(20_000, 1), { rng: randomOf(1, 'bootstrap') })!;
  assert.equal(fit.parts.length, 3);
  fit.parts.forEach(({ weight, params }, k) => {
    assertClose(weight, PARTS[k].weight, 0.05, 'weight');
    assertClose(params['s'], PARTS[k].s, 0.05, 's');
    assertClose(params['scale'], PARTS[k].scale, 0.03, 'scale');
  });
  const bics = fit.candidates.map(({ bic }) => bic);
  assert.equal(Math.min(...bics), fit.bic);
  assert.equal(bics.indexOf(fit.bic), 2);
});

test('the reported likelihood is that of intervals given x > ½', () => {
  const sample = draw(3_000, 2);
  const { parts, logLikelihood } = fitDiscreteMixture(sample, { rng: randomOf(1, 'bootstrap') })!;
  const below = (x: number): number =>
    parts.reduce(
      (sum, { weight, params }) => sum + weight * normalCdf(Math.log(x / params['scale']) / params['s']),
      0,
    );
  const expected = weightedSum(sample, (k) => Math.log((below(k + 0.5) - below(k - 0.5)) / (1 - below(0.5))));
  // The likelihood is of the parameters before the last step, which gains less than 1e-7 of it.
  assertClose(logLikelihood, expected, 2e-7, 'log-likelihood');
});

test('one part is the discretised lognormal of the reference, on all eight columns', {
  skip: missingData(),
}, () => {
  for (const trace of PUBLIC_TRACES) {
    const rows = readPublicTrace(trace);
    for (const [column, values] of [
      ['input_tokens', rows.inputTokens],
      ['output_tokens', rows.outputTokens],
    ] as const) {
      const fit = fitDiscreteMixture(groupSample(values), { rng: randomOf(1, 'bootstrap'), mostParts: 1 })!;
      const expected = reference.discretisedMle.find(
        (one) => one.trace === trace && one.column === column && one.family === 'lognormal',
      )!;
      assertClose(fit.logLikelihood, expected.disc_loglik, 2e-6, `${trace} ${column}`);
      assertClose(fit.parts[0].params['s'], expected.params['s'], 2e-3, 's');
      assertClose(fit.parts[0].params['scale'], expected.params['scale'], 2e-3, 'scale');
    }
  }
});

test('more parts beat fewer by thousands of nats on azure_conv, where one start alone is not safe', {
  skip: missingData(),
}, () => {
  const sample = groupSample(readPublicTrace('azure_conv').inputTokens);
  const { candidates } = fitDiscreteMixture(sample, { rng: randomOf(1, 'bootstrap'), mostParts: 6 })!;
  // STATISTICS §2.2: from equal groups alone, four parts end 1 700 nats below three.
  for (let k = 1; k < candidates.length; k++)
    assert.ok(candidates[k].bic < candidates[k - 1].bic, `K = ${k + 1}`);
});

test('degenerate samples are refused or fitted by one narrow part', () => {
  const rng = randomOf(1, 'bootstrap');
  assert.equal(fitDiscreteMixture(groupSample(Int32Array.of(5, 5, 5)), { rng }), null);
  assert.equal(fitDiscreteMixture(groupSample(Int32Array.of(0, 1, 2, 3)), { rng }), null);
  const two = fitDiscreteMixture(groupSample(Int32Array.of(1, 1, 1, 2, 2, 1_000)), { rng })!;
  assert.ok(two.parts.every(({ params }) => Number.isFinite(params['s']) && params['scale'] > 0));
  assert.ok(Number.isFinite(two.logLikelihood));
});

test('a lognormal that mostly rounds to one keeps its median below one', () => {
  const rng = randomOf(5, 'bootstrap');
  const values: number[] = [];
  while (values.length < 20_000) {
    const value = Math.round(0.8 * Math.exp(rng.normal()));
    if (value >= 1) values.push(value);
  }
  const sample = groupSample(Int32Array.from(values));
  const { parts, logLikelihood } = fitDiscreteMixture(sample, { rng, mostParts: 1 })!;
  const truth = discreteLogLikelihood(lognormal, sample, { s: 1, scale: 0.8 });
  assert.ok(logLikelihood > truth - 25, `${logLikelihood} against ${truth} at the truth`);
  assertClose(parts[0].params['scale'], 0.8, 0.15, 'median');
});
