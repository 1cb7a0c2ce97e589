/** Dependence of two columns, Student's t and coarse clocks: reference values, and their edges. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../src/random.js';
import { clockGridSec, spreadOverCells } from '../../src/stats/clock-grid.js';
import { kendallTau } from '../../src/stats/kendall-tau.js';
import {
  gridMutualInformation,
  gridShares,
  quantileEdges,
  totalVariation,
} from '../../src/stats/quantile-grid.js';
import { studentQuantile } from '../../src/stats/student-quantile.js';
import { missingData, type PublicTraceName, readPublicTrace } from './public-traces.js';
import { assertClose, reference } from './reference.js';

const { toy } = reference;

/** kendall_tau_b of the statistics reference (scipy.stats.kendalltau): the 20-point set and the four public traces. */
const TOY_TAU = 0.6917113811754246;
const TAU: Readonly<Record<PublicTraceName, number>> = {
  azure_code: -0.014450188331259018,
  azure_conv: 0.05409869976606653,
  mooncake_conversation: 0.04850019437606802,
  mooncake_synthetic: -0.3451380073391422,
};

/** Statistics page §1.1: mutual information on 20 × 20 bins, bits. */
const BITS: Readonly<Record<PublicTraceName, number>> = {
  azure_code: 0.038,
  azure_conv: 1.029,
  mooncake_conversation: 0.044,
  mooncake_synthetic: 0.519,
};

test('Kendall’s τ_b with ties equals SciPy', () => {
  assertClose(kendallTau(toy.x, toy.y), TOY_TAU, 1e-12, 'τ_b');
  assertClose(kendallTau(toy.y, toy.x), TOY_TAU, 1e-12, 'τ_b, swapped');
});

test('Kendall’s τ_b is the count of ordered pairs, found by looking at all of them', () => {
  const rng = randomOf(3, 'lengths');
  const x = Array.from({ length: 80 }, () => rng.int(12));
  const y = x.map((value) => value + rng.int(20));
  let score = 0;
  let tiedX = 0;
  let tiedY = 0;
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      score += Math.sign(x[i] - x[j]) * Math.sign(y[i] - y[j]);
      if (x[i] === x[j]) tiedX += 1;
      if (y[i] === y[j]) tiedY += 1;
    }
  }
  const pairs = (80 * 79) / 2;
  assertClose(kendallTau(x, y), score / Math.sqrt((pairs - tiedX) * (pairs - tiedY)), 1e-12, 'τ_b');
});

test('Kendall’s τ_b is 1 for the same order, −1 for the opposite, null without order', () => {
  assert.equal(kendallTau([1, 2, 3], [4, 5, 9]), 1);
  assert.equal(kendallTau([1, 2, 3], [9, 5, 4]), -1);
  assert.equal(kendallTau([1, 1, 1], [9, 5, 4]), null);
  assert.equal(kendallTau([1], [1]), null);
});

for (const name of Object.keys(TAU) as PublicTraceName[]) {
  test(`τ_b and mutual information of ${name}`, { skip: missingData() }, () => {
    const { inputTokens, outputTokens } = readPublicTrace(name);
    assertClose(kendallTau(inputTokens, outputTokens), TAU[name], 1e-10, 'τ_b');
    const grid = {
      xEdges: quantileEdges(inputTokens.slice().sort(), 20),
      yEdges: quantileEdges(outputTokens.slice().sort(), 20),
    };
    const shares = gridShares(grid, inputTokens, outputTokens);
    // The page prints three decimals.
    assertClose(gridMutualInformation(grid, shares), BITS[name], 0, 'bits', 5.1e-4);
  });
}

test('quantile edges: duplicates merged, none at the maximum, values on an edge below it', () => {
  assert.deepEqual([...quantileEdges([1, 1, 1, 1, 5, 9, 9, 9], 4)], [1, 3]);
  assert.deepEqual([...quantileEdges([4, 4, 4], 4)], []);
  const grid = { xEdges: Float64Array.of(1, 3), yEdges: Float64Array.of() };
  assert.deepEqual([...gridShares(grid, [0, 1, 2, 3, 4], [7, 7, 7, 7, 7])], [0.4, 0.4, 0.2]);
});

test('grid distances: nothing from itself, everything from elsewhere; a function of the input carries all bits', () => {
  const grid = { xEdges: Float64Array.of(1.5), yEdges: Float64Array.of(1.5) };
  const diagonal = gridShares(grid, [1, 2], [1, 2]);
  const other = gridShares(grid, [1, 2], [2, 1]);
  assert.equal(totalVariation(diagonal, diagonal), 0);
  assert.equal(totalVariation(diagonal, other), 1);
  assert.equal(gridMutualInformation(grid, diagonal), 1);
  assert.equal(gridMutualInformation(grid, gridShares(grid, [1, 1, 2, 2], [1, 2, 1, 2])), 0);
});

test('Student’s t quantiles equal scipy.stats.t.ppf', () => {
  const expected: readonly (readonly [number, readonly number[]])[] = [
    [3, [0.2766706623326898, 1.637744353696209, 3.1824463052837078, 5.840909309733355, 15.354742380157347]],
    [5, [0.2671808657041451, 1.4758840488244815, 2.5705818356363146, 4.032142983555228, 7.670616463273206]],
    [9, [0.260955336473911, 1.3830287383966329, 2.262157162798205, 3.249835541592126, 5.153880891776203]],
    [29, [0.25568363457125604, 1.311433647301551, 2.045229642132703, 2.756385903670605, 3.850162824875046]],
  ];
  for (const [degrees, values] of expected) {
    [0.6, 0.9, 0.975, 0.995, 0.9997].forEach((p, i) => {
      assertClose(studentQuantile(p, degrees), values[i], 5e-6, `t(${p}; ${degrees})`);
      assertClose(studentQuantile(1 - p, degrees), -values[i], 5e-6, `t(1 − ${p}; ${degrees})`);
    });
  }
  assertClose(studentQuantile(0.975, 1), 12.7062047361747, 1e-12, 'one degree');
  assertClose(studentQuantile(0.975, 2), 4.302652729749464, 1e-12, 'two degrees');
  assert.equal(studentQuantile(0.5, 7), 0);
});

test('clock grids: 3-s batches found, fine clocks and a few ties are none', () => {
  const batches = Float64Array.from({ length: 90 }, (_, i) => Math.floor(i / 9) * 3);
  assert.equal(clockGridSec(batches), 3);
  const jittered = batches.map((t, i) => t + (Math.floor(i / 9) % 3) * 0.001);
  assert.equal(clockGridSec(jittered.sort()), 3.001);
  const fine = Float64Array.from({ length: 90 }, (_, i) => i * 0.37 + (i % 7) * 0.011);
  assert.equal(clockGridSec(fine), null);
  const whole = Float64Array.from({ length: 90 }, (_, i) => i);
  assert.equal(clockGridSec(whole), null, 'a regular stream without ties is no coarse clock');
  assert.equal(clockGridSec(Float64Array.of(1, 1, 1)), null);
});

test('spreading keeps every arrival in its cell, sorted, and leaves the input alone', () => {
  const batches = Float64Array.from({ length: 90 }, (_, i) => Math.floor(i / 9) * 3);
  const spread = spreadOverCells(batches, 3, randomOf(1, 'jitter'));
  assert.equal(spread.length, 90);
  for (let i = 0; i < 90; i++) {
    assert.equal(Math.floor(spread[i] / 3), Math.floor(i / 9));
    if (i > 0) assert.ok(spread[i] >= spread[i - 1]);
  }
  assert.equal(batches[8], 0);
});
