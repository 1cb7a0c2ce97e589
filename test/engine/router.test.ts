import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../src/engine/contract.js';
import { createEngine } from '../../src/engine/engine.js';
import { expandPrefixHashes } from '../../src/engine/prefix.js';
import { createRouter } from '../../src/engine/router.js';
import type { EngineRequest } from '../../src/types.js';
import { engineWith } from './drive.js';

const model = engineWith({ prefixCaching: true, limits: { blockSize: 16, kvBlocks: 1_000 } });
const fleet = (size: number): Engine[] =>
  Array.from({ length: size }, () => createEngine(model, { seed: 1 }));

const request = (changes: Partial<EngineRequest> = {}): EngineRequest => ({
  id: 0,
  arrivalSec: 0,
  inputTokens: 100,
  outputTokens: 10,
  prefixHashes: null,
  sessionKey: null,
  ...changes,
});

test('round-robin goes in turn', () => {
  const route = createRouter('round-robin', fleet(3));
  assert.deepEqual(
    [1, 2, 3, 4].map(() => route(request())),
    [0, 1, 2, 0],
  );
});

test('least-requests and least-tokens pick the least loaded; ties rotate', () => {
  const engines = fleet(3);
  const idle = createRouter('least-requests', engines);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => idle(request())),
    [0, 1, 2, 0],
  );
  engines[0].submit(request({ id: 1, inputTokens: 10 }));
  engines[0].submit(request({ id: 2, inputTokens: 10 }));
  engines[1].submit(request({ id: 3, inputTokens: 500 }));
  engines[2].submit(request({ id: 4, inputTokens: 5 }));
  engines[2].submit(request({ id: 5, inputTokens: 200 }));
  assert.equal(createRouter('least-requests', engines)(request()), 1);
  assert.equal(createRouter('least-tokens', engines)(request()), 0);
});

test('a session stays where it is; one more replica moves about 1/n of the sessions', () => {
  const keys = Array.from({ length: 4_000 }, (_, i) => `session-${i}`);
  const places = (size: number): number[] => {
    const route = createRouter('session-affinity', fleet(size));
    return keys.map((sessionKey) => route(request({ sessionKey })));
  };
  const four = places(4);
  assert.deepEqual(places(4), four);
  for (let replica = 0; replica < 4; replica++) {
    const share = four.filter((place) => place === replica).length / keys.length;
    assert.ok(Math.abs(share - 0.25) < 0.03, `replica ${replica} has ${share}`);
  }
  const five = places(5);
  const moved = five.filter((place, i) => place !== four[i]);
  assert.ok(Math.abs(moved.length / keys.length - 0.2) < 0.03, `${moved.length} moved`);
  assert.ok(
    moved.every((place) => place === 4),
    'only to the new replica',
  );
});

test('prefix-aware follows the cache until the load outweighs it', () => {
  const engines = fleet(2);
  const prefixHashes = expandPrefixHashes([1n, 2n], 512, 16, 1_024);
  const shared = request({ id: 9, inputTokens: 1_024, prefixHashes });
  engines[1].submit(shared);
  while (engines[1].planStep(0) !== null) engines[1].finishStep();
  const route = createRouter('prefix-aware', engines);
  assert.equal(route(shared), 1);
  assert.equal(route(shared), 1);
  engines[1].submit(request({ id: 10, inputTokens: 2_000 }));
  assert.equal(route(shared), 0);
});
