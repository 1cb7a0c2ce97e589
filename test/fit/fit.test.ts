/** What fit does with rows: classes, failures, coarse clocks, ties, constants, and traces too short to learn from. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { fitWorkload } from '../../src/fit/fit.js';
import { formatWorkloadModel } from '../../src/fit/fit-file.js';
import { formatFitReport } from '../../src/fit/report.js';
import { randomOf } from '../../src/random.js';
import { checkWorkloadModel } from '../../src/synthesize/check-model.js';
import type { LengthModel, WorkloadModel } from '../../src/types.js';
import { assertClose } from '../stats/reference.js';
import { batchesOf, type Columns, TEST_META } from './batches.js';

/** Poisson arrivals at `ratePerSec` with lognormal lengths. */
function poissonColumns(n: number, ratePerSec: number, seed = 1): Columns & { timesSec: number[] } {
  const rng = randomOf(seed, 'arrivals');
  const timesSec: number[] = [];
  const input: number[] = [];
  const output: number[] = [];
  for (let i = 0, t = 0; i < n; i++) {
    t += rng.exponential() / ratePerSec;
    timesSec.push(t);
    input.push(Math.ceil(800 * Math.exp(0.8 * rng.normal())));
    output.push(Math.ceil(150 * Math.exp(0.6 * rng.normal())));
  }
  return { timesSec, input, output };
}

function fit(columns: Columns, settings: Partial<Parameters<typeof fitWorkload>[0]> = {}): WorkloadModel {
  return fitWorkload({ batches: batchesOf(columns), meta: TEST_META, ...settings });
}

function pairs(model: WorkloadModel, k = 0): LengthModel {
  const { lengths } = model.classes[k];
  assert.equal(lengths.kind, 'pairs');
  return lengths as LengthModel;
}

test('a Poisson stream is found to be one: exponential wins, dispersion 1, rate as drawn', () => {
  const model = fit(poissonColumns(20_000, 10));
  const { arrivals } = model.classes[0];
  assertClose(model.meanRatePerSec, 10, 0.03, 'rate');
  assertClose(arrivals.gaps.cv, 1, 0.03, 'cv');
  const exponential = arrivals.gaps.candidates.find((candidate) => candidate.family === 'exponential');
  // Two further parameters may win by luck, by a few units of AIC.
  assert.ok(exponential && exponential.aic - arrivals.gaps.candidates[0].aic < 8);
  for (const { windowSec, source, model: simulated } of arrivals.dispersion) {
    const windows = model.durationSec / windowSec;
    assert.ok(Math.abs(source - 1) < 4 * Math.sqrt(2 / windows) + 0.05, `IDC(${windowSec} s) = ${source}`);
    assert.ok(simulated !== null && Math.abs(simulated - 1) < 4 * Math.sqrt(2 / windows) + 0.05);
  }
  assert.ok(Math.abs(arrivals.burstIndex! - 1) < 0.3);
  assert.equal(pairs(model).inputFits[0].family, 'lognormal');
  assertClose(pairs(model).inputFits[0].params['s'], 0.8, 0.02, 's');
});

test('the model passes the check of synthesize, and its text reads back as the same model', () => {
  const model = fit(poissonColumns(3_000, 5));
  checkWorkloadModel(model);
  const text = formatWorkloadModel(model);
  assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(model)));
  assert.ok(
    text.split('\n').some((line) => line.includes('"ratePerSec": [')),
    'lists of numbers stay on a line',
  );
  assert.ok(
    formatFitReport(model)
      .split('\n')
      .every((line) => line.length <= 80 + 20),
    'report is narrow',
  );
});

test('batch boundaries and repetition do not matter: the same model, byte for byte', () => {
  const columns = poissonColumns(2_000, 4);
  const whole = formatWorkloadModel(fit(columns));
  assert.equal(formatWorkloadModel(fit(columns)), whole);
  const parts = fitWorkload({ batches: batchesOf(columns, 77), meta: TEST_META });
  assert.equal(formatWorkloadModel(parts), whole);
});

test('rate knots integrate to the number of requests and follow a step', () => {
  const rng = randomOf(3, 'arrivals');
  const timesSec: number[] = [];
  // 2/s for half an hour, then 20/s.
  for (let t = rng.exponential() / 2; t < 3_600; t += rng.exponential() / (t < 1_800 ? 2 : 20))
    timesSec.push(t);
  const ones = timesSec.map(() => 100);
  const { classes, durationSec } = fit({ timesSec, input: ones, output: ones });
  const { ratePerSec, stepSec } = classes[0].arrivals.rate;
  const at = (sec: number): number => ratePerSec[Math.round(sec / stepSec)];
  assertClose(at(900), 2, 0.25, 'rate before the step');
  assertClose(at(2_700), 20, 0.1, 'rate after the step');
  let integral = 0;
  for (let k = 0; k * stepSec < durationSec; k++) {
    const length = Math.min(stepSec, durationSec - k * stepSec);
    const end = ratePerSec[k] + ((ratePerSec[k + 1] - ratePerSec[k]) * length) / stepSec;
    integral += (length * (ratePerSec[k] + end)) / 2;
  }
  assertClose(integral, timesSec.length, 1e-6, 'integral');
});

