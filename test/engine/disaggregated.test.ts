/** Prefill and decode on replicas of their own: instants by hand, and what separation is for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateDisaggregated } from '../../src/engine/disaggregated.js';
import { simulateFleet } from '../../src/engine/fleet.js';
import { itlGaps } from '../../src/metrics.js';
import { engineWith, requestsOf } from './drive.js';

const engine = engineWith({
  step: { baseSec: 0.01, perPrefillTokenSec: 0.001, perDecodeSeqSec: 0, perKvTokenSec: 0 },
});
const ms = (ns: number | null): number => Math.round(ns! / 1e6);

test('one request: prompt, transfer, the last prompt token again, then the answer', () => {
  const { simulation, prefill, decode, meanTransferMs } = simulateDisaggregated({
    requests: requestsOf([1], [100], [3]),
    prefill: { engine, replicas: 1 },
    decode: { engine, replicas: 1 },
    transfer: { latencySec: 0.005, perTokenSec: 0.0002 },
    seed: 1,
    keepChunks: true,
  });
  const [request] = simulation.requests;
  // 1 s + (10 + 100) ms prompt + (5 + 20) ms transfer + (10 + 1) ms; then two iterations of 10 ms.
  assert.deepEqual([ms(request.firstTokenNs), ms(request.lastTokenNs)], [1_146, 1_166]);
  assert.deepEqual([request.outputTokens, request.chunkNs!.length, ms(request.sentNs)], [3, 3, 1_000]);
  assert.ok(Math.abs(meanTransferMs! - 25) < 1e-9);
  assert.deepEqual([prefill.generatedTokens, decode.generatedTokens, simulation.generatedTokens], [1, 3, 3]);
  assert.equal(simulation.replicas, 2);
  assert.ok(Math.abs(simulation.busySec - (0.11 + 0.031)) < 1e-9);
  assert.ok(Math.abs(simulation.makespanSec - 0.166) < 1e-9);
});

test('decode replicas feel no prompts: the worst gap between tokens stays that of decoding', () => {
  const requests = requestsOf([0, 0.5, 0.6, 0.7], [10, 4_000, 4_000, 4_000], [300, 5, 5, 5]);
  const worst = (simulation: ReturnType<typeof simulateFleet>): number =>
    Math.max(...itlGaps(simulation.requests[0]));
  const together = simulateFleet({
    requests,
    engine,
    replicas: 2,
    router: 'round-robin',
    seed: 1,
    keepChunks: true,
  });
  const apart = simulateDisaggregated({
    requests,
    prefill: { engine, replicas: 1 },
    decode: { engine, replicas: 1 },
    seed: 1,
    keepChunks: true,
  }).simulation;
  assert.ok(worst(together) > 1_000, `${worst(together)}`);
  assert.ok(worst(apart) <= 14, `${worst(apart)}`);
});

test('requests overtake each other on the way, and come back in the order of arrival', () => {
  const requests = requestsOf([0, 0, 0.001], [4_000, 10, 20], [2, 2, 2]);
  const { simulation } = simulateDisaggregated({
    requests,
    prefill: { engine, replicas: 3, router: 'round-robin' },
    decode: { engine, replicas: 1 },
    seed: 1,
  });
  assert.deepEqual(
    simulation.requests.map((request) => [request.inputTokens, request.status, request.outputTokens]),
    [
      [4_000, 'ok', 2],
      [10, 'ok', 2],
      [20, 'ok', 2],
    ],
  );
  assert.ok(simulation.requests[1].firstTokenNs! < simulation.requests[0].firstTokenNs!);
  assert.ok(simulation.queueWaitMs.every((wait) => wait !== null && wait >= 0));
});

test('what either pool cannot hold is refused once', () => {
  const small = { ...engine, limits: { ...engine.limits, maxModelLen: 50 } };
  const requests = requestsOf([0, 0, 0], [100, 40, 10], [5, 20, 5]);
  const { simulation } = simulateDisaggregated({
    requests,
    prefill: { engine: small, replicas: 1 },
    decode: { engine: small, replicas: 1 },
    seed: 1,
  });
  // The first is too long for the prefill pool, the second only with its answer.
  assert.deepEqual(
    simulation.requests.map((request) => [request.status, request.outputTokens]),
    [
      ['http_error', 0],
      ['http_error', 0],
      ['ok', 5],
    ],
  );
  assert.deepEqual(
    [simulation.refused, simulation.queueWaitMs[0], simulation.queueWaitMs[1]],
    [2, null, null],
  );
});

test('the transfer of the engine model is the default, columns are accepted, nothing is an empty result', () => {
  const columns = { arrivalSec: [0], inputTokens: [100], outputTokens: [1] };
  const run = (kvTransfer: { latencySec: number; perTokenSec: number } | undefined) =>
    simulateDisaggregated({
      requests: columns,
      prefill: { engine: kvTransfer === undefined ? engine : { ...engine, kvTransfer }, replicas: 1 },
      decode: { engine, replicas: 1 },
      seed: 1,
    });
  assert.equal(run(undefined).meanTransferMs, 0);
  assert.equal(Math.round(run({ latencySec: 0.5, perTokenSec: 0 }).meanTransferMs!), 500);
  const empty = simulateDisaggregated({
    requests: [],
    prefill: { engine, replicas: 1 },
    decode: { engine, replicas: 1 },
    seed: 1,
  });
  assert.deepEqual(
    [empty.simulation.makespanSec, empty.simulation.utilisation, empty.meanTransferMs],
    [0, 0, null],
  );
});
