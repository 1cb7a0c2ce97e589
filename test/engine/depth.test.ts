/** Priority, speculative decoding, LoRA adapters, KV that comes along: each alone, computed by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdapterCache } from '../../src/engine/adapters.js';
import { createEngine } from '../../src/engine/engine.js';
import { EVENT } from '../../src/engine/events.js';
import { parseEngineModel, readEngineModel } from '../../src/engine/model.js';
import { PriorityQueue } from '../../src/engine/priority-queue.js';
import { SlotTable } from '../../src/engine/slots.js';
import { Speculator, tokensPerIteration } from '../../src/engine/speculation.js';
import { ToolError } from '../../src/errors.js';
import { randomOf } from '../../src/random.js';
import type { EngineModel, EngineRequest } from '../../src/types.js';
import { drive, engineWith, requestsOf } from './drive.js';

/** One second per iteration, whatever is in it. */
const second = { baseSec: 1, perPrefillTokenSec: 0, perDecodeSeqSec: 0, perKvTokenSec: 0 };

/** Runs to the end, one iteration per second; returns events as text. */
function story(model: EngineModel, requests: readonly EngineRequest[]): string[] {
  const names = Object.fromEntries(Object.entries(EVENT).map(([name, kind]) => [kind, name]));
  const engine = createEngine(model, { seed: 1 });
  for (const request of requests) engine.submit(request);
  const told: string[] = [];
  for (let nowSec = 0; engine.planStep(nowSec) !== null; nowSec += 1) {
    const events = engine.finishStep();
    for (let i = 0; i < events.count; i++) {
      if (events.kinds[i] === EVENT.token || events.kinds[i] === EVENT.firstToken) continue;
      told.push(`${nowSec} ${names[events.kinds[i]]} ${events.ids[i]}`);
    }
  }
  return told;
}

const withPriority = (requests: readonly EngineRequest[], ...priorities: number[]): EngineRequest[] =>
  requests.map((request, i) => ({ ...request, priority: priorities[i] }));

test('priority: the lowest value is admitted first, ties in order of arrival', () => {
  const model = engineWith({ step: second, limits: { maxSeqs: 1 }, scheduling: 'priority' });
  const requests = withPriority(requestsOf([0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]), 5, 0, 5, -1);
  const admitted = (m: EngineModel): string[] =>
    story(m, requests).filter((line) => line.includes('admitted'));
  assert.deepEqual(admitted(model), ['0 admitted 3', '1 admitted 1', '2 admitted 0', '3 admitted 2']);
  const fcfs = engineWith({ step: second, limits: { maxSeqs: 1 } });
  assert.deepEqual(admitted(fcfs), ['0 admitted 0', '1 admitted 1', '2 admitted 2', '3 admitted 3']);
});

test('priority: on shortage of KV the last by priority gives way, not the newest', () => {
  // Ten blocks of four tokens; three sequences of 8 + 12 tokens need fifteen.
  const model = engineWith({
    step: second,
    kvAdmission: 'watermark',
    limits: { blockSize: 4, kvBlocks: 10, maxModelLen: 40 },
    scheduling: 'priority',
  });
  const requests = withPriority(requestsOf([0, 0, 0], [8, 8, 8], [12, 12, 12]), 0, 7, 1);
  const told = story(model, requests);
  assert.equal(told.find((line) => line.includes('preempted'))!.split(' ')[2], '1');
  assert.ok(!told.some((line) => line.endsWith('preempted 0')), 'the first by priority never');
  const ends = told.filter((line) => line.includes('finished')).map((line) => line.split(' ')[2]);
  assert.deepEqual(ends, ['0', '2', '1']);
});