test('failures and unknown lengths count as arrivals, not as lengths, and are reported', () => {
  const columns = poissonColumns(1_000, 5);
  const status = Array.from(columns.timesSec, (_, i) => (i % 10 === 0 ? 'http_error' : 'ok'));
  const input = Array.from(columns.input, (value, i) => (i % 10 === 1 ? null : value));
  // Failed rows carry absurd lengths: they must not show.
  const output = Array.from(columns.output, (value, i) =>
    i % 10 === 0 ? 1_000_000 : i % 10 === 2 ? null : value,
  );
  const model = fit({ ...columns, input, output, status });
  assert.equal(model.source?.rows, 1_000);
  assert.equal(model.source?.rowsUsed, 700);
  assert.deepEqual(model.source?.excluded, {
    'status http_error': 100,
    'input_tokens unknown': 100,
    'output_tokens unknown': 100,
  });
  assert.equal(model.classes[0].requests, 1_000);
  assert.equal(pairs(model).input.n, 700);
  assert.ok(
    pairs(model).outputGivenInput.every((table) => table.output.values.every((value) => value < 100_000)),
  );
  assert.ok(model.warnings.some((warning) => warning.includes('100 (status http_error)')));
  assert.deepEqual(model.classes[0].failures, { byStatus: { http_error: 0.1 } });
  checkWorkloadModel(model);
});

test('X4: zero lengths stay in the tables and out of the families', () => {
  const columns = poissonColumns(2_000, 5);
  const output = Array.from(columns.output, (value, i) => (i % 4 === 0 ? 0 : value));
  const lengths = pairs(fit({ ...columns, output }));
  assert.equal(lengths.outputFits[0].n, 1_500);
  assert.ok(lengths.outputFits.every((summary) => Number.isFinite(summary.logLikelihood)));
  const zeros = lengths.outputGivenInput.reduce(
    (sum, { output: table }) => sum + (table.atoms.find(([value]) => value === 0)?.[1] ?? 0),
    0,
  );
  assert.equal(zeros, 500);
});

test('gaps of exactly zero become an atom; log-likelihoods stay finite', () => {
  const { timesSec, input, output } = poissonColumns(4_000, 8);
  // Every fourth request arrives together with the one before it.
  const times = timesSec.map((t, i) => (i % 4 === 3 ? timesSec[i - 1] : t));
  const { arrivals } = fit({ timesSec: times, input, output }).classes[0];
  assertClose(arrivals.gaps.zeroShare, 1_000 / 3_999, 1e-9, 'share of zero gaps');
  assert.ok(arrivals.gaps.candidates.every((candidate) => Number.isFinite(candidate.logLikelihood)));
  assert.equal(arrivals.gaps.candidates[0].n, 2_999);
  const { family, params } = arrivals.gaps;
  assert.equal(family === 'exponential' || family === 'gamma' || family === 'weibull', true);
  if (family === 'exponential') assertClose(params['scale'], 1 / (1 - 1_000 / 3_999), 1e-9, 'scale');
});

test('a clock that ticks every 2 s is found and undone: gaps are exponential again, and the model says so', () => {
  const { timesSec, input, output } = poissonColumns(6_000, 5);
  const coarse = timesSec.map((t) => 2 * Math.floor(t / 2));
  const model = fit({ timesSec: coarse, input, output });
  const { arrivals } = model.classes[0];
  assert.equal(arrivals.dequantizedGridNs, 2_000_000_000);
  assertClose(arrivals.gaps.cv, 1, 0.05, 'cv');
  assert.equal(arrivals.gaps.zeroShare, undefined);
  assert.ok(model.warnings.some((warning) => warning.includes('ticks every 2 s')));
  const other = fit({ timesSec: coarse, input, output }, { seed: 2 });
  assert.notEqual(other.classes[0].arrivals.gaps.cv, arrivals.gaps.cv);
});

test('a fine clock with a few ties is not taken for a coarse one', () => {
  const { timesSec, input, output } = poissonColumns(5_000, 4);
  const { arrivals } = fit({ timesSec: timesSec.map((t) => Math.floor(t * 1_000) / 1_000), input, output })
    .classes[0];
  assert.equal(arrivals.dequantizedGridNs, null);
});

test('large clients get classes of their own, the tail is pooled without a name', () => {
  const columns = poissonColumns(4_000, 10);
  const clientId = columns.timesSec.map((_, i) =>
    i % 2 === 0 ? 'big' : i % 4 === 1 ? 'middle' : `small-${i % 97}`,
  );
  const operation = columns.timesSec.map((_, i) => (i % 2 === 0 ? 'chat' : 'completion'));
  const model = fit({ ...columns, clientId, operation }, { by: 'client' });
  assert.deepEqual(
    model.classes.map(({ id, clientId: client, requests }) => [id, client, requests]),
    [
      ['big', 'big', 2_000],
      ['middle', 'middle', 1_000],
      ['(other)', null, 1_000],
    ],
  );
  assert.deepEqual(
    model.classes.map((one) => one.operation),
    ['chat', 'completion', 'completion'],
  );
  const total = model.classes.reduce((sum, one) => sum + one.arrivals.rate.ratePerSec[5], 0);
  assert.ok(total > 5 && total < 15, `summed rate ${total}`);
  checkWorkloadModel(model);
});

