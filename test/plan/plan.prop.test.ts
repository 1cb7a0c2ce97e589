/** Whatever the workload: a plan's figures are finite and not negative, unknown is null, and its parts agree. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readEngineModel } from '../../src/engine/model.js';
import { planFleet } from '../../src/plan/plan.js';
import { parseSlo } from '../../src/slo.js';
import { stringifyStrict } from '../../src/trace/files.js';
import type { EngineRequest } from '../../src/types.js';
import { waveProfile } from './wave-profile.js';

const engine = await readEngineModel('tiny-demo');
const profile = await waveProfile(engine);

const workload: fc.Arbitrary<EngineRequest[]> = fc
  .array(
    fc.record({
      // Traces count nanoseconds.
      gapSec: fc.oneof(
        fc.constant(0),
        fc.constant(1e-9),
        fc.integer({ min: 1, max: 40_000 }).map((ms) => ms / 1e3),
      ),
      inputTokens: fc.integer({ min: 1, max: 4_000 }),
      outputTokens: fc.integer({ min: 1, max: 100 }),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((list) => {
    let arrivalSec = 0;
    return list.map(({ gapSec, ...lengths }, id) => {
      if (id > 0) arrivalSec += gapSec;
      return { id, arrivalSec, ...lengths, prefixHashes: null, sessionKey: null };
    });
  });

test('plans of random workloads', async () => {
  await fc.assert(
    fc.asyncProperty(
      workload,
      fc.constantFrom(
        'p90(ttft) < 100ms',
        'p50(e2e) < 300ms',
        'mean(tpot) < 3ms',
        'goodput >= 0.9, p99(ttft) < 1s',
      ),
      fc.option(fc.double({ min: 0.01, max: 50, noNaN: true })),
      async (requests, slo, price) => {
        const plan = await planFleet({
          source: { kind: 'trace', requests, fresh: 'rotate' },
          workload: { name: 'random', hash: '00', startUtc: null },
          engine,
          slo: parseSlo(slo),
          manifest: engine.manifest,
          seed: '1',
          profile,
          pricePerReplicaHour: price,
          freshSeeds: 1,
          maxReplicas: 8,
          scalerTrials: 3,
        });
        // Throws for NaN and Infinity.
        const text = stringifyStrict({ ...plan, autoscaling: { ...plan.autoscaling, savingRatio: 0 } });
        const negative = /: (-\d[^,\s]*)/.exec(text);
        assert.equal(negative, null, negative?.[0]);
        const { cost, replicas, autoscaling } = plan;
        assert.equal(cost.perHour === null, replicas === null || price === null);
        if (cost.perHour !== null) assert.equal(cost.perHour, price! * replicas!);
        assert.equal(autoscaling === undefined, replicas === null);
        if (autoscaling === undefined) return;
        assert.ok(autoscaling.savingRatio <= 1);
        for (const fleet of [autoscaling.static, autoscaling.recipe, autoscaling.recommended]) {
          assert.ok(fleet.meanReplicas > 0 && fleet.replicaHours > 0 && fleet.peakReplicas >= 1);
          assert.ok(fleet.goodput >= 0 && fleet.goodput <= 1);
          const { windows, metRatio } = fleet.attainment;
          assert.equal(
            windows.reduce((sum, window) => sum + window.offered, 0),
            requests.length,
          );
          assert.ok(metRatio !== null && metRatio >= 0 && metRatio <= 1);
          assert.equal(fleet.cost.perHour === null, price === null);
          if (price !== null) assert.ok(fleet.cost.perHour! > 0);
        }
        assert.equal(
          autoscaling.static.met,
          plan.trials.find((t) => t.role === 'search' && t.replicas === replicas)!.met,
        );
      },
    ),
    { numRuns: 60, seed: 5 },
  );
});
