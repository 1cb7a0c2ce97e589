/** fit(synthesize(model)) is the model within sampling error; synthesis keeps what fit measured. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitWorkload } from '../../src/fit/fit.js';
import { ksTwoSample } from '../../src/stats/ks-two-sample.js';
import { meanOf } from '../../src/stats/moments.js';
import { groupSample } from '../../src/stats/sample.js';
import { spearman } from '../../src/stats/spearman.js';
import { synthesizeTrace } from '../../src/synthesize/synthesize.js';
import type { LengthModel, WorkloadModel } from '../../src/types.js';
import { TEST_META } from '../fit/batches.js';
import { missingData, type PublicTraceName, readPublicTrace } from '../stats/public-traces.js';
import { assertClose } from '../stats/reference.js';
import { familyLengths, gapModel, workloadClass, workloadModel } from './models.js';

function refit(model: WorkloadModel, seed: number, requests?: number): WorkloadModel {
  return fitWorkload({ batches: synthesizeTrace({ model, seed, requests }), meta: TEST_META });
}

test('parametric: rate, gap shape, length parameters and correlation come back', () => {
  const model = workloadModel(
    [
      workloadClass({
        ratePerSec: [6, 14, 10],
        stepSec: 900,
        gaps: gapModel('gamma', { a: 0.5, scale: 2 }),
        lengths: familyLengths(undefined, undefined, 0.4),
      }),
    ],
    1_800,
  );
  const fitted = refit(model, 11);
  const [one] = fitted.classes;
  assertClose(fitted.meanRatePerSec, 11, 0.05, 'mean rate');
  const gamma = one.arrivals.gaps.candidates.find((candidate) => candidate.family === 'gamma');
  assert.equal(one.arrivals.gaps.family, 'gamma');
  assertClose(gamma?.params['a'], 0.5, 0.05, 'gap shape');
  assertClose(one.arrivals.gaps.cv, Math.SQRT2, 0.05, 'gap cv');
  // Rate at 15 min: the middle knot of the model.
  const { ratePerSec, stepSec } = one.arrivals.rate;
  assertClose(ratePerSec[Math.round(900 / stepSec)], 13.3, 0.2, 'rate at the peak');
  const lengths = one.lengths as LengthModel;
  const lognormal = lengths.inputFits.find((summary) => summary.family === 'lognormal');
  assertClose(lognormal?.params['s'], 0.8, 0.03, 's');
  assertClose(lognormal?.params['scale'], 800, 0.03, 'scale');
  assertClose(lengths.spearman, (6 / Math.PI) * Math.asin(0.2), 0, 'Spearman', 0.03);
});

for (const name of ['azure_conv', 'mooncake_conversation', 'mooncake_synthetic'] as const) {
  test(`${name}: lengths, dependence, rate and gaps survive fit → synthesize → fit`, {
    skip: missingData(),
  }, () => {
    const { real, model } = fitPublic(name);
    const batches = [...synthesizeTrace({ model, seed: 5 })];
    const input = Int32Array.from(batches.flatMap((batch) => [...batch.inputTokens!.values]));
    const output = Int32Array.from(batches.flatMap((batch) => [...batch.outputTokens!.values]));
    const n = real.inputTokens.length;
    // Counts of a Poisson-like stream over the window: 4 standard deviations, doubled for residual bursts.
    assert.ok(Math.abs(input.length - n) < 8 * Math.sqrt(n), `${input.length} requests of ${n}`);
    // 99.9 % point of the two-sample distance by chance, plus the table's own error.
    const limit = 1.95 * Math.sqrt(1 / n + 1 / input.length) + 0.01;
    assert.ok(ksTwoSample(groupSample(input), groupSample(real.inputTokens)).distance < limit, 'input KS');
    assert.ok(ksTwoSample(groupSample(output), groupSample(real.outputTokens)).distance < limit, 'output KS');
    assertClose(meanOf(input), meanOf(real.inputTokens)!, 0.05, 'mean input');
    assertClose(meanOf(output), meanOf(real.outputTokens)!, 0.05, 'mean output');
    assertClose(spearman(input, output), spearman(real.inputTokens, real.outputTokens)!, 0, 'Spearman', 0.04);
    assert.ok(tableDistance(real.inputTokens, real.outputTokens, input, output) < DEPENDENCE_LIMIT[name]);

    const again = fitWorkload({ batches, meta: TEST_META });
    const [before, after] = [model, again].map((one) => one.shared ?? one.classes[0].arrivals);
    assertClose(after.gaps.cv, before.gaps.cv, 0.05, 'gap cv');
    assertClose(after.burstIndex, before.burstIndex!, 0.35, 'burst index');
  });
}

/**
 * Total variation on 20 × 20 quantile cells: halves of the real traces stay below .138, .156, .275 (STATISTICS §3.2);
 * class → input → output in five bins gives .061, .090, .167 (§2.3).
 */
const DEPENDENCE_LIMIT: Readonly<Record<string, number>> = {
  azure_conv: 0.09,
  mooncake_conversation: 0.13,
  mooncake_synthetic: 0.2,
};

function fitPublic(name: PublicTraceName): {
  real: ReturnType<typeof readPublicTrace>;
  model: WorkloadModel;
} {
  const real = readPublicTrace(name);
  const model = fitWorkload({
    batches: [
      {
        rowCount: real.arrivalNs.length,
        arrivalNs: real.arrivalNs,
        inputTokens: { values: real.inputTokens, valid: null },
        outputTokens: { values: real.outputTokens, valid: null },
      },
    ],
    meta: { ...TEST_META, name },
  });
  return { real, model };
}

function tableDistance(
  realIn: Int32Array,
  realOut: Int32Array,
  input: Int32Array,
  output: Int32Array,
): number {
  const edges = (values: Int32Array): number[] => {
    const sorted = values.slice().sort();
    return [
      ...new Set(Array.from({ length: 19 }, (_, k) => sorted[Math.floor(((k + 1) * sorted.length) / 20)])),
    ];
  };
  const inEdges = edges(realIn);
  const outEdges = edges(realOut);
  const cell = (a: number, b: number): number =>
    inEdges.filter((edge) => a >= edge).length * 20 + outEdges.filter((edge) => b >= edge).length;
  const real = new Float64Array(400);
  const synthetic = new Float64Array(400);
  for (let i = 0; i < realIn.length; i++) real[cell(realIn[i], realOut[i])] += 1 / realIn.length;
  for (let i = 0; i < input.length; i++) synthetic[cell(input[i], output[i])] += 1 / input.length;
  return real.reduce((sum, share, k) => sum + Math.abs(share - synthetic[k]), 0) / 2;
}
