/** Randomness: same seed same draws, independent streams and blocks, right moments. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Rng, randomOf, randomStream } from '../src/random.js';

const draws = (n: number, draw: () => number): Float64Array => Float64Array.from({ length: n }, draw);

function moments(values: Float64Array): { mean: number; variance: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
  return { mean, variance };
}

function correlation(a: Float64Array, b: Float64Array): number {
  const ma = moments(a);
  const mb = moments(b);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - ma.mean) * (b[i] - mb.mean);
  return sum / (a.length - 1) / Math.sqrt(ma.variance * mb.variance);
}

test('a seed as number or text gives the same draws; another seed, stream, key or block does not', () => {
  const first = (rng: Rng): number[] => [rng.uniform(), rng.normal(), rng.gamma(0.3), rng.poisson(50)];
  const base = first(randomOf(42, 'lengths'));
  assert.deepEqual(first(randomOf('42', 'lengths')), base);
  assert.notDeepEqual(first(randomOf(43, 'lengths')), base);
  assert.notDeepEqual(first(randomOf(42, 'arrivals')), base);
  assert.notDeepEqual(first(randomOf(42, 'lengths', 'class-1')), base);
  assert.notDeepEqual(first(randomStream(42, 'lengths').block(1)), base);
});

test('the draws of this version are fixed: a change would change every seeded trace', () => {
  const rng = randomOf('42', 'arrivals');
  const got = [
    rng.uniform(),
    rng.uniform(),
    rng.exponential(),
    rng.normal(),
    rng.gamma(2.5),
    rng.poisson(3),
    rng.poisson(100),
  ];
  assert.deepEqual(got, GOLDEN);
});

test('blocks do not depend on the order in which they are asked for', () => {
  const forward = randomStream(7, 'lengths');
  const inOrder = [0, 1, 2, 3].map((i) => forward.block(i).uniform());
  const backward = randomStream(7, 'lengths');
  const reversed = [3, 2, 1, 0].map((i) => backward.block(i).uniform()).reverse();
  assert.deepEqual(reversed, inOrder);
});

test('first draws of neighbouring seeds and blocks are uncorrelated and uniform', () => {
  const n = 4_000;
  const bySeed = draws(
    n,
    (() => {
      let seed = 0;
      return () => randomOf(seed++, 'arrivals').uniform();
    })(),
  );
  assert.ok(Math.abs(correlation(bySeed.slice(0, -1), bySeed.slice(1))) < 0.05);
  // chi-square over 16 cells, 15 degrees of freedom: 99.99 % quantile 44.3
  const cells = new Array<number>(16).fill(0);
  for (const u of bySeed) cells[Math.floor(u * 16)] += 1;
  const chi2 = cells.reduce((sum, count) => sum + (count - n / 16) ** 2 / (n / 16), 0);
  assert.ok(chi2 < 44.3, `chi-square ${chi2}`);
});

// Tolerance: 5 standard errors of the mean, and of the variance from the fourth moment.
const cases: [string, (rng: Rng) => number, number, number, number][] = [
  ['uniform', (r) => r.uniform(), 0.5, 1 / 12, 1.8],
  ['exponential', (r) => r.exponential(), 1, 1, 9],
  ['normal', (r) => r.normal(), 0, 1, 3],
  ['gamma 2.5', (r) => r.gamma(2.5), 2.5, 2.5, 3 + 6 / 2.5],
  ['gamma 0.3', (r) => r.gamma(0.3), 0.3, 0.3, 3 + 6 / 0.3],
  ['poisson 3', (r) => r.poisson(3), 3, 3, 3 + 1 / 3],
  ['poisson 100', (r) => r.poisson(100), 100, 100, 3.01],
  ['poisson 12', (r) => r.poisson(12), 12, 12, 3 + 1 / 12],
];
for (const [name, draw, mean, variance, kurtosis] of cases) {
  test(`${name} has its mean and variance`, () => {
    const n = 200_000;
    const rng = randomOf('moments', 'lengths', name);
    const got = moments(draws(n, () => draw(rng)));
    assert.ok(Math.abs(got.mean - mean) < 5 * Math.sqrt(variance / n), `mean ${got.mean}`);
    const varianceError = variance * Math.sqrt((kurtosis - 1) / n);
    assert.ok(Math.abs(got.variance - variance) < 5 * varianceError, `variance ${got.variance}`);
  });
}

test('gamma with a tiny shape does not underflow to NaN', () => {
  const rng = randomOf(1, 'arrivals');
  for (let i = 0; i < 10_000; i++) assert.ok(rng.gamma(0.0058) >= 0);
});

const GOLDEN: readonly number[] = [
  0.9515612377826489, 0.47237979721350465, 2.857140463941316, 0.9979293633033688, 1.985600257157836, 6, 120,
];
