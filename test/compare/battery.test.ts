/** The battery on samples small enough to count by hand, and on changes that it must notice where they were made. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BATTERY,
  type Measured,
  type SampleStatistics,
  sampleStatistics,
} from '../../src/compare/battery.js';
import { compareTraces } from '../../src/compare/compare.js';
import type { Sample } from '../../src/compare/sample.js';
import { requiredSpeed, serve, servingInput } from '../../src/compare/serving.js';
import { readEngineModel } from '../../src/engine/model.js';
import { assertClose } from '../stats/reference.js';
import { toySample, toyTrace, toyTraffic } from './toys.js';

const JUDGED_BY_PAGE = [
  'ks_in ks_out w1n_in w1n_out q99_ratio_in q99_ratio_out atom10_abs_in atom10_abs_out d_spearman tv2d',
  'rate_ratio idc1_ratio idc10_ratio idc60_ratio acf60_maxdiff c10_max_ratio ks_count1 ks_count10 ks_iat cv_ratio',
  'tokidc10_ratio tokidc60_ratio tie50_in_diff',
  'ttft_p50_ratio ttft_p90_ratio ttft_p99_ratio ks_ttft tpot_p99_ratio e2e_p99_ratio',
].flatMap((line) => line.split(' '));

const statisticsOf = (sample: Sample): SampleStatistics => sampleStatistics(sample, null);

function measure(id: string, a: Sample, b: Sample): Measured {
  return BATTERY.find((metric) => metric.id === id)!.measure(statisticsOf(a), statisticsOf(b));
}

test('the judged metrics are the 29 of the statistics page, and five of prefix reuse', () => {
  const judged = BATTERY.filter((metric) => metric.judged);
  const ids = judged.filter((metric) => metric.group !== 'prefix').map((metric) => metric.id);
  assert.equal(JUDGED_BY_PAGE.length, 29);
  assert.deepEqual([...ids].sort(), [...JUDGED_BY_PAGE].sort());
  assert.equal(judged.length, 34);
  assert.equal(new Set(BATTERY.map((metric) => metric.id)).size, BATTERY.length);
});

const lengthsOnly = (input: readonly number[], output: readonly number[] = input): Sample =>
  toySample({ timesSec: input.map((_, i) => i), input, output }, input.length);

test('lengths: distances counted by hand', () => {
  const a = lengthsOnly([1, 2, 3, 4]);
  const b = lengthsOnly([1, 2, 5, 8]);
  assert.equal(measure('ks_in', a, b).value, 0.5);
  // Quantile functions differ by 0, 0, 2 and 4 on a quarter each; the mean of a is 2.5.
  assert.equal(measure('w1n_in', a, b).value, 1.5 / 2.5);
  assert.equal(measure('q50_ratio_in', a, b).value, Math.log(3.5 / 2.5));
  assert.equal(measure('mean_ratio_in', a, b).value, Math.log(4 / 2.5));
  // a's four values make 25 % each; b lacks 3 and 4.
  assert.equal(measure('atom10_abs_in', a, b).value, 0.5);
  assertClose(measure('d_spearman', a, lengthsOnly([1, 2, 3, 4], [4, 3, 2, 1])).value, 2, 1e-12, 'ρ');
});

test('only the ten most frequent values of the real trace are atoms; of equals, the smaller ones', () => {
  const a = lengthsOnly([...Array.from({ length: 12 }, (_, i) => i + 1), 12]);
  const b = lengthsOnly(new Array(13).fill(500));
  // 12 counts twice, then 1 … 9 once each; 10 and 11 are no atoms.
  assertClose(measure('atom10_abs_in', a, b).value, 11 / 13, 1e-12, 'atoms');
});

test('rows without both lengths are in no length metric, but they arrive', () => {
  const a = toySample({ timesSec: [0, 1, 2, 3], input: [1, 2, 3, -1], output: [5, 5, 0, 5] }, 4);
  const { lengths, arrivals } = statisticsOf(a);
  assert.deepEqual([...lengths!.inputValues], [1, 2]);
  assert.equal(arrivals.ratePerSec, 1);
  assert.equal(statisticsOf(toySample({ timesSec: [0, 1], input: [-1, -1] }, 2)).lengths, null);
});

test('locality: inputs that one of the 50 requests before had', () => {
  const period = (n: number): Sample => lengthsOnly(Array.from({ length: 200 }, (_, i) => (i % n) + 1));
  assert.equal(measure('tie50_in_diff', period(50), period(51)).value, 1);
  assert.deepEqual(measure('tie50_in_diff', lengthsOnly([1, 2]), period(50)).a, null);
});

test('arrivals: counts, dispersion and gaps counted by hand', () => {
  const a = toySample({ timesSec: [0, 0.5, 1, 2.5, 3], input: [1, 1, 10, 1, 1] }, 4);
  const { arrivals } = statisticsOf(a);
  assert.equal(arrivals.ratePerSec, 1.25);
  // Counts 2, 1, 1, 1: mean 1.25, variance 0.25.
  assertClose(arrivals.perSecond.dispersion, 0.2, 1e-12, 'IDC');
  assert.equal(arrivals.perSecond.max, 2);
  assert.equal(arrivals.per10Sec.dispersion, null);
  assertClose(arrivals.gapCv, Math.sqrt((0.25 ** 2 * 2 + 0.75 ** 2 + 0.25 ** 2) / 3) / 0.75, 1e-12, 'CV');
});

test('a statistic that is zero on one side fails; on both it agrees', async () => {
  const steady = toySample({ timesSec: Array.from({ length: 60 }, (_, i) => i + 0.5) }, 60);
  const unsteady = toySample({ timesSec: Array.from({ length: 60 }, (_, i) => (i + 0.5) ** 1.01) }, 60);
  assert.deepEqual(measure('idc1_ratio', steady, steady), { a: 0, b: 0, value: 0 });
  const { a, b, value } = measure('idc1_ratio', unsteady, steady);
  assert.ok(a! > 0);
  assert.equal(b, 0);
  assert.equal(value, null);
  // A metronome against Poisson arrivals: dispersion zero is a failure, not a gap in the table.
  const real = toyTraffic({ seed: 'real', durationSec: 600 });
  const metronome = toyTrace({
    timesSec: Array.from({ length: 1_200 }, (_, i) => i * 0.5),
    input: real.inputTokens.slice(0, 1_200),
    output: real.outputTokens.slice(0, 1_200),
    synthetic: true,
  });
  const { metrics } = await compareTraces({
    a: real,
    b: metronome,
    seed: 1,
    engine: null,
    floor: { repeats: 8 },
  });
  const idc = metrics.find((metric) => metric.id === 'idc1_ratio')!;
  assert.equal(idc.b, 0);
  assert.equal(idc.value, null);
  assert.equal(idc.pass, false);
});

test('nothing differs from itself', async () => {
  const sample = toySample(
    {
      timesSec: Array.from({ length: 400 }, (_, i) => i * 0.7 + (i % 3) * 0.2),
      input: Array.from({ length: 400 }, (_, i) => ((i * 37) % 91) + 1),
      output: Array.from({ length: 400 }, (_, i) => ((i * 53) % 17) + 1),
      hashes: Array.from({ length: 400 }, (_, i) => [i % 5, 100 + (i % 50)]),
    },
    281,
  );
  const engine = await readEngineModel('reference');
  const objective = { metric: 'ttft', percentile: 0.99, limitSec: 2, text: '' } as const;
  const setup = { engine, objective, seed: '1' };
  const statistics = sampleStatistics(sample, (part) => serve(servingInput(part, engine), setup, 1));
  for (const metric of BATTERY) {
    const { value } = metric.measure(statistics, statistics);
    // Sixty turns of one conversation do not exist here, so the hazard alone has nothing to say.
    if (metric.id === 'hazard_maxdiff') continue;
    assert.equal(value, 0, metric.id);
  }
});

/** What each change must be caught by, with everything else the same. */
const CHANGES: readonly {
  readonly name: string;
  readonly change: Parameters<typeof toyTraffic>[0];
  readonly caught: readonly string[];
  readonly spared: readonly string[];
}[] = [
  {
    name: 'inputs a quarter longer',
    change: { seed: 'x', inputMedian: 625 },
    caught: ['ks_in', 'w1n_in'],
    spared: ['ks_out', 'w1n_out', 'rate_ratio', 'idc10_ratio', 'ks_iat'],
  },
  {
    name: 'outputs a third longer',
    change: { seed: 'x', outputMedian: 80 },
    caught: ['ks_out', 'w1n_out'],
    spared: ['ks_in', 'w1n_in', 'rate_ratio'],
  },
  {
    name: 'inputs and outputs drawn apart',
    change: { seed: 'x', coupling: 0 },
    caught: ['d_spearman', 'tv2d'],
    spared: ['ks_in', 'ks_out', 'rate_ratio', 'ks_iat'],
  },
  {
    name: 'a rate that swings every minute',
    change: { seed: 'x', swing: 2.5, ratePerSec: 1.4 },
    caught: ['idc1_ratio', 'idc10_ratio', 'idc60_ratio', 'acf60_maxdiff', 'ks_count10', 'tokidc60_ratio'],
    spared: ['ks_in', 'ks_out', 'd_spearman', 'tv2d'],
  },
  {
    name: 'twice the rate',
    change: { seed: 'x', ratePerSec: 4 },
    caught: ['rate_ratio', 'ks_count1', 'ks_count10', 'ks_iat'],
    spared: ['ks_in', 'ks_out', 'idc1_ratio', 'cv_ratio'],
  },
];

