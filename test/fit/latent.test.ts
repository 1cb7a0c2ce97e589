/** Latent classes, the dependence of outputs on inputs, locality: chosen where the data show them, and only there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitWorkload } from '../../src/fit/fit.js';
import { heldOutDistances } from '../../src/fit/held-out.js';
import { fitLocality, tieShare } from '../../src/fit/locality.js';
import { mixMovement } from '../../src/fit/mix.js';
import { randomOf } from '../../src/random.js';
import { checkWorkloadModel } from '../../src/synthesize/check-model.js';
import type { LengthModel, WorkloadModel } from '../../src/types.js';
import { assertClose } from '../stats/reference.js';
import { batchesOf, type Columns, TEST_META } from './batches.js';

interface Kind {
  readonly input: number;
  readonly output: number;
  /** Share of traffic at the start and at the end, linear between. */
  readonly from: number;
  readonly to: number;
}

/** 8 requests per second for 40 min, of kinds that come and go. */
function kindsOfRequests(kinds: readonly Kind[], seed = 1): Columns & { timesSec: number[] } {
  const rng = randomOf(seed, 'arrivals');
  const columns = { timesSec: [] as number[], input: [] as number[], output: [] as number[] };
  for (let t = rng.exponential() / 8; t < 2_400; t += rng.exponential() / 8) {
    let u = rng.uniform();
    const kind =
      kinds.find(({ from, to }) => {
        u -= from + ((to - from) * t) / 2_400;
        return u < 0;
      }) ?? kinds[kinds.length - 1];
    columns.timesSec.push(t);
    columns.input.push(Math.ceil(kind.input * Math.exp(0.3 * rng.normal())));
    columns.output.push(Math.ceil(kind.output * Math.exp(0.3 * rng.normal())));
  }
  return columns;
}

const CHAT = { input: 400, output: 300 };
const SUMMARY = { input: 9_000, output: 40 };

function fit(columns: Columns, settings: Partial<Parameters<typeof fitWorkload>[0]> = {}): WorkloadModel {
  return fitWorkload({ batches: batchesOf(columns), meta: TEST_META, ...settings });
}

const MOVING = kindsOfRequests([
  { ...CHAT, from: 0.9, to: 0.3 },
  { ...SUMMARY, from: 0.1, to: 0.7 },
]);

test('a mix that moves gives latent classes whose rates follow it and add up to the whole', () => {
  const model = fit(MOVING, { latentClasses: 2 });
  checkWorkloadModel(model);
  assert.equal(model.by, 'latent');
  assert.equal(model.classes.length, 2);
  assert.ok(model.shared);
  assert.equal(
    model.classes.reduce((sum, one) => sum + one.requests, 0),
    MOVING.timesSec.length,
  );
  const chat = model.classes.find(({ lengths }) => (lengths as LengthModel).input.values[0] < 1_000)!;
  const { ratePerSec } = chat.arrivals.rate;
  assertClose(ratePerSec[2], 8 * 0.9, 0.2, 'chat at the start');
  assertClose(ratePerSec.at(-3), 8 * 0.3, 0.35, 'chat at the end');
  const choice = model.choices!.find(({ about }) => about === 'classes')!;
  assert.match(choice.because, /moves with time/);
});

test('the same kinds in a constant mix stay one class, unless latent classes are asked for', () => {
  const steady = kindsOfRequests([
    { ...CHAT, from: 0.5, to: 0.5 },
    { ...SUMMARY, from: 0.5, to: 0.5 },
  ]);
  const model = fit(steady);
  assert.equal(model.by, 'none');
  assert.equal(model.shared, null);
  // Input says all about the kind: bins win over independence by far.
  const { dependence } = model.classes[0].lengths as LengthModel;
  assert.match(dependence!.chosen, /input bins/);
  const score = (name: string): number => dependence!.candidates.find((one) => one.name === name)!.score;
  assert.ok(score('independent') > 3 * score('5 input bins'));
  assert.equal(fit(steady, { by: 'latent', latentClasses: 3 }).classes.length, 3);
});

test('named clients come before latent classes; short traces stay whole', () => {
  const clientId = MOVING.timesSec.map((_, i) => (i % 3 === 0 ? 'a' : 'b'));
  assert.equal(fit({ ...MOVING, clientId }).by, 'client');
  assert.equal(fit({ ...MOVING, clientId: MOVING.timesSec.map(() => 'only') }).by, 'latent');
  const short = { timesSec: MOVING.timesSec, input: MOVING.input, output: MOVING.output };
  const first = <T>(values: ArrayLike<T>): T[] => Array.from(values).slice(0, 900);
  const model = fit({
    timesSec: first(short.timesSec),
    input: first(short.input),
    output: first(short.output),
  });
  assert.equal(model.by, 'none');
  assert.match(model.choices![0].because, /fewer than 1000/);
});

