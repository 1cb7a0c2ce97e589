/** Autoscaler advice and manifests from a profile whose answer can be computed by hand. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { type AdviceOptions, adviseAutoscaler } from '../../src/plan/advice.js';
import { adapterManifest, hpaManifest, kedaManifest, quantity } from '../../src/plan/manifests.js';
import { monotonicity, signalCurves, valueAt } from '../../src/plan/signals.js';
import { profileLoad } from '../../src/profile/profile.js';
import { parseSlo } from '../../src/slo.js';
import type { AutoscalerAdvice, GaugeSummary, LatencyProfile } from '../../src/types.js';
import { hiddenEngine } from '../calibrate/hidden-engine.js';
import { profileOptions, scriptedServer } from '../profile/fixtures.js';
import { startFakeApi } from './kubernetes-api.js';
import { ADAPTER_RULES, CONFIG_MAP, HPA, SCALED_OBJECT } from './kubernetes-schema.js';

/** Levels 1, 2, 4, 8, 16/s: 10 requests run per request/s, KV grows by 5 % per request/s, the SLO breaks above 8/s. */
async function profile(gauges: 'all' | 'none' = 'all'): Promise<LatencyProfile> {
  const server = scriptedServer((rate) => ({ ttftMs: rate > 8 ? 5_000 : 200 }));
  const gauge = (name: string, mean: number): GaugeSummary => ({
    name,
    source: name === 'running' ? 'sglang:num_running_reqs' : undefined,
    samples: 10,
    failedScrapes: 0,
    mean,
    max: mean,
    last: mean,
  });
  const made = await profileLoad(
    profileOptions({ levels: [1, 2, 4, 8, 16], slo: parseSlo('p90(ttft) < 2s'), runLevel: server.runLevel }),
  );
  return {
    ...made,
    capacity: { ...made.capacity, ratePerSec: 8 },
    levels: made.levels.map((level) => ({
      ...level,
      inFlightMean: 10 * level.ratePerSec + (level.ratePerSec > 8 ? 50 : 0),
      gauges:
        gauges === 'none'
          ? []
          : [
              gauge('running', 10 * level.ratePerSec),
              gauge('waiting', level.ratePerSec > 8 ? 50 : 0),
              gauge('kv_usage', 0.05 * level.ratePerSec),
            ],
    })),
  };
}

/** 10/s for 10 minutes, 20/s for 10 minutes, 10/s again. */
const ARRIVALS = [
  ...Array.from({ length: 6_000 }, (_, i) => i / 10),
  ...Array.from({ length: 12_000 }, (_, i) => 600 + i / 20),
  ...Array.from({ length: 6_000 }, (_, i) => 1_200 + i / 10),
];

async function advise(more: Partial<AdviceOptions> = {}): Promise<AutoscalerAdvice> {
  const advice = adviseAutoscaler({
    profile: await profile(),
    profileReplicas: 1,
    engine: { ...hiddenEngine(), limits: { ...hiddenEngine().limits, maxSeqs: 256 } },
    slo: parseSlo('p90(ttft) < 2s'),
    arrivalsSec: ARRIVALS,
    scrapeSec: 15,
    syncSec: 15,
    windowSec: 30,
    coldStartSec: 60,
    staticReplicas: 4,
    ...more,
  });
  assert.ok(advice !== null);
  return advice;
}

test('the recipe, number by number', async () => {
  const advice = await advise();
  assert.equal(advice.reactionSec, 120);
  // The rate doubles within one reaction time, from 10/s (above one replica's 8/s) to 20/s.
  assert.equal(advice.ramp, 2);
  assert.equal(advice.headroom, 0.5);
  assert.equal(advice.capacityPerReplicaPerSec, 8);
  assert.equal(advice.sizedPerReplicaPerSec, 4);
  // 10/s ÷ 4 → 3; 20/s ÷ 4 → 5.
  assert.equal(advice.minReplicas, 3);
  assert.equal(advice.maxReplicas, 5);
  const targets = new Map([advice.recommended, ...advice.alternatives].map((one) => [one.signal, one]));
  assert.ok(Math.abs(targets.get('running')!.target - 40 / 1.1) < 1e-9);
  assert.ok(Math.abs(targets.get('kv_usage')!.target - 0.2 / 1.1) < 1e-9);
  assert.ok(Math.abs(targets.get('request_rate')!.target - 4 / 1.1) < 1e-9);
  // Little: 4/s × (2 s − 0.2 s) = 7.2 may wait.
  assert.ok(Math.abs(targets.get('waiting')!.target - 7.2 / 1.1) < 1e-9);
  assert.equal(advice.recommended.signal, 'running');
  assert.match(advice.recommended.because, /40 running at 4 requests\/s per replica/);
  assert.match(targets.get('waiting')!.because, /lags/);
  assert.equal(targets.get('running')!.query, 'sglang:num_running_reqs', 'as the profiled server calls it');
  assert.equal(targets.get('waiting')!.query, 'vllm:num_requests_waiting');
  // 15 s after the step, half of the 30-s window is at the new rate: a rise of 5/s, at 4/s per replica.
  assert.equal(advice.scaleUpPods, 2);
  assert.equal(advice.scaleDownWindowSec, 300);
  assert.deepEqual(advice.warnings, []);
});