test('one class keeps the model name when all rows share it', () => {
  const columns = poissonColumns(100, 5);
  const model = fit({ ...columns, model: columns.timesSec.map(() => 'llama') });
  assert.equal(model.classes[0].model, 'llama');
  assert.equal(model.classes[0].clientId, null);
  assert.equal(model.classes[0].id, 'all');
});

test('constant lengths are an atom, without families that they do not determine', () => {
  const { timesSec } = poissonColumns(500, 5);
  const lengths = pairs(fit({ timesSec, input: timesSec.map(() => 512), output: timesSec.map(() => 64) }));
  assert.deepEqual(lengths.input, { n: 500, atoms: [[512, 500]], probs: [], values: [] });
  assert.deepEqual(lengths.outputGivenInput, [
    { inputFrom: 512, inputTo: 512, output: { n: 500, atoms: [[64, 500]], probs: [], values: [] } },
  ]);
  assert.equal(lengths.spearman, null);
  assert.deepEqual(
    lengths.inputFits.map((summary) => summary.family),
    ['exponential'],
  );
});

test('drift between the halves is reported and warned about; a stationary stream is not', () => {
  const columns = poissonColumns(9_000, 5);
  const steady = fit(columns);
  const ks = steady.drift?.find((check) => check.metric === 'input_tokens KS');
  assert.ok(ks?.floor !== null && ks !== undefined && ks.value < 2 * ks.floor!);
  const shifted = Array.from(columns.input, (value, i) => (i < 4_500 ? value : value! * 2));
  const drifting = fit({ ...columns, input: shifted });
  assert.ok(drifting.warnings.some((warning) => warning.includes('input_tokens KS')));
});

test('traces that are too short are refused with the reason', () => {
  const refusal = (columns: Columns): ToolError => {
    try {
      fit(columns);
    } catch (error) {
      assert.ok(error instanceof ToolError);
      return error;
    }
    throw new Error('nothing was refused');
  };
  assert.equal(refusal({ timesSec: [], input: [], output: [] }).code, 'TOO_FEW_ROWS');
  assert.equal(refusal(poissonColumns(19, 1)).code, 'TOO_FEW_ROWS');
  const sameInstant = Array.from({ length: 50 }, () => 0);
  assert.equal(
    refusal({ timesSec: sameInstant, input: sameInstant, output: sameInstant }).code,
    'TOO_FEW_ROWS',
  );
  const columns = poissonColumns(100, 1);
  const unknown = refusal({ ...columns, output: columns.timesSec.map(() => null) });
  assert.match(unknown.message, /100 × output_tokens unknown/);
  assert.throws(() => fit(columns, { bandwidthSec: 0 }), { code: 'BAD_VALUE' });
});

test('arrivals counted from 1970 give the same model as arrivals counted from the first, with a warning', () => {
  const columns = poissonColumns(1_000, 5);
  const zeroed = fit({ ...columns, timesSec: columns.timesSec.map((t) => t - columns.timesSec[0]) });
  const epoch = fit({ ...columns, timesSec: columns.timesSec.map((t) => t + 1_700_158_623) });
  assertClose(epoch.durationSec, zeroed.durationSec, 1e-6, 'duration');
  assert.ok(epoch.warnings.some((warning) => warning.includes('after zero')));
  assert.ok(!zeroed.warnings.some((warning) => warning.includes('after zero')));
});

test('a class without known lengths borrows them and says so', () => {
  const columns = poissonColumns(3_000, 5);
  const clientId = columns.timesSec.map((_, i) => (i % 2 === 0 ? 'a' : 'b'));
  const output = Array.from(columns.output, (value, i) => (i % 2 === 0 ? null : value));
  const model = fit({ ...columns, clientId, output }, { by: 'client' });
  assert.equal(pairs(model, 0).input.n, 1_500);
  assert.ok(model.warnings.some((warning) => warning.startsWith('class a: too few known lengths')));
});

test('arrivals that fall are refused with their row', () => {
  const columns = poissonColumns(100, 5);
  const timesSec = columns.timesSec.with(50, 0);
  assert.throws(() => fit({ ...columns, timesSec }), { code: 'BAD_TRACE', message: /row 50/ });
});

test('an aborted signal stops the fit', () => {
  const signal = AbortSignal.abort(new ToolError({ code: 'INTERRUPTED', message: 'stop', hint: '' }));
  assert.throws(() => fit(poissonColumns(100, 1), { signal }), { code: 'INTERRUPTED' });
});
