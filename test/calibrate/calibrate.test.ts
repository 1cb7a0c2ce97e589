/** Round trip in virtual time: a hidden engine is measured at some loads, calibrated, and predicts another load. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CalibrationRun, type FitEngineOptions, fitEngineModel } from '../../src/calibrate/calibrate.js';
import { simulateFleet } from '../../src/engine/fleet.js';
import { ToolError } from '../../src/errors.js';
import { percentileSorted, tpot, ttft } from '../../src/metrics.js';
import { randomOf } from '../../src/random.js';
import type { EngineModel, RequestInstants, StepCost } from '../../src/types.js';
import { hiddenEngine, hiddenLoad } from './hidden-engine.js';

const MANIFEST = hiddenEngine().manifest;

function measure(engine: EngineModel, ratePerSec: number, requests = 400, seed = 'load'): CalibrationRun {
  const result = simulateFleet({
    requests: hiddenLoad(ratePerSec, requests, `${seed}-${ratePerSec}`),
    engine,
    replicas: 1,
    seed: 'hidden',
    keepChunks: true,
  });
  return { ratePerSec, records: result.requests, gauges: [] };
}

function calibrate(runs: readonly CalibrationRun[], more: Partial<FitEngineOptions> = {}) {
  return fitEngineModel({ runs, name: 'found', manifest: MANIFEST, limits: { maxSeqs: 64 }, ...more });
}

function percentile(
  requests: readonly RequestInstants[],
  metric: (r: RequestInstants) => unknown,
  p: number,
): number {
  const values = requests.map(metric).filter((value): value is number => typeof value === 'number');
  return percentileSorted(Float64Array.from(values).sort(), p)!;
}

/** Largest relative error of p50 and p99 TTFT and TPOT on a load that calibration did not see. */
function heldOutError(truth: EngineModel, found: EngineModel, ratePerSec: number): number {
  const requests = hiddenLoad(ratePerSec, 800, 'held-out');
  const run = (engine: EngineModel) =>
    simulateFleet({ requests, engine, replicas: 1, seed: 'other' }).requests;
  const real = run(truth);
  const predicted = run(found);
  let worst = 0;
  for (const metric of [ttft, tpot]) {
    for (const p of [0.5, 0.99]) {
      const error = percentile(predicted, metric, p) / percentile(real, metric, p) - 1;
      worst = Math.max(worst, Math.abs(error));
    }
  }
  return worst;
}

function assertStep(found: StepCost, truth: StepCost, tolerance: number): void {
  for (const key of ['baseSec', 'perPrefillTokenSec', 'perDecodeSeqSec', 'perKvTokenSec'] as const) {
    assert.ok(
      Math.abs(found[key] / truth[key] - 1) <= tolerance,
      `${key}: found ${found[key]}, truth ${truth[key]}`,
    );
  }
}

test('without noise the coefficients come back from two loads', () => {
  const truth = hiddenEngine();
  const { engine, method, relativeScale } = calibrate([measure(truth, 2), measure(truth, 8)], {
    limits: { maxSeqs: 64, maxBatchedTokens: 2_048 },
  });
  assert.equal(method, 'iterations');
  assertStep(engine.step, truth.step, 1e-4);
  assert.ok(relativeScale < 1e-4, `scale ${relativeScale}`);
  assert.equal(engine.step.noiseCv, 0);
  for (const error of engine.calibration!.errors) {
    assert.ok(Math.abs(error.simulatedMs / error.measuredMs - 1) < 0.01, JSON.stringify(error));
  }
});

test('with noisy iterations a third load is predicted within 10 %', () => {
  const truth = hiddenEngine({ noiseCv: 0.08 });
  const { engine } = calibrate([measure(truth, 2), measure(truth, 6), measure(truth, 9)]);
  assertStep(engine.step, truth.step, 0.1);
  assert.ok(Math.abs(engine.step.noiseCv / 0.08 - 1) < 0.25, `noise ${engine.step.noiseCv}`);
  const error = heldOutError(truth, engine, 7.5);
  assert.ok(error < 0.1, `held-out error ${error}`);
});

