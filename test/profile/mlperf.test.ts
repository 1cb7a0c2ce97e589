/** LoadGen's early stopping against its published table, and the verdict of a level in MLPerf mode. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { binomialCdf, queriesNeeded } from '../../src/profile/early-stopping.js';
import { judgeMlperf, type MlperfInput } from '../../src/profile/mlperf.js';
import { profileLoad } from '../../src/profile/profile.js';
import { parseSlo } from '../../src/slo.js';
import { profileOptions, record, scriptedServer } from './fixtures.js';

test('queries needed for a count over the limit: the table of the rules', () => {
  const p99 = [0, 1, 2, 5, 10].map((over) => queriesNeeded(0.99, over));
  assert.deepEqual(p99, [459, 662, 838, 1_307, 2_010]);
  const p90 = [0, 1, 2, 5, 10].map((over) => queriesNeeded(0.9, over));
  assert.deepEqual(p90, [44, 64, 81, 127, 197]);
});

test('the binomial distribution function adds up, also for a million draws', () => {
  assert.ok(Math.abs(binomialCdf(1, 3, 0.5) - 0.5) < 1e-12);
  // scipy.stats.binom.cdf(9900, 1_000_000, 0.01) = 0.15865…: one standard deviation below the mean.
  assert.ok(Math.abs(binomialCdf(9_900, 1_000_000, 0.01) - 0.15866) < 2e-3);
  assert.equal(binomialCdf(5, 5, 0.3), 1);
});

test('more over the limit never needs fewer queries, and one query fewer never passes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 60 }),
      fc.double({ min: 0.5, max: 0.999, noNaN: true }),
      (over, p) => {
        const needed = queriesNeeded(p, over);
        assert.ok(needed <= queriesNeeded(p, over + 1));
        assert.ok(binomialCdf(over, needed, 1 - p) <= 0.01 + 1e-9);
        assert.ok(binomialCdf(over, needed - 1, 1 - p) > 0.01 - 1e-9);
      },
    ),
    { numRuns: 200 },
  );
});

function judged(queries: number, over: number, more: Partial<MlperfInput> = {}) {
  const measured = Array.from({ length: queries }, (_, i) => record(i * 1e6, i < over ? 500 : 50));
  return judgeMlperf({
    slo: parseSlo('p99(ttft) < 100ms'),
    measured,
    durationSec: 60,
    clientValid: true,
    minDurationSec: 60,
    minQueries: 100,
    ...more,
  });
}

test('two over the limit of 837 are not enough, of 838 they are', () => {
  assert.equal(judged(837, 2).verdict, 'INVALID');
  assert.deepEqual(judged(837, 2).earlyStopping[0], {
    term: 'p99(ttft) < 100ms',
    queries: 837,
    over: 2,
    queriesNeeded: 838,
    met: false,
  });
  assert.equal(judged(838, 2).verdict, 'VALID');
});

test('a short run, few queries or a late client are INVALID by the check that names them', () => {
  const failed = (result: ReturnType<typeof judged>): string[] =>
    result.checks.filter((one) => !one.pass).map((one) => one.check);
  assert.deepEqual(failed(judged(900, 0, { durationSec: 59 })), ['min_duration']);
  assert.deepEqual(failed(judged(900, 0, { minQueries: 1_000 })), ['min_queries']);
  assert.deepEqual(failed(judged(900, 0, { clientValid: false })), ['client_on_time']);
});

test('latency counts from the schedule, and a failed query is over the limit', () => {
  const late = Array.from({ length: 900 }, (_, i) => ({
    ...record(i * 1e6, 90),
    intendedNs: i * 1e6 - 20e6,
  }));
  assert.equal(judged(900, 0, { measured: late }).earlyStopping[0].over, 900);
  const failing = Array.from({ length: 900 }, (_, i) => record(i * 1e6, 50, false, i < 4));
  assert.equal(judged(900, 0, { measured: failing }).earlyStopping[0].over, 4);
});

test('in MLPerf mode levels are as long as the rules want, and the search goes by early stopping', async () => {
  const server = scriptedServer((ratePerSec) => ({ ttftMs: ratePerSec <= 13 ? 50 : 200 }));
  const profile = await profileLoad(
    profileOptions({
      slo: parseSlo('p99(ttft) < 100ms'),
      runLevel: server.runLevel,
      mlperf: { minDurationSec: 30, minQueries: 100 },
    }),
  );
  assert.equal(profile.mode, 'mlperf');
  for (const level of profile.levels) {
    assert.ok(
      level.requests >= 2_010 && level.durationSec >= 29.5,
      `${level.requests} in ${level.durationSec} s`,
    );
    assert.equal(level.mlperf!.verdict, level.sloMet ? 'VALID' : 'INVALID');
  }
  assert.ok(profile.capacity.metAtPerSec! <= 13 && profile.capacity.missedAtPerSec! > 13);
  assert.equal(profile.verdict.verdict, 'capacity found');
});