test('the priority queue is a heap in which anything can be removed', () => {
  const slots = new SlotTable();
  const queue = new PriorityQueue(slots);
  const rng = randomOf(4, 'engine');
  const inside: number[] = [];
  for (let i = 0; i < 500; i++) {
    const slot = slots.take();
    slots.priority[slot] = rng.int(5);
    slots.order[slot] = i;
    queue.pushBack(slot);
    inside.push(slot);
    if (rng.int(3) === 0) queue.remove(inside.splice(rng.int(inside.length), 1)[0]);
  }
  const expected = [...inside].sort(
    (a, b) => slots.priority[a] - slots.priority[b] || slots.order[a] - slots.order[b],
  );
  const popped: number[] = [];
  while (queue.length > 0) {
    assert.equal(queue.front(), expected[popped.length]);
    popped.push(queue.popFront());
  }
  assert.deepEqual(popped, expected);
});

test('speculation: accepted drafts have the mean (1 − α^(k+1)) / (1 − α) − 1, from nothing to all of them', () => {
  for (const acceptanceRatio of [0, 0.3, 0.8, 1]) {
    const speculation = { draftTokens: 4, acceptanceRatio, draftSec: 0 };
    const speculator = new Speculator(speculation, randomOf(2, 'engine', 'speculation'));
    const n = 100_000;
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const accepted = speculator.accepted();
      assert.ok(Number.isInteger(accepted) && accepted >= 0 && accepted <= 4);
      sum += accepted;
    }
    // The standard error of the mean is below 0.006.
    assert.ok(
      Math.abs(1 + sum / n - tokensPerIteration(speculation)) < 0.02,
      `${acceptanceRatio}: ${1 + sum / n}`,
    );
  }
  assert.equal(tokensPerIteration({ draftTokens: 3, acceptanceRatio: 0.5, draftSec: 0 }), 1.875);
});

test('speculation: fewer, dearer iterations; the answer is not longer than asked', () => {
  const speculation = { draftTokens: 3, acceptanceRatio: 1, draftSec: 0.5 };
  const model = engineWith({ step: { ...second, perPrefillTokenSec: 0.01 }, speculation });
  const { stepSec, firstSec, lastSec } = drive(model, requestsOf([0], [10], [10]));
  // The prompt and its first token; then 4 + 4 + 1 tokens, each iteration with three checked drafts.
  assert.deepEqual(stepSec, [1.1, 1.53, 1.53, 1.53]);
  assert.equal(firstSec[0], 1.1);
  assert.ok(Math.abs(lastSec[0] - 5.69) < 1e-12);
  const rejected = engineWith({
    step: second,
    speculation: { ...speculation, acceptanceRatio: 0, draftSec: 0 },
  });
  assert.equal(drive(rejected, requestsOf([0], [10], [10])).stepSec.length, 10);
});

test('speculation: a draft takes its part of the token budget', () => {
  const speculation = { draftTokens: 3, acceptanceRatio: 0, draftSec: 0 };
  const model = engineWith({ step: second, limits: { maxBatchedTokens: 10 }, speculation });
  const engine = createEngine(model, { seed: 1 });
  for (const request of requestsOf([0, 0, 0], [2, 2, 2], [9, 9, 9])) engine.submit(request);
  assert.equal(engine.planStep(0)!.prefillTokens, 6);
  engine.finishStep();
  // 3 × 4 tokens do not fit into 10.
  assert.equal(engine.planStep(1)!.decodeSeqs, 2);
});

test('adapters: loading takes its time in the iteration that needs it; the least recently used one goes', () => {
  const model = engineWith({
    step: second,
    limits: { maxSeqs: 1 },
    adapters: { maxLoaded: 2, loadSec: 0.25 },
  });
  const names = ['a', 'b', 'a', null, 'c', 'a', 'b'];
  const requests = requestsOf(
    names.map((_, i) => i),
    names.map(() => 1),
    names.map(() => 1),
  ).map((request, i) => ({ ...request, adapter: names[i] }));
  // a, b loaded; a again; base; c pushes b out; a is there; b pushes c out.
  assert.deepEqual(drive(model, requests).stepSec, [1.25, 1.25, 1, 1, 1.25, 1, 1.25]);
});