test('network jitter and stalls of single chunks do not bend the coefficients', () => {
  const truth = hiddenEngine();
  const rng = randomOf('jitter', 'jitter');
  const late = (ns: number): number =>
    ns + Math.round(200_000 * rng.exponential() + (rng.uniform() < 0.002 ? 60e6 * rng.uniform() : 0));
  const jittered = [2, 8].map((rate) => {
    const run = measure(truth, rate);
    const records = run.records.map((record): RequestInstants => {
      let previous = 0;
      const chunkNs = record.chunkNs!.map((ns) => {
        previous = Math.max(previous, late(ns));
        return previous;
      });
      return {
        ...record,
        chunkNs,
        firstTokenNs: chunkNs[0],
        firstAnswerTokenNs: chunkNs[0],
        lastTokenNs: chunkNs[chunkNs.length - 1],
      };
    });
    return { ...run, records };
  });
  const { engine } = calibrate(jittered);
  const error = heldOutError(truth, engine, 6);
  assert.ok(error < 0.1, `held-out error ${error}; step ${JSON.stringify(engine.step)}`);
});

test('without chunk instants whole requests are enough for a prediction within 10 %', () => {
  const truth = hiddenEngine();
  const bare = [2, 5, 8].map((rate) => {
    const run = measure(truth, rate);
    return { ...run, records: run.records.map((record) => ({ ...record, chunkNs: null })) };
  });
  const { engine, method, warnings } = calibrate(bare);
  assert.equal(method, 'requests');
  assert.match(warnings.join(' '), /no chunk instants/);
  const error = heldOutError(truth, engine, 6.5);
  assert.ok(error < 0.1, `held-out error ${error}; step ${JSON.stringify(engine.step)}`);
});

test('an unknown token budget is found from the iterations, and said', () => {
  for (const budget of [512, 1_024, 2_048]) {
    const truth = hiddenEngine({ noiseCv: 0.03 }, budget);
    const { engine, warnings } = calibrate([measure(truth, 2), measure(truth, 6)], { refine: false });
    assert.equal(engine.limits.maxBatchedTokens, budget);
    assert.match(warnings.join(' '), budget === 2_048 ? /2048 assumed/ : /explains the iterations best/);
    assertStep(engine.step, truth.step, 0.1);
  }
});

test('a batch that stops growing while requests wait is the sequence limit', () => {
  const truth = { ...hiddenEngine(), limits: { ...hiddenEngine().limits, maxSeqs: 6 } };
  const { engine } = calibrate([measure(truth, 2), measure(truth, 12)], { limits: {} });
  assert.equal(engine.limits.maxSeqs, 6);
});

test('what cannot be measured is a default with a warning', () => {
  const truth = hiddenEngine();
  const { warnings } = calibrate([measure(truth, 2)], { limits: {} });
  const text = warnings.join('\n');
  assert.match(text, /one load level only/);
  assert.match(text, /most sequences at once unknown: 256 assumed/);
  assert.match(text, /KV cache size unknown/);
});

test('three noisy loads: intervals hold the truth, and every load is predicted without having been seen', () => {
  const truth = hiddenEngine({ noiseCv: 0.08 });
  const { engine } = calibrate(
    [2, 5, 8].map((rate) => measure(truth, rate)),
    { refine: false },
  );
  const { intervals, heldOut } = engine.calibration!;
  for (const key of ['baseSec', 'perPrefillTokenSec', 'perDecodeSeqSec', 'perKvTokenSec'] as const) {
    const [low, high] = intervals![key];
    // Robust weights cut the long side of lognormal noise: coefficients come out up to 0.3 % low.
    const cut = 0.003 * truth.step[key];
    assert.ok(low - cut < truth.step[key] && truth.step[key] < high + cut, `${key}: ${low} to ${high}`);
    assert.ok(low < engine.step[key] && engine.step[key] < high, `${key} lies in its own interval`);
    // 400 requests a load and 8 % of noise: the costs of single tokens are not known better than that.
    assert.ok(high - low < 0.6 * truth.step[key], `${key}: ${low} to ${high} is no knowledge`);
  }
  assert.deepEqual([...new Set(heldOut!.map((one) => one.ratePerSec))], [2, 5, 8]);
  assert.equal(heldOut!.length, 12);
  for (const one of heldOut!) {
    // The p99 of 400 requests rests on four of them, each with noise of its own.
    const limit = one.percentile === 0.5 ? 0.05 : 0.25;
    assert.ok(Math.abs(one.simulatedMs / one.measuredMs - 1) < limit, JSON.stringify(one));
  }
});

