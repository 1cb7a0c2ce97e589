/** Intervals of percentiles: their coverage on samples whose truth is known, and where they have no upper end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentileIntervals } from '../../src/profile/percentile-intervals.js';
import { randomOf } from '../../src/random.js';
import { parseSlo } from '../../src/slo.js';
import { record } from './fixtures.js';

const SLO = parseSlo('p95(ttft) < 1s');

function sampled(n: number, draw: () => number) {
  return Array.from({ length: n }, (_, i) => record(i * 1e6, draw()));
}

test('the interval holds the true p90 in about 95 % of independent samples', () => {
  const rng = randomOf('coverage', 'jitter');
  const truth = -100 * Math.log(0.1);
  let held = 0;
  for (let trial = 0; trial < 200; trial++) {
    const measured = sampled(400, () => 100 * rng.exponential());
    const p90 = percentileIntervals(measured, SLO, `trial-${trial}`).find(
      (one) => one.metric === 'ttft' && one.percentile === 0.9,
    )!;
    if (p90.lowMs <= truth && truth <= p90.highMs!) held += 1;
  }
  // 200 trials: 95 % ± 3 % (two standard deviations), and some less for 20 blocks.
  assert.ok(held >= 180 && held < 200, `${held} of 200`);
});

test('requests that are slow together make the interval wider than independent ones', () => {
  const rng = randomOf('clumps', 'jitter');
  const width = (clump: number): number => {
    let level = 0;
    let i = 0;
    const measured = sampled(1_000, () => {
      if (i++ % clump === 0) level = rng.exponential();
      return 100 * level;
    });
    const p50 = percentileIntervals(measured, SLO, 'x').find(
      (one) => one.metric === 'ttft' && one.percentile === 0.5,
    )!;
    return p50.highMs! - p50.lowMs;
  };
  assert.ok(width(50) > 2 * width(1));
});

test('a percentile that hardly any sample lies beyond has no upper bound; asked percentiles are among them', () => {
  const rng = randomOf('few', 'jitter');
  const measured = sampled(100, () => 100 * rng.exponential());
  const intervals = percentileIntervals(measured, SLO, '1');
  const of = (percentile: number) =>
    intervals.find((one) => one.metric === 'ttft' && one.percentile === percentile)!;
  assert.equal(of(0.99).highMs, null, '0.99^100 = 37 %: the largest of 100 is often below the p99');
  assert.ok(of(0.95).highMs !== null && of(0.95).n === 100);
  for (const one of intervals)
    assert.ok(one.lowMs <= one.valueMs && (one.highMs ?? one.valueMs) >= one.valueMs);
});

test('too few requests for blocks of time give no interval', () => {
  assert.deepEqual(
    percentileIntervals(
      sampled(19, () => 5),
      SLO,
      '1',
    ),
    [],
  );
});
