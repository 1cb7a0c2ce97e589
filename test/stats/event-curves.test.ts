/** Kaplan–Meier, right truncation, isotonic regression, quantile curves and draws by address, on worked values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomOf } from '../../src/random.js';
import { CounterRandom, philox4x32 } from '../../src/stats/counter-random.js';
import { isotonic } from '../../src/stats/isotonic.js';
import { eventCurve, probabilityBy, probabilityEver } from '../../src/stats/kaplan-meier.js';
import { curveOfSteps, probabilityAt, quantileAt, quantileCurve } from '../../src/stats/quantile-curve.js';
import { truncatedDistribution } from '../../src/stats/truncated-curve.js';
import { assertClose } from './reference.js';

test('Kaplan–Meier of the 6-MP arm of Freireich et al. 1963: S(6) = .857, S(10) = .753, S(23) = .448', () => {
  // The textbook sample (21 remissions in weeks, + = censored), as in R's survival::survfit.
  const weeks = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35];
  const censored = new Set([3, 5, 7, 8, 11, 12, 13, 16, 17, 18, 19, 20]);
  const curve = eventCurve(
    weeks,
    weeks.map((_, i) => (censored.has(i) ? 0 : 1)),
  );
  assert.equal(curve.events, 9);
  for (const [week, survival] of [
    [5, 1],
    [6, 0.8571],
    [7, 0.8067],
    [10, 0.7529],
    [13, 0.6902],
    [16, 0.6275],
    [22, 0.5378],
    [23, 0.4482],
    [34, 0.4482],
  ]) {
    assertClose(1 - probabilityBy(curve, week), survival, 0, `S(${week})`, 5e-5);
  }
  assertClose(probabilityEver(curve), 0.5518, 0, 'ever', 5e-5);
});

test('without censoring Kaplan–Meier is the empirical distribution', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 50 }), fc.nat(20), (values, at) => {
      const curve = eventCurve(
        values,
        values.map(() => 1),
      );
      const share = values.filter((value) => value <= at).length / values.length;
      assertClose(probabilityBy(curve, at), share, 0, 'share', 1e-12);
    }),
  );
});

test('a hazard of .4 hidden by a window is found again', () => {
  const rng = randomOf(1, 'bootstrap');
  const durations: number[] = [];
  const happened: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    const left = 5 * rng.uniform();
    const comes = rng.uniform() < 0.4 ? rng.exponential() : Number.POSITIVE_INFINITY;
    durations.push(Math.min(left, comes));
    happened.push(comes <= left ? 1 : 0);
  }
  const seen = happened.reduce((sum, one) => sum + one, 0) / happened.length;
  assert.ok(seen < 0.34, `${seen}`);
  // Standard error of a share of 20 000 is .0035.
  assertClose(probabilityEver(eventCurve(durations, happened, 100)), 0.4, 0, 'hazard', 0.015);
});

test('exponential gaps that cannot reach before the start are found again', () => {
  const rng = randomOf(2, 'bootstrap');
  const gaps: number[] = [];
  const limits: number[] = [];
  while (gaps.length < 20_000) {
    const limit = 3 * rng.uniform();
    const gap = rng.exponential();
    if (gap > limit) continue;
    gaps.push(gap);
    limits.push(limit);
  }
  const { values, upTo } = truncatedDistribution(gaps, limits, 100);
  const at = (x: number): number => upTo[values.findLastIndex((value) => value <= x)];
  const naive = gaps.filter((gap) => gap <= 0.5).length / gaps.length;
  // Given that nothing above 3 can be seen: F(.5)/F(3) = .414; the sample alone says .53.
  assert.ok(naive > 0.5, `${naive}`);
  assertClose(at(0.5), (1 - Math.exp(-0.5)) / (1 - Math.exp(-3)), 0, 'F(.5)', 0.02);
  assertClose(at(1), (1 - Math.exp(-1)) / (1 - Math.exp(-3)), 0, 'F(1)', 0.02);
  assert.equal(upTo.at(-1), 1);
});

test('isotonic: worked example, weights, and nothing to do', () => {
  assert.deepEqual(isotonic([1, 3, 2, 4], [1, 1, 1, 1]), [1, 2.5, 2.5, 4]);
  assert.deepEqual(isotonic([3, 1], [1, 3]), [1.5, 1.5]);
  assert.deepEqual(isotonic([1, 2, 2], [1, 1, 1]), [1, 2, 2]);
  assert.deepEqual(isotonic([], []), []);
});

test('isotonic never falls and keeps the weighted mean', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 9 })), {
        minLength: 1,
      }),
      (pairs) => {
        const values = pairs.map(([value]) => value);
        const weights = pairs.map(([, weight]) => weight);
        const fitted = isotonic(values, weights);
        const mean = (some: readonly number[]): number =>
          some.reduce((sum, value, i) => sum + value * weights[i], 0);
        assert.ok(fitted.every((value, i) => i === 0 || value >= fitted[i - 1] - 1e-12));
        assertClose(mean(fitted), mean(values), 1e-9, 'mean', 1e-9);
      },
    ),
  );
});

test('quantile curves: ends are the extremes, draws keep the law, inverse is right', () => {
  const rng = randomOf(3, 'bootstrap');
  const sample = Float64Array.from({ length: 5_000 }, () => 100 * rng.exponential()).sort();
  const curve = quantileCurve(sample);
  assert.equal(quantileAt(curve, 0), Number(sample[0].toPrecision(5)));
  assert.equal(quantileAt(curve, 1), Number(sample[4_999].toPrecision(5)));
  for (const p of [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999]) {
    assertClose(probabilityAt(curve, quantileAt(curve, p)), p, 0, `p ${p}`, 1e-9);
    const share = sample.filter((x) => x <= quantileAt(curve, p)).length / sample.length;
    // Steps of 1/64 with straight lines between.
    assertClose(share, p, 0, `share at ${p}`, 0.002);
  }
  assert.ok(JSON.stringify(curve).length < 3_000);
});

test('quantile curves of steps and of single values', () => {
  const steps = curveOfSteps([1, 5], [0.2, 0.4], 100);
  assert.equal(quantileAt(steps, 0.3), 1);
  assert.equal(quantileAt(steps, 0.9), 5);
  const one = quantileCurve([7]);
  assert.equal(quantileAt(one, 0.3), 7);
  assert.equal(probabilityAt(one, 7), 0.5);
  assert.equal(probabilityAt(one, 6), 0);
  assert.equal(probabilityAt(one, 8), 1);
});

test('Philox4x32-10 gives the known answers of Random123', () => {
  const vectors: readonly (readonly [readonly number[], readonly number[], readonly number[]])[] = [
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  for (const [counter, key, expected] of vectors) {
    const out = new Uint32Array(4);
    philox4x32(counter, key[0], key[1], out);
    assert.deepEqual([...out], expected);
  }
});

test('draws by address: equal address, equal draw; uniform; neighbours unrelated', () => {
  const a = new CounterRandom('seed', 'sessions', 'all');
  const b = new CounterRandom('seed', 'sessions', 'all');
  const other = new CounterRandom('seed', 'prefixes', 'all');
  b.uniform(9, 9, 9);
  assert.equal(a.uniform(5, 2, 1), b.uniform(5, 2, 1));
  assert.notEqual(a.uniform(5, 2, 1), other.uniform(5, 2, 1));
  assert.notEqual(a.uniform(2 ** 40, 1, 1), a.uniform(0, 1, 1));
  const n = 20_000;
  const draws = Array.from({ length: n }, (_, i) => a.uniform(i, 1, 1));
  assert.ok(draws.every((u) => u > 0 && u < 1));
  const mean = draws.reduce((sum, u) => sum + u, 0) / n;
  assertClose(mean, 0.5, 0, 'mean', 4 * Math.sqrt(1 / 12 / n));
  const lag = draws.slice(1).reduce((sum, u, i) => sum + (u - 0.5) * (draws[i] - 0.5), 0) / n;
  assertClose(lag * 12, 0, 0, 'lag-1 correlation', 4 / Math.sqrt(n));
});
