/** What a serving engine must show: interference, sharing, preemption, limits, determinism. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine } from '../../src/engine/engine.js';
import { EVENT } from '../../src/engine/events.js';
import { createFleet, simulateFleet } from '../../src/engine/fleet.js';
import { expandPrefixHashes } from '../../src/engine/prefix.js';
import { ToolError } from '../../src/errors.js';
import { itlGaps } from '../../src/metrics.js';
import type { EngineRequest } from '../../src/types.js';
import { drive, engineWith, requestsOf } from './drive.js';

const uniform = (count: number, value: number): number[] => new Array<number>(count).fill(value);

test('decode-only iterations cost what the model says: ITL(b) = base + b·perDecode + perKv·Σ context', () => {
  const model = engineWith({});
  for (const batch of [1, 4, 32]) {
    const { stepSec } = drive(model, requestsOf(uniform(batch, 0), uniform(batch, 10), uniform(batch, 3)));
    const [prefill, second, third] = stepSec;
    assert.equal(prefill, 0.015 + 6e-5 * 10 * batch);
    assert.equal(second, 0.015 + 1e-4 * batch + 5e-8 * 11 * batch);
    assert.equal(third, 0.015 + 1e-4 * batch + 5e-8 * 12 * batch);
  }
});

test('a burst of prefills raises the ITL of the running sequences, smaller chunks raise it less', () => {
  const maxItlMs = (maxBatchedTokens: number, burst: boolean): number => {
    const requests = requestsOf(
      burst ? [0, 1, 1, 1] : [0],
      burst ? [10, 4_000, 4_000, 4_000] : [10],
      burst ? [200, 2, 2, 2] : [200],
    );
    const result = simulateFleet({
      requests,
      engine: engineWith({ limits: { maxBatchedTokens } }),
      replicas: 1,
      seed: 1,
      keepChunks: true,
    });
    return Math.max(...itlGaps(result.requests[0]));
  };
  const calm = maxItlMs(2_048, false);
  const chunked = maxItlMs(512, true);
  const burst = maxItlMs(2_048, true);
  assert.ok(calm < 16 && chunked > 2 * calm && burst > 2 * chunked, `${calm} ${chunked} ${burst}`);
});

test('a shared prefix lowers TTFT by the tokens found, and only where caching is on', () => {
  const ttftSec = (prefixCaching: boolean, second: bigint): number => {
    const model = engineWith({ prefixCaching, limits: { blockSize: 16, kvBlocks: 1_000 } });
    const requests = requestsOf([0, 10], [1_024, 1_024], [4, 4]).map((request, i) => ({
      ...request,
      prefixHashes: expandPrefixHashes([7n, i === 0 ? 8n : second], 512, 16, 1_024),
    }));
    const { firstSec } = drive(model, requests);
    return firstSec[1] - 10;
  };
  const secondsOf = (tokens: number): number => 0.015 + 6e-5 * tokens;
  const near = (actual: number, expected: number): void =>
    assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} ${expected}`);
  near(ttftSec(true, 9n), secondsOf(512));
  // The same prompt again: all but the last block, whose last token must be computed.
  near(ttftSec(true, 8n), secondsOf(16));
  near(ttftSec(false, 8n), secondsOf(1_024));
});

test('blocks of the answer are found by the next turn', () => {
  const model = engineWith({ prefixCaching: true, limits: { blockSize: 16, kvBlocks: 1_000 } });
  const conversation = expandPrefixHashes([1n, 2n, 3n, 4n, 5n, 6n], 16, 16, 96);
  const turns = requestsOf([0, 10], [32, 96], [33, 1]).map((request) => ({
    ...request,
    prefixHashes: conversation,
  }));
  const engine = createEngine(model, { seed: 1 });
  engine.submit(turns[0]);
  while (engine.planStep(0) !== null) engine.finishStep();
  // 32 prompt tokens and 32 answer tokens in KV: the 33rd answer token was never fed back.
  assert.equal(engine.cachedPrefixTokens(conversation), 64);
  engine.submit(turns[1]);
  assert.equal(engine.planStep(10)!.prefillTokens, 32);
});

test('tiny KV: the newest sequence is preempted, computed again, and everything still finishes', () => {
  const model = engineWith({
    kvAdmission: 'watermark',
    limits: { blockSize: 4, kvBlocks: 10, maxModelLen: 40 },
  });
  const engine = createEngine(model, { seed: 1 });
  for (const request of requestsOf([0, 0, 0], [8, 8, 8], [20, 20, 20])) engine.submit(request);
  const preempted: number[] = [];
  const finished: number[] = [];
  for (let nowSec = 0; engine.planStep(nowSec) !== null; nowSec += 1) {
    const events = engine.finishStep();
    for (let i = 0; i < events.count; i++) {
      if (events.kinds[i] === EVENT.preempted) preempted.push(events.ids[i]);
      if (events.kinds[i] === EVENT.finished) finished.push(events.ids[i]);
    }
  }
  assert.deepEqual(finished, [0, 1, 2]);
  assert.equal(preempted[0], 2);
  assert.ok(!preempted.includes(0), 'the oldest is never preempted');
  assert.equal(engine.gauges().preemptions, preempted.length);
});

test('admission reserve never preempts: it waits until prompt and answer fit', () => {
  const model = engineWith({ limits: { blockSize: 4, kvBlocks: 10, maxModelLen: 40 } });
  const { firstSec, lastSec } = drive(model, requestsOf([0, 0], [8, 8], [20, 20]));
  assert.ok(firstSec[1] > lastSec[0]);
});

test('requests that can never run are refused, malformed ones are errors', () => {
  const engine = createEngine(engineWith({ limits: { maxModelLen: 100, kvBlocks: 50 } }), { seed: 1 });
  const submit = (inputTokens: number, outputTokens: number): string =>
    engine.submit({ id: 1, arrivalSec: 0, inputTokens, outputTokens, prefixHashes: null, sessionKey: null });
  assert.equal(submit(90, 11), 'exceeds_model_len');
  assert.equal(submit(40, 11), 'exceeds_kv');
  for (const [input, output] of [
    [0, 1],
    [1, 0],
    [1.5, 1],
    [Number.NaN, 1],
  ])
    assert.throws(
      () => submit(input, output),
      (error) => error instanceof ToolError && error.code === 'BAD_VALUE',
    );
  assert.equal(engine.planStep(0), null);
});

test('same seed → same instants; another seed or replica → other noise with mean 1 and the asked spread', () => {
  const model = engineWith({ step: { noiseCv: 0.3, perKvTokenSec: 0 } });
  const durations = (seed: number, replica: number): number[] => {
    const engine = createEngine(model, { seed, replica });
    engine.submit({
      id: 0,
      arrivalSec: 0,
      inputTokens: 1,
      outputTokens: 20_001,
      prefixHashes: null,
      sessionKey: null,
    });
    const result: number[] = [];
    for (let plan = engine.planStep(0); plan !== null; plan = engine.planStep(0)) {
      result.push(plan.durationSec);
      engine.finishStep();
    }
    return result.slice(1);
  };
  const first = durations(1, 0);
  assert.deepEqual(durations(1, 0), first);
  assert.notDeepEqual(durations(2, 0), first);
  assert.notDeepEqual(durations(1, 1), first);
  const mean = first.reduce((sum, x) => sum + x, 0) / first.length;
  const sd = Math.sqrt(first.reduce((sum, x) => sum + (x - mean) ** 2, 0) / first.length);
  assert.ok(Math.abs(mean / 0.0151 - 1) < 0.01, `mean ${mean}`);
  assert.ok(Math.abs(sd / mean - 0.3) < 0.01, `cv ${sd / mean}`);
});

test('a fleet is deterministic, generates every token, and its gauges stay within bounds', () => {
  const requests: EngineRequest[] = Array.from({ length: 500 }, (_, id) => ({
    id,
    arrivalSec: id * 0.02,
    inputTokens: 100 + ((id * 37) % 400),
    outputTokens: 1 + ((id * 13) % 50),
    prefixHashes: null,
    sessionKey: `s${id % 20}`,
  }));
  for (const router of ['round-robin', 'least-requests', 'least-tokens', 'session-affinity'] as const) {
    const run = () =>
      simulateFleet({
        requests,
        engine: engineWith({ step: { noiseCv: 0.1 } }),
        replicas: 3,
        router,
        seed: 5,
      });
    const result = run();
    assert.deepEqual(run(), result);
    assert.equal(
      result.generatedTokens,
      requests.reduce((sum, r) => sum + r.outputTokens, 0),
    );
    assert.equal(
      result.promptTokens,
      requests.reduce((sum, r) => sum + r.inputTokens, 0),
    );
    assert.ok(result.utilisation > 0 && result.utilisation <= 1);
    assert.ok(result.running.mean > 0 && result.running.mean <= result.running.max);
    assert.equal(result.prefixHitRatio, null);
  }
});

test('a fleet refuses what no replica can hold, and says so per request', () => {
  const result = simulateFleet({
    requests: requestsOf([0, 1], [10, 500], [5, 5]),
    engine: engineWith({ limits: { maxModelLen: 100 } }),
    replicas: 2,
    seed: 1,
  });
  assert.equal(result.refused, 1);
  assert.equal(result.requests[1].status, 'http_error');
  assert.equal(result.requests[1].firstTokenNs, null);
  assert.equal(result.queueWaitMs[1], null);
});

test('arrivals out of order are an error, an empty trace is an empty result', () => {
  const fleet = createFleet({ engine: engineWith({}), replicas: 1, seed: 1 });
  const [late, early] = requestsOf([2, 1], [1, 1], [1, 1]);
  fleet.offer(late);
  assert.throws(
    () => fleet.offer(early),
    (error) => error instanceof ToolError && error.code === 'BAD_TRACE',
  );
  const empty = simulateFleet({ requests: [], engine: engineWith({}), replicas: 1, seed: 1 });
  assert.equal(empty.makespanSec, 0);
  assert.equal(empty.utilisation, 0);
});
