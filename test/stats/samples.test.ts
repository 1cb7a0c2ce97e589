/** Descriptive routines against SciPy and NumPy on the 20-point set with ties, and at their edges. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { autocorrelation } from '../../src/stats/autocorrelation.js';
import { countsPerWindow, dispersionIndex } from '../../src/stats/dispersion.js';
import { binCentres, gaussianSmooth } from '../../src/stats/gaussian-smooth.js';
import { ksTwoSample } from '../../src/stats/ks-two-sample.js';
import { meanOf, varianceOf, variationOf } from '../../src/stats/moments.js';
import { quantilesOf } from '../../src/stats/quantiles.js';
import { findPositiveRoot } from '../../src/stats/root.js';
import { groupSample, positivePart, weightedSum } from '../../src/stats/sample.js';
import { spearman } from '../../src/stats/spearman.js';
import { wassersteinDistance } from '../../src/stats/wasserstein.js';
import { assertClose, reference } from './reference.js';

const { toy } = reference;

test('rank correlation, two-sample distances and quantiles of the 20-point set', () => {
  const x = groupSample(toy.x);
  const y = groupSample(toy.y);
  assertClose(spearman(toy.x, toy.y), toy.spearman, 1e-12, 'Spearman');
  assertClose(ksTwoSample(x, y).distance, toy.ks_2samp_D, 1e-12, 'KS');
  assertClose(wassersteinDistance(x, y), toy.wasserstein, 1e-12, 'Wasserstein');
  const probs = Object.keys(toy.quantiles_type7).map(Number);
  quantilesOf(toy.x, probs).forEach((value, i) => {
    assertClose(value, toy.quantiles_type7[String(probs[i])], 1e-12, `quantile ${probs[i]}`);
  });
});

test('distances of a sample from itself are zero, and symmetric', () => {
  const x = groupSample(toy.x);
  const y = groupSample(toy.y);
  assert.equal(ksTwoSample(x, x).distance, 0);
  assert.equal(wassersteinDistance(x, x), 0);
  assert.equal(ksTwoSample(x, y).distance, ksTwoSample(y, x).distance);
  assertClose(wassersteinDistance(y, x), toy.wasserstein, 1e-12, 'Wasserstein, swapped');
});

test('grouping counts every value once', () => {
  const sample = groupSample([3, 0, 3, -2, 0, 3]);
  assert.deepEqual([...sample.values], [-2, 0, 3]);
  assert.deepEqual([...sample.counts], [1, 2, 3]);
  assert.equal(sample.n, 6);
  const { positive, leftOut } = positivePart(sample);
  assert.equal(leftOut, 3);
  assert.equal(positive.n, 3);
  assert.equal(
    weightedSum(sample, (v) => v),
    7,
  );
});

test('compensated sums survive cancellation', () => {
  assert.equal(
    weightedSum(
      { values: Float64Array.of(1, 1e100, 1, -1e100), counts: Float64Array.of(1, 1, 1, 1), n: 4 },
      (v) => v,
    ),
    2,
  );
});

test('counts, dispersion and autocorrelation of a small stream, by hand', () => {
  const times = [0, 0.1, 0.9, 2.5, 3.0, 3.1, 3.2, 4.9];
  const counts = countsPerWindow(times, 1, 4.95);
  // The incomplete window [4, 4.95) is left out.
  assert.deepEqual([...counts], [3, 0, 1, 3]);
  assertClose(dispersionIndex(counts), 2.25 / 1.75, 1e-12, 'dispersion');
  // m = 1.75; deviations 1.25, −1.75, −0.75, 1.25.
  assertClose(autocorrelation(counts, 1), (1.25 * -1.75 + 1.75 * 0.75 - 0.75 * 1.25) / 6.75, 1e-12, 'lag 1');
  assert.equal(autocorrelation(counts, 0), 1);
});

test('statistics of too little are null, never NaN', () => {
  assert.equal(meanOf([]), null);
  assert.equal(varianceOf([1]), null);
  assert.equal(variationOf([0, 0]), null);
  assert.equal(dispersionIndex([]), null);
  assert.equal(dispersionIndex([0, 0]), null);
  assert.equal(autocorrelation([2, 2, 2], 1), null);
  assert.equal(autocorrelation([1, 2], 2), null);
  assert.equal(spearman([1, 1], [1, 2]), null);
  assert.deepEqual(quantilesOf([], [0.5]), [null]);
});

test('smoothing keeps the total and equals scipy.ndimage.gaussian_filter1d', () => {
  // gaussian_filter1d([5, 0, 0, 1, 2, 9, 0], 1.5, mode='reflect', truncate=6)
  const counts = [5, 0, 0, 1, 2, 9, 0];
  const smooth = gaussianSmooth(counts, 1.5, binCentres(counts.length));
  const expected = [
    2.465534902096387, 1.8625271925687392, 1.4831752016325395, 1.9033515840070971, 2.7752256748133326,
    3.2746809802012202, 3.2355044646806843,
  ];
  smooth.forEach((value, i) => {
    assertClose(value, expected[i], 1e-12, `bin ${i}`);
  });
  assertClose(
    smooth.reduce((a, b) => a + b, 0),
    17,
    1e-12,
    'total',
  );
});

test('the root finder finds roots far from its start, and says when there is none', () => {
  assertClose(
    findPositiveRoot((x) => Math.log(x) - 20, 1),
    Math.exp(20),
    1e-13,
    'e^20',
  );
  assertClose(
    findPositiveRoot((x) => x * x - 2, 1.4),
    Math.SQRT2,
    1e-14,
    '√2',
  );
  assertClose(
    findPositiveRoot((x) => 1 / x - 1e6, 3),
    1e-6,
    1e-13,
    '1e-6',
  );
  assert.equal(
    findPositiveRoot((x) => x + 1, 1),
    null,
  );
});
