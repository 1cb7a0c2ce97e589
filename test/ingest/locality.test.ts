/** Repeated lengths against chance: equal to it for shuffled lengths, above it for lengths that come in runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalityMeter } from '../../src/ingest/locality.js';
import { randomOf } from '../../src/random.js';

function meterOf(lengths: readonly number[]): LocalityMeter {
  const meter = new LocalityMeter();
  // In blocks, as the rows of an ingest come.
  for (let from = 0; from < lengths.length; from += 700) {
    const values = Int32Array.from(lengths.slice(from, from + 700));
    meter.add({ values, valid: null }, values.length);
  }
  return meter;
}

test('shuffled lengths repeat as often as chance says, runs more often', () => {
  const rng = randomOf('locality', 'lengths');
  const shuffled = Array.from({ length: 20_000 }, () => Math.floor(rng.exponential() * 300));
  const fair = meterOf(shuffled).facts()!;
  assert.ok(fair.repeated > 0.05 && Math.abs(fair.repeated - fair.byChance) < 0.01, JSON.stringify(fair));
  assert.deepEqual(meterOf(shuffled).notes(), []);
  const inRuns = shuffled.map((length, i) => (i % 4 === 0 ? length : shuffled[i - (i % 4)]));
  const runs = meterOf(inRuns).facts()!;
  assert.ok(runs.repeated > 0.75, JSON.stringify(runs));
  assert.match(meterOf(inRuns).notes()[0], /are exactly as long as one of the 50 before/);
});

test('few rows say nothing, unknown ones do not count', () => {
  assert.equal(meterOf([1, 1, 1]).facts(), null);
  const meter = new LocalityMeter();
  const values = new Int32Array(5_000).fill(7);
  meter.add({ values, valid: new Uint8Array(5_000) }, 5_000);
  meter.add(null, 5_000);
  assert.equal(meter.facts(), null);
});
