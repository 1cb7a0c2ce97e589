/** A profile taken for a plan: another SLO, another mix of lengths, and what cannot be changed. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { profileForWorkload } from '../../src/profile/for-workload.js';
import { profileAtSlo } from '../../src/profile/other-slo.js';
import { profileLoad } from '../../src/profile/profile.js';
import { simulatedLevels } from '../../src/profile/simulated.js';
import { randomOf } from '../../src/random.js';
import { parseSlo } from '../../src/slo.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { LatencyProfile } from '../../src/types.js';
import { hiddenEngine } from '../calibrate/hidden-engine.js';
import { plainRequests } from './erlang.js';
import { profileOptions } from './fixtures.js';

const SLO = parseSlo('p90(ttft) < 400ms');

function requests(meanInputTokens: number, seed: string) {
  const rng = randomOf(seed, 'lengths');
  return Array.from({ length: 2_000 }, () => ({
    inputTokens: Math.round(meanInputTokens * Math.exp(0.4 * rng.normal())),
    outputTokens: 20 + Math.floor(40 * rng.uniform()),
  }));
}

async function profiled(meanInputTokens: number, slo = SLO): Promise<LatencyProfile> {
  const rows = requests(meanInputTokens, 'pool').map((lengths, i) =>
    emptyRow({ arrivalNs: BigInt(i) * 100_000_000n, ...lengths }),
  );
  const profile = await profileLoad(
    profileOptions({
      pool: { rows, meanRatePerSec: 10 },
      slo,
      durationSec: 60,
      minRequests: 800,
      maxLevels: 16,
      resolution: 0.03,
      runLevel: simulatedLevels({ engine: hiddenEngine(), requestsOf: plainRequests }),
    }),
  );
  return { ...profile, engine: hiddenEngine() };
}

let measured: LatencyProfile;
before(async () => {
  measured = await profiled(800);
});

test('the same workload, or another one of the same mix, leaves the profile as it is', async () => {
  const same = { requests: requests(2_000, 'x'), hash: measured.workload.hash, slo: SLO, simulate: null };
  assert.deepEqual(await profileForWorkload(measured, same), { profile: measured, notes: [] });
  const alike = { requests: requests(800, 'other draw'), hash: 'other', slo: SLO, simulate: null };
  assert.deepEqual(await profileForWorkload(measured, alike), { profile: measured, notes: [] });
});

test('another mix corrects the capacity and says by how much', async () => {
  const match = { requests: requests(1_600, 'x'), hash: 'other', slo: SLO, simulate: null };
  const { profile, notes } = await profileForWorkload(measured, match);
  const truth = (await profiled(1_600)).capacity.ratePerSec!;
  const [old, own] = [measured.capacity.ratePerSec!, profile.capacity.ratePerSec!];
  console.log(`capacity ${old.toFixed(2)}/s, corrected ${own.toFixed(2)}/s, measured ${truth.toFixed(2)}/s`);
  assert.ok(Math.abs(own / truth - 1) < 0.5 * Math.abs(old / truth - 1));
  const [sentence, far] = notes;
  assert.match(
    sentence,
    /^profile corrected from a mix of \d+ prompt and \d+ answer tokens a request to [\d ]+ prompt and \d+ answer tokens a request, by length bands \(first order\): capacity [\d.]+ → [\d.]+ requests\/s \(×0\.\d+\)$/,
  );
  assert.ok(Math.abs(Number(/×([\d.]+)/.exec(sentence)![1]) - own / old) < 0.01);
  assert.ok(far === undefined || /beyond what the profile measured/.test(far));
  // Tokens a second follow the new lengths, not only the rate.
  const [before_, after] = [measured, profile].map((one) => {
    const level = one.levels.find(({ valid }) => valid)!;
    return level.throughput.inputTokensPerSec / level.ratePerSec;
  });
  assert.ok(Math.abs(after / before_ - 2) < 0.2);
});

test('without the correction the profile stays and the note says that it is another mix', async () => {
  const match = {
    requests: requests(1_600, 'x'),
    hash: 'other',
    slo: SLO,
    correctMix: false,
    simulate: null,
  };
  const { profile, notes } = await profileForWorkload(measured, match);
  assert.equal(profile, measured);
  assert.match(notes[0], /made with another mix of lengths .* taken as it is/);
});

test('with an engine model the workload is profiled on it, under the names of the measured metrics', async () => {
  const source = 'vllm:num_requests_running';
  const named = {
    ...measured,
    levels: measured.levels.map((level) => ({
      ...level,
      gauges: level.gauges.map((one) => (one.name === 'running' ? { ...one, source } : one)),
    })),
  };
  const truth = await profiled(1_600);
  const match = { requests: requests(1_600, 'x'), hash: 'other', slo: SLO };
  const { profile, notes } = await profileForWorkload(named, {
    ...match,
    simulate: async (engine) => {
      assert.equal(engine.name, hiddenEngine().name);
      return truth;
    },
  });
  assert.equal(profile.capacity.ratePerSec, truth.capacity.ratePerSec);
  assert.equal(profile.levels[0].gauges.find((one) => one.name === 'running')!.source, source);
  assert.match(notes[0], /, simulated on its engine model: capacity [\d.]+ → [\d.]+ requests\/s/);
});

test('prompts far beyond the measured ones are said to be a guess', async () => {
  const { notes } = await profileForWorkload(measured, {
    requests: requests(9_000, 'x'),
    hash: 'other',
    slo: SLO,
    simulate: null,
  });
  assert.match(notes.at(-1)!, /beyond what the profile measured/);
});

test('an old profile without bands is taken with a note', async () => {
  const { bandEdges: _, ...old } = measured;
  const { profile, notes } = await profileForWorkload(old, {
    requests: [],
    hash: 'other',
    slo: SLO,
    simulate: null,
  });
  assert.equal(profile, old);
  assert.match(notes[0], /no latency by prompt length/);
});

test('another SLO: capacity as if the profile had been made for it', async () => {
  const tight = parseSlo('p90(ttft) < 200ms');
  const truth = (await profiled(800, tight)).capacity.ratePerSec!;
  const { profile, notes } = await profileForWorkload(measured, {
    requests: [],
    hash: measured.workload.hash,
    slo: tight,
    simulate: null,
  });
  const [old, own] = [measured.capacity.ratePerSec!, profile.capacity.ratePerSec!];
  console.log(
    `capacity ${old.toFixed(2)}/s, judged anew ${own.toFixed(2)}/s, measured ${truth.toFixed(2)}/s`,
  );
  assert.ok(own < old);
  assert.ok(Math.abs(own / truth - 1) < 0.1);
  assert.equal(profile.slo, tight.text);
  assert.match(
    notes[0],
    /judged by "p90\(ttft\) < 200ms" instead of "p90\(ttft\) < 400ms": capacity [\d.]+ → [\d.]+/,
  );
  // What nobody meets has no capacity; the text says why.
  const none = profileAtSlo(measured, parseSlo('p50(ttft) < 1ms'))!;
  assert.equal(none.capacity.ratePerSec, null);
  assert.equal(none.verdict.verdict, 'slo never met');
});

test('an SLO of what the levels do not hold keeps the old capacity and says so', async () => {
  for (const text of ['goodput >= 0.9', 'p97(ttft) < 1s']) {
    assert.equal(profileAtSlo(measured, parseSlo(text)), null);
    const hash = measured.workload.hash;
    const { profile, notes } = await profileForWorkload(measured, {
      requests: [],
      hash,
      slo: parseSlo(text),
      simulate: null,
    });
    assert.equal(profile, measured);
    assert.match(notes[0], /cannot be judged by .* are those at "p90\(ttft\) < 400ms"/);
  }
});