test('a fleet of several replicas behind the profiled endpoint is divided', async () => {
  const advice = await advise({ profileReplicas: 2 });
  assert.equal(advice.capacityPerReplicaPerSec, 4);
});

test('a signal at the limit of the engine is not recommended', async () => {
  const limits = { ...hiddenEngine().limits, maxSeqs: 80 };
  const advice = await advise({ engine: { ...hiddenEngine(), limits } });
  assert.notEqual(advice.recommended.signal, 'running');
  const running = advice.alternatives.find((one) => one.signal === 'running')!;
  assert.match(running.because, /saturates: the engine runs at most 80/);
});

test('without gauges the requests in flight stand for running', async () => {
  const bare = await profile('none');
  const curves = signalCurves(bare, 1);
  assert.deepEqual(curves.map((curve) => curve.signal).sort(), ['request_rate', 'running']);
  const advice = await advise({ profile: bare });
  assert.equal(advice.recommended.signal, 'running');
  assert.match(advice.recommended.because, /in flight at the client/);
});

/** 1/s for ten minutes, then 100/s. */
const BURST = [
  ...Array.from({ length: 600 }, (_, i) => i),
  ...Array.from({ length: 60_000 }, (_, i) => 600 + i / 100),
];

test('bursts that outrun the reaction are carried by minReplicas', async () => {
  // One replica serves 8/s: 100/s is 12.5-fold. Seven serve 56/s, from which 100/s is less than twofold.
  const advice = await advise({ arrivalsSec: BURST, staticReplicas: 13 });
  assert.equal(advice.minReplicas, 7);
  assert.ok(Math.abs(advice.ramp - 100 / 56) < 1e-9);
  assert.match(advice.evidence.join('\n'), /minReplicas 7: bursts outrun the reaction/);
  assert.deepEqual(advice.warnings, []);
});

test('an unknown cold start and a burst beyond the static fleet are warned about', async () => {
  const advice = await advise({ coldStartSec: 0, arrivalsSec: BURST, staticReplicas: 4 });
  assert.equal(advice.minReplicas, 4);
  assert.match(advice.warnings.join('\n'), /cold start unknown/);
  assert.match(advice.warnings.join('\n'), /beyond what even 4 replicas serve: no autoscaler follows that/);
});

test('no capacity, no advice', async () => {
  const known = await profile();
  const none = { ...known, capacity: { ...known.capacity, ratePerSec: null } };
  assert.equal(
    adviseAutoscaler({
      profile: none,
      profileReplicas: 1,
      engine: null,
      slo: parseSlo('p90(ttft) < 2s'),
      arrivalsSec: ARRIVALS,
      scrapeSec: 15,
      syncSec: 15,
      windowSec: 30,
      coldStartSec: 60,
      staticReplicas: null,
    }),
    null,
  );
});

test('curves interpolate, start at zero and rank', () => {
  const curve = {
    signal: 'running' as const,
    origin: '',
    source: null,
    points: [
      { ratePerSec: 2, value: 10 },
      { ratePerSec: 4, value: 30 },
      { ratePerSec: 8, value: 20 },
    ],
  };
  assert.equal(valueAt(curve, 1), 5);
  assert.equal(valueAt(curve, 3), 20);
  assert.equal(valueAt(curve, 100), 20);
  assert.equal(monotonicity(curve), 0.5);
  assert.equal(monotonicity({ ...curve, points: curve.points.slice(0, 2) }), null);
});

const TARGET = {
  deployment: 'llama-3-8b',
  namespace: 'inference',
  prometheusUrl: 'http://prometheus.monitoring:9090',
  fallbackReplicas: 4,
};

