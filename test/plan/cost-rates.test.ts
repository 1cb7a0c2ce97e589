/** Cost, and the offered rate as an autoscaler sees it, against hand-computed values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planCost } from '../../src/engine/fleet-cost.js';
import {
  dipLengths,
  largestRise,
  rampOver,
  ratePercentile,
  ratePerMinute,
  slidingRates,
} from '../../src/plan/rates.js';

test('$10/h at 1000 tokens/s is $2.78 per million tokens', () => {
  const cost = planCost({
    pricePerReplicaHour: 5,
    replicas: 2,
    durationSec: 600,
    inputTokens: 0,
    outputTokens: 600_000,
    goodRequests: 1_200,
  });
  assert.equal(cost.perHour, 10);
  assert.equal(cost.perMillionOutputTokens!.toFixed(2), '2.78');
  assert.equal(cost.perMillionTokens!.toFixed(2), '2.78');
  // 10/6 dollars for 1 200 good requests.
  assert.ok(Math.abs(cost.perThousandGoodRequests! - 10 / 6 / 1.2) < 1e-12);
});

test('no price and nothing served are unknown, not zero', () => {
  const base = { replicas: 1, durationSec: 60, inputTokens: 0, outputTokens: 0, goodRequests: 0 };
  const free = planCost({ ...base, pricePerReplicaHour: null });
  assert.ok(Object.values(free).every((value) => value === null));
  const idle = planCost({ ...base, pricePerReplicaHour: 2 });
  assert.equal(idle.perHour, 2);
  assert.equal(idle.perMillionOutputTokens, null);
  assert.equal(idle.perThousandGoodRequests, null);
});

test('rates per minute count whole minutes; a stub of seconds makes no rate', () => {
  const arrivals = [...Array.from({ length: 60 }, (_, i) => i), 60, 90, 119.9, 121];
  assert.deepEqual(ratePerMinute(arrivals), [1, 3 / 60]);
  assert.deepEqual(ratePerMinute([]), []);
  assert.deepEqual(ratePerMinute([0]), [1]);
  const half = ratePerMinute([0, 60, 75, 100]);
  assert.deepEqual(half, [1 / 60, 3 / 40]);
});

/** 1/s for 300 s, then 4/s for 300 s. */
const STEP = [
  ...Array.from({ length: 300 }, (_, i) => i),
  ...Array.from({ length: 1_200 }, (_, i) => 300 + i / 4),
];

test('a step of the rate is a ramp of its size, unless one replica serves both sides', () => {
  const series = slidingRates(STEP, 30, 5);
  assert.equal(series.perSec[0], 1);
  assert.equal(series.perSec[series.perSec.length - 1], 4);
  assert.equal(rampOver(series, 60, 0.5), 4);
  assert.equal(rampOver(series, 60, 2), 2);
  assert.equal(rampOver(series, 60, 10), 1);
  assert.equal(largestRise(series, 30), 3);
  assert.ok(Math.abs(largestRise(series, 15) - 1.5) < 0.11);
  assert.equal(ratePercentile(series, 0.999), 4);
});

test('dips are measured until the replicas are needed again', () => {
  const series = { windowSec: 30, stepSec: 5, perSec: [4, 4, 1, 1, 1, 4, 2, 4, 1, 1] };
  assert.deepEqual(dipLengths(series, 1), [15, 5]);
  assert.deepEqual(dipLengths(series, 10), []);
});
