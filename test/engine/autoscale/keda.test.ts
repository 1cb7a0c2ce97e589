/** KEDA: activation, cool-down, idle replicas, fallback; the HPA behind it never has less than one replica. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KedaController } from '../../../src/engine/autoscale/keda.js';
import type { KedaSpec } from '../../../src/types.js';

const spec = (changes: Partial<KedaSpec> = {}): KedaSpec => ({
  kind: 'keda',
  minReplicas: 0,
  maxReplicas: 10,
  idleReplicas: null,
  triggers: [
    {
      metric: {
        name: 'running',
        source: 'external',
        aggregate: 'sum',
        query: { signal: 'running', statistic: 'last', windowSec: 0 },
        target: { kind: 'average-value', value: 5 },
      },
      activationThreshold: 2,
    },
  ],
  pollingSec: 30,
  cooldownSec: 300,
  fallback: null,
  behavior: null,
  toleranceRatio: 0.1,
  syncSec: 15,
  downscaleStabilizationSec: 0,
  ...changes,
});

const ready = (count: number) =>
  Array.from({ length: count }, () => ({ phase: 'running' as const, ready: true }));
const sync = (keda: KedaController, nowSec: number, size: number, value: number | null): number =>
  keda.sync({ nowSec, specReplicas: size, pods: ready(size), values: [value] }).replicas;

test('from zero: only above the activation threshold, to one replica, or to the minimum', () => {
  const keda = new KedaController(spec(), 0, 0);
  assert.equal(keda.poll(0, 0, [2]).replicas, 0);
  assert.equal(keda.poll(30, 0, [3]).replicas, 1);
  assert.equal(new KedaController(spec({ minReplicas: 3 }), 0, 0).poll(0, 0, [3]).replicas, 3);
});

test('the HPA scales from one on, and leaves a workload at zero alone', () => {
  const keda = new KedaController(spec(), 0, 0);
  assert.equal(sync(keda, 15, 0, 40), 0);
  // 40 ÷ 5 = 8, at most four from one.
  assert.equal(sync(keda, 30, 1, 40), 4);
  assert.equal(sync(keda, 45, 4, 40), 8);
  assert.equal(sync(keda, 60, 8, 0), 1, 'not to zero: that is for the poll');
});

test('to zero after the cool-down since a trigger was last active', () => {
  const keda = new KedaController(spec(), 0, 0);
  assert.equal(keda.poll(0, 0, [9]).replicas, 1);
  assert.equal(keda.poll(30, 4, [9]).replicas, 4);
  assert.equal(keda.poll(60, 4, [1]).replicas, 4);
  assert.equal(keda.poll(330, 4, [1]).replicas, 4, '300 s are not over');
  assert.equal(keda.poll(331, 4, [1]).replicas, 0);
});

test('a workload that was never active is scaled down without a cool-down', () => {
  assert.equal(new KedaController(spec(), 3, 0).poll(30, 3, [0]).replicas, 0);
});

test('with a minimum above zero nothing is switched off; below it the poll raises', () => {
  const keda = new KedaController(spec({ minReplicas: 2 }), 1, 0);
  assert.equal(keda.poll(0, 5, [0]).replicas, 5);
  assert.equal(keda.poll(0, 1, [0]).replicas, 2);
});

test('idle replicas: down to them after the cool-down, up to the minimum when active', () => {
  const keda = new KedaController(spec({ minReplicas: 4, idleReplicas: 1 }), 4, 0);
  assert.equal(keda.poll(0, 4, [9]).replicas, 4);
  assert.equal(keda.poll(200, 4, [0]).replicas, 4);
  assert.equal(keda.poll(301, 4, [0]).replicas, 1);
  assert.equal(keda.poll(331, 1, [9]).replicas, 4);
});

test('without an answer nothing is switched off, and an active trigger beside it still activates', () => {
  const two = spec({ triggers: [spec().triggers[0], spec().triggers[0]] });
  const keda = new KedaController(two, 0, 0);
  assert.equal(keda.poll(0, 3, [null, 0]).replicas, 3);
  assert.equal(keda.poll(30, 0, [null, 9]).replicas, 1);
});

test('fallback: after more failures than the threshold the HPA gets target × replicas', () => {
  const keda = new KedaController(spec({ fallback: { failureThreshold: 2, replicas: 3 } }), 1, 0);
  assert.equal(sync(keda, 0, 1, null), 1);
  assert.equal(sync(keda, 15, 1, null), 1);
  assert.equal(sync(keda, 30, 1, null), 3, 'third failure');
  assert.equal(sync(keda, 45, 3, 5), 1, 'an answer ends it');
  assert.equal(sync(keda, 60, 1, null), 1, 'and the count begins again');
});

test('without fallback a silent source stops the HPA', () => {
  const keda = new KedaController(spec(), 4, 0);
  for (const nowSec of [0, 15, 30, 45, 60]) assert.equal(sync(keda, nowSec, 4, null), 4);
});