test('rows without lengths belong to the class before them, and every row to some class', () => {
  const output = Array.from(MOVING.output, (value, i) => (i % 5 === 0 ? null : value));
  const model = fit({ ...MOVING, output }, { by: 'latent', latentClasses: 2 });
  assert.equal(
    model.classes.reduce((sum, one) => sum + one.requests, 0),
    MOVING.timesSec.length,
  );
  checkWorkloadModel(model);
});

test('classes of fewer than 30 rows join a neighbour', () => {
  const input = Array.from(MOVING.input, (value, i) => (i < 20 ? 1_000_000 : value));
  const model = fit({ ...MOVING, input }, { by: 'latent', latentClasses: 3 });
  assert.ok(model.classes.every((one) => one.requests >= 30));
});

test('wrong numbers of latent classes are refused', () => {
  for (const latentClasses of [0, 1, 65, 2.5, Number.NaN])
    assert.throws(() => fit(MOVING, { latentClasses }), { code: 'BAD_VALUE', message: /2 to 64/ });
});

test('the movement of a constant mix is 1 within its noise, whatever the rate does', () => {
  const rng = randomOf(4, 'bootstrap');
  const times: number[] = [];
  for (let t = 0; t < 3_600; t += rng.exponential() / (t < 1_800 ? 2 : 20)) times.push(t);
  const classRows = [0, 1, 2].map((k) =>
    Uint32Array.from(times.keys()).filter((i) => Math.floor(3 * ((i * 0.618_033_988_749) % 1)) === k),
  );
  const movement = mixMovement(Float64Array.from(times), classRows, 60)!;
  // A low-discrepancy mix moves less than a random one.
  assert.ok(movement < 1.3, `${movement}`);
  const halves = [times.filter((t) => t < 1_800).length];
  const moving = [
    Uint32Array.from(times.keys()).filter((i) => i < halves[0]),
    Uint32Array.from(times.keys()).filter((i) => i >= halves[0]),
  ];
  assert.ok(mixMovement(Float64Array.from(times), moving, 60)! > 100);
  assert.equal(mixMovement(Float64Array.from(times), [classRows[0]], 60), null);
});

test('held-out distance: independence is right for independent pairs and wrong for equal ones', () => {
  const rng = randomOf(2, 'bootstrap');
  const n = 20_000;
  const input = Int32Array.from({ length: n }, () => rng.int(1_000));
  const unrelated = Int32Array.from({ length: n }, () => rng.int(1_000));
  const candidates = [
    { name: 'independent', groupOf: new Uint8Array(n), groups: 1 },
    { name: 'ten bins', groupOf: input.map((value) => Math.floor(value / 100)), groups: 10 },
  ];
  const [right, binned] = heldOutDistances(input, unrelated, candidates, rng);
  // 400 cells of 10 000 pairs: half the mean absolute error of a Poisson count of 25 is 0.08.
  assertClose(right.score, 0.08, 0.15, 'independence of independent pairs');
  assert.ok(binned.score > right.score);
  const [wrong, better] = heldOutDistances(input, input, candidates, rng);
  assert.ok(wrong.score > 0.9 && better.score < 0.6, `${wrong.score}, ${better.score}`);
});

test('locality: the share of deliberate repeats is found, and none where there are none', () => {
  const rng = randomOf(3, 'bootstrap');
  const values = new Int32Array(30_000);
  for (let i = 0; i < values.length; i++)
    values[i] =
      i > 50 && rng.uniform() < 0.15 ? values[i - 1 - rng.int(50)] : Math.ceil(2_000 * rng.exponential());
  const classOf = new Int32Array(values.length);
  const found = fitLocality({ inputTokens: values, classOf, seed: '1' });
  assertClose(found?.inputRepeatShare, 0.15, 0.05, 'share');
  const sorted = values.slice().map((_, i) => Math.ceil(2_000 * -Math.log((i + 0.5) / values.length)));
  for (let i = sorted.length - 1; i > 0; i--) {
    const j = rng.int(i + 1);
    [sorted[i], sorted[j]] = [sorted[j], sorted[i]];
  }
  assert.equal(fitLocality({ inputTokens: sorted, classOf, seed: '1' }), null);
  assert.equal(tieShare(Int32Array.of(5, 6, 5, 7, 6)), 0.4);
  assert.equal(fitLocality({ inputTokens: new Int32Array(100).fill(7), classOf, seed: '1' }), null);
});
