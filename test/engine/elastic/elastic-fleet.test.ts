/** Autoscaled fleets in virtual time, computed by hand: delays, cold starts, draining, zero, losses, accounting. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KNATIVE_DEFAULTS } from '../../../src/engine/autoscale/defaults.js';
import { createElasticFleet } from '../../../src/engine/elastic/elastic-fleet.js';
import { simulateAutoscaledFleet } from '../../../src/engine/elastic/simulate-autoscaled.js';
import { simulateFleet } from '../../../src/engine/fleet.js';
import { readEngineModel } from '../../../src/engine/model.js';
import { ToolError } from '../../../src/errors.js';
import { parseSlo } from '../../../src/slo.js';
import { hpa, jobs, keda, run, secondsEngine } from './scenario.js';

const noisy = await readEngineModel('llama3-8b-h100-published');
const steady = Array.from({ length: 400 }, (_, id) => ({
  id,
  arrivalSec: id * 0.05,
  inputTokens: 100 + ((id * 37) % 900),
  outputTokens: 1 + ((id * 13) % 90),
  prefixHashes: null,
  sessionKey: `s${id % 23}`,
}));

test('a fleet that nobody resizes is the static fleet, to the last bit', () => {
  for (const router of ['round-robin', 'least-tokens', 'session-affinity'] as const) {
    const options = { requests: steady, engine: noisy, router, seed: 7, keepChunks: true };
    const fixed = simulateFleet({ ...options, replicas: 3 });
    const elastic = simulateAutoscaledFleet({ ...options, autoscaler: { kind: 'static', replicas: 3 } });
    assert.deepEqual(elastic.simulation, fixed);
    assert.ok(Math.abs(elastic.replicaSec - 3 * fixed.makespanSec) < 1e-9);
    assert.deepEqual(elastic.scaleEvents, []);
  }
});

test('scrape, sync, cold start: 30 running at a target of 10 become three replicas after 15 + 20 s', () => {
  const requests = jobs(...Array.from({ length: 30 }, () => [0, 100] as const), [40, 1], [41, 1], [42, 1]);
  const result = run(requests, { autoscaler: hpa('running', 10) });
  // The first scrape is at 15 s, and the sync of that instant already knows it.
  const [up] = result.scaleEvents;
  assert.deepEqual([up.atSec, up.from, up.to, up.because], [15, 1, 3, 'running asks for 3']);
  assert.deepEqual(
    result.lives.map(({ replica, createdSec, readySec }) => [replica, createdSec, readySec]),
    [
      [0, 0, 0],
      [1, 15, 35],
      [2, 15, 35],
    ],
  );
  // While they load, they count 0 of their own: (30 + 0 + 0) ÷ 3 = 10 is the target.
  assert.equal(result.scaleEvents.length, 1);
  const at = (sec: number) => result.timeline.find((sample) => sample.atSec === sec)!;
  assert.deepEqual([at(30).desired, at(30).starting, at(30).ready, at(30).running], [3, 2, 1, 30]);
  assert.deepEqual([at(35).starting, at(35).ready], [0, 3]);
  // The late ones go to the idle replicas.
  assert.deepEqual(
    result.simulation.requests.slice(30).map((request) => request.lastTokenNs! / 1e9),
    [41, 42, 43],
  );
});

test('a slower scrape delays the decision: the sync at 15 s knows nothing yet', () => {
  const requests = jobs(...Array.from({ length: 30 }, () => [0, 100] as const));
  const result = run(requests, { autoscaler: hpa('running', 10), scrapeSec: 40 });
  assert.equal(result.scaleEvents[0].atSec, 45);
});

test('a window averages over scrapes: 0, 0, 30 running over 45 s is 10 each', () => {
  const spec = hpa('running', 10);
  const [metric] = spec.metrics;
  const meaned = {
    ...spec,
    metrics: [{ ...metric, query: { signal: 'running', statistic: 'mean', windowSec: 45 } as const }],
  };
  const requests = jobs([0, 1], ...Array.from({ length: 30 }, () => [31, 200] as const));
  const result = run(requests, { autoscaler: meaned });
  // 45 s: (0 + 0 + 30) ÷ 3 = 10 is the target; 60 s: (0 + 30 + 30) ÷ 3 = 20.
  assert.deepEqual([result.scaleEvents[0].atSec, result.scaleEvents[0].to], [60, 2]);
});

test('pods that start are pending while scheduled and pulled, then running without a metric', () => {
  const coldStart = { scheduleSec: 10, pullSec: 20, loadSec: 30, warmupSec: 5 };
  const result = run(jobs(...Array.from({ length: 30 }, () => [0, 100] as const)), {
    autoscaler: hpa('running', 10),
    coldStart,
  });
  assert.deepEqual([result.lives[1].createdSec, result.lives[1].readySec], [15, 80]);
});

test('a removed replica takes no more, finishes what it has, and then ends', () => {
  // Ten per replica at 15 s → three replicas; all but one answer done at 50 s.
  const requests = jobs(
    ...Array.from({ length: 29 }, () => [0, 50] as const),
    [36, 120],
    [37, 120],
    [160, 1],
    [200, 1],
  );
  const result = run(requests, { autoscaler: hpa('running', 10), router: 'least-requests' });
  // From 60 s on each replica has one or none: wish 1. The wishes of 3 lie back to 45 s; a window of 60 s ends at 105.
  const down = result.scaleEvents[1];
  assert.deepEqual([down.atSec, down.from, down.to], [120, 3, 1]);
  const removed = result.lives.filter((life) => life.drainingSec !== null);
  assert.deepEqual(
    removed.map((life) => life.replica),
    [1, 2],
  );
  // Requests 29 and 30 went to replicas 1 and 2 and run until 156 and 157 s.
  assert.deepEqual(removed.map((life) => life.endSec).sort(), [156, 157]);
  assert.ok(result.simulation.requests.every((request) => request.status === 'ok'));
  assert.equal(result.simulation.generatedTokens, 29 * 50 + 240 + 2);
  assert.deepEqual([result.cutOff, result.unserved], [0, 0]);
});

test('a grace period that is too short cuts requests off; they are errors, not latencies', () => {
  const requests = jobs(
    ...Array.from({ length: 29 }, () => [0, 50] as const),
    [36, 120],
    [37, 120],
    [160, 1],
  );
  const result = run(requests, { autoscaler: hpa('running', 10), terminationGraceSec: 30 });
  assert.equal(result.cutOff, 2);
  const cut = result.simulation.requests.slice(29, 31);
  assert.deepEqual(
    cut.map(({ status, endNs, lastTokenNs }) => [status, endNs! / 1e9, lastTokenNs]),
    [
      ['connection_error', 150, null],
      ['connection_error', 150, null],
    ],
  );
  assert.ok(
    cut.every((request) => request.firstTokenNs !== null),
    'their first tokens were out',
  );
  assert.equal(result.lives[1].endSec, 150);
});

test('replica-seconds: from creation to end, the cold start included', () => {
  const requests = jobs(...Array.from({ length: 30 }, () => [0, 100] as const));
  const result = run(requests, { autoscaler: hpa('running', 10) });
  // One from 0, two from 15; the last token is at 100 s.
  assert.equal(result.replicaSec, 100 + 2 * 85);
  assert.equal(result.replicaHours, 270 / 3_600);
  assert.equal(result.meanReplicas, 2.7);
  assert.equal(result.simulation.replicas, 3);
  // Serving seconds leave the cold start out: 100 + 2 × 65; only the first replica worked.
  assert.ok(Math.abs(result.simulation.utilisation - 100 / 230) < 1e-12);
});

test('Knative from zero: the first request starts a replica at once and waits for it', () => {
  const autoscaler = { ...KNATIVE_DEFAULTS, target: 10 };
  const result = run(jobs([5, 3], [6, 3]), { autoscaler, initialReplicas: 0 });
  assert.deepEqual([result.scaleEvents[0].atSec, result.scaleEvents[0].to], [5, 1]);
  assert.equal(result.lives[0].readySec, 25);
  assert.deepEqual(
    result.simulation.requests.map((request) => request.firstTokenNs! / 1e9),
    [26, 26],
  );
  assert.deepEqual(result.simulation.queueWaitMs, [20_000, 19_000]);
});

test('KEDA from zero sees the queue of the router, and goes back to zero after the cool-down', () => {
  const requests = jobs([0, 1], [200, 1]);
  const result = run(requests, { autoscaler: keda('gateway_queue', 5), initialReplicas: 0 });
  assert.deepEqual(
    result.scaleEvents.map(({ atSec, from, to }) => [atSec, from, to]),
    [
      // Polls at 30, 60, 90, …; the queue was scraped at 15 s.
      [30, 0, 1],
      // Last active at 30 s, when one waited (at 60 s the replica had taken it): 60 s are over after 90.
      [120, 1, 0],
      [210, 0, 1],
    ],
  );
  assert.equal(result.simulation.requests[1].firstTokenNs, 231e9);
});

test('a signal that only replicas have never wakes a fleet at zero: the requests are given up', () => {
  const result = run(jobs([0, 1], [1, 1]), { autoscaler: keda('running', 5), initialReplicas: 0 });
  assert.equal(result.unserved, 2);
  assert.ok(result.simulation.requests.every((request) => request.status === 'timeout_first_byte'));
  assert.equal(result.replicaSec, 0);
});

test('while the monitoring is out, KEDA falls back after its failures', () => {
  const requests = jobs([0, 300]);
  const autoscaler = keda('running', 10, { minReplicas: 1, fallback: { failureThreshold: 2, replicas: 4 } });
  const result = run(requests, { autoscaler, outages: [{ fromSec: 50, toSec: 200 }] });
  const [fallback] = result.scaleEvents;
  // Failures at 60, 75 and 90 s.
  assert.deepEqual([fallback.atSec, fallback.from, fallback.to], [90, 1, 4]);
  assert.ok(result.scaleEvents.slice(1).every((event) => event.atSec >= 200 && event.to < event.from));
});

test('a replica that dies loses its requests; another one comes after the cold start', () => {
  // Two replicas; four jobs of 100 s from second 0, two on each. The first replica dies at 30 s.
  const result = run(jobs([0, 100], [0, 100], [0, 100], [0, 100], [40, 10], [60, 10]), {
    autoscaler: { kind: 'static', replicas: 2 },
    failuresSec: [30],
  });
  const { requests } = result.simulation;
  assert.equal(result.cutOff, 2);
  assert.equal(requests.filter((request) => request.status === 'connection_error').length, 2);
  for (const request of requests.filter((one) => one.status === 'connection_error'))
    assert.equal(request.endNs, 30e9);
  // Created at 30 s, ready at 50 s; the job of second 60 goes to the empty one, whatever the router.
  assert.deepEqual(
    result.lives.map(({ createdSec, readySec, endSec }) => [createdSec, readySec, endSec]),
    [
      [0, 0, 30],
      [0, 0, null],
      [30, 50, null],
    ],
  );
  assert.ok(requests.slice(4).every((request) => request.status === 'ok'));
  // Nothing to kill is no error.
  const idle = run(jobs([0, 1]), { autoscaler: hpa('running', 1), failuresSec: [0.5, 0.6, 0.7] });
  assert.equal(idle.cutOff, 1);
});

test('attainment per minute, breach and recovery', () => {
  // One sequence at a time: the second request of a pair waits for ten seconds.
  const requests = jobs([0, 1], [60, 10], [60, 1], [120, 1], [180, 1]);
  const result = run(requests, {
    engine: secondsEngine(1),
    autoscaler: { kind: 'static', replicas: 1 },
    slo: parseSlo('p99(ttft) < 5s'),
  });
  assert.deepEqual(
    result.attainment.map(({ fromSec, offered, good }) => [fromSec, offered, good]),
    [
      [0, 1, 1],
      [60, 2, 1],
      [120, 1, 1],
      [180, 1, 1],
    ],
  );
  assert.equal(result.goal, 0.99);
  assert.deepEqual(result.breaches, [
    { fromSec: 60, recoveredSec: 120, worst: 0.5, scaledUpSec: null, readySec: null },
  ]);
  assert.equal(result.timeToRecoverSec, 60);
});

test('same seed → same result; another seed shifts scrapes and syncs', () => {
  const requests = steady.map((request) => ({ ...request, arrivalSec: 5 * request.arrivalSec }));
  const options = { requests, engine: noisy, autoscaler: hpa('running', 1) };
  const first = simulateAutoscaledFleet({ ...options, seed: 3 });
  assert.deepEqual(simulateAutoscaledFleet({ ...options, seed: 3 }), first);
  const other = simulateAutoscaledFleet({ ...options, seed: 4 });
  assert.notEqual(other.scaleEvents[0].atSec, first.scaleEvents[0].atSec);
});

test('bad options and arrivals out of order are refused; no request at all is an empty result', () => {
  const autoscaler = hpa('running', 5);
  const isBad = (code: string) => (error: unknown) => error instanceof ToolError && error.code === code;
  for (const options of [{ scrapeSec: 0 }, { sampleSec: -1 }, { initialReplicas: 1.5 }])
    assert.throws(() => run([], { autoscaler, ...options }), isBad('BAD_VALUE'));
  const fleet = createElasticFleet({ engine: noisy, seed: 1, autoscaler });
  const [late, early] = jobs([2, 1], [1, 1]);
  fleet.offer(late);
  assert.throws(() => fleet.offer(early), isBad('BAD_TRACE'));
  const empty = run([], { autoscaler });
  assert.deepEqual([empty.replicaSec, empty.simulation.requests.length, empty.meanReplicas], [0, 0, null]);
});
