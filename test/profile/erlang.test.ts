/** The search against a capacity that is known by formula: an M/M/c engine in virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { profileLoad } from '../../src/profile/profile.js';
import { simulatedLevels } from '../../src/profile/simulated.js';
import { parseSlo } from '../../src/slo.js';
import {
  type ErlangSetting,
  erlangC,
  erlangCapacity,
  erlangEngine,
  erlangRows,
  plainRequests,
} from './erlang.js';
import { profileOptions } from './fixtures.js';

test('the probability of delay equals published values', () => {
  // Kleinrock 1975 / any Erlang C table: c = 1 gives ρ; c = 2, a = 1 gives 1/3; c = 10, a = 8 gives 0.40918.
  assert.ok(Math.abs(erlangC(1, 0.7) - 0.7) < 1e-12);
  assert.ok(Math.abs(erlangC(2, 1) - 1 / 3) < 1e-12);
  assert.ok(Math.abs(erlangC(10, 8) - 0.40918) < 5e-5);
});

const CASES: readonly (ErlangSetting & { readonly limitMs: number; readonly start: number })[] = [
  { servers: 1, stepSec: 0.005, meanTokens: 100, limitMs: 1_500, start: 0.05 },
  { servers: 4, stepSec: 0.005, meanTokens: 200, limitMs: 800, start: 0.2 },
  { servers: 16, stepSec: 0.004, meanTokens: 50, limitMs: 100, start: 2 },
];

for (const setting of CASES) {
  test(`auto finds the capacity of M/M/${setting.servers} within 10 % in at most 14 runs`, async () => {
    const profile = await profileLoad(
      profileOptions({
        slo: parseSlo(`p90(ttft) < ${setting.limitMs}ms`),
        pool: { rows: erlangRows(setting, 20_000, 'pool'), meanRatePerSec: 1 },
        runLevel: simulatedLevels({ engine: erlangEngine(setting), requestsOf: plainRequests }),
        minRequests: 6_000,
        maxLevels: 14,
        startRatePerSec: setting.start,
      }),
    );
    // The first token leaves with the iteration that follows the wait: half an iteration until one starts, one to run.
    const waitSec = setting.limitMs / 1e3 - 1.5 * setting.stepSec;
    const expected = erlangCapacity(setting, waitSec, 0.1);
    assert.equal(profile.verdict.verdict, 'capacity found');
    assert.ok(profile.levels.length <= 14);
    const found = profile.capacity.ratePerSec!;
    assert.ok(
      Math.abs(found / expected - 1) < 0.1,
      `found ${found}, formula ${expected}; ${profile.capacity.because}`,
    );
    assert.ok(profile.capacity.toleranceRatio! <= 0.05);
  });
}
