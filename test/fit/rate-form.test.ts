/** Rates of traces of days: cycles and steps are chosen where they predict unseen hours, and go on after the window. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitWorkload } from '../../src/fit/fit.js';
import { chooseRateForm, rateOfForm } from '../../src/fit/rate-form.js';
import { randomOf } from '../../src/random.js';
import { countsPerWindow } from '../../src/stats/dispersion.js';
import { CumulativeRate, placeInWindow } from '../../src/stats/rate-curve.js';
import { checkWorkloadModel } from '../../src/synthesize/check-model.js';
import { planSynthesis } from '../../src/synthesize/plan.js';
import { synthesizeTrace } from '../../src/synthesize/synthesize.js';
import { assertClose } from '../stats/reference.js';
import { batchesOf, TEST_META } from './batches.js';

const DAY = 86_400;
const HOUR = 3_600;

/** Arrivals by minute with the given rate per second; bursts of `burst` requests within a second. */
function arrivals(days: number, rate: (sec: number) => number, seed: string, burst = 1): Float64Array {
  const rng = randomOf(seed, 'arrivals');
  const times: number[] = [];
  for (let minute = 0; minute < days * 1_440; minute++) {
    const bursts = rng.poisson((60 * rate(60 * minute + 30)) / burst);
    for (let k = 0; k < bursts; k++) {
      const at = 60 * minute + 58 * rng.uniform();
      for (let i = 0; i < burst; i++) times.push(at + rng.uniform());
    }
  }
  return Float64Array.from(times).sort();
}

const daily = (sec: number): number => Math.exp(0.8 * Math.cos((2 * Math.PI * (sec - 14 * HOUR)) / DAY));

const nameOf = (times: Float64Array, days: number): string | undefined =>
  chooseRateForm(times, days * DAY, null).choice?.chosen;

test('which form wins: a daily cycle, steps with it, a weekly one, or none of them', () => {
  assert.equal(
    nameOf(
      arrivals(5, (t) => 0.05 * daily(t), 'a'),
      5,
    ),
    'a daily cycle',
  );
  const stepped = arrivals(6, (t) => 0.05 * daily(t) * (t > 3.4 * DAY ? 2 : 1), 'b');
  assert.equal(nameOf(stepped, 6), 'level steps and a daily cycle');
  const weekend = (t: number): number => (Math.floor(t / DAY) % 7 >= 5 ? 0.4 : 1);
  const weekly = arrivals(21, (t) => 0.05 * daily(t) * weekend(t), 'c');
  assert.match(nameOf(weekly, 21)!, /weekly cycle/);
  // Three weeks with a step: the weekends are not taken for steps of their own.
  const both = arrivals(21, (t) => 0.05 * daily(t) * weekend(t) * (t > 9 * DAY ? 1.8 : 1), 'w');
  assert.equal(nameOf(both, 21), 'level steps, a daily cycle and a weekly cycle');
  const alternating = arrivals(5, (t) => (t % (2 * DAY) < DAY ? 0.03 : 0.09), 'd');
  const scores = chooseRateForm(alternating, 5 * DAY, null).choice!.candidates;
  const scoreOf = (name: string): number => scores.find((one) => one.name === name)!.score;
  assert.ok(scoreOf('level steps') > scoreOf('a constant rate') + 0.5);
  assert.ok(scoreOf('level steps') > scoreOf('a daily cycle') + 0.5);
  for (const seed of ['e', 'f', 'g']) {
    const constant = arrivals(5, () => 0.05, seed);
    assert.equal(nameOf(constant, 5), 'a constant rate', seed);
  }
});

test('nothing to choose below three days, or with a bandwidth of one’s own', () => {
  const times = arrivals(2.5, (t) => 0.05 * daily(t), 'short');
  assert.deepEqual(chooseRateForm(times, 2.5 * DAY, null), {
    form: { kind: 'kernel', bandwidthSec: 300 },
    choice: null,
  });
  const own = chooseRateForm(
    arrivals(5, (t) => 0.05 * daily(t), 'a'),
    5 * DAY,
    900,
  );
  assert.deepEqual(own, { form: { kind: 'kernel', bandwidthSec: 900 }, choice: null });
});

test('the choice names what it beat, by the likelihood of hours that were left out', () => {
  const { choice } = chooseRateForm(
    arrivals(5, (t) => 0.05 * daily(t), 'a'),
    5 * DAY,
    null,
  );
  const scores = new Map(choice!.candidates.map(({ name, score }) => [name, score]));
  assert.equal(scores.size, 7);
  assert.equal(scores.get(choice!.chosen), Math.max(...scores.values()));
  for (const kernel of ['5 min', '30 min', '2 h'])
    assert.ok(scores.get(`Gaussian kernel of ${kernel}`)! < scores.get('a daily cycle')!, kernel);
});

