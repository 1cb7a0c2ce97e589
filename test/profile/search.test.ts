/** The choice of the next level: growth, bisection, descent, contradictions, invalid runs, and that it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bracketOf, planNextLevel, type SearchLevel, type SearchOptions } from '../../src/profile/search.js';

const OPTIONS: SearchOptions = {
  startRatePerSec: 1,
  maxRatePerSec: Number.POSITIVE_INFINITY,
  resolution: 0.05,
  maxLevels: 20,
};

type Answer = Partial<Omit<SearchLevel, 'ratePerSec' | 'attempt'>>;

function level(ratePerSec: number, answer: Answer, attempt = 1): SearchLevel {
  return {
    ratePerSec,
    attempt,
    sloMet: true,
    steady: true,
    inFlightMean: ratePerSec,
    valid: true,
    slo: [],
    ...answer,
  };
}

function search(server: (ratePerSec: number, run: number) => Answer, options: Partial<SearchOptions> = {}) {
  const history: SearchLevel[] = [];
  for (let guard = 0; guard < 1_000; guard++) {
    const step = planNextLevel(history, { ...OPTIONS, ...options });
    if (step.kind === 'stop') return { history, because: step.because };
    history.push(level(step.ratePerSec, server(step.ratePerSec, history.length), step.attempt));
  }
  throw new Error('the search does not end');
}

const rates = (history: readonly SearchLevel[]): number[] => history.map((one) => one.ratePerSec);

test('doubles until a miss, then halves the bracket to the resolution', () => {
  const { history, because } = search((rate) => ({ sloMet: rate <= 23.4 }));
  assert.deepEqual(rates(history).slice(0, 6), [1, 2, 4, 8, 16, 32]);
  const { met, missed } = bracketOf(history);
  assert.ok(met!.ratePerSec <= 23.4 && missed!.ratePerSec > 23.4);
  assert.ok(missed!.ratePerSec / met!.ratePerSec <= 1.05 / 0.95);
  assert.match(because, /within ±5 %/);
  assert.ok(history.length <= 9);
});

test('a first level above the capacity sends the search down, then back into the bracket', () => {
  const { history } = search((rate) => ({ sloMet: rate <= 0.3, steady: rate <= 0.5 }));
  assert.deepEqual(rates(history).slice(0, 2), [1, 0.25]);
  const { met, missed } = bracketOf(history);
  assert.ok(met!.ratePerSec <= 0.3 && missed!.ratePerSec > 0.3);
});

test('an impossible SLO ends with the reason after the server was seen idle', () => {
  const { history, because } = search((rate) => ({ sloMet: false, inFlightMean: rate / 10 }));
  assert.match(because, /even an unloaded server misses the SLO/);
  assert.deepEqual(rates(history), [1, 4]);
  assert.equal(bracketOf(history).met, null);
});

test('the search down ends when less load does not help', () => {
  const slo = (value: number) => [{ term: 't', value, limit: 100, unit: 'ms', met: false, n: 100 }];
  const { history, because } = search((rate) => ({
    sloMet: false,
    inFlightMean: 3 * rate,
    slo: slo(300 + rate),
  }));
  assert.deepEqual(rates(history), [1, 0.25, 4]);
  assert.match(because, /less load does not help: 3 × the limit at 0\.25\/s and 3\.01 × at 1\/s/);
  const falling = search((rate) => ({ sloMet: rate < 0.1, inFlightMean: 9, slo: slo(300 * rate) }));
  assert.ok(bracketOf(falling.history).met !== null, 'a latency that falls with the load is followed down');
});

test('a server that is slow only when idle is found above, after one repetition', () => {
  const { history } = search((rate) => ({
    sloMet: rate >= 3 && rate <= 20,
    inFlightMean: rate / 20,
  }));
  assert.deepEqual(
    history.slice(0, 3).map((one) => [one.ratePerSec, one.attempt]),
    [
      [1, 1],
      [4, 1],
      [4, 2],
    ],
  );
  const { met, missed, contradictions } = bracketOf(history);
  assert.ok(met!.ratePerSec <= 20 && missed!.ratePerSec > 20);
  assert.deepEqual(rates(contradictions), [1]);
});

test('a level that contradicts is repeated once and the repetition counts', () => {
  const history = [level(1, {}), level(4, { sloMet: false }), level(8, { sloMet: true })];
  const step = planNextLevel(history, OPTIONS);
  assert.deepEqual(step.kind === 'run' && [step.ratePerSec, step.attempt], [8, 2]);
  const settled = [...history, level(8, { sloMet: false }, 2)];
  assert.equal(bracketOf(settled).contradictions.length, 0);
  const stubborn = [...history, level(8, { sloMet: true }, 2)];
  assert.deepEqual(rates(bracketOf(stubborn).contradictions), [8]);
  const next = planNextLevel(stubborn, OPTIONS);
  assert.deepEqual(
    next.kind === 'run' && [next.ratePerSec, next.attempt],
    [2, 1],
    'the lower bracket goes on',
  );
});

test('an invalid run that missed is repeated once, then bounds the search', () => {
  const { history } = search((rate) => ({ valid: rate <= 10, sloMet: rate <= 10 }));
  assert.ok(history.some((one) => !one.valid && one.attempt === 2));
  assert.ok(history.length <= OPTIONS.maxLevels);
  const { met, missed } = bracketOf(history);
  assert.ok(met!.ratePerSec <= 10 && missed!.ratePerSec > 10 && !missed!.valid);
});

test('an invalid run that met is passed over: a hiccup of the client does not hide the capacity', () => {
  const { history } = search((rate) => ({ valid: rate !== 8, sloMet: rate <= 13 }));
  assert.deepEqual(rates(history).slice(0, 6), [1, 2, 4, 8, 8, 16]);
  const { met, missed } = bracketOf(history);
  assert.ok(met!.ratePerSec <= 13 && missed!.ratePerSec > 13);
  assert.ok(missed!.ratePerSec / met!.ratePerSec <= 1.05 / 0.95);
});

test('a first rate that the client spoils is not the end; a second one is', () => {
  assert.deepEqual(
    rates(search((rate) => ({ valid: rate !== 1, sloMet: rate <= 3 })).history).slice(0, 4),
    [1, 1, 2, 4],
  );
  const { history, because } = search(() => ({ valid: false }));
  assert.deepEqual(rates(history), [1, 1, 2, 2]);
  assert.match(because, /no valid run at any rate/);
});

test('a client that spoils every run above a rate is the end of the search, and is named', () => {
  const { history, because } = search((rate) => ({ valid: rate <= 10 }));
  assert.deepEqual(rates(history), [1, 2, 4, 8, 16, 16, 32, 32]);
  assert.match(because, /client spoils its runs/);
  assert.equal(bracketOf(history).met!.ratePerSec, 8);
  // A rate that was passed over lies in the middle of the bracket: the search goes beside it.
  const beside = [level(4, {}), level(8, { valid: false }, 2), level(16, { sloMet: false })];
  const step = planNextLevel(beside, OPTIONS);
  assert.ok(step.kind === 'run' && step.ratePerSec > 4 && step.ratePerSec < 7.5);
});

test('stops at the highest allowed rate and at the level limit', () => {
  assert.match(search(() => ({}), { maxRatePerSec: 5 }).because, /highest allowed rate/);
  assert.deepEqual(rates(search(() => ({}), { maxRatePerSec: 5 }).history), [1, 2, 4, 5]);
  assert.match(search(() => ({}), { maxLevels: 3 }).because, /limit of 3 levels/);
});

test('whatever the server does, the search ends within its limit and no rate runs more than twice', () => {
  fc.assert(
    fc.property(
      fc.infiniteStream(
        fc.record({
          sloMet: fc.boolean(),
          steady: fc.boolean(),
          valid: fc.boolean(),
          inFlightMean: fc.option(fc.double({ min: 0, max: 5, noNaN: true }), { nil: null }),
        }),
      ),
      (answers) => {
        const { history } = search(() => answers.next().value as Answer, { maxLevels: 15 });
        assert.ok(history.length <= 15);
        const runs = new Map<number, number>();
        for (const one of history) runs.set(one.ratePerSec, (runs.get(one.ratePerSec) ?? 0) + 1);
        assert.ok([...runs.values()].every((count) => count <= 2));
      },
    ),
    { numRuns: 300 },
  );
});

test('the search is a function of the levels: continuing a part of a history gives the same levels', () => {
  const server = (rate: number): Answer => ({ sloMet: rate <= 13 });
  const { history } = search(server);
  for (let cut = 0; cut < history.length; cut++) {
    const step = planNextLevel(history.slice(0, cut), OPTIONS);
    assert.equal(step.kind === 'run' && step.ratePerSec, history[cut].ratePerSec);
  }
});
