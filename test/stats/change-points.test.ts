/** Level steps and log-linear cycles on counts whose truth is known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../src/random.js';
import { changePoints, localDispersion } from '../../src/stats/change-points.js';
import { fitLogLinear } from '../../src/stats/poisson-regression.js';
import { assertClose } from './reference.js';

const ones = (n: number): Float64Array => new Float64Array(n).fill(1);

/** Counts with the given means; `burst` copies make variance = burst · mean. */
function counts(means: ArrayLike<number>, seed: string, burst = 1): Float64Array {
  const rng = randomOf(seed, 'arrivals');
  return Float64Array.from(means, (mean) => burst * rng.poisson(mean / burst));
}

test('steps are found where they are, and nowhere in a constant rate', () => {
  const means = Float64Array.from({ length: 1_000 }, (_, i) => (i < 300 ? 20 : i < 650 ? 30 : 24));
  for (const seed of ['1', '2', '3']) {
    const found = changePoints(counts(means, seed), { exposure: ones(1_000), dispersion: 1 });
    assert.equal(found.length, 3, found.join());
    assert.ok(Math.abs(found[1] - 300) <= 3 && Math.abs(found[2] - 650) <= 6, found.join());
    const constant = counts(new Float64Array(1_000).fill(20), seed);
    assert.deepEqual(changePoints(constant, { exposure: ones(1_000), dispersion: 1 }), [0]);
  }
});

test('bursts are no steps: the cost is scaled by the dispersion, which differences of neighbours tell', () => {
  const means = new Float64Array(1_000).fill(40);
  const bursty = counts(means, 'bursts', 10);
  const dispersion = localDispersion(bursty);
  assertClose(dispersion, 10, 0.15, 'dispersion');
  assert.deepEqual(changePoints(bursty, { exposure: ones(1_000), dispersion }), [0]);
  assert.ok(changePoints(bursty, { exposure: ones(1_000), dispersion: 1 }).length > 3);
  // A slow rate is no dispersion either.
  const slow = counts(
    Float64Array.from(means, (mean, i) => mean * (1 + i / 500)),
    'slow',
  );
  assertClose(localDispersion(slow), 1, 0.1, 'dispersion of a trend');
});

test('exposure is no step: counts that follow it have one level', () => {
  const exposure = Float64Array.from({ length: 600 }, (_, i) => 10 + 8 * Math.sin(i / 20));
  assert.deepEqual(changePoints(counts(exposure, 'exposure'), { exposure, dispersion: 1 }), [0]);
});

test('the segments are the cheapest of all, by comparison with every pair of changes', () => {
  const few = counts(
    Float64Array.from({ length: 40 }, (_, i) => (i < 15 ? 3 : i < 28 ? 9 : 4)),
    'few',
  );
  const cost = (from: number, to: number): number => {
    const sum = few.subarray(from, to).reduce((a, b) => a + b, 0);
    return sum > 0 ? -2 * (sum * Math.log(sum / (to - from)) - sum) : 0;
  };
  const penalty = 8;
  let best = { value: cost(0, 40), starts: [0] };
  for (let a = 4; a <= 36; a++) {
    const two = cost(0, a) + cost(a, 40) + penalty;
    if (two < best.value) best = { value: two, starts: [0, a] };
    for (let b = a + 4; b <= 36; b++) {
      const three = cost(0, a) + cost(a, b) + cost(b, 40) + 2 * penalty;
      if (three < best.value) best = { value: three, starts: [0, a, b] };
    }
  }
  assert.deepEqual(changePoints(few, { exposure: ones(40), dispersion: 1, penalty, least: 4 }), best.starts);
});

test('log-linear rates: a group indicator has the log ratio of rates, harmonics come back', () => {
  const exposure = Float64Array.of(10, 10, 20);
  const [coefficient] = fitLogLinear([10, 10, 60], exposure, [Float64Array.of(0, 0, 1)]);
  // The first two bins fix nothing: exposure carries their level, the third is e^c · 20 = 60.
  assertClose(coefficient, Math.log(3), 1e-8, 'log ratio');
  const n = 2_000;
  const wave = Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * i) / 144));
  const means = wave.map((x) => 50 * Math.exp(0.7 * x));
  const [amplitude] = fitLogLinear(counts(means, 'wave'), new Float64Array(n).fill(50), [wave]);
  assertClose(amplitude, 0.7, 0.02, 'amplitude');
});
