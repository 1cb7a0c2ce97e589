/** Λ and its inverse on curves whose integrals are known by hand, and the equilibrium start of renewal streams. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomOf } from '../../src/random.js';
import { dispersionIndex } from '../../src/stats/dispersion.js';
import { familyOf } from '../../src/stats/families.js';
import { meanOf } from '../../src/stats/moments.js';
import { CumulativeRate } from '../../src/stats/rate-curve.js';
import { gapSampler, sampleFirstGap } from '../../src/stats/renewal.js';
import type { FamilyName } from '../../src/types.js';
import { assertClose } from './reference.js';

test('a constant rate: Λ(t) = rate·t', () => {
  const constant = new CumulativeRate({ stepSec: 30, ratePerSec: [4], bandwidthSec: null }, 100);
  assert.equal(constant.perPeriod, 400);
  assert.equal(constant.at(7.5), 30);
  assert.equal(constant.inverse(30), 7.5);
  assert.equal(constant.inverse(430), 107.5);
});

test('a ramp from 0 to 10 per second over 10 s: Λ(t) = t²/2, also in the second period and with a factor', () => {
  const curve = { stepSec: 10, ratePerSec: [0, 10], bandwidthSec: null };
  const ramp = new CumulativeRate(curve, 10);
  assert.equal(ramp.perPeriod, 50);
  assertClose(ramp.at(4), 8, 1e-14, 'Λ(4)');
  assertClose(ramp.inverse(8), 4, 1e-14, 'Λ⁻¹(8)');
  assertClose(ramp.inverse(58), 14, 1e-14, 'Λ⁻¹ in the second period');
  assertClose(new CumulativeRate(curve, 10, 2).inverse(16), 4, 1e-14, 'twice the rate');
});

test('knots beyond the window are cut: a window of 25 s over 10-s knots', () => {
  const curve = { stepSec: 10, ratePerSec: [1, 1, 3, 5], bandwidthSec: null };
  // 10·1 + 10·2 + 5·(3 + 4)/2 = 47.5
  assertClose(new CumulativeRate(curve, 25).perPeriod, 47.5, 1e-14, 'total');
});

test('a curve that is zero for ever never gives a time', () => {
  const zero = new CumulativeRate({ stepSec: 1, ratePerSec: [0, 0], bandwidthSec: null }, 5);
  assert.equal(zero.inverse(0.5), Number.POSITIVE_INFINITY);
});

test('a time that is a multiple of the period up to its last digit', () => {
  const rate = new CumulativeRate(
    { stepSec: 30, ratePerSec: [0.01], bandwidthSec: null },
    299.99999999999943,
  );
  assertClose(rate.at(2999.999999999994), 30, 1e-12, 'Λ');
});

test('inverse undoes Λ for any curve, in any order of calls', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.01, max: 50, noNaN: true }), { minLength: 1, maxLength: 12 }),
      fc.double({ min: 5, max: 300, noNaN: true }),
      fc.array(fc.double({ min: 0, max: 3_000, noNaN: true }), { minLength: 1, maxLength: 20 }),
      (ratePerSec, periodSec, times) => {
        const rate = new CumulativeRate({ stepSec: 30, ratePerSec, bandwidthSec: null }, periodSec);
        for (const t of times) assertClose(rate.inverse(rate.at(t)), t, 1e-9, `time ${t}`, 1e-9);
      },
    ),
    { numRuns: 200 },
  );
});

const LAWS: readonly [FamilyName, Readonly<Record<string, number>>, number][] = [
  ['exponential', { scale: 1 }, 0],
  ['gamma', { a: 0.25, scale: 4 }, 0],
  [
    'weibull',
    familyOf('weibull').scaled({ c: 0.5, scale: 1 }, 1 / familyOf('weibull').mean({ c: 0.5, scale: 1 })),
    0,
  ],
  ['lognormal', { s: 1, scale: Math.exp(-0.5) }, 0],
  ['exponential', { scale: 1 / 0.7 }, 0.3],
];

for (const [family, params, zeroShare] of LAWS) {
  test(`renewal stream of ${family} ${JSON.stringify(params)}, zeros ${zeroShare}: the mean count on [0, t] is t`, () => {
    const gap = gapSampler({ family, params, zeroShare });
    const counts: number[] = [];
    for (let run = 0; run < 6_000; run++) {
      const rng = randomOf(run, 'arrivals', family, zeroShare);
      let n = 0;
      for (let t = sampleFirstGap({ family, params, zeroShare }, rng); t < 12; t += gap(rng)) n += 1;
      counts.push(n);
    }
    const standardError = Math.sqrt((12 * dispersionIndex(counts)!) / counts.length);
    assert.ok(Math.abs(meanOf(counts)! - 12) < 4 * standardError, `mean count ${meanOf(counts)}`);
  });
}
