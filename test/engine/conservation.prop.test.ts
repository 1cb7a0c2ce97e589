/** Tokens and blocks are conserved whatever arrives, is cancelled or is preempted, under tiny limits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createEngine } from '../../src/engine/engine.js';
import { EVENT } from '../../src/engine/events.js';
import { expandPrefixHashes } from '../../src/engine/prefix.js';
import { engineWith } from './drive.js';

const limits = fc.record({
  maxBatchedTokens: fc.integer({ min: 4, max: 40 }),
  maxSeqs: fc.integer({ min: 1, max: 6 }),
  kvBlocks: fc.integer({ min: 6, max: 24 }),
  blockSize: fc.integer({ min: 1, max: 5 }),
  maxModelLen: fc.constant(100),
});

const request = fc.record({
  gapSec: fc.double({ min: 0, max: 0.2, noNaN: true }),
  inputTokens: fc.integer({ min: 1, max: 60 }),
  outputTokens: fc.integer({ min: 1, max: 25 }),
  /** Prompts of one family share their blocks; 0 = no prefix. */
  family: fc.integer({ min: 0, max: 3 }),
  /** Cancelled after this many iterations since it came, if it still lives then; 0 = never. */
  cancelAfter: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 30 })),
  /** Cancelled while an iteration is in flight, or between two. */
  inFlight: fc.boolean(),
  priority: fc.integer({ min: -1, max: 1 }),
  /** 0 = base model. */
  adapter: fc.integer({ min: 0, max: 4 }),
  /** Share of the prompt whose KV comes along. */
  computedRatio: fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
});

const scenario = fc.record({
  limits,
  kvAdmission: fc.constantFrom('watermark' as const, 'reserve' as const),
  prefixCaching: fc.boolean(),
  scheduling: fc.constantFrom('fcfs' as const, 'priority' as const),
  speculation: fc.option(
    fc.record({
      draftTokens: fc.integer({ min: 1, max: 3 }),
      acceptanceRatio: fc.double({ min: 0, max: 1, noNaN: true }),
      draftSec: fc.constant(0.001),
    }),
    { nil: undefined },
  ),
  adapters: fc.option(fc.record({ maxLoaded: fc.integer({ min: 1, max: 3 }), loadSec: fc.constant(0.2) }), {
    nil: undefined,
  }),
  requests: fc.array(request, { minLength: 1, maxLength: 30, size: 'max' }),
});

test('after a drain every block is free and every token was generated exactly once', () => {
  let preempted = 0;
  let cancelled = 0;
  let shared = 0;
  let jumped = 0;
  let loads = 0;
  fc.assert(
    fc.property(scenario, ({ requests, ...model }) => {
      const engine = createEngine(engineWith({ ...model, step: { noiseCv: 0.2 } }), { seed: 7 });
      const generated = requests.map(() => 0);
      const finished = requests.map(() => false);
      const gone = requests.map(() => false);
      const bornAt: number[] = [];
      let nowSec = 0;
      let arrivalSec = 0;
      let next = 0;
      let steps = 0;
      const cancelDue = (inFlight: boolean): void => {
        for (const [id, r] of requests.entries()) {
          if (
            id >= next ||
            r.inFlight !== inFlight ||
            r.cancelAfter === 0 ||
            steps < bornAt[id] + r.cancelAfter
          )
            continue;
          const alive = !gone[id] && !finished[id];
          assert.equal(engine.cancel(id), alive);
          if (!alive) continue;
          cancelled += 1;
          gone[id] = true;
        }
      };
      while (next < requests.length || engine.running + engine.waiting > 0) {
        for (; next < requests.length && arrivalSec + requests[next].gapSec <= nowSec; next++) {
          arrivalSec += requests[next].gapSec;
          const { inputTokens, outputTokens, family, priority, adapter, computedRatio } = requests[next];
          const blocks = Math.ceil(inputTokens / 7);
          const hashes = Array.from({ length: blocks }, (_, k) => BigInt(1_000 * family + k));
          const outcome = engine.submit({
            id: next,
            arrivalSec,
            inputTokens,
            outputTokens,
            prefixHashes:
              family === 0 ? null : expandPrefixHashes(hashes, 7, model.limits.blockSize, inputTokens),
            sessionKey: null,
            priority,
            adapter: adapter === 0 ? null : `lora-${adapter}`,
            computedTokens: Math.floor(computedRatio * inputTokens),
          });
          const total = inputTokens + outputTokens;
          const fits = Math.ceil(total / model.limits.blockSize) <= model.limits.kvBlocks;
          assert.equal(outcome, fits ? 'queued' : 'exceeds_kv');
          if (outcome !== 'queued') gone[next] = true;
          bornAt[next] = steps;
        }
        cancelDue(false);
        const plan = engine.planStep(nowSec);
        if (plan === null) {
          if (next === requests.length) break;
          nowSec = arrivalSec + requests[next].gapSec;
          continue;
        }
        const perDecode = 1 + (model.speculation?.draftTokens ?? 0);
        const budgeted = plan.prefillTokens + plan.decodeSeqs * perDecode;
        assert.ok(budgeted <= model.limits.maxBatchedTokens, 'token budget');
        assert.ok(plan.prefillTokens + plan.decodeSeqs >= 1, 'an iteration does something');
        assert.ok(engine.running <= model.limits.maxSeqs, 'sequence limit');
        assert.ok(engine.kvUsage <= 1, 'KV limit');
        steps += 1;
        cancelDue(true);
        nowSec = plan.endSec;
        const events = engine.finishStep();
        for (let i = 0; i < events.count; i++) {
          const id = events.ids[i];
          if (events.kinds[i] === EVENT.firstToken) assert.equal(generated[id]++, 0);
          if (events.kinds[i] === EVENT.token) {
            const tokens = events.values[i] - generated[id];
            assert.ok(tokens >= 1 && tokens <= perDecode, `${tokens} tokens in an iteration`);
            if (tokens > 1) jumped += 1;
            generated[id] = events.values[i];
          }
          if (events.kinds[i] === EVENT.preempted) preempted += 1;
          if (events.kinds[i] === EVENT.finished) {
            assert.equal(generated[id], requests[id].outputTokens);
            assert.equal(finished[id], false);
            finished[id] = true;
          }
        }
        assert.ok(steps < 20_000, 'the engine makes progress');
      }
      const gauges = engine.gauges();
      assert.deepEqual(
        [gauges.running, gauges.waiting, gauges.kvUsage, engine.outstandingTokens],
        [0, 0, 0, 0],
      );
      assert.equal(
        gauges.generatedTokens,
        generated.reduce((sum, n) => sum + n, 0),
      );
      for (const id of requests.keys()) assert.ok(finished[id] !== gone[id], `request ${id} ended one way`);
      assert.ok(gauges.prefixHitTokens <= gauges.prefixQueriedTokens);
      if (model.kvAdmission === 'reserve') assert.equal(gauges.preemptions, 0);
      shared += gauges.prefixHitTokens;
      loads += gauges.adapterLoads;
    }),
    { numRuns: 2_000, seed: 20_240_501 },
  );
  // The property would be hollow if its scenarios never went through these paths.
  assert.ok(preempted > 100 && cancelled > 500 && shared > 500, `${preempted} ${cancelled} ${shared}`);
  assert.ok(jumped > 500 && loads > 500, `${jumped} ${loads}`);
});
