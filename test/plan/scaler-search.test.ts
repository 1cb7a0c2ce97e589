/** The search for autoscaler settings on landscapes whose best setting is known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  isBetter,
  type ScalerSetting,
  type ScoredSetting,
  type SettingScore,
  searchScaler,
} from '../../src/plan/scaler-search.js';

const recipe: ScalerSetting = { signal: 'running', target: 10, minReplicas: 2, scaleDownWindowSec: 300 };

/** Keeps the SLO up to a target of `limit`; costs less the higher the target, the smaller the minimum. */
function landscape(limit: number, leastMin = 1): (setting: ScalerSetting) => SettingScore {
  return ({ target, minReplicas, scaleDownWindowSec }) => ({
    feasible: target <= limit && minReplicas >= leastMin,
    replicaHours: minReplicas + 10 / target + scaleDownWindowSec / 10_000,
    violation: Math.max(0, target - limit) + Math.max(0, leastMin - minReplicas),
  });
}

async function search(
  score: (setting: ScalerSetting) => SettingScore,
  more: Partial<Parameters<typeof searchScaler>[0]> = {},
): Promise<readonly ScoredSetting<SettingScore>[]> {
  return searchScaler({
    starts: [recipe],
    mostMinReplicas: 4,
    hoursPerReplica: 1,
    budget: 40,
    evaluate: async (setting) => score(setting),
    ...more,
  });
}

const best = (tried: readonly ScoredSetting<SettingScore>[]): ScoredSetting<SettingScore> =>
  tried.reduce((a, b) => (isBetter(b.score, a.score) ? b : a));

test('from a safe recipe it goes to the cheapest setting that still keeps the SLO', async () => {
  const tried = await search(landscape(35));
  assert.deepEqual(tried[0].setting, recipe);
  const { setting } = best(tried);
  assert.equal(setting.minReplicas, 1);
  assert.ok(setting.target <= 35 && setting.target > 35 / 1.2, `${setting.target}`);
  assert.equal(setting.scaleDownWindowSec, 60);
});

test('from a recipe that misses it goes to a safer one', async () => {
  const { setting, score } = best(await search(landscape(4, 3)));
  assert.ok(score.feasible);
  assert.equal(setting.minReplicas, 3);
  assert.ok(setting.target <= 4 && setting.target > 4 / 1.5, `${setting.target}`);
});

test('another signal begins where the first one ended, and nothing dearer than the best is tried', async () => {
  const starts: ScalerSetting[] = [recipe, { ...recipe, signal: 'request_rate', target: 20 }];
  const tried = await search(landscape(12), { starts, budget: 30 });
  const second = tried.find((one) => one.setting.signal === 'request_rate')!;
  assert.equal(second.setting.minReplicas, 1);
  for (const [i, one] of tried.entries()) {
    const before = tried.slice(0, i).filter((other) => other.score.feasible);
    const cheapest = Math.min(...before.map((other) => other.score.replicaHours));
    assert.ok(one.setting.minReplicas < cheapest, 'a minimum that costs more than the best one so far');
  }
});

test('where nothing keeps the SLO every setting that was tried is told', async () => {
  const tried = await search(() => ({ feasible: false, replicaHours: 1, violation: 1 }));
  assert.ok(tried.length >= 1 && tried.every((one) => !one.score.feasible));
});

test('the budget holds, no setting is tried twice, bounds hold', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.double({ min: 0.01, max: 1_000, noNaN: true }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 30 }),
      async (limit, leastMin, budget) => {
        const tried = await search(landscape(limit, leastMin), { budget });
        assert.ok(tried.length >= 1 && tried.length <= budget);
        const keys = new Set(tried.map((one) => JSON.stringify(one.setting)));
        assert.equal(keys.size, tried.length);
        for (const { setting } of tried) {
          assert.ok(setting.minReplicas >= 1 && setting.minReplicas <= 4);
          assert.ok(setting.target > 0 && Number.isFinite(setting.target));
          assert.ok(setting.scaleDownWindowSec >= 60);
        }
      },
    ),
    { numRuns: 100, seed: 7 },
  );
});
