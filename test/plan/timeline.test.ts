/** A fleet's samples thinned for a plan: few, in order, without losing the peaks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_TIMELINE_SAMPLES, thinnedTimeline } from '../../src/plan/timeline.js';
import type { FleetSample } from '../../src/types.js';

const sample = (i: number, more: Partial<FleetSample> = {}): FleetSample => ({
  atSec: 15 * i,
  desired: 2,
  starting: 0,
  ready: 2,
  draining: 0,
  running: 10,
  waiting: 0,
  held: 0,
  ...more,
});

test('what is short enough stays as it is', () => {
  const samples = Array.from({ length: MOST_TIMELINE_SAMPLES }, (_, i) => sample(i));
  assert.equal(thinnedTimeline(samples), samples);
  assert.deepEqual(thinnedTimeline([]), []);
});

test('a week: few samples in order, its ends, its one moment of most replicas and its one of most waiting', () => {
  for (const length of [501, 998, 999, 5_760, 40_321]) {
    const [grown, queue] = [Math.floor(length / 3), Math.floor(length / 2)];
    const samples = Array.from({ length }, (_, i) =>
      sample(i, i === grown ? { starting: 3 } : i === queue ? { waiting: 90, held: 1 } : {}),
    );
    const thinned = thinnedTimeline(samples);
    assert.ok(
      thinned.length > 200 && thinned.length <= MOST_TIMELINE_SAMPLES,
      `${length}: ${thinned.length}`,
    );
    assert.ok(thinned.every((one, i) => i === 0 || one.atSec > thinned[i - 1].atSec));
    assert.equal(thinned[0], samples[0]);
    assert.equal(thinned.at(-1), samples.at(-1));
    assert.ok(thinned.includes(samples[grown]) && thinned.includes(samples[queue]), `${length}`);
  }
});