test('adapters: a request whose adapter has no place is passed over, and keeps its place in the queue', () => {
  const model = engineWith({ step: second, adapters: { maxLoaded: 1, loadSec: 0 } });
  const names = ['a', 'b', 'a', 'b', null];
  const requests = requestsOf([0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [3, 1, 1, 1, 1]).map((request, i) => ({
    ...request,
    adapter: names[i],
  }));
  const admitted = story(model, requests).filter((line) => line.includes('admitted'));
  assert.deepEqual(admitted, [
    '0 admitted 0',
    '0 admitted 2',
    '0 admitted 4',
    '3 admitted 1',
    '3 admitted 3',
  ]);
});

test('the cache counts loads and knows the base model', () => {
  const cache = new AdapterCache({ maxLoaded: 1, loadSec: 2 });
  const [a, b] = [cache.numberOf('a'), cache.numberOf('b')];
  assert.deepEqual([cache.numberOf(null), cache.numberOf(undefined), cache.numberOf('a')], [0, 0, a]);
  assert.deepEqual([cache.acquire(0), cache.acquire(a), cache.acquire(a)], [0, 2, 0]);
  assert.deepEqual([cache.available(a), cache.available(b), cache.available(0)], [true, false, true]);
  cache.release(a);
  assert.equal(cache.available(b), false, 'one of two still runs');
  cache.release(a);
  assert.deepEqual([cache.available(b), cache.acquire(b), cache.loaded, cache.loads], [true, 2, 1, 2]);
});

test('KV that comes along is not computed again, but the last token always is', () => {
  const engine = createEngine(engineWith({}), { seed: 1 });
  const [request] = requestsOf([0], [100], [5]);
  engine.submit({ ...request, computedTokens: 60 });
  assert.equal(engine.planStep(0)!.prefillTokens, 40);
  engine.finishStep();
  engine.submit({ ...request, id: 1, computedTokens: 100 });
  assert.equal(engine.planStep(1)!.prefillTokens, 1);
});

test('optional parts of a model file: read, checked, absent when absent', async () => {
  const tiny = await readEngineModel('tiny-demo');
  for (const key of ['scheduling', 'speculation', 'adapters', 'kvTransfer', 'coldStart'])
    assert.ok(!(key in tiny), key);
  const parts = {
    scheduling: 'priority',
    speculation: { draftTokens: 4, acceptanceRatio: 0.7 },
    adapters: { maxLoaded: 4, loadSec: 0.3 },
    kvTransfer: { latencySec: 0.001, perTokenSec: 1e-6 },
    acceleratorsPerReplica: 8,
    coldStart: { scheduleSec: 5, pullSec: { meanSec: 40, cv: 0.5 }, loadSec: 60 },
  };
  const { coldStartSec: _, ...rest } = tiny;
  const model = parseEngineModel({ ...rest, ...parts }, 'x');
  assert.deepEqual(model.speculation, { draftTokens: 4, acceptanceRatio: 0.7, draftSec: 0 });
  assert.deepEqual(
    [model.acceleratorsPerReplica, model.coldStartSec, model.coldStart!.warmupSec],
    [8, 105, 0],
  );
  assert.deepEqual(parseEngineModel(JSON.parse(JSON.stringify(model)), 'again'), model);
  const bad = {
    ...tiny,
    scheduling: 'lottery',
    speculation: { draftTokens: 0, acceptanceRatio: 2, drafts: 1 },
    adapters: { maxLoaded: 0.5 },
    acceleratorsPerReplica: 0,
    coldStart: { loadSec: 60 },
  };
  assert.throws(
    () => parseEngineModel(bad, 'bad'),
    (error) => {
      assert.ok(error instanceof ToolError && error.code === 'BAD_ENGINE');
      for (const part of [
        /scheduling: expected one of fcfs, priority/,
        /draftTokens: expected a whole number from 1/,
        /acceptanceRatio: expected a number from 0 to 1, got 2/,
        /unknown key 'drafts'/,
        /maxLoaded/,
        /acceleratorsPerReplica/,
        /coldStartSec: 5 s, but the phases of coldStart add up to 60 s/,
      ])
        assert.match(error.message, part);
      return true;
    },
  );
});
