/** Engine choices from flags and files, and the front over them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { checkChoices, parseEngineChoice, parseEngineChoices } from '../../src/plan/choices.js';
import { cheapestChoice, paretoFront } from '../../src/plan/pareto.js';
import type { CapacityPlan, FleetTrial, SloResult } from '../../src/types.js';

test('a flag: name or file, then price, label, cold start and limit', () => {
  assert.deepEqual(parseEngineChoice('llama3-8b-h100-published'), {
    engine: 'llama3-8b-h100-published',
    label: 'llama3-8b-h100-published',
    pricePerReplicaHour: undefined,
    coldStartSec: undefined,
    maxReplicas: undefined,
  });
  assert.deepEqual(parseEngineChoice('dir/mine.engine.json, price=0.04/min,cold-start=90s,max-replicas=8'), {
    engine: 'dir/mine.engine.json',
    label: 'mine',
    pricePerReplicaHour: 2.4,
    coldStartSec: 90,
    maxReplicas: 8,
  });
});

test('a file holds the same keys', () => {
  const text = `
choices:
  - engine: a.engine.json
    price: 2/h
  - { engine: b, label: big, price: 9/h, coldStart: 2m, maxReplicas: 4 }
`;
  assert.deepEqual(
    parseEngineChoices(text, 'c.yaml').map(({ label, pricePerReplicaHour, coldStartSec }) => [
      label,
      pricePerReplicaHour,
      coldStartSec,
    ]),
    [
      ['a', 2, undefined],
      ['big', 9, 120],
    ],
  );
});

test('what cannot be meant is refused with what to type', () => {
  const refused = (run: () => unknown, code: string, words: RegExp): void => {
    assert.throws(run, (error) => {
      assert.ok(error instanceof ToolError);
      assert.equal(error.code, code);
      assert.match(`${error.message} ${error.hint}`, words);
      return true;
    });
  };
  refused(() => parseEngineChoice('x,prize=2/h'), 'UNKNOWN_KEY', /did you mean price/);
  refused(() => parseEngineChoice('x,2.5/h'), 'BAD_VALUE', /price=2.5\/h/);
  refused(() => parseEngineChoice('x,max-replicas=0'), 'BAD_VALUE', /from 1/);
  refused(() => parseEngineChoices('choices: []', 'c.yaml'), 'FORMAT_UNKNOWN', /c\.yaml/);
  refused(() => parseEngineChoices('choices: [{ price: 2/h }]', 'c.yaml'), 'BAD_VALUE', /choice 1/);
  const [a, b] = ['x,price=2/h', 'y'].map(parseEngineChoice);
  refused(() => checkChoices([a, b], null), 'USAGE', /y has none/);
  refused(() => checkChoices([a, a], null), 'BAD_VALUE', /label/);
  checkChoices([a, b], 3);
  checkChoices([b], null);
});

const term = (valueMs: number): SloResult => ({
  term: 'p99(ttft) < 1s',
  value: valueMs,
  limit: 1_000,
  unit: 'ms',
  met: valueMs < 1_000,
  n: 100,
});

/** A plan whose search tried some sizes: [replicas, goodput, p99 in ms]. */
function planOf(
  replicas: number | null,
  price: number,
  tried: readonly (readonly [number, number, number])[],
): CapacityPlan {
  return {
    replicas,
    cost: { perHour: replicas === null ? null : replicas * price },
    trials: tried.map(
      ([size, goodput, valueMs]) =>
        ({
          replicas: size,
          role: 'search',
          goodput,
          slo: [term(valueMs)],
          met: valueMs < 1_000,
        }) as unknown as FleetTrial,
    ),
  } as unknown as CapacityPlan;
}

test('the front: dearer, worse and slower is dominated; the cheapest that holds is chosen', () => {
  const small = {
    label: 'small',
    pricePerReplicaHour: 2,
    plan: planOf(3, 2, [
      [1, 0.2, 9_000],
      [2, 0.9, 1_500],
      [3, 1, 600],
    ]),
  };
  const big = {
    label: 'big',
    pricePerReplicaHour: 9,
    plan: planOf(1, 9, [[1, 1, 300]]),
  };
  const bad = {
    label: 'bad',
    pricePerReplicaHour: 10,
    plan: planOf(null, 10, [[1, 0.5, 700]]),
  };
  assert.equal(cheapestChoice([bad, big, small]).label, 'small');
  assert.equal(cheapestChoice([bad]).label, 'bad');
  const front = paretoFront([big, small, bad]);
  assert.deepEqual(
    front.map((point) => [point.choice, point.label, point.costPerHour, point.dominatedBy, point.chosen]),
    [
      ['small', '1 replica', 2, null, false],
      ['small', '2 replicas', 4, null, false],
      ['small', '3 replicas', 6, null, true],
      // Dearer, but faster: on the front.
      ['big', '1 replica', 9, null, false],
      ['bad', '1 replica', 10, 'small: 3 replicas', false],
    ],
  );
  // Of two equal fleets one is enough.
  const twin = { ...big, label: 'twin' };
  assert.equal(paretoFront([big, twin]).filter((point) => point.dominatedBy === null).length, 1);
});

test('without prices there is no front', () => {
  assert.deepEqual(
    paretoFront([{ label: 'x', pricePerReplicaHour: null, plan: planOf(1, 1, [[1, 1, 1]]) }]),
    [],
  );
});
