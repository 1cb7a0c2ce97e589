/** Whatever arrives and whatever scales: every request ends once, tokens are conserved, lives and sizes fit together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KNATIVE_DEFAULTS } from '../../../src/engine/autoscale/defaults.js';
import { simulateAutoscaledFleet } from '../../../src/engine/elastic/simulate-autoscaled.js';
import { parseSlo } from '../../../src/slo.js';
import type { AutoscalerSpec } from '../../../src/types.js';
import { engineWith } from '../drive.js';
import { hpa, keda } from './scenario.js';

const request = fc.record({
  gapSec: fc.oneof(fc.double({ min: 0, max: 2, noNaN: true }), {
    weight: 1,
    arbitrary: fc.double({ min: 60, max: 400, noNaN: true }),
  }),
  inputTokens: fc.integer({ min: 1, max: 60 }),
  outputTokens: fc.integer({ min: 1, max: 40 }),
});

const autoscaler = fc.oneof(
  fc.record({ kind: fc.constant('hpa'), target: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('keda'), target: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('knative'), target: fc.integer({ min: 1, max: 6 }) }),
);

function specOf({ kind, target }: { kind: string; target: number }): AutoscalerSpec {
  if (kind === 'hpa') return hpa('in_flight', target, { maxReplicas: 6 });
  if (kind === 'keda')
    return keda('in_flight', target, {
      maxReplicas: 6,
      triggers: [...keda('in_flight', target).triggers, ...keda('gateway_queue', 1).triggers],
    });
  return { ...KNATIVE_DEFAULTS, maxReplicas: 6, target, stableSec: 20, panicSec: 4, scaleToZeroGraceSec: 5 };
}

const scenario = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 60, size: 'max' }),
  autoscaler,
  loadSec: fc.integer({ min: 0, max: 90 }),
  graceSec: fc.option(fc.integer({ min: 0, max: 20 }), { nil: null }),
  initialReplicas: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(50),
});

test('requests end once, tokens are conserved, replicas live consistently', () => {
  let scaled = 0;
  let cut = 0;
  let atZero = 0;
  fc.assert(
    fc.property(scenario, (s) => {
      let atSec = 0;
      const requests = s.requests.map(({ gapSec, inputTokens, outputTokens }, id) => {
        atSec += gapSec;
        return { id, arrivalSec: atSec, inputTokens, outputTokens, prefixHashes: null, sessionKey: null };
      });
      const spec = specOf(s.autoscaler);
      const result = simulateAutoscaledFleet({
        requests,
        engine: engineWith({ step: { baseSec: 0.2 }, limits: { maxSeqs: 4 } }),
        autoscaler: spec,
        coldStart: { scheduleSec: 1, pullSec: 2, loadSec: { meanSec: s.loadSec, cv: 0.3 }, warmupSec: 0 },
        terminationGraceSec: s.graceSec,
        initialReplicas: s.initialReplicas,
        seed: s.seed,
        slo: parseSlo('p90(ttft) < 5s'),
      });
      const { simulation, lives, timeline, scaleEvents } = result;
      const ended = simulation.requests.filter((r) => r.status === 'ok');
      assert.equal(ended.length + result.cutOff + result.unserved, requests.length);
      assert.equal(result.unserved, 0);
      if (s.graceSec === null) assert.equal(result.cutOff, 0);
      for (const [i, r] of simulation.requests.entries()) {
        assert.equal(r.intendedNs, requests[i].arrivalSec * 1e9);
        if (r.status !== 'ok') continue;
        assert.ok(r.firstTokenNs! > r.sentNs! && r.lastTokenNs! >= r.firstTokenNs!);
        assert.equal(r.outputTokens, requests[i].outputTokens);
      }
      const asked = requests.reduce((sum, r) => sum + r.outputTokens, 0);
      if (result.cutOff === 0) assert.equal(simulation.generatedTokens, asked);
      else assert.ok(simulation.generatedTokens <= asked);
      const endSec = Math.max(...simulation.requests.map((r) => r.endNs! / 1e9));
      let replicaSec = 0;
      for (const life of lives) {
        const order = [life.createdSec, life.readySec, life.drainingSec, life.endSec].filter(
          (x) => x !== null,
        );
        assert.deepEqual(
          order,
          [...order].sort((a, b) => a - b),
        );
        if (life.endSec !== null) assert.ok(life.drainingSec !== null);
        replicaSec += (life.endSec ?? Math.max(endSec, atSec)) - life.createdSec;
      }
      assert.ok(Math.abs(replicaSec - result.replicaSec) < 1e-6, `${replicaSec} ${result.replicaSec}`);
      for (const sample of timeline) {
        assert.ok(
          sample.desired <= Math.max(6, s.initialReplicas) &&
            sample.desired === sample.starting + sample.ready,
        );
        assert.ok(sample.ready > 0 || sample.running === 0 || sample.draining > 0);
        if (sample.desired === 0) atZero += 1;
      }
      for (const [i, event] of scaleEvents.entries())
        if (i > 0) assert.equal(event.from, scaleEvents[i - 1].to);
      const offered = result.attainment.reduce((sum, minute) => sum + minute.offered, 0);
      assert.equal(offered, requests.length);
      assert.ok(simulation.utilisation >= 0 && simulation.utilisation <= 1);
      scaled += scaleEvents.length;
      cut += result.cutOff;
    }),
    { numRuns: 400, seed: 7_001 },
  );
  // The property would be hollow if its scenarios never scaled, cut anything off or reached zero.
  assert.ok(scaled > 1_000 && cut > 10 && atZero > 100, `${scaled} ${cut} ${atZero}`);
});
