/** The smallest fleet: search, confirmation on fresh draws, borderline cases, and the ways to be infeasible. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DrawRequests, type SizingOptions, sizeFleet, smallestFleet } from '../../src/plan/sizing.js';
import { parseSlo } from '../../src/slo.js';
import { hiddenEngine, hiddenLoad } from '../calibrate/hidden-engine.js';

test('the smallest size is found for every answer and every start', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 80 }),
      fc.integer({ min: 1, max: 100 }),
      async (answer, start) => {
        let asked = 0;
        const found = await smallestFleet(
          async (n) => {
            asked += 1;
            return n >= answer;
          },
          start,
          64,
        );
        assert.equal(found, answer <= 64 ? answer : null);
        assert.ok(asked <= 200);
      },
    ),
  );
});

const poisson: DrawRequests = async (seed, fresh) => hiddenLoad(30, 1_500, fresh ? seed : 'the trace');

function size(more: Partial<SizingOptions>) {
  return sizeFleet({
    engine: hiddenEngine(),
    router: 'least-requests',
    slo: parseSlo('p95(ttft) < 400ms'),
    draw: poisson,
    seed: '42',
    maxReplicas: 32,
    freshSeeds: 3,
    ...more,
  });
}

test('the chosen size meets the SLO on fresh seeds and one replica fewer does not', async () => {
  const { replicas, trials, because, warnings } = await size({});
  assert.ok(replicas !== null && replicas > 1, because);
  const confirm = trials.filter((trial) => trial.role === 'confirm' && trial.replicas === replicas);
  const fewer = trials.filter((trial) => trial.role === 'fewer');
  assert.equal(confirm.length, 3);
  assert.ok(confirm.every((trial) => trial.met && trial.seed !== '42'));
  assert.equal(fewer.length, 3);
  assert.ok(fewer.every((trial) => trial.replicas === replicas - 1));
  assert.ok(fewer.some((trial) => !trial.met) || warnings.some((text) => text.startsWith('borderline')));
  assert.ok(trials.some((trial) => trial.role === 'search' && trial.replicas === replicas && trial.met));
  assert.ok(trials.some((trial) => trial.role === 'search' && trial.replicas === replicas - 1 && !trial.met));
});

test('a fresh seed that misses raises the size, and says so', async () => {
  const calm = await size({});
  const { replicas, warnings } = await size({
    draw: async (seed, fresh) => (fresh ? hiddenLoad(45, 2_250, seed) : poisson(seed, fresh)),
  });
  assert.ok(replicas! > calm.replicas!);
  assert.match(warnings.join('\n'), /met the SLO in the search but missed it on 3 of 3 fresh seeds/);
});

test('an SLO that an idle engine misses is infeasible without a search', async () => {
  const { replicas, trials, because } = await size({ slo: parseSlo('p95(ttft) < 30ms') });
  assert.equal(replicas, null);
  assert.deepEqual(trials, []);
  assert.match(because, /no fleet helps: with an idle engine for each request p95\(ttft\) < 30ms is \d/);
});

test('the replica limit is named when it is the reason', async () => {
  const { replicas, because } = await size({ maxReplicas: 2 });
  assert.equal(replicas, null);
  assert.match(because, /2 replicas, the limit, still miss: p95\(ttft\)/);
});

test('requests that fit no engine are counted, and too many of them are infeasible', async () => {
  const few = await size({
    draw: async (seed, fresh) => {
      const requests = await poisson(seed, fresh);
      return requests.map((one) => (one.id === 700 ? { ...one, inputTokens: 40_000 } : one));
    },
  });
  assert.match(few.warnings.join('\n'), /1 of 1500 requests .* do not fit the engine/);
  assert.ok(few.replicas !== null);
  const many = await size({
    draw: async (seed, fresh) => {
      const requests = await poisson(seed, fresh);
      return requests.map((one) => (one.id % 20 === 0 ? { ...one, inputTokens: 40_000 } : one));
    },
  });
  assert.equal(many.replicas, null);
  assert.match(many.because, /75 of 1500 requests .* refused at any size/);
});

test('an aborted search stops', async () => {
  await assert.rejects(size({ signal: AbortSignal.abort(new Error('stop')) }), /stop/);
});
