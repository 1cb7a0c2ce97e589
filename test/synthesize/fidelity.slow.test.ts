/**
 * The committed models of the four public traces against the real traces, as the issue and STATISTICS §3 ask: judged
 * metrics of the battery in-sample, hit rates of LRU caches, and models of a first half against the second (skipped
 * without the data). Medians and means over seeds, as in the page's tables: one trace is one draw.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BATTERY,
  type MetricDefinition,
  type SampleStatistics,
  sampleStatistics,
} from '../../src/compare/battery.js';
import { DEFAULT_OBJECTIVE } from '../../src/compare/compare.js';
import { halvesInOrder, type Sample } from '../../src/compare/sample.js';
import { requiredSpeed, serve, servingInput } from '../../src/compare/serving.js';
import { readEngineModel } from '../../src/engine/model.js';
import { fitWorkload } from '../../src/fit/fit.js';
import { percentileSorted } from '../../src/metrics.js';
import { lruHitRatio } from '../../src/stats/lru-curve.js';
import { meanOf } from '../../src/stats/moments.js';
import { synthesizeTrace } from '../../src/synthesize/synthesize.js';
import type { TraceBatch } from '../../src/types.js';
import { missingReference, publicSample, readReference } from '../compare/public-traces.js';
import { TEST_META } from '../fit/batches.js';
import { BLOCK_SIZE, readMooncake, traceOf } from '../fit/sessions-mooncake.js';
import { PUBLIC_TRACES, type PublicTraceName, readPublicTrace } from '../stats/public-traces.js';
import { committedModel, drawnSample, oneBatch } from './synthetic-sample.js';

const skip = missingReference();
const reference = skip === false ? readReference().fidelity.data : null;
const engine = await readEngineModel('reference');
const setup = { engine, objective: DEFAULT_OBJECTIVE, seed: '1' };
const judged = BATTERY.filter((metric) => metric.judged && metric.group !== 'prefix');

const BATTERY_SEEDS = 5;
const LEAST_PASSES = 28;
const LRU_SEEDS = 12;
const HALF_SEEDS = 5;

/** Lengths and times alone: prefix reuse has no numbers in the table. */
function realSample(name: PublicTraceName): Sample {
  return { ...publicSample(name), blocks: null, blockRows: null, sessions: null };
}

function statisticsAt(real: Sample): (sample: Sample) => SampleStatistics {
  const speed = requiredSpeed(servingInput(real, engine), setup)!;
  return (sample) => sampleStatistics(sample, (one) => serve(servingInput(one, engine), setup, speed));
}

function limitOf(metric: MetricDefinition, name: PublicTraceName): number {
  return Math.max(0.02, reference![name][metric.id].floor_p95);
}

function median(values: readonly number[]): number {
  return percentileSorted(Float64Array.from(values).sort(), 0.5)!;
}

for (const name of PUBLIC_TRACES) {
  test(`${name}: the committed model passes at least ${LEAST_PASSES} of 29 metrics in-sample`, {
    skip,
  }, (context) => {
    const real = realSample(name);
    const statistics = statisticsAt(real);
    const ofReal = statistics(real);
    const model = committedModel(name);
    const drawn = Array.from({ length: BATTERY_SEEDS }, (_, seed) =>
      statistics(drawnSample(model, seed, real.durationSec)),
    );
    assert.equal(judged.length, 29);
    const distances = judged.map((metric) => drawn.map((one) => metric.measure(ofReal, one).value!));
    const failing = judged.filter((metric, k) => !(median(distances[k]) <= limitOf(metric, name)));
    const bySeed = drawn.map(
      (_, seed) => judged.filter((metric, k) => distances[k][seed] <= limitOf(metric, name)).length,
    );
    const text = failing.map((metric) => {
      const k = judged.indexOf(metric);
      return `${metric.id} ${median(distances[k]).toFixed(4)} > ${limitOf(metric, name).toFixed(4)}`;
    });
    context.diagnostic(
      `medians of ${BATTERY_SEEDS} seeds: ${29 - failing.length} of 29; by seed ${bySeed.join(', ')}; ${text.join('; ')}`,
    );
    assert.ok(failing.length <= 29 - LEAST_PASSES, text.join('; '));
  });
}

