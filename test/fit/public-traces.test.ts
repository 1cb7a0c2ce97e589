/** Fits of the four public traces show what the statistics reference says about them (skipped without the data). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitWorkload } from '../../src/fit/fit.js';
import type { FamilyName, LengthModel, WorkloadModel } from '../../src/types.js';
import { missingData, type PublicTraceName, readPublicTrace } from '../stats/public-traces.js';
import { assertClose, reference } from '../stats/reference.js';
import { TEST_META } from './batches.js';

const skip = missingData();
const models = new Map<PublicTraceName, WorkloadModel>();

function modelOf(name: PublicTraceName): WorkloadModel {
  let model = models.get(name);
  if (model === undefined) {
    const trace = readPublicTrace(name);
    model = fitWorkload({
      batches: [
        {
          rowCount: trace.arrivalNs.length,
          arrivalNs: trace.arrivalNs,
          inputTokens: { values: trace.inputTokens, valid: null },
          outputTokens: { values: trace.outputTokens, valid: null },
        },
      ],
      meta: { ...TEST_META, name },
      by: 'none',
    });
    models.set(name, model);
  }
  return model;
}

/**
 * Burst index at σ = 60 s and KS distances of rescaled gaps (STATISTICS §1.2). There the rate is a step function of 1-s
 * bins, here straight lines between 30-s knots: the third digit may differ.
 */
const RESCALED: Readonly<
  Record<
    PublicTraceName,
    { burst: number; best: FamilyName; ks: Readonly<Partial<Record<FamilyName, number>>> }
  >
> = {
  azure_code: {
    burst: 48.5,
    best: 'weibull',
    ks: { weibull: 0.117, gamma: 0.171, lognormal: 0.168, exponential: 0.389 },
  },
  azure_conv: {
    burst: 1.18,
    best: 'hyperexponential_2',
    ks: {
      weibull: 0.0148,
      exponential: 0.0155,
      gamma: 0.0177,
      lognormal: 0.091,
      hyperexponential_2: 0.0061,
    },
  },
  mooncake_conversation: { burst: 1.25, best: 'exponential', ks: {} },
  mooncake_synthetic: { burst: 0.9, best: 'exponential', ks: { exponential: 0.0093 } },
};

for (const [name, expected] of Object.entries(RESCALED) as [
  PublicTraceName,
  (typeof RESCALED)[PublicTraceName],
][]) {
  test(`arrivals of ${name}: burst index, best family and distances`, { skip }, () => {
    const { arrivals } = modelOf(name).classes[0];
    assertClose(arrivals.burstIndex, expected.burst, 0.04, 'burst index');
    assert.equal(arrivals.gaps.candidates[0].family, expected.best);
    for (const candidate of arrivals.gaps.candidates) {
      const ks = expected.ks[candidate.family];
      if (ks !== undefined) assertClose(candidate.ksDistance, ks, 0.03, candidate.family);
    }
    const idc = reference.arrivals.find(({ trace }) => trace === name)!.idc;
    if (name === 'mooncake_conversation') return;
    for (const { windowSec, source } of arrivals.dispersion) {
      assertClose(source, idc[String(windowSec)].value!, 1e-9, `IDC(${windowSec} s)`);
    }
  });

  test(`lengths of ${name}: parametric fits equal SciPy within 1e-6`, { skip }, () => {
    const lengths = modelOf(name).classes[0].lengths as LengthModel;
    for (const [column, fits] of [
      ['input_tokens', lengths.inputFits],
      ['output_tokens', lengths.outputFits],
    ] as const) {
      assert.equal(fits.length, 7);
      for (const fit of fits) {
        const want = reference.fits.find(
          (one) => one.trace === name && one.column === column && one.family === fit.family,
        )!;
        assertClose(fit.logLikelihood, want.loglik, 1e-6, `${column} ${fit.family} log-likelihood`);
        assertClose(fit.ksDistance, want.ks_D, 0, `${column} ${fit.family} KS`, 1e-6);
        for (const [key, value] of Object.entries(want.params))
          assertClose(fit.params[key], value, 1e-6, key);
      }
    }
  });
}

test('mooncake_conversation: the 3-s clock is found and undone (STATISTICS: rescaled cv 1.003)', {
  skip,
}, () => {
  const { arrivals } = modelOf('mooncake_conversation').classes[0];
  assert.equal(arrivals.dequantizedGridNs, 3_000_000_000);
  assertClose(arrivals.gaps.cv, 1.003, 0.03, 'cv');
  // De-quantised IDC 1/10/60 s: 1.05 / 1.49 / 2.86.
  const [one, ten, sixty] = arrivals.dispersion;
  assertClose(one.source, 1.05, 0.06, 'IDC(1 s)');
  assertClose(ten.source, 1.49, 0.12, 'IDC(10 s)');
  assertClose(sixty.source, 2.86, 0.12, 'IDC(60 s)');
});

test('drift of inputs: conv, both mooncake traces above their floor, code below', { skip }, () => {
  const drift = (name: PublicTraceName): { value: number; floor: number | null } =>
    modelOf(name).drift!.find((check) => check.metric === 'input_tokens KS')!;
  // Values are exact two-sample distances; floors are random (STATISTICS §5.14: .051, .060, .024, .100).
  assertClose(drift('azure_code').value, 0.023046813, 1e-6, 'code');
  assertClose(drift('azure_conv').value, 0.08, 0.01, 'conv');
  assertClose(drift('mooncake_synthetic').value, 0.279, 0.01, 'synthetic');
  assert.ok(drift('azure_code').value < drift('azure_code').floor!);
  for (const name of ['azure_conv', 'mooncake_conversation', 'mooncake_synthetic'] as const) {
    assert.ok(drift(name).value > drift(name).floor!, name);
  }
  assertClose(drift('azure_code').floor, 0.051, 0.25, 'floor of code');
  assertClose(drift('azure_conv').floor, 0.06, 0.25, 'floor of conv');
});

test('azure_code: load states reproduce dispersion at every scale, where a renewal model misses it by 3 to 5 times', {
  skip,
}, () => {
  const { arrivals } = modelOf('azure_code').classes[0];
  assert.equal(arrivals.bursts?.mean.length, 4);
  for (const { windowSec, source, model } of arrivals.dispersion) {
    assertClose(model, source, 0.2, `IDC(${windowSec} s)`);
  }
  assert.ok(modelOf('azure_code').warnings.some((warning) => warning.includes('4 load states')));
  assert.equal(modelOf('azure_conv').classes[0].arrivals.bursts, null);
});
