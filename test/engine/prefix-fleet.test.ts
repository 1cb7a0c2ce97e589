/** Four replicas behind the prefix-aware router, with caches so small that blocks are evicted all the time. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { simulateFleet } from '../../src/engine/fleet.js';
import { readEngineModel } from '../../src/engine/model.js';
import { expandPrefixHashes } from '../../src/engine/prefix.js';
import { randomOf } from '../../src/random.js';
import type { EngineModel, EngineRequest } from '../../src/types.js';

const base = await readEngineModel('llama3-8b-h100-published');
const engine: EngineModel = { ...base, limits: { ...base.limits, kvBlocks: 260, maxSeqs: 64 } };

/** Twelve documents, each with many questions; some prompts are a document alone, most have a tail of their own. */
function questions(count: number): EngineRequest[] {
  const rng = randomOf('documents', 'prefixes');
  let atSec = 0;
  return Array.from({ length: count }, (_, id) => {
    atSec += rng.exponential() / 24;
    const document = rng.int(12);
    const blocks = 1 + rng.int(6);
    const hashes = Array.from({ length: blocks }, (_, k) =>
      k < 3 ? BigInt(100 * document + k) : BigInt(10_000 * (id + 1) + k),
    );
    const inputTokens = 256 * blocks - rng.int(200);
    return {
      id,
      arrivalSec: atSec,
      inputTokens,
      outputTokens: 1 + rng.int(120),
      prefixHashes: expandPrefixHashes(hashes, 256, engine.limits.blockSize, inputTokens),
      sessionKey: null,
    };
  });
}

test('every instant and every cache hit are what the straightforward tables gave', () => {
  const result = simulateFleet({
    requests: questions(4_000),
    engine,
    replicas: 4,
    router: 'prefix-aware',
    seed: 1,
  });
  const instants = createHash('sha256');
  for (const { firstTokenNs, lastTokenNs } of result.requests)
    instants.update(`${firstTokenNs} ${lastTokenNs};`);
  const { preemptions, prefixHitRatio, busySec } = result;
  assert.ok(preemptions > 50 && prefixHitRatio! > 0.1 && prefixHitRatio! < 0.6, 'blocks are short');
  // Of the engine with one array per field, a search before every naming, and a new list of nodes per request.
  assert.deepEqual(
    { preemptions, prefixHitRatio, busySec, instants: instants.digest('hex').slice(0, 16) },
    {
      preemptions: 176,
      prefixHitRatio: 0.2576563695583519,
      busySec: 718.3256492415873,
      instants: 'fbd5cebdfd5ee614',
    },
  );
});
