/** A profile corrected for another mix of lengths, against the profile that was made with that mix. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bandEdgesOf, bandOf, lengthBandsOf } from '../../src/profile/length-bands.js';
import type { LoadPool } from '../../src/profile/load.js';
import { correctProfileForMix, lengthMixOf, mixRateFactor } from '../../src/profile/mix.js';
import { profileLoad } from '../../src/profile/profile.js';
import { simulatedLevels } from '../../src/profile/simulated.js';
import { randomOf } from '../../src/random.js';
import { parseSlo } from '../../src/slo.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { LatencyProfile } from '../../src/types.js';
import { hiddenEngine } from '../calibrate/hidden-engine.js';
import { erlangEngine, erlangRows, plainRequests } from './erlang.js';
import { profileOptions, record } from './fixtures.js';

/** Chat-like and document-like requests: short prompts with long answers, long prompts with short answers. */
function pool(documents: number, seed: string): LoadPool {
  const rng = randomOf(seed, 'lengths');
  const rows = Array.from({ length: 4_000 }, (_, i) => {
    const document = rng.uniform() < documents;
    return emptyRow({
      arrivalNs: BigInt(i) * 100_000_000n,
      inputTokens: Math.round((document ? 3_000 : 300) * Math.exp(0.5 * rng.normal())),
      outputTokens: 2 + Math.floor(-(document ? 40 : 120) * Math.log(rng.uniformOpen())),
    });
  });
  return { rows, meanRatePerSec: 10 };
}

async function profiled(documents: number, engine = hiddenEngine()): Promise<LatencyProfile> {
  const profile = await profileLoad(
    profileOptions({
      pool: pool(documents, `pool-${documents}`),
      slo: parseSlo('p90(ttft) < 1s'),
      durationSec: 120,
      minRequests: 1_000,
      maxLevels: 20,
      resolution: 0.02,
      runLevel: simulatedLevels({ engine, requestsOf: plainRequests }),
    }),
  );
  return { ...profile, engine };
}

test('capacity of another mix, from a profile that never saw it', async () => {
  const measured = await profiled(0.2);
  const other = await profiled(0.6);
  const mix = lengthMixOf(pool(0.6, 'fresh').rows, measured);
  const corrected = correctProfileForMix(measured, mix);
  const [before, after, truth] = [measured, corrected, other].map((one) => one.capacity.ratePerSec!);
  console.log(
    `capacity ${before.toFixed(2)}/s, corrected ${after.toFixed(2)}/s, measured ${truth.toFixed(2)}/s`,
  );
  assert.ok(Math.abs(before / truth - 1) > 0.4, 'without the correction it is far off');
  assert.ok(Math.abs(after / truth - 1) < 0.12);
  assert.ok(Math.abs(mixRateFactor(measured, mix) * before - after) / after < 0.2);
  // Cheap: for windows of a trace whose mix moves.
  assert.ok(Math.abs((mixRateFactor(measured, mix) * before) / truth - 1) < 0.12);
  assert.match(corrected.warnings.at(-1)!, /corrected for another mix of lengths/);
});

test('without an engine model the levels themselves tell what tokens cost', async () => {
  const measured = { ...(await profiled(0.2)), engine: null };
  const truth = (await profiled(0.5)).capacity.ratePerSec!;
  const after = correctProfileForMix(measured, lengthMixOf(pool(0.5, 'fresh').rows, measured)).capacity
    .ratePerSec!;
  console.log(`corrected without engine ${after.toFixed(2)}/s, measured ${truth.toFixed(2)}/s`);
  assert.ok(Math.abs(after / truth - 1) < 0.25);
});

test('where places in the batch run short, the length of answers decides', async () => {
  const setting = { servers: 4, stepSec: 0.01, meanTokens: 20 };
  const engine = erlangEngine(setting);
  const at = async (meanTokens: number): Promise<LatencyProfile> => {
    const rows = erlangRows({ ...setting, meanTokens }, 3_000, 'pool');
    const profile = await profileLoad(
      profileOptions({
        pool: { rows, meanRatePerSec: 10 },
        slo: parseSlo('p90(ttft) < 300ms'),
        minRequests: 2_000,
        maxLevels: 20,
        resolution: 0.02,
        runLevel: simulatedLevels({ engine, requestsOf: plainRequests }),
      }),
    );
    return { ...profile, engine };
  };
  const measured = await at(20);
  const mix = lengthMixOf(erlangRows({ ...setting, meanTokens: 40 }, 3_000, 'fresh'), measured);
  const corrected = correctProfileForMix(measured, mix).capacity.ratePerSec!;
  const truth = (await at(40)).capacity.ratePerSec!;
  console.log(`corrected ${corrected.toFixed(2)}/s, measured ${truth.toFixed(2)}/s`);
  assert.ok(Math.abs(corrected / truth - 1) < 0.12);
});

test('the profile’s own mix changes nothing but rounding', async () => {
  const measured = await profiled(0.3);
  const own = correctProfileForMix(measured, lengthMixOf(pool(0.3, 'pool-0.3').rows, measured));
  assert.ok(Math.abs(own.capacity.ratePerSec! / measured.capacity.ratePerSec! - 1) < 0.02);
  for (const [i, level] of own.levels.entries()) {
    const old = measured.levels.filter((one) => one.valid)[i];
    // A level's sample of the mix is not quite the mix.
    const error = level.metrics.ttft!.p50! / old.metrics.ttft!.p50! - 1;
    assert.ok(Math.abs(error) < 0.08, `${level.ratePerSec}/s: ${error}`);
  }
});

test('bands: edges from the workload, every request in one, by hand', () => {
  const rows = Array.from({ length: 101 }, (_, i) => ({ inputTokens: 10 + i }));
  assert.deepEqual(bandEdgesOf(rows), [35, 60, 85, 105]);
  assert.deepEqual(bandEdgesOf([{ inputTokens: 7 }, { inputTokens: 7 }]), []);
  assert.deepEqual(
    [34, 35, 104, 105].map((tokens) => bandOf(tokens, [35, 60, 85, 105])),
    [0, 1, 3, 4],
  );
  const measured = [
    { ...record(0, 10), inputTokens: 5 },
    { ...record(1, 30), inputTokens: 50 },
    { ...record(2, 50, false, true), inputTokens: 55 },
  ];
  const [short, long] = lengthBandsOf(measured, [20], parseSlo('p90(ttft) < 20ms'));
  assert.deepEqual([short.fromTokens, short.toTokens, short.requests, short.goodput], [0, 20, 1, 1]);
  assert.deepEqual(
    [long.fromTokens, long.toTokens, long.requests, long.failed, long.goodput],
    [20, null, 2, 1, 0],
  );
  assert.equal(long.meanInputTokens, 52.5);
  assert.deepEqual(long.ttft?.values.at(-1), 30);
});

test('an old profile without bands is refused with the way out', async () => {
  const { bandEdges: _, ...old } = await profiled(0.3);
  assert.throws(() => correctProfileForMix(old, { bands: [] }), /no latency by prompt length/);
});
