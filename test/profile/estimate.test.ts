/** What a profile would send, by hand; and that the levels which run are of that size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimateProfile, type ProfileSize } from '../../src/profile/estimate.js';
import { expectedTime, formatProfile, formatProfileEstimate } from '../../src/profile/format.js';
import { withCost } from '../../src/profile/level-cost.js';
import { profileLoad } from '../../src/profile/profile.js';
import { parseSlo } from '../../src/slo.js';
import type { LoadLevel, Progress } from '../../src/types.js';
import { profileOptions, scriptedServer } from './fixtures.js';

const MEANS = { meanInputTokens: 60, meanOutputTokens: 5 };

function size(more: Partial<ProfileSize> = {}): ProfileSize {
  const { levels, slo, load, durationSec, minRequests } = profileOptions({});
  return { levels, slo, load, durationSec, minRequests, ...more };
}

const pool = { rows: [], meanRatePerSec: 16 };

test('rates that were asked for: requests, tokens and time of each and of all', () => {
  const estimate = estimateProfile('w', pool, MEANS, size({ levels: [100, 1], maxLevelSec: 120 }));
  // 1/s: 200 measured and a tenth of warm-up are 223, cut to 120 s; 100/s: 10 s of measured ones, 1 112 in all.
  assert.deepEqual(
    estimate.levels.map(({ ratePerSec, requests }) => [ratePerSec, requests]),
    [
      [1, 120],
      [100, 1_112],
    ],
  );
  assert.equal(estimate.total.requests, 1_232);
  assert.equal(estimate.total.inputTokens, 60 * 1_232);
  assert.equal(estimate.total.outputTokens, 5 * 1_232);
  assert.ok(Math.abs(estimate.total.durationSec - 131.12) < 1e-9);
  assert.match(expectedTime(estimate), /^2 levels of 11\.1 s to 2 min: about 2\.19 min$/);
});

test('a search: the ladder from an eighth of the own rate, a likely and a longest time', () => {
  const estimate = estimateProfile('w', pool, MEANS, size({ maxLevels: 7 }));
  assert.deepEqual(
    estimate.levels.map((level) => level.ratePerSec),
    [2, 4, 8, 16, 32, 64],
  );
  const sec = estimate.levels.map((level) => level.durationSec);
  assert.equal(estimate.total.durationSec, 7 * sec[0]);
  assert.equal(estimate.likelySec, sec[0] + sec[1] + sec[2] + sec[3] + sec[4] + 2 * sec[3]);
  assert.match(
    formatProfileEstimate(estimate),
    /at most 7: .*\n[\s\S]*about .* if the capacity is near 16\/s, at most /,
  );
  const capped = estimateProfile('w', pool, MEANS, size({ startRatePerSec: 50, maxRatePerSec: 10 }));
  assert.deepEqual(
    capped.levels.map((level) => level.ratePerSec),
    [10],
  );
});

test('in MLPerf mode the levels are as long as its rules want', () => {
  const mlperf = { minDurationSec: 60, minQueries: 500 };
  const slo = parseSlo('p99(ttft) < 100ms');
  const estimate = estimateProfile('w', pool, MEANS, size({ levels: [100], slo, mlperf }));
  assert.ok(estimate.levels[0].requests >= 60 * 100);
});

test('levels run at the estimated size, and progress says how long one takes', async () => {
  const server = scriptedServer(() => ({ ttftMs: 10 }));
  const stages: string[] = [];
  const options = profileOptions({
    levels: [5, 40],
    runLevel: server.runLevel,
    load: { shape: 'stationary', gapCv: 1, warmupRatio: 0.1, maxErrorRatio: 0.01, clock: 'endpoint' },
    progress: ({ stage }: Progress) => stages.push(stage),
  });
  await profileLoad(options);
  const { levels } = estimateProfile('w', options.pool, MEANS, options);
  server.plans.forEach((plan, i) => {
    // The cool-down comes on top: a quarter at most.
    assert.ok(plan.rows.length >= levels[i].requests && plan.rows.length <= 1.25 * levels[i].requests);
  });
  assert.deepEqual(stages, ['level 5/s, about 44.6 s', 'level 40/s, about 11.1 s']);
});

test('$10/h at 1000 tokens/s is $2.78 per million tokens, on the screen too', async () => {
  const profile = await profileLoad(
    profileOptions({
      levels: [5],
      runLevel: scriptedServer(() => ({ ttftMs: 10 })).runLevel,
      pricePerHour: 10,
    }),
  );
  const [level] = profile.levels;
  const at = (okOutputTokensPerSec: number): LoadLevel =>
    withCost(
      { ...level, throughput: { ...level.throughput, okOutputTokensPerSec, inputTokensPerSec: 0 } },
      10,
    );
  assert.equal(at(1_000).cost!.perMillionOutputTokens!.toFixed(2), '2.78');
  assert.equal(at(0).cost!.perMillionOutputTokens, null);
  const text = formatProfile({ ...profile, levels: [at(1_000)] });
  assert.match(text, /\$\/M {2}\$\/M out\n.* 2\.78 {2}2\.78$/m);
  assert.ok(
    text
      .split('\n')
      .filter((line) => line.includes('$/M'))
      .every((line) => line.length <= 80),
  );
  // Without a price there is no column and no figure.
  assert.equal(withCost(level, null), level);
  assert.doesNotMatch(formatProfile({ ...profile, levels: [{ ...level, cost: undefined }] }), /\$/);
});

test('levels that end before long answers do are said to be too short to settle', async () => {
  const at = async (ttftMs: number): Promise<string> => {
    const { runLevel } = scriptedServer(() => ({ ttftMs }));
    const slo = parseSlo('p90(ttft) < 60s');
    return (await profileLoad(profileOptions({ levels: [20], slo, runLevel }))).warnings.join('\n');
  };
  // 200 requests at 20/s are 10 s.
  assert.match(
    await at(8_000),
    /20\/s: too short to settle \(at the last, .* for answers of 8\.04 s at p90\)/,
  );
  assert.doesNotMatch(await at(1_000), /too short/);
});
