/** When outcomes are told: in a gap between sends, and in time whatever the gaps are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOOK_MS, mayTell } from '../../src/replay/report-slack.js';
import { NS_PER_MS } from '../../src/units.js';

/** Waits in ms between tellings over a second of sends every `gapMs`, looked at every 10 ms from `phaseMs`. */
function waits(gapMs: number, phaseMs: number): { waitedMs: number; gapMs: number }[] {
  const told: { waitedMs: number; gapMs: number }[] = [];
  let lastMs = 0;
  for (let nowMs = phaseMs; nowMs < 1_000; nowMs += LOOK_MS) {
    const ahead = gapMs === Number.POSITIVE_INFINITY ? gapMs : gapMs - (nowMs % gapMs);
    if (!mayTell((nowMs - lastMs) * NS_PER_MS, ahead * NS_PER_MS)) continue;
    told.push({ waitedMs: nowMs - lastMs, gapMs: ahead });
    lastMs = nowMs;
  }
  return told;
}

test('nothing waits longer than 70 ms, however dense the sends are', () => {
  for (const gapMs of [0.01, 0.3, 1, 3.1, 7, 50, 333, Number.POSITIVE_INFINITY])
    for (const phaseMs of [0.005, 3.3, 9.9])
      assert.ok(
        waits(gapMs, phaseMs).every(({ waitedMs }) => waitedMs <= 60 + LOOK_MS),
        `${gapMs} from ${phaseMs}`,
      );
});

test('with nothing due it is told as soon as messages may follow; in a long gap, not close before a send', () => {
  assert.ok(waits(Number.POSITIVE_INFINITY, 5).every(({ waitedMs }) => waitedMs < 40));
  for (const { gapMs } of waits(50, 8.5)) assert.ok(gapMs > 1);
  assert.equal(mayTell(30 * NS_PER_MS, 1 * NS_PER_MS), false, 'a send is near, and there is time');
  assert.equal(mayTell(55 * NS_PER_MS, 1 * NS_PER_MS), true, 'less room will do when it is late');
  assert.equal(mayTell(60 * NS_PER_MS, 0), true);
  assert.equal(mayTell(24 * NS_PER_MS, Number.POSITIVE_INFINITY), false);
});
