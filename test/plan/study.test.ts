/** The autoscaler's study and how a plan breaks, on a wave whose needs can be computed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitScreen } from '../../src/cli/commands/screen.js';
import { parseAutoscalerSpec } from '../../src/engine/autoscale/spec.js';
import { readEngineModel } from '../../src/engine/model.js';
import { burstDraw } from '../../src/plan/burst.js';
import { formatPlan } from '../../src/plan/format.js';
import { knativeManifest } from '../../src/plan/knative-manifest.js';
import { hpaManifest, kedaManifest } from '../../src/plan/manifests.js';
import { type PlanOptions, planFleet } from '../../src/plan/plan.js';
import { randomOf } from '../../src/random.js';
import { parseSlo } from '../../src/slo.js';
import { stringifyStrict } from '../../src/trace/files.js';
import type { CapacityPlan, EngineModel, EngineRequest } from '../../src/types.js';
import { waveProfile } from './wave-profile.js';

const tiny = await readEngineModel('tiny-demo');
/** A quarter of the demo engine's pace: about 24 requests/s. */
const engine: EngineModel = {
  ...tiny,
  step: {
    ...tiny.step,
    baseSec: 4 * tiny.step.baseSec,
    perPrefillTokenSec: 4 * tiny.step.perPrefillTokenSec,
    perDecodeSeqSec: 4 * tiny.step.perDecodeSeqSec,
  },
};

const WAVE_SEC = 1_200;

/** Twenty minutes, from 7/s up to 35/s and down again: two engines at the top, one for about half of the time. */
function wave(seed = 'wave'): EngineRequest[] {
  const rng = randomOf(seed, 'arrivals');
  const requests: EngineRequest[] = [];
  for (let atSec = 0; atSec < WAVE_SEC; ) {
    const ratePerSec = 7 + 28 * Math.sin((Math.PI * atSec) / WAVE_SEC) ** 2;
    requests.push({
      id: requests.length,
      arrivalSec: atSec,
      inputTokens: 100 + rng.int(200),
      outputTokens: 32,
      prefixHashes: null,
      sessionKey: null,
    });
    atSec += rng.exponential() / ratePerSec;
  }
  return requests;
}

const requests = wave();
const profile = await waveProfile(engine);

function plan(more: Partial<PlanOptions> = {}): Promise<CapacityPlan> {
  return planFleet({
    source: { kind: 'trace', requests, fresh: 'rotate' },
    workload: { name: 'wave', hash: '00', startUtc: null },
    engine,
    slo: parseSlo('p95(ttft) < 500ms'),
    manifest: engine.manifest,
    seed: '1',
    profile,
    pricePerReplicaHour: 6,
    freshSeeds: 1,
    scalerTrials: 8,
    reaction: { coldStartSec: 20 },
    ...more,
  });
}

const made = await plan();
const study = made.autoscaling!;

test('the fixed fleet is for the wave, the autoscaled one follows it and costs less', () => {
  assert.equal(made.replicas, 2);
  assert.equal(study.static.meanReplicas, 2);
  assert.equal(study.static.cost.perHour, 12);
  const { recommended } = study;
  assert.ok(recommended.metOverTime, study.because);
  // Two replicas for half of the time, one for the rest, and the time to come and to go.
  assert.ok(recommended.meanReplicas > 1.3 && recommended.meanReplicas < 1.85, study.because);
  assert.ok(Math.abs(recommended.cost.perHour! - 6 * recommended.meanReplicas) < 1e-9);
  assert.ok(Math.abs(study.savingRatio - (1 - recommended.replicaHours / study.static.replicaHours)) < 1e-12);
  assert.ok(study.confirm.length === 2 && study.confirm.every((outcome) => outcome.met));
});

test('cheaper than the answer is only what misses or does not hold on fresh draws; all of it is told', () => {
  assert.ok(study.candidates.length <= 8);
  assert.equal(study.candidates[0].replicaHours, study.recipe.replicaHours);
  const chosen = study.candidates.filter((one) => one.replicaHours === study.recommended.replicaHours);
  assert.ok(chosen.length >= 1 && chosen.every((one) => one.metOverTime));
  assert.ok(
    study.candidates.some((one) => !one.metOverTime),
    'the search went to the edge',
  );
});

test('the manifests are what was simulated, whatever the kind', async () => {
  const target = { deployment: 'x', namespace: 'y', prometheusUrl: 'http://p', fallbackReplicas: null };
  const texts = { hpa: hpaManifest, keda: kedaManifest, knative: knativeManifest };
  for (const kind of ['hpa', 'keda', 'knative'] as const) {
    const one = kind === 'hpa' ? made : await plan({ autoscaler: kind, scalerTrials: 1, breakTests: false });
    const written = parseAutoscalerSpec(texts[kind](one.autoscaler!, target), kind);
    const simulated = one.autoscaling!.recommended.autoscaler;
    assert.equal(simulated.kind, kind);
    // A trigger's name is its query, which holds the deployment's name.
    const nameless = (value: object) =>
      JSON.parse(JSON.stringify(value, (key, v) => (key === 'name' ? '' : v)));
    assert.deepEqual(nameless(written), nameless(simulated));
  }
});

