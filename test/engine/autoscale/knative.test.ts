/** The Knative pod autoscaler: stable and panic windows, rates, bounds, zero; computed by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KNATIVE_DEFAULTS } from '../../../src/engine/autoscale/defaults.js';
import { KnativeController } from '../../../src/engine/autoscale/knative.js';
import type { KnativeSpec } from '../../../src/types.js';

const spec = (changes: Partial<KnativeSpec> = {}): KnativeSpec => ({
  ...KNATIVE_DEFAULTS,
  target: 10,
  ...changes,
});

/** Records a constant load for each second of [from, to). */
const load = (controller: KnativeController, from: number, to: number, value: number): void => {
  for (let second = from; second < to; second++) controller.record(second, value);
};

test('stable: mean over the window ÷ (target × 70 %), rounded up', () => {
  const controller = new KnativeController(spec(), 1, 0);
  load(controller, 0, 60, 6.9);
  assert.equal(controller.tick(60, 1, 1).replicas, 1);
  load(controller, 60, 120, 7.1);
  assert.equal(controller.tick(120, 1, 1).replicas, 2);
});

test('before the window is full the mean is over what there is', () => {
  const controller = new KnativeController(spec(), 1, 0);
  assert.equal(controller.tick(0, 1, 1).because, 'no load seen yet');
  load(controller, 0, 2, 10);
  assert.equal(controller.tick(2, 1, 1).replicas, 2);
});

test('panic: twice the ready replicas wanted over 6 s; nothing is taken away until a stable window has passed', () => {
  const controller = new KnativeController(spec(), 2, 0);
  load(controller, 0, 60, 10);
  // Two replicas at the start mean panic for the first 60 s: the size is kept.
  assert.deepEqual([controller.tick(60, 2, 2).replicas, controller.tick(60.5, 2, 2).panicking], [2, false]);
  load(controller, 60, 66, 35);
  const panic = controller.tick(66, 2, 2);
  // 35 ÷ 7 = 5 ≥ 2 × 2.
  assert.deepEqual([panic.replicas, panic.panicking], [5, true]);
  load(controller, 66, 100, 0);
  assert.equal(controller.tick(100, 5, 5).replicas, 5, 'still panicking');
  load(controller, 100, 126, 0);
  assert.equal(controller.tick(126, 5, 5).panicking, true, '60 s since the last cause, not more');
  load(controller, 126, 127, 7);
  // Mean 7/60 → 1, but by half at most: floor(5 ÷ 2).
  assert.deepEqual([controller.tick(127, 5, 5).replicas, controller.tick(127, 5, 5).panicking], [2, false]);
});

test('the rates bound one step: up by the factor (rounded up), down by half (cut off)', () => {
  const slow = new KnativeController(spec({ maxScaleUpRate: 1.5 }), 3, 0);
  load(slow, 0, 60, 700);
  assert.equal(slow.tick(60, 3, 3).replicas, 5);
  const one = new KnativeController(spec({ maxScaleUpRate: 1.1 }), 2, 0);
  load(one, 0, 60, 21);
  assert.equal(one.tick(60, 2, 2).replicas, 3, '2 × 1.1 is rounded up, so that it can grow at all');
});

test('minimum, maximum, activation scale', () => {
  const bounded = new KnativeController(spec({ minReplicas: 2, maxReplicas: 4 }), 2, 0);
  load(bounded, 0, 60, 1);
  assert.equal(bounded.tick(60, 2, 2).replicas, 2);
  load(bounded, 60, 120, 700);
  assert.equal(bounded.tick(120, 2, 2).replicas, 4);
  const activated = new KnativeController(spec({ activationReplicas: 3 }), 1, 0);
  load(activated, 0, 60, 1);
  assert.equal(activated.tick(60, 1, 1).replicas, 3);
});

test('a delay downwards keeps the largest wish of that time', () => {
  const controller = new KnativeController(spec({ scaleDownDelaySec: 30, stableSec: 6, panicSec: 6 }), 1, 0);
  load(controller, 0, 6, 28);
  assert.equal(controller.tick(6, 1, 4).replicas, 4);
  load(controller, 6, 12, 14);
  assert.equal(controller.tick(12, 4, 4).replicas, 4);
  load(controller, 12, 37, 14);
  assert.equal(controller.tick(37, 4, 4).replicas, 2);
});

test('to zero after a stable window of life and the grace period; back when load comes', () => {
  const controller = new KnativeController(spec(), 1, 0);
  load(controller, 0, 10, 1);
  load(controller, 10, 69, 0);
  assert.equal(controller.tick(69, 1, 1).replicas, 1, 'one of 60 s still had load');
  load(controller, 69, 70, 0);
  assert.equal(controller.tick(70, 1, 1).replicas, 1, 'grace begins');
  load(controller, 70, 99, 0);
  assert.equal(controller.tick(99, 1, 1).replicas, 1);
  load(controller, 99, 100, 0);
  assert.equal(controller.tick(100, 1, 1).replicas, 0);
  load(controller, 100, 101, 3);
  assert.equal(controller.tick(101, 0, 0).replicas, 1);
  load(controller, 101, 161, 0);
  assert.equal(controller.tick(161, 1, 1).replicas, 1, 'alive for 60 s, but without grace yet');
});

test('requests per second as the load', () => {
  const controller = new KnativeController(spec({ metric: 'rps', target: 200 }), 1, 0);
  load(controller, 0, 60, 300);
  assert.equal(controller.tick(60, 1, 3).replicas, 3);
});