test('the curve: amplitude, phase and steps of the truth, the number of requests exactly', () => {
  const days = 6;
  const truth = (t: number): number => 0.05 * daily(t) * (t > 3.4 * DAY ? 2 : 1);
  const times = arrivals(days, truth, 'b');
  const { form } = chooseRateForm(times, days * DAY, null);
  const curve = rateOfForm(times, days * DAY, form);
  assertClose(new CumulativeRate(curve, days * DAY).perPeriod, times.length, 1e-6, 'requests');
  let worst = 0;
  for (const [k, rate] of curve.ratePerSec.entries()) {
    const t = k * curve.stepSec;
    if (Math.abs(t - 3.4 * DAY) < 2 * HOUR || t > days * DAY) continue;
    worst = Math.max(worst, Math.abs(Math.log(rate / truth(t))));
  }
  assert.ok(worst < 0.12, `${worst}`);
});

test('after the window the last day repeats: Λ, its inverse, and the place of a time', () => {
  const curve = { stepSec: 10, ratePerSec: [1, 1, 3, 3], bandwidthSec: null, repeatSec: 10 };
  const rate = new CumulativeRate(curve, 30);
  // 10·1 + 10·2 + 10·3 = 60, then 3/s for ever.
  assertClose(rate.at(30), 60, 1e-12, 'window');
  assertClose(rate.at(57), 60 + 81, 1e-12, 'beyond');
  for (const t of [0, 12, 29, 30, 34, 41, 77.5])
    assertClose(rate.inverse(rate.at(t)), t, 1e-10, `inverse at ${t}`, 1e-10);
  assert.equal(placeInWindow(25, 30, 10), 25);
  assert.equal(placeInWindow(47, 30, 10), 27);
  assert.equal(placeInWindow(47, 30), 17);
});

function modelOf(times: Float64Array, days: number) {
  const rng = randomOf('lengths', 'lengths');
  const input = Array.from(times, () => 100 + rng.int(900));
  const output = Array.from(times, () => 10 + rng.int(200));
  const model = fitWorkload({
    batches: batchesOf({ timesSec: times, input, output }),
    meta: TEST_META,
    by: 'none',
  });
  checkWorkloadModel(model);
  assert.ok(Math.abs(model.durationSec - days * DAY) < HOUR);
  return model;
}

function hourly(model: ReturnType<typeof modelOf>, durationSec: number): Float64Array {
  const times: number[] = [];
  for (const batch of synthesizeTrace({ model, seed: 3, durationSec }))
    for (let i = 0; i < batch.rowCount; i++) times.push(Number(batch.arrivalNs[i]) / 1e9);
  return Float64Array.from(countsPerWindow(Float64Array.from(times), HOUR, durationSec));
}

test('a week from four days: the cycle goes on in phase, at the level that the window ended with', () => {
  const times = arrivals(4, (t) => 0.05 * daily(t) * (t > 2 * DAY ? 1.6 : 1), 'week');
  const model = modelOf(times, 4);
  assert.match(model.warnings.join('\n'), /beyond it the last 24 h repeats|beyond it the last 1 d/);
  const { notes, expectedRequests } = planSynthesis({ model, seed: 1, durationSec: 7 * DAY });
  assert.match(notes.join(), /the cycle goes on/);
  const counts = hourly(model, 7 * DAY);
  assertClose(
    counts.reduce((a, b) => a + b, 0),
    expectedRequests,
    0.03,
    'requests',
  );
  for (let day = 4; day < 7; day++) {
    for (let hour = 0; hour < 24; hour += 3) {
      const from = 24 * day + hour;
      const seen = counts.subarray(from, from + 3).reduce((a, b) => a + b, 0);
      const expected = 3 * HOUR * 0.08 * daily((hour + 1.5) * HOUR);
      assertClose(seen, expected, 0.15, `day ${day}, ${hour} h`, 25);
    }
  }
});

test('bursts and days at once, as in BurstGPT: load states in operational time keep the daily course', () => {
  const times = arrivals(4, (t) => 0.06 * daily(t), 'bursts', 12);
  const model = modelOf(times, 4);
  const { bursts, burstIndex } = model.classes[0].arrivals;
  assert.ok(burstIndex! > 4, `${burstIndex}`);
  assert.equal(bursts?.clock, 'operational');
  const counts = hourly(model, 6 * DAY);
  const byPart = (day: number, hour: number): number =>
    counts.subarray(24 * day + hour, 24 * day + hour + 6).reduce((a, b) => a + b, 0);
  for (const day of [0, 1, 2, 3, 4, 5])
    assert.ok(byPart(day, 11) > 2 * byPart(day, 0), `day ${day}: ${byPart(day, 11)} and ${byPart(day, 0)}`);
  const hourlyReal = countsPerWindow(times, HOUR, 4 * DAY);
  const total = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);
  assertClose(total(counts.subarray(0, 96)), total(hourlyReal), 0.08, 'requests of the window');
});