for (const name of ['conversation', 'synthetic'] as const) {
  test(`mooncake_${name}: LRU caches of 1 000 to 30 000 blocks find what they find of the real trace, ± 0.02`, {
    skip,
  }, (context) => {
    const { reuse } = readMooncake(name);
    const model = committedModel(`mooncake_${name}`);
    const drawn = Array.from(
      { length: LRU_SEEDS },
      (_, seed) => traceOf(oneBatch(synthesizeTrace({ model, seed })) as TraceBatch, BLOCK_SIZE).reuse,
    );
    const sizes = [1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 30_000];
    const differences = sizes.map(
      (size) => meanOf(drawn.map((one) => lruHitRatio(one, size)))! - lruHitRatio(reuse, size),
    );
    const text = sizes.map((size, k) => `${size}: ${differences[k].toFixed(4)}`).join(', ');
    context.diagnostic(`mean of ${LRU_SEEDS} seeds less real, by blocks: ${text}`);
    assert.ok(
      differences.every((difference) => Math.abs(difference) <= 0.02),
      text,
    );
  });
}

/** Statistics page §3.4: metrics that show how the second half differs from the first. */
const DRIFTING: Readonly<Record<PublicTraceName, readonly string[]>> = {
  azure_code: ['ks_in', 'rate_ratio', 'idc10_ratio', 'ttft_p50_ratio', 'ttft_p99_ratio'],
  azure_conv: ['ks_in', 'tv2d', 'idc10_ratio', 'ttft_p50_ratio', 'ttft_p99_ratio'],
  mooncake_conversation: ['ks_in', 'w1n_in', 'rate_ratio', 'ttft_p50_ratio', 'ttft_p99_ratio'],
  mooncake_synthetic: ['ks_in', 'ks_out', 'w1n_out', 'ttft_p50_ratio', 'ttft_p99_ratio'],
};

for (const name of PUBLIC_TRACES) {
  test(`${name}: fitted on the first half and scored on the second, the model drifts as the real halves do`, {
    skip,
  }, (context) => {
    const real = realSample(name);
    const statistics = statisticsAt(real);
    const [early, late] = halvesInOrder(real);
    const ofLate = statistics(late);
    const ofEarly = statistics(early);
    const model = fitWorkload({ batches: [firstHalf(name)], meta: TEST_META });
    const drawn = Array.from({ length: HALF_SEEDS }, (_, seed) =>
      statistics(drawnSample(model, seed, early.durationSec)),
    );
    const faults: string[] = [];
    const lines: string[] = [];
    for (const id of DRIFTING[name]) {
      const metric = judged.find((one) => one.id === id)!;
      const ofHalves = metric.measure(ofLate, ofEarly).value!;
      const ofModel = median(drawn.map((one) => metric.measure(ofLate, one).value!));
      const line = `${id} ${ofModel.toFixed(3)}, real halves ${ofHalves.toFixed(3)}`;
      lines.push(line);
      // As far apart as two halves of one trace are: what the battery takes as equal.
      if (!(Math.abs(ofModel - ofHalves) <= limitOf(metric, name))) faults.push(line);
    }
    context.diagnostic(lines.join('; '));
    assert.deepEqual(faults, []);
  });
}

/** Rows of the first half of the time, as a batch of their own. */
function firstHalf(name: PublicTraceName): TraceBatch {
  const { timesSec, arrivalNs, inputTokens, outputTokens } = readPublicTrace(name);
  const until = timesSec.at(-1)! / 2;
  const rows = timesSec.findIndex((t) => t >= until);
  return {
    rowCount: rows,
    arrivalNs: arrivalNs.subarray(0, rows),
    inputTokens: { values: inputTokens.subarray(0, rows), valid: null },
    outputTokens: { values: outputTokens.subarray(0, rows), valid: null },
  };
}
