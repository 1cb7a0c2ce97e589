/** profileLoad against scripted servers: capacity, knee, verdicts, warm-up, errors, backlog, resumed levels. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { interpolatedRate, kneeOf } from '../../src/profile/capacity.js';
import { judgeLevel, samplesNeeded } from '../../src/profile/judge.js';
import { levelSize, profileLoad } from '../../src/profile/profile.js';
import { parseSlo } from '../../src/slo.js';
import type { LoadLevel } from '../../src/types.js';
import { unsent } from '../replay/records.js';
import { profileOptions, record, scriptedServer, TARGET } from './fixtures.js';

const SLO = parseSlo('p90(ttft) < 100ms');

test('capacity is read off where the latency reaches the limit between the tightest levels', async () => {
  // TTFT = 10 ms / (1 − rate ÷ 26.843): the limit of 100 ms is reached at 24.159 requests/s.
  const server = scriptedServer((rate) => ({
    ttftMs: rate < 26.843 ? 10 / (1 - rate / 26.843) : 1e5 + rate,
  }));
  const profile = await profileLoad(profileOptions({ runLevel: server.runLevel }));
  assert.equal(profile.verdict.verdict, 'capacity found');
  assert.ok(Math.abs(profile.capacity.ratePerSec! / (0.9 * 26.843) - 1) < 1e-9);
  assert.ok(profile.capacity.metAtPerSec! < 24.159 && profile.capacity.missedAtPerSec! > 24.159);
  assert.ok(profile.levels.every((level, i, all) => i === 0 || all[i - 1].ratePerSec <= level.ratePerSec));
});

test('a list of rates runs once each, in rising order', async () => {
  const server = scriptedServer((rate) => ({ ttftMs: rate > 5 ? 200 : 20 }));
  const profile = await profileLoad(profileOptions({ levels: [8, 2, 4, 2], runLevel: server.runLevel }));
  assert.deepEqual(
    server.plans.map((plan) => plan.ratePerSec),
    [2, 4, 8],
  );
  assert.equal(profile.capacity.metAtPerSec, 4);
  assert.equal(profile.capacity.missedAtPerSec, 8);
  await assert.rejects(
    profileLoad(profileOptions({ levels: [0, 1], runLevel: server.runLevel })),
    (error: unknown) => error instanceof ToolError && error.code === 'BAD_VALUE',
  );
});

test('an impossible SLO is answered with none and the reason', async () => {
  const server = scriptedServer(() => ({ ttftMs: 150 }));
  const profile = await profileLoad(profileOptions({ runLevel: server.runLevel }));
  assert.equal(profile.verdict.verdict, 'slo never met');
  assert.equal(profile.capacity.ratePerSec, null);
  assert.match(profile.capacity.because, /unloaded server misses.*150 ms/);
});

test('a server that never saturates gives a lower bound', async () => {
  const server = scriptedServer(() => ({ ttftMs: 5 }));
  const profile = await profileLoad(profileOptions({ runLevel: server.runLevel, maxLevels: 4 }));
  assert.equal(profile.verdict.verdict, 'never saturated');
  assert.equal(profile.capacity.missedAtPerSec, null);
  assert.equal(profile.capacity.ratePerSec, 10);
});

test('fast failures are not a capacity: errors miss a level although no term counts them', async () => {
  const server = scriptedServer((rate) => ({ ttftMs: 1, failed: rate > 4 }));
  const profile = await profileLoad(profileOptions({ levels: [2, 4, 8], runLevel: server.runLevel }));
  assert.equal(profile.capacity.ratePerSec, 4);
  assert.equal(profile.levels[2].sloMet, false);
  assert.match(profile.levels[2].because, /100.* % of requests failed/);
  const counted = parseSlo(['p90(ttft) < 100ms', 'error_rate < 0.5']);
  const partial = scriptedServer(() => ({ ttftMs: 1 }));
  const tolerant = await profileLoad(
    profileOptions({
      levels: [2],
      slo: counted,
      runLevel: async (plan) => {
        const run = await partial.runLevel(plan);
        return {
          ...run,
          records: run.records.map((one, i) =>
            i % 4 === 0 ? record(one.intendedNs, 1, one.phase === 'warmup', true) : one,
          ),
        };
      },
    }),
  );
  assert.equal(tolerant.levels[0].sloMet, true, 'a term for errors replaces the built-in limit');
});

test('invalid runs do not count: a profile of nothing else is invalid', async () => {
  const server = scriptedServer(() => ({ ttftMs: 5, valid: false }));
  const profile = await profileLoad(profileOptions({ levels: [1, 2], runLevel: server.runLevel }));
  assert.equal(profile.verdict.verdict, 'invalid');
  assert.match(profile.verdict.because, /client overloaded/);
  const partly = scriptedServer((rate) => ({ ttftMs: 5, valid: rate < 4 }));
  const bounded = await profileLoad(profileOptions({ runLevel: partly.runLevel }));
  assert.equal(bounded.verdict.verdict, 'never saturated');
  assert.match(bounded.verdict.recommendation, /client was the limit/);
});

test('the warm-up is sent, and left out of every figure', async () => {
  const server = scriptedServer(() => ({ ttftMs: 5 }));
  const profile = await profileLoad(
    profileOptions({
      levels: [10],
      runLevel: async (plan) => {
        const run = await server.runLevel(plan);
        return {
          ...run,
          records: run.records.map((one) =>
            one.phase === 'warmup' ? record(one.intendedNs, 5_000, true) : one,
          ),
        };
      },
    }),
  );
  const [level] = profile.levels;
  assert.equal(level.warmupRequests, 22);
  assert.equal(level.requests, 201);
  assert.equal(level.metrics.ttft!.max, 5);
  assert.equal(level.sloMet, true);
});

test('a level is as long as its duration and its smallest sample ask', () => {
  const load = profileOptions({}).load;
  assert.deepEqual(levelSize(100, { durationSec: 10, minRequests: 200, load }), {
    requests: 1_112,
    warmupRequests: 111,
  });
  assert.equal(levelSize(1, { durationSec: 10, minRequests: 200, load }).requests, 223);
  assert.equal(levelSize(1e6, { durationSec: 10, minRequests: 200, maxRequests: 500, load }).requests, 500);
  assert.equal(levelSize(0.1, { durationSec: 10, minRequests: 200, maxLevelSec: 300, load }).requests, 30);
  assert.equal(samplesNeeded(parseSlo('p99(ttft) < 1s')), 1_000);
  assert.equal(samplesNeeded(parseSlo('p50(ttft) < 1s, p90(tpot) < 1s')), 100);
});

test('too few samples for the percentile are noted on the level and in the warnings', async () => {
  const server = scriptedServer(() => ({ ttftMs: 5 }));
  const profile = await profileLoad(
    profileOptions({ levels: [10], slo: parseSlo('p99(ttft) < 1s'), runLevel: server.runLevel }),
  );
  assert.match(profile.levels[0].notes.join(), /rests on 201 samples; 1000 are wanted/);
  assert.match(profile.warnings.join(), /--min-requests 1000/);
});

test('a backlog that grows is a miss although every percentile is still good', () => {
  const judge = (ttftOf: (i: number) => number): LoadLevel =>
    judgeLevel(
      {
        target: TARGET,
        records: Array.from({ length: 1_000 }, (_, i) => record(i * 10e6, ttftOf(i))),
        gauges: [],
        valid: true,
        invalidBecause: null,
        runDir: null,
        stoppedEarly: null,
      },
      { ratePerSec: 100, attempt: 1, seed: '1', slo: parseSlo('p90(ttft) < 10s'), maxErrorRatio: 0.01 },
    );
  const steady = judge(() => 500);
  assert.equal(steady.steady, true);
  assert.equal(steady.sloMet, true);
  assert.ok(Math.abs(steady.inFlightMean! - 54) < 3, 'Little: 100/s × 0.54 s');
  const growing = judge((i) => 50 + 3 * i);
  assert.equal(growing.steady, false);
  assert.equal(growing.sloMet, false);
  assert.match(growing.because, /backlog grew: 7\d\.?\d*\/s completed of 100\/s sent/);
});

test('a level’s throughput is that of its run’s summary: what was never sent does not lengthen the window', () => {
  const warm = record(-1e9, 50, true);
  const sent = Array.from({ length: 10 }, (_, i) => record(i * 1e9, 50));
  const uncounted = { ...record(10e9, 50), inputTokens: null, inputTokensAsked: 30 };
  const failed = { ...record(11e9, 50, false, true), outputTokens: 2 };
  const never = Array.from({ length: 88 }, (_, i) => unsent((12 + i) * 1e3));
  const { throughput } = judgeLevel(
    {
      target: TARGET,
      records: [warm, ...sent, uncounted, failed, ...never],
      gauges: [],
      valid: false,
      invalidBecause: 'the run was interrupted',
      runDir: null,
      stoppedEarly: null,
    },
    { ratePerSec: 1, attempt: 1, seed: '1', slo: SLO, maxErrorRatio: 0.01 },
  );
  // 0 s to the last end at 11 s + 50 ms + 40 ms.
  const sec = 11.09;
  assert.deepEqual(throughput, {
    windowSec: sec,
    sentPerSec: 12 / sec,
    okPerSec: 11 / sec,
    okOutputTokensPerSec: 55 / sec,
    allOutputTokensPerSec: 57 / sec,
    inputTokensPerSec: 130 / sec,
  });
});

test('a level that missed by its backlog only leaves the met level as the capacity', async () => {
  const server = scriptedServer(() => ({ ttftMs: 20 }));
  const levels = (await profileLoad(profileOptions({ levels: [4, 8], runLevel: server.runLevel }))).levels;
  assert.equal(interpolatedRate(levels[0], { ...levels[1], sloMet: false, steady: false }), 4);
});

test('the knee is where the median end-to-end latency is twice its value at the lowest level', () => {
  // e2e = 10 ms + 40 ms at the lowest level, so the limit is 100 ms.
  const level = (ratePerSec: number, ttftMs: number): LoadLevel =>
    judgeLevel(
      {
        target: TARGET,
        records: Array.from({ length: 50 }, (_, i) => record(i * 1e9, ttftMs)),
        gauges: [],
        valid: true,
        invalidBecause: null,
        runDir: null,
        stoppedEarly: null,
      },
      { ratePerSec, attempt: 1, seed: '1', slo: SLO, maxErrorRatio: 0.01 },
    );
  const knee = kneeOf([level(1, 10), level(2, 10), level(4, 160)]);
  // 1/e2e falls from 20 to 5 per second; 10 is two thirds of the way.
  assert.ok(Math.abs(knee.ratePerSec! - (2 + (2 * 2) / 3)) < 1e-9);
  assert.equal(kneeOf([level(1, 10), level(2, 20)]).ratePerSec, null);
  assert.match(kneeOf([level(1, 10)]).because, /fewer than two/);
});

test('an aborted profile keeps the levels that had ended, and says how to go on', async () => {
  const server = scriptedServer(() => ({ ttftMs: 5 }));
  const abort = new AbortController();
  let ended = 0;
  const profile = await profileLoad(
    profileOptions({
      runLevel: async (plan) => {
        if (ended === 2) abort.abort(new Error('stop'));
        return server.runLevel(plan);
      },
      signal: abort.signal,
      onLevel: () => {
        ended += 1;
      },
    }),
  );
  assert.equal(profile.interrupted, true);
  assert.equal(profile.levels.length, 2, 'the level that was under way does not count');
  assert.match(profile.capacity.because, /At least .* it was interrupted/);
  assert.match(profile.warnings[0], /--resume/);
});

test('a profile that is aborted before its first level ended is rejected', async () => {
  const abort = new AbortController();
  abort.abort(new Error('stop'));
  const { runLevel, plans } = scriptedServer(() => ({ ttftMs: 5 }));
  await assert.rejects(profileLoad(profileOptions({ runLevel, signal: abort.signal })), /stop/);
  assert.equal(plans.length, 0);
});

test('M/M/1: capacity within 2.5 % and knee within 2.5 %, in at most 20 runs, whatever the size of the rate', async () => {
  for (const capacityPerSec of [0.07, 1, 17, 333, 9_100]) {
    const servedPerSec = capacityPerSec / 0.9;
    const server = scriptedServer((rate) => ({
      ttftMs: rate < servedPerSec ? 10 / (1 - rate / servedPerSec) : 60_000,
    }));
    const profile = await profileLoad(
      profileOptions({
        runLevel: server.runLevel,
        maxLevels: 20,
        resolution: 0.025,
        durationSec: 1,
        startRatePerSec: capacityPerSec / 13,
      }),
    );
    const found = profile.capacity.ratePerSec!;
    assert.ok(Math.abs(found / capacityPerSec - 1) < 0.025, `${found} for ${capacityPerSec}`);
    assert.ok(profile.levels.length <= 20, `${profile.levels.length} runs`);
    // The knee counts the fixture's 40 ms of decoding: (10 / (1 − ρ) + 40) = 2 × its value at the lowest level.
    const lowest = profile.levels[0].ratePerSec / servedPerSec;
    const knee = servedPerSec * (1 - 10 / (2 * (10 / (1 - lowest) + 40) - 40));
    assert.ok(
      Math.abs(profile.knee.ratePerSec! / knee - 1) < 0.025,
      `knee ${profile.knee.ratePerSec} for ${knee}`,
    );
  }
});

test('a list of rates ends two levels after saturation, and says which were not run', async () => {
  const server = scriptedServer(() => ({ ttftMs: 20 }));
  const profile = await profileLoad(
    profileOptions({
      levels: [10, 20, 40, 80, 160],
      minRequests: 400,
      runLevel: async (plan) => {
        const run = await server.runLevel(plan);
        return plan.ratePerSec < 20 ? run : { ...run, stoppedEarly: 'lost' };
      },
    }),
  );
  assert.deepEqual(
    profile.levels.map((level) => level.ratePerSec),
    [10, 20, 40],
  );
  assert.match(profile.warnings.join(' '), /over-saturated, so 80, 160\/s were not run/);
});

test('answers that are still going on when the measured arrivals end do so under load: a cool-down follows', async () => {
  const server = scriptedServer(() => ({ ttftMs: 960 }));
  const profile = await profileLoad(profileOptions({ levels: [10, 20], runLevel: server.runLevel }));
  // 200 measured of 223; an answer takes 1 s, so 20 more follow at 20/s, once that is known.
  assert.deepEqual(
    server.plans.map((plan) => [plan.rows.length, plan.warmupRequests]),
    [
      [223, 22],
      [243, 22],
    ],
  );
  assert.deepEqual(
    profile.levels.map((level) => [level.requests, level.warmupRequests]),
    [
      [201, 22],
      [201, 42],
    ],
  );
});