test('attainment over time covers the workload, window by window', () => {
  const { windows, metRatio, windowSec } = made.attainmentOverTime!;
  assert.equal(windowSec, 60);
  assert.equal(windows.length, 20);
  assert.equal(
    windows.reduce((sum, window) => sum + window.offered, 0),
    requests.length,
  );
  assert.equal(metRatio, 1);
  const minutes = study.recommended.attainment.windows;
  assert.equal(minutes.length, 20);
});

test('the autoscaled fleets tell their replicas over time, the fixed ones have none to tell', () => {
  const { recommended, recipe, confirm } = study;
  for (const one of [recommended, recipe, ...confirm, ...made.breakTests!.map((test) => test.autoscaled!)])
    assert.equal(Math.max(...one.timeline!.map((sample) => sample.ready)), one.peakReplicas, one.label);
  assert.equal(study.static.timeline, undefined);
  // Samples are 15 s apart, so the mean is known to a sample per change of size.
  const { timeline } = recommended;
  assert.ok(timeline!.length > WAVE_SEC / 15);
  const mean = timeline!.reduce((sum, { starting, ready, draining }) => sum + starting + ready + draining, 0);
  assert.ok(Math.abs(mean / timeline!.length / recommended.meanReplicas - 1) < 0.05, `${mean}`);
});

test('how it breaks: traffic, a lost replica, a burst, each for both fleets', () => {
  const [growth, lost, burst] = made.breakTests!;
  assert.equal(growth.id, 'growth');
  assert.ok(growth.static.met && growth.autoscaled!.meanReplicas > 1.4);
  assert.ok(lost.static.cutOff > 0);
  assert.match(lost.text, /at (8|9|10|11)\.?\d* min/);
  assert.ok(lost.static.timeToRecoverSec !== 0 || lost.static.met);
  assert.match(burst.text, /of 200 block bootstraps/);
  for (const one of made.breakTests!) assert.ok(one.autoscaled !== null && one.because.length > 0);
});

test('the screen text has a line for each fleet of a break test, and one replica in the singular', () => {
  const lines = formatPlan(made, 'plan').split('\n');
  const start = lines.indexOf('how it breaks:');
  const growth = made.breakTests![0];
  assert.deepEqual(lines.slice(start + 1, start + 4), [
    `  ${growth.text}:`,
    ...growth.because.split('; ').map((sentence) => `    ${sentence}`),
  ]);
  assert.ok(lines[start + 3].startsWith('    autoscaled: '), lines[start + 3]);
  assert.doesNotMatch(lines.join('\n'), /(?<![\d.])1 replicas\b/);
});

test('a missed break test says how many replicas would hold', async () => {
  // One engine ends a request every 27 + 6.4 ms at most, 30/s: 27/s is enough, a fifth more is not.
  const steady = requests.slice(0, 8_000).map((request, id) => ({ ...request, arrivalSec: id / 27 }));
  const source = { kind: 'trace', requests: steady, fresh: 'rotate' } as const;
  const one = await plan({ source, profile: null, freshSeeds: 1 });
  assert.equal(one.replicas, 1);
  const growth = one.breakTests![0];
  assert.ok(!growth.static.met && growth.static.goodput < 0.5);
  assert.match(growth.because, /2 replicas would keep it/);
});

test('without a profile there is no study, with zero trials the recipe is advised untested', async () => {
  const bare = await plan({ profile: null, breakTests: false });
  assert.equal(bare.autoscaling, undefined);
  assert.equal(bare.breakTests, undefined);
  assert.equal(bare.attainmentOverTime!.metRatio, 1);
  const untested = await plan({ scalerTrials: 0 });
  assert.equal(untested.autoscaling, undefined);
  assert.ok(untested.autoscaler !== null);
  assert.ok(untested.breakTests!.every((one) => one.autoscaled === null));
});

test('the screen text fits 80 columns, and no number in the plan is NaN, infinite or negative', () => {
  for (const line of fitScreen(formatPlan(made, 'plan')).split('\n')) assert.ok(line.length <= 80, line);
  // Throws for NaN and Infinity.
  const text = stringifyStrict(made);
  for (const [, number] of text.matchAll(/: (-\d[\d.e+-]*)/g)) assert.fail(`negative: ${number}`);
});

test('the burst draw is a resampling with more work in its busiest stretch than half of the draws', () => {
  const burst = burstDraw({ requests, engine, stretchSec: 120, seed: 'a' })!;
  assert.equal(burst.blockSec, 60);
  assert.ok(burst.workRatio > 0.9 && burst.workRatio < 1.5, `${burst.workRatio}`);
  let before = 0;
  for (const request of burst.requests) {
    assert.ok(request.arrivalSec >= before);
    before = request.arrivalSec;
  }
  assert.deepEqual(burstDraw({ requests, engine, stretchSec: 120, seed: 'a' }), burst);
  assert.equal(burstDraw({ requests: requests.slice(0, 1), engine, stretchSec: 120, seed: 'a' }), null);
});
