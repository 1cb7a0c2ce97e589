/** Fresh draws and growth: what they keep and what they change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { freshDraw, growTraffic, growthCopy, rotateBlocks, thin } from '../../src/plan/traffic.js';
import { randomOf } from '../../src/random.js';
import type { EngineRequest } from '../../src/types.js';

function request(id: number, arrivalSec: number, more: Partial<EngineRequest> = {}): EngineRequest {
  return {
    id,
    arrivalSec,
    inputTokens: 10 + id,
    outputTokens: 5,
    prefixHashes: null,
    sessionKey: null,
    ...more,
  };
}

/** A burst in each minute, and a trend over the hour. */
function hour(): EngineRequest[] {
  const times: number[] = [];
  for (let minute = 0; minute < 60; minute++) {
    for (let k = 0; k < 10 + minute; k++) times.push(60 * minute + 10 + 0.05 * k);
  }
  return times.map((arrivalSec, id) => request(id, arrivalSec));
}

function perMinute(requests: readonly EngineRequest[]): number[] {
  const counts = new Array<number>(60).fill(0);
  for (const one of requests) counts[Math.floor(one.arrivalSec / 60)] += 1;
  return counts;
}

const sortedLengths = (requests: readonly EngineRequest[]): number[] =>
  requests.map((one) => one.inputTokens).sort((a, b) => a - b);

test('turning blocks keeps every request, every minute and the order, and moves the arrivals', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 3_000, noNaN: true }), { minLength: 1, maxLength: 60 }),
      fc.integer(),
      (times, seed) => {
        const base = [...times].sort((a, b) => a - b).map((sec, id) => request(id, sec));
        const turned = rotateBlocks(base, 60, randomOf(seed, 'bootstrap'));
        assert.deepEqual(sortedLengths(turned), sortedLengths(base));
        assert.ok(
          turned.every((one, i) => one.id === i && (i === 0 || one.arrivalSec >= turned[i - 1].arrivalSec)),
        );
        assert.ok(
          turned.every(
            (one) => one.arrivalSec >= 0 && one.arrivalSec <= times.reduce((a, b) => Math.max(a, b)) + 60,
          ),
        );
      },
    ),
  );
  const base = hour();
  const turned = freshDraw(base, 'rotate', 'a');
  assert.deepEqual(perMinute(turned).slice(0, 59), perMinute(base).slice(0, 59));
  assert.notDeepEqual(
    turned.map((one) => one.arrivalSec),
    base.map((one) => one.arrivalSec),
  );
  assert.notDeepEqual(turned, freshDraw(base, 'rotate', 'b'));
  assert.deepEqual(turned, freshDraw(base, 'rotate', 'a'), 'one seed, one draw');
});

test('a bootstrap draws whole blocks with replacement', () => {
  const counts = new Set(perMinute(hour()));
  const drawn = perMinute(freshDraw(hour(), 'bootstrap', 'a'));
  assert.ok(
    drawn.slice(0, 59).every((count) => counts.has(count)),
    'each minute is one of the source',
  );
  assert.notDeepEqual(drawn, perMinute(hour()));
});

test('growth by 2.5 is two streams and half of a third, each with its own bursts and sessions', async () => {
  const base = hour().map((one) => ({
    ...one,
    sessionKey: `s${one.id % 50}`,
    prefixHashes: [1n, BigInt(one.id + 2)],
  }));
  const grown = await growTraffic(base, 2.5, 'seed', (copy) => growthCopy(base, copy, 'seed'));
  const sessions = new Map<string, number>();
  for (const one of grown) {
    const copy = one.sessionKey!.split('#')[1] ?? '0';
    sessions.set(copy, (sessions.get(copy) ?? 0) + 1);
  }
  assert.equal(sessions.get('0'), base.length);
  assert.equal(sessions.get('1'), base.length);
  // 50 sessions kept with probability one half: standard deviation 7 % of the stream.
  assert.ok(Math.abs(sessions.get('2')! / base.length - 0.5) < 0.28);
  assert.ok(
    grown.every((one) => one.prefixHashes![0] === 1n),
    'the system prompt is shared',
  );
  const own = new Set(base.map((one) => one.prefixHashes[1]));
  const others = grown.filter((one) => one.sessionKey!.includes('#'));
  assert.ok(
    others.every((one) => !own.has(one.prefixHashes![1])),
    'other customers have other prompts',
  );
  assert.ok(grown.every((one, i) => i === 0 || one.arrivalSec >= grown[i - 1].arrivalSec));
});

test('growth by 1 is the workload itself; below 1 it is thinned', async () => {
  const base = hour();
  assert.equal(await growTraffic(base, 1, 's', () => []), base);
  const half = await growTraffic(base, 0.5, 's', () => []);
  assert.ok(Math.abs(half.length / base.length - 0.5) < 0.05);
});

test('thinning keeps sessions whole', () => {
  const base = hour().map((one) => ({ ...one, sessionKey: `s${one.id % 40}` }));
  const kept = thin(base, 0.5, randomOf('x', 'bootstrap'));
  const sizes = new Map<string, number>();
  for (const one of kept) sizes.set(one.sessionKey!, (sizes.get(one.sessionKey!) ?? 0) + 1);
  for (const [key, size] of sizes) assert.equal(size, base.filter((one) => one.sessionKey === key).length);
  assert.ok(sizes.size > 5 && sizes.size < 35);
});