for (const { name, change, caught, spared } of CHANGES) {
  test(`${name}: caught where it was made, and nowhere else`, async () => {
    const comparison = await compareTraces({
      a: toyTraffic({ seed: 'real' }),
      b: toyTraffic({ ...change, synthetic: true }),
      seed: 1,
      engine: null,
    });
    const passOf = new Map(comparison.metrics.map((metric) => [metric.id, metric.pass]));
    for (const id of caught) assert.equal(passOf.get(id), false, `${id} should fail`);
    for (const id of spared) assert.equal(passOf.get(id), true, `${id} should pass`);
    assert.equal(comparison.verdict.verdict, 'different');
  });
}

test('the same law with other draws passes, serving check included', async () => {
  const comparison = await compareTraces({
    a: toyTraffic({ seed: 'real' }),
    b: toyTraffic({ seed: 'other', synthetic: true }),
    seed: 1,
    resamples: 10,
  });
  const failing = comparison.metrics.filter((metric) => metric.pass === false).map((metric) => metric.id);
  assert.ok(failing.length <= 1, failing.join());
  assert.equal(comparison.judged, 29);
  const { capacity } = comparison.serving!;
  assert.ok(Math.abs(Math.log(capacity.ratio!)) < 0.2);
  assert.ok(capacity.interval!.low < capacity.speedA! && capacity.speedA! < capacity.interval!.high);
});

test('the needed speed meets the objective, and a little less does not', async () => {
  const engine = await readEngineModel('reference');
  const objective = { metric: 'ttft', percentile: 0.9, limitSec: 0.5, text: '' } as const;
  const setup = { engine, objective, seed: '1' };
  const traffic = toyTraffic({ seed: 'real', durationSec: 300 });
  const input = servingInput({ ...traffic, durationSec: 300, blockRows: null }, engine);
  const p90 = (speed: number): number => {
    const { ttftSec } = serve(input, setup, speed);
    return ttftSec[Math.floor((ttftSec.length - 1) * 0.9)];
  };
  for (const guess of [0.01, 1, 50]) {
    const speed = requiredSpeed(input, setup, { guess })!;
    assert.ok(p90(speed) <= 0.5, `guess ${guess}`);
    assert.ok(p90(speed / 1.01) > 0.49, `guess ${guess}`);
  }
});
