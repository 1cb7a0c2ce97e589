/** Makes capacity plans for the report's tests: made runs of fleets of rising size, with thresholds and cost. */
import { randomOf } from '../../src/random.js';
import type { CapacityPlan, FleetOutcome, FleetSample, FleetTrial, ParetoPoint } from '../../src/types.js';
import { MADE_MANIFEST, makeRun } from './make-run.js';

const SLO = 'p99(ttft) < 2s, goodput >= 0.99';

/** A plan that chooses the smallest made fleet that meets the SLO. */
export function makePlan(seed = 'plan'): CapacityPlan {
  const search = [1, 2, 3, 4, 6, 8].map((replicas) => makeTrial(replicas, seed, 'search'));
  const replicas = search.find((trial) => trial.met)!.replicas;
  const confirm = makeTrial(replicas, `${seed}-fresh`, 'confirm');
  const fewer = makeTrial(replicas - 1, `${seed}-fresh`, 'fewer');
  const rng = randomOf(seed, 'arrivals');
  const ratePerMinute = Array.from(
    { length: 1_440 },
    (_, minute) =>
      (30 + 22 * Math.sin((2 * Math.PI * (minute - 480)) / 1_440)) * (0.85 + 0.3 * rng.uniform()),
  );
  const price = 2.5;
  return {
    schemaVersion: 1,
    kind: 'capacity-plan',
    manifest: { ...MADE_MANIFEST, command: 'plan', options: { slo: SLO, price, engine: 'llama3-8b-h100' } },
    workload: {
      name: 'azure-conv',
      hash: '01'.repeat(32),
      kind: 'trace',
      requests: 2_592_000,
      durationSec: 86_400,
      meanRatePerSec: ratePerMinute.reduce((sum, rate) => sum + rate, 0) / ratePerMinute.length,
      peakRatePerSec: Math.max(...ratePerMinute),
      inputTokens: 2_991_168_000,
      outputTokens: 546_912_000,
      startUtc: '2026-03-04T00:00:00Z',
    },
    engine: { name: 'llama3-8b-h100-published', source: 'Published serving measurements; ±20 %.' },
    router: 'least-requests',
    slo: SLO,
    growth: 1.2,
    freshMethod: 'Fresh seeds draw new gaps and resample lengths.',
    replicas,
    trials: [...search, confirm, fewer],
    cost: {
      pricePerReplicaHour: price,
      perHour: price * replicas,
      perMillionOutputTokens: 1.234,
      perMillionTokens: 0.0712,
      perThousandGoodRequests: 0.0231,
    },
    autoscaler: {
      recommended: {
        signal: 'waiting',
        query: 'avg(vllm:num_requests_waiting{namespace="llm"})',
        target: 4,
        because: 'At the capacity 11.2/s the mean queue is 3.9; at the next level it is 21.',
      },
      alternatives: [
        {
          signal: 'kv_usage',
          query: 'avg(vllm:kv_cache_usage_perc)',
          target: 0.72,
          because: 'KV use is 0.72 at the capacity and saturates at 0.97.',
        },
      ],
      minReplicas: 2,
      maxReplicas: 9,
      capacityPerReplicaPerSec: 11.2,
      sizedPerReplicaPerSec: 9.1,
      reactionSec: 150,
      headroom: 0.23,
      reactionParts: { scrapeSec: 15, syncSec: 15, windowSec: 30, coldStartSec: 90 },
      ramp: 1.23,
      scaleUpPods: 2,
      scaleUpPeriodSec: 60,
      scaleDownPods: 1,
      scaleDownPeriodSec: 120,
      scaleDownWindowSec: 300,
      evidence: ['minReplicas 2: p1 of the rate, 9.4/s, ÷ 9.1/s.'],
      warnings: ['The reaction time assumes a 90 s cold start; measure yours.'],
    },
    warnings: ['The engine model is published, not calibrated on your hardware.'],
    ratePerMinute,
    verdict: {
      verdict: 'feasible',
      because: `${replicas} replicas meet ${SLO} on a fresh seed; ${replicas - 1} do not.`,
      recommendation: 'Apply keda.yaml, and calibrate the engine on your hardware with tokentide profile.',
    },
    files: ['plan.json', 'report.html', 'hpa.yaml', 'keda.yaml'],
  };
}