test('a load that the engine serves differently shows in the held-out error, not in the fit', () => {
  const truth = hiddenEngine();
  // At 8/s the server behaves as another machine, e.g. throttled: twice the time for everything.
  const slow = hiddenEngine({
    baseSec: 2 * truth.step.baseSec,
    perPrefillTokenSec: 2 * truth.step.perPrefillTokenSec,
  });
  const { engine } = calibrate([measure(truth, 2), measure(truth, 5), measure(slow, 8)]);
  const worst = Math.max(
    ...engine
      .calibration!.heldOut!.filter((one) => one.ratePerSec === 8)
      .map((one) => Math.abs(one.simulatedMs / one.measuredMs - 1)),
  );
  assert.ok(worst > 0.2, `held-out error ${worst}`);
});

test('two loads hold nothing out, and say so', () => {
  const truth = hiddenEngine();
  const { engine, warnings } = calibrate([measure(truth, 2), measure(truth, 6)], { refine: false });
  assert.equal(engine.calibration!.heldOut, undefined);
  assert.match(warnings.join(' '), /nothing held out: with 3 loads or more/);
});

test('limits: given wins over the server, the server over the base model, and each says its source', () => {
  const truth = hiddenEngine();
  const { engine, warnings } = calibrate([measure(truth, 2), measure(truth, 6)], {
    refine: false,
    limits: { maxSeqs: 64 },
    serverLimits: { maxSeqs: 32, kvBlocks: 7_936, blockSize: 32 },
    base: hiddenEngine({}, 1_024),
  });
  assert.deepEqual(engine.limits, {
    maxBatchedTokens: 1_024,
    maxSeqs: 64,
    kvBlocks: 7_936,
    blockSize: 32,
    maxModelLen: 32_768,
  });
  assert.deepEqual(engine.calibration!.limitSources, {
    maxBatchedTokens: 'base',
    maxSeqs: 'given',
    kvBlocks: 'server',
    blockSize: 'server',
    maxModelLen: 'base',
  });
  assert.doesNotMatch(warnings.join(' '), /unknown/);
});

test('runs without a usable answer are refused', () => {
  assert.throws(
    () => calibrate([{ ratePerSec: 1, records: [], gauges: [] }]),
    (error: unknown) => error instanceof ToolError && error.code === 'TOO_FEW_ROWS',
  );
});

/** Each token read late by up to `mostMs` on its own, in the order of its request: what a starved client records. */
function readLate(run: CalibrationRun, mostMs: number): CalibrationRun {
  const rng = randomOf('late', 'lengths');
  return {
    ...run,
    records: run.records.map((record) => {
      if (record.chunkNs === null) return record;
      let last = 0;
      const chunkNs = Array.from(record.chunkNs, (ns) => {
        last = Math.max(last, ns + rng.uniform() ** 3 * mostMs * 1e6);
        return last;
      });
      return { ...record, chunkNs, firstTokenNs: chunkNs[0], lastTokenNs: chunkNs[chunkNs.length - 1] };
    }),
  };
}

test('chunk instants that a late client smeared: whole requests are used instead, and said', () => {
  const truth = hiddenEngine();
  const runs = [2, 5, 9].map((rate) => readLate(measure(truth, rate), 12));
  const { engine, method, warnings } = calibrate(runs, {
    limits: { maxSeqs: 64, maxBatchedTokens: 2_048 },
  });
  assert.equal(method, 'requests');
  assert.match(warnings.join('\n'), /too uneven to tell iterations apart/);
  assert.ok(Math.abs(engine.step.baseSec / truth.step.baseSec - 1) < 0.2, `base ${engine.step.baseSec}`);
  assert.ok(heldOutError(truth, engine, 7) < 0.2);
});
