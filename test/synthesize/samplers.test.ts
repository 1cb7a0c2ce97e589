/** Samplers by inversion: every law is drawn as written, one uniform per value. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../src/random.js';
import { familyOf } from '../../src/stats/families.js';
import { familySampler } from '../../src/synthesize/family-sampler.js';
import { lengthSampler } from '../../src/synthesize/length-sampler.js';
import { tableSampler } from '../../src/synthesize/table-sampler.js';
import type { FamilyDistribution, LengthModel, QuantileTable } from '../../src/types.js';
import { assertClose } from '../stats/reference.js';

const MIXED: QuantileTable = {
  n: 100,
  atoms: [
    [10, 20],
    [50, 30],
  ],
  probs: [0, 0.5, 1],
  values: [100, 200, 400],
};

test('a table by hand: 20 % at 10, 30 % at 50, the rest linear between its knots', () => {
  const draw = tableSampler(MIXED);
  assert.equal(draw(0), 10);
  assert.equal(draw(0.1999), 10);
  assert.equal(draw(0.2001), 50);
  assert.equal(draw(0.4999), 50);
  assert.equal(draw(0.5), 100);
  assert.equal(draw(0.625), 150);
  assert.equal(draw(0.75), 200);
  assert.equal(draw(0.875), 300);
  assert.equal(draw(1 - 2 ** -53), 400);
});

test('a table of atoms alone, and one of a sketch alone', () => {
  const atoms = tableSampler({
    n: 3,
    atoms: [
      [7, 1],
      [9, 2],
    ],
    probs: [],
    values: [],
  });
  assert.equal(atoms(0.33), 7);
  assert.equal(atoms(0.34), 9);
  assert.equal(atoms(1 - 2 ** -53), 9);
  const sketch = tableSampler({ n: 9, atoms: [], probs: [0, 1], values: [0, 10] });
  assert.equal(sketch(0), 0);
  assert.equal(sketch(0.5), 5);
});

const FAMILIES: readonly FamilyDistribution[] = [
  { family: 'lognormal', params: { s: 1, scale: 800 }, min: null, max: null },
  { family: 'gamma', params: { a: 0.6, scale: 300 }, min: 5, max: 900 },
  { family: 'weibull', params: { c: 0.8, scale: 40 }, min: null, max: 200 },
  { family: 'exponential', params: { scale: 50_000 }, min: 10, max: null },
];

for (const distribution of FAMILIES) {
  test(`${JSON.stringify(distribution)}: P(X ≤ k) as stated, within bounds`, () => {
    const draw = familySampler(distribution);
    const family = familyOf(distribution.family as 'gamma');
    const min = distribution.min ?? 1;
    const start = family.cdf(min - 0.5, distribution.params);
    const end = distribution.max === null ? 1 : family.cdf(distribution.max + 0.5, distribution.params);
    const points = 200_000;
    const draws = Int32Array.from({ length: points }, (_, i) => draw((i + 0.5) / points));
    for (const p of [0.01, 0.2, 0.5, 0.9, 0.999]) {
      const k = draws[Math.floor(p * points)];
      const upTo = (family.cdf(k + 0.5, distribution.params) - start) / (end - start);
      const below = (family.cdf(k - 0.5, distribution.params) - start) / (end - start);
      assert.ok(below <= p + 1e-5 && p <= upTo + 1e-5, `${k} at ${p}: [${below}, ${upTo}]`);
    }
    assert.ok(draws[0] >= min);
    assert.ok(draws[points - 1] <= (distribution.max ?? 2_147_483_647));
    for (let i = 1; i < points; i++) assert.ok(draws[i] >= draws[i - 1], 'inversion is monotone');
  });
}

test('a constant is a constant, within its bounds', () => {
  assert.equal(familySampler({ family: 'constant', params: { value: 128 }, min: null, max: null })(0.7), 128);
  assert.equal(familySampler({ family: 'constant', params: { value: 128 }, min: null, max: 100 })(0.7), 100);
});

function constantTable(value: number): QuantileTable {
  return { n: 1, atoms: [[value, 1]], probs: [], values: [] };
}

function outputsOf(input: QuantileTable, model: Partial<LengthModel>, n = 1_000): Map<number, Set<number>> {
  const sampler = lengthSampler({
    kind: 'pairs',
    input,
    outputGivenInput: [],
    spearman: null,
    inputFits: [],
    outputFits: [],
    ...model,
  });
  const inputs = new Int32Array(n);
  const outputs = new Int32Array(n);
  sampler(randomOf(1, 'lengths', 'in'), randomOf(1, 'lengths', 'out'), inputs, outputs, 0, n);
  const seen = new Map<number, Set<number>>();
  inputs.forEach((value, i) => {
    seen.set(value, (seen.get(value) ?? new Set()).add(outputs[i]));
  });
  return seen;
}

test('outputs come from the table of the input: its own, else the range that holds it, else the nearest', () => {
  const input: QuantileTable = {
    n: 5,
    atoms: [
      [5, 1],
      [60, 1],
      [100, 1],
      [150, 1],
      [999, 1],
    ],
    probs: [],
    values: [],
  };
  const seen = outputsOf(input, {
    outputGivenInput: [
      { inputFrom: 50, inputTo: 120, output: constantTable(1) },
      { inputFrom: 100, inputTo: 100, output: constantTable(2) },
      { inputFrom: 121, inputTo: 200, output: constantTable(3) },
    ],
  });
  assert.deepEqual(
    [...seen].sort((a, b) => a[0] - b[0]).map(([value, outputs]) => [value, ...outputs]),
    [
      [5, 1],
      [60, 1],
      [100, 2],
      [150, 3],
      [999, 3],
    ],
  );
});

test('tables for single values only: an input between them takes the next one', () => {
  const input: QuantileTable = {
    n: 2,
    atoms: [
      [10, 1],
      [15, 1],
    ],
    probs: [],
    values: [],
  };
  const seen = outputsOf(input, {
    outputGivenInput: [
      { inputFrom: 10, inputTo: 10, output: constantTable(1) },
      { inputFrom: 20, inputTo: 20, output: constantTable(2) },
    ],
  });
  assert.deepEqual([...seen.get(10)!, ...seen.get(15)!], [1, 2]);
});

test('uniforms are not shared: input and output of one class are independent when the model says so', () => {
  const wide: QuantileTable = { n: 1, atoms: [], probs: [0, 1], values: [0, 1_000_000] };
  const sampler = lengthSampler({
    kind: 'pairs',
    input: wide,
    outputGivenInput: [{ inputFrom: 0, inputTo: 1_000_000, output: wide }],
    spearman: 0,
    inputFits: [],
    outputFits: [],
  });
  const n = 20_000;
  const input = new Int32Array(n);
  const output = new Int32Array(n);
  sampler(randomOf(1, 'lengths', 'a', 'input'), randomOf(1, 'lengths', 'a', 'output'), input, output, 0, n);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += (input[i] - 5e5) * (output[i] - 5e5);
  assertClose(sum / n / 1e12, 0, 0, 'covariance', 0.003);
});