test('the manifests have the structure of their Kubernetes kinds, and carry the evidence', async () => {
  for (const signal of ['running', 'waiting', 'kv_usage', 'request_rate'] as const) {
    const base = await advise();
    const all = [base.recommended, ...base.alternatives];
    const recommended = all.find((one) => one.signal === signal)!;
    const advice = { ...base, recommended, alternatives: all.filter((one) => one !== recommended) };
    const hpa = hpaManifest(advice, TARGET);
    assert.deepEqual(HPA(parse(hpa), 'hpa'), []);
    assert.match(hpa, /minReplicas 3: the p1 of the rate/);
    const keda = kedaManifest(advice, TARGET);
    assert.deepEqual(SCALED_OBJECT(parse(keda), 'keda'), []);
    assert.deepEqual(
      SCALED_OBJECT(parse(kedaManifest(advice, { ...TARGET, fallbackReplicas: null })), 'keda'),
      [],
    );
    const adapter = parse(adapterManifest(advice, TARGET));
    assert.deepEqual(CONFIG_MAP(adapter, 'adapter'), []);
    const rules = parse(adapter.data['config.yaml']);
    assert.deepEqual(ADAPTER_RULES(rules, 'rules'), []);
    const served = rules.rules.map((rule: { name: { as: string } }) => rule.name.as);
    assert.ok(
      served.includes(parse(hpa).spec.metrics[0].pods.metric.name),
      'the adapter serves what the HPA reads',
    );
  }
});

test('the schema check sees a wrong field, a missing field and a wrong value', async () => {
  const good = parse(hpaManifest(await advise(), TARGET));
  assert.match(HPA({ ...good, specs: 1 }, 'hpa').join(), /hpa\.specs: unknown field/);
  assert.match(
    HPA({ ...good, spec: { ...good.spec, maxReplicas: '3' } }, 'hpa').join(),
    /maxReplicas: whole number/,
  );
  assert.match(HPA({ ...good, spec: { ...good.spec, minReplicas: 9 } }, 'hpa').join(), /minReplicas above/);
  const { scaleTargetRef: _, ...noTarget } = good.spec;
  assert.match(HPA({ ...good, spec: noTarget }, 'hpa').join(), /scaleTargetRef: required/);
});

test('quantities are whole or in thousandths, and never zero', () => {
  assert.equal(quantity(12), '12');
  assert.equal(quantity(36.3636), '36364m');
  assert.equal(quantity(0.18), '180m');
  assert.equal(quantity(1e-9), '1m');
});

const kubectl = spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' }).status === 0;

/** `kubectl set env --local` decodes into the typed object offline and then refuses it for having no pod template. */
function decodedType(manifest: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-hpa-'));
  try {
    const path = join(folder, 'hpa.yaml');
    writeFileSync(path, manifest);
    const run = spawnSync('kubectl', ['set', 'env', '--local', '-f', path, 'A=b'], { encoding: 'utf8' });
    return run.stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('kubectl decodes the HPA into its typed object', {
  skip: kubectl ? false : 'no kubectl here',
}, async () => {
  const hpa = hpaManifest(await advise(), TARGET);
  assert.match(decodedType(hpa), /\*v2\.HorizontalPodAutoscaler/);
  assert.match(
    decodedType(hpa.replace(/maxReplicas: \d+/, 'maxReplicas: many')),
    /cannot unmarshal|unable to decode/,
  );
});

function kubectlApply(server: string, manifest: string): Promise<{ ok: boolean; output: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-apply-'));
  const path = join(folder, 'manifest.yaml');
  writeFileSync(path, manifest);
  const words = ['apply', '--dry-run=client', '--validate=false', '--server', server, '-f', path];
  const env = { ...process.env, KUBECONFIG: join(folder, 'none'), HOME: folder };
  return new Promise((resolve) => {
    execFile('kubectl', words, { env }, (error, stdout, stderr) => {
      rmSync(folder, { recursive: true, force: true });
      resolve({ ok: error === null, output: stdout + stderr });
    });
  });
}

test('kubectl apply --dry-run=client takes all three', {
  skip: kubectl ? false : 'no kubectl here',
}, async () => {
  const advice = await advise();
  const api = await startFakeApi();
  try {
    for (const manifest of [hpaManifest, kedaManifest, adapterManifest]) {
      const { ok, output } = await kubectlApply(api.url, manifest(advice, TARGET));
      assert.ok(ok, output);
      assert.match(output, /created \(dry run\)/);
    }
    const wrong = hpaManifest(advice, TARGET).replace('kind: HorizontalPodAutoscaler', 'kind: PodAutoscaler');
    assert.equal((await kubectlApply(api.url, wrong)).ok, false);
  } finally {
    await api.close();
  }
});
