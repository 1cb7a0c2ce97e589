/** The watch that stops a lost level: when it speaks, and when it must not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OverloadWatch } from '../../src/profile/overload.js';
import { randomOf } from '../../src/random.js';

/** Feeds a level second by second; returns when the watch speaks, or null. */
function feed(
  settledAt: (sec: number) => number,
  ratePerSec = 20,
  seconds = 100,
  typicalSec = 2,
): number | null {
  const watch = new OverloadWatch({ ratePerSec, requests: ratePerSec * seconds, typicalSec });
  for (let sec = 0; sec <= seconds * 2; sec++) {
    if (watch.observe(sec, Math.min(settledAt(sec), ratePerSec * seconds)) !== null) return sec;
  }
  return null;
}

test('a server that completes three quarters is stopped early, one that keeps up never', () => {
  assert.equal(
    feed((sec) => 20 * Math.max(0, sec - 2)),
    null,
  );
  const stopped = feed((sec) => 15 * Math.max(0, sec - 2));
  assert.ok(stopped !== null && stopped < 60, `stopped at ${stopped}`);
  assert.match(
    new OverloadWatch({ ratePerSec: 20, requests: 2_000, typicalSec: 1 }).observe(0, 0) ?? 'nothing yet',
    /nothing yet/,
  );
});

test('answers that are still filling up are not a backlog', () => {
  // Every answer takes 8 s: nothing ends before that, then everything on time.
  assert.equal(
    feed((sec) => 20 * Math.max(0, sec - 8), 20, 100, 8),
    null,
  );
});

test('the noise of Poisson arrivals and departures does not stop a level', () => {
  for (let seed = 0; seed < 50; seed++) {
    const rng = randomOf(seed, 'jitter');
    let ended = 0;
    assert.equal(
      feed((sec) => {
        if (sec > 2) ended += rng.poisson(20);
        return ended;
      }),
      null,
      `seed ${seed}`,
    );
  }
});

test('the drain after the last request is not judged', () => {
  assert.equal(
    feed((sec) => (sec <= 100 ? 20 * Math.max(0, sec - 2) : 1_960)),
    null,
  );
});
