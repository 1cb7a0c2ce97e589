/** Whatever the trace and the fleet: no figure is NaN, infinite, negative, or a zero that means "unknown". */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { parseAutoscalerSpec } from '../../src/engine/autoscale/spec.js';
import { readEngineModel } from '../../src/engine/model.js';
import { ROUTER_POLICIES } from '../../src/engine/router.js';
import { ToolError } from '../../src/errors.js';
import { createManifest } from '../../src/manifest.js';
import { type SimulateTraceOptions, simulateTrace } from '../../src/simulate/simulate.js';
import { compareFleets } from '../../src/simulate/versus.js';
import { parseSlo } from '../../src/slo.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { stringifyStrict } from '../../src/trace/files.js';
import { writeTrace } from '../../src/trace/write.js';
import type { TraceRow } from '../../src/types.js';

const folder = mkdtempSync(join(tmpdir(), 'tokentide-simulate-'));
after(() => rmSync(folder, { recursive: true }));
const tiny = await readEngineModel('tiny-demo');

const AUTOSCALERS = [
  'kind: hpa\nmaxReplicas: 4\nmetrics: [{ signal: running, target: 2 }]',
  'kind: keda\nminReplicas: 0\nmaxReplicas: 4\nmetrics: [{ signal: gateway_queue, target: 2 }]',
  'kind: knative\nmaxReplicas: 4\ntarget: 2',
].map((text) => parseAutoscalerSpec(text, 'test'));

/** Arrivals may coincide, lengths may be unknown, zero or beyond the engine. */
const rows: fc.Arbitrary<TraceRow[]> = fc
  .array(
    fc.record({
      gapMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30_000 })),
      inputTokens: fc.option(fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.constant(20_000))),
      outputTokens: fc.option(fc.integer({ min: 0, max: 60 })),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((list) => {
    let atMs = 0;
    return list.map(({ gapMs, inputTokens, outputTokens }) => {
      atMs += gapMs;
      return emptyRow({ arrivalNs: BigInt(atMs) * 1_000_000n, inputTokens, outputTokens });
    });
  });

const fleets: fc.Arbitrary<Partial<SimulateTraceOptions>> = fc.oneof(
  fc.record({ replicas: fc.integer({ min: 1, max: 4 }), router: fc.constantFrom(...ROUTER_POLICIES) }),
  fc.record({
    replicas: fc.integer({ min: 1, max: 3 }),
    prefill: fc.integer({ min: 1, max: 2 }).map((replicas) => ({ engine: tiny, replicas })),
  }),
  fc.record({
    autoscaler: fc.constantFrom(...AUTOSCALERS),
    scaling: fc.record({
      scrapeSec: fc.integer({ min: 1, max: 60 }),
      terminationGraceSec: fc.option(fc.integer({ min: 0, max: 5 })),
      failuresSec: fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 3 }),
    }),
  }),
);

let files = 0;

test('documents hold finite, non-negative numbers; what has no sample is null', async () => {
  await fc.assert(
    fc.asyncProperty(rows, fleets, async (list, fleet) => {
      const path = join(folder, `${files++}.parquet`);
      await writeTrace({ path, meta, batches: [batchFromRows(list)] });
      const slo = parseSlo('p90(ttft) < 200ms, error_rate < 0.2');
      const simulated = await simulateTrace({ trace: path, engine: tiny, seed: 1, slo, ...fleet }).catch(
        (error: unknown) => {
          // Nothing that can be simulated is a refusal, not a result of zeros.
          assert.ok(error instanceof ToolError && error.code === 'NO_ROWS', String(error));
          return null;
        },
      );
      if (simulated === null) return;
      const { document, result } = simulated;
      // Throws for NaN and Infinity.
      const text = stringifyStrict(document);
      const negative = /: (-\d[^,\s]*)/.exec(text);
      assert.equal(negative, null, negative?.[0]);
      const { counts, metrics } = document;
      assert.equal(
        counts.offered + Object.values(counts.excluded).reduce((sum, n) => sum + n, 0),
        list.length,
      );
      const good = result.requests.filter((request) => request.status === 'ok').length;
      assert.equal(counts.ok, good);
      for (const summary of Object.values(metrics)) {
        if (summary!.n === 0) assert.equal(summary!.p50, null);
        else assert.ok(summary!.p50! >= 0 && summary!.n <= result.generatedTokens);
      }
      assert.equal(metrics.ttft!.n === 0, good === 0);
      // Every answer takes its time: zero would be a latency that nobody measured.
      if (good > 0) assert.ok(metrics.e2e!.p50! > 0);
      const paired = compareFleets(simulated, simulated);
      for (const { n, meanMs, fasterRatio } of paired.paired) {
        assert.equal(meanMs, n === 0 ? null : 0);
        assert.equal(fasterRatio, n === 0 ? null : 0);
      }
    }),
    { numRuns: 60, seed: 11 },
  );
});

const meta = {
  schemaVersion: 1,
  kind: 'trace',
  name: 'random',
  startUtc: null,
  timeResolutionNs: 1,
  arrivalBasis: 'synthetic',
  blockSize: null,
  droppedRows: {},
  quality: null,
  manifest: createManifest({ command: 'test', options: {}, timestamp: false }),
} as const;