/** The same plan with its fleets simulated over the day: attainment, autoscaling study, break tests, cost front. */
export function makeSimulatedPlan(): CapacityPlan {
  const plan = makePlan();
  const fixed = makeOutcome(`${plan.replicas} replicas`, plan.replicas!, 0.999);
  const found = { ...makeOutcome('running 20, 2 to 6 replicas', 2.4, 0.996), timeline: makeTimeline() };
  const recipe = makeOutcome('running 9, 2 to 6 replicas', 3.1, 0.999);
  const broken = makeOutcome('2 to 6 replicas', 2.6, 0.8);
  const point = (label: string, costPerHour: number, goodput: number): ParetoPoint => ({
    choice: 'llama3-8b-h100',
    fleet: label.includes('running') ? 'autoscaled' : 'static',
    label,
    costPerHour,
    goodput,
    tightest: { term: 'p99(ttft) < 2s', value: 1_000, limit: 2_000, unit: 'ms', met: goodput > 0.99, n: 9 },
    met: goodput > 0.99,
    dominatedBy: null,
    chosen: false,
  });
  return {
    ...plan,
    attainmentOverTime: fixed.attainment,
    autoscaling: {
      kind: 'hpa',
      windowGoal: 0.95,
      scrapeSec: 15,
      coldStartSec: 90,
      static: fixed,
      recipe,
      recommended: found,
      confirm: [found, { ...found, met: false, timeToRecoverSec: null }],
      candidates: [9, 20, 40].map((target) => ({
        signal: 'running',
        target,
        minReplicas: 2,
        scaleDownWindowSec: 300,
        met: target < 40,
        metOverTime: target < 40,
        goodput: 1 - target / 1_000,
        windowsMetRatio: target < 40 ? 0.97 : 0.8,
        replicaHours: 100 - target,
        costPerHour: null,
      })),
      savingRatio: 0.2,
      because: 'the cheapest of 3 settings that holds on fresh draws',
    },
    breakTests: [
      {
        id: 'growth',
        text: '20 % more traffic',
        static: fixed,
        autoscaled: found,
        because: 'both keep the SLO',
      },
      {
        id: 'lost-replica',
        text: 'a replica dies at 8:00',
        static: broken,
        autoscaled: null,
        because: 'the fixed fleet misses it for 3 min',
      },
    ],
    pareto: [
      { ...point('1 replica', 2.5, 0.4) },
      { ...point('2 replicas', 5, 0.93) },
      { ...point('running 20', 6, 0.996), chosen: true },
      { ...point('3 replicas', 7.5, 0.97), dominatedBy: 'running 20' },
      { ...point('4 replicas', 10, 0.999) },
    ],
  };
}

/** A day from two to six replicas and back: asked for at the minute's rate, ready two samples later. */
function makeTimeline(): FleetSample[] {
  const desired = Array.from({ length: 480 }, (_, i) =>
    Math.round(4 - 2 * Math.cos((2 * Math.PI * i) / 480)),
  );
  return desired.map((asked, i) => {
    const ready = desired[Math.max(0, i - 2)];
    return {
      atSec: i * 180,
      desired: asked,
      starting: Math.max(0, asked - ready),
      ready,
      draining: Math.max(0, ready - asked),
      running: 12 * ready,
      waiting: 5 * Math.max(0, asked - ready),
      held: 0,
    };
  });
}

function makeOutcome(label: string, meanReplicas: number, goodput: number): FleetOutcome {
  const windows = Array.from({ length: 144 }, (_, i) => {
    const offered = i === 20 ? 0 : 18_000;
    const ratio = offered === 0 ? null : i === 60 ? goodput - 0.1 : goodput;
    return {
      fromSec: i * 600,
      offered,
      good: offered * (ratio ?? 0),
      ratio,
      met: ratio === null ? null : ratio > 0.95,
    };
  });
  return {
    label,
    autoscaler: { kind: 'static', replicas: 4 },
    initialReplicas: 4,
    seed: '1',
    met: goodput > 0.99,
    metOverTime: goodput > 0.99,
    slo: [],
    goodput,
    attainment: { windowSec: 600, windows, metRatio: 0.98, worst: windows[60] },
    replicaHours: meanReplicas * 24,
    meanReplicas,
    peakReplicas: 6,
    flaps: 1,
    cutOff: 0,
    unserved: 0,
    timeToRecoverSec: 600,
    cost: {
      pricePerReplicaHour: 2.5,
      perHour: 2.5 * meanReplicas,
      perMillionOutputTokens: 1,
      perMillionTokens: 1,
      perThousandGoodRequests: 1,
    },
  };
}

function makeTrial(replicas: number, seed: string, role: FleetTrial['role']): FleetTrial {
  const { summary } = makeRun({
    seed: `${seed}-${replicas}`,
    requests: 1_200,
    ratePerSec: 30,
    slots: 24 * replicas,
    slo: SLO,
    failureRatio: 0,
    warmup: 0,
    lagMs: 0,
  });
  const load = Math.min(1, 3.1 / replicas);
  return {
    replicas,
    seed,
    role,
    met: summary.slo.every((term) => term.met),
    slo: summary.slo,
    metrics: summary.metrics,
    goodput: summary.goodput!,
    utilisation: load,
    running: { mean: 22 * load, max: 24 },
    waiting: { mean: load === 1 ? 40 / replicas : 0.4, max: load === 1 ? 180 : 9 },
    kvUsage: { mean: 0.6 * load, max: 0.9 * load },
    preemptions: load === 1 ? 17 : 0,
  };
}

export const MADE_YAML = [
  {
    name: 'hpa.yaml',
    content: 'apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nspec:\n  minReplicas: 2\n',
  },
  {
    name: 'keda.yaml',
    content: 'apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\n# </script><b>not html</b>\n',
  },
];
