/** Tables of whole columns: mixtures in small samples where they predict better, caps and floors named, sums right. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lengthTable, tableProbability } from '../../src/fit/length-table.js';
import { buildQuantileTable } from '../../src/fit/quantile-table.js';
import { randomOf } from '../../src/random.js';
import { ksTwoSample } from '../../src/stats/ks-two-sample.js';
import { groupSample } from '../../src/stats/sample.js';
import { tableSampler } from '../../src/synthesize/table-sampler.js';
import type { QuantileTable } from '../../src/types.js';
import { assertClose } from '../stats/reference.js';

/** Two kinds of prompts, smooth. */
function smoothColumn(n: number, seed: number): Int32Array {
  const rng = randomOf(seed, 'bootstrap', 'column');
  return Int32Array.from({ length: n }, () =>
    Math.ceil((rng.uniform() < 0.4 ? 150 : 4_000) * Math.exp(0.5 * rng.normal())),
  );
}

const OPTIONS = { seed: '1', keys: ['all', 'input'] };

function drawn(table: QuantileTable, n: number): Int32Array {
  const sampler = tableSampler(table);
  return Int32Array.from({ length: n }, (_, i) => sampler((i + 0.5) / n));
}

test('a small smooth sample follows a mixture, nearer to the truth than its order statistics', () => {
  let nearer = 0;
  const truth = groupSample(smoothColumn(200_000, 99));
  for (let seed = 1; seed <= 5; seed++) {
    const sample = groupSample(smoothColumn(400, seed));
    const table = lengthTable(sample, OPTIONS);
    assert.ok(table.mixture, 'a mixture is chosen');
    assert.equal(table.mixture.parts.length, 2);
    assert.ok(table.mixture.heldOutBits < table.mixture.tableHeldOutBits);
    const distance = (one: QuantileTable): number =>
      ksTwoSample(groupSample(drawn(one, 50_000)), truth).distance;
    if (distance(table) < distance(buildQuantileTable(sample))) nearer += 1;
  }
  assert.ok(nearer >= 4, `${nearer} of 5`);
});

test('large samples and few distinct values keep their tables; equal seeds give equal tables', () => {
  assert.equal(lengthTable(groupSample(smoothColumn(3_000, 1)), OPTIONS).mixture, undefined);
  const few = groupSample(Int32Array.from({ length: 500 }, (_, i) => [10, 20, 30][i % 3]));
  assert.deepEqual(lengthTable(few, OPTIONS), buildQuantileTable(few));
  const sample = groupSample(smoothColumn(500, 2));
  assert.deepEqual(lengthTable(sample, OPTIONS), lengthTable(sample, OPTIONS));
});

test('draws stay within the range of the sample, and atoms keep their share', () => {
  const values = smoothColumn(1_000, 3);
  values.fill(8_192, 0, 60);
  const sample = groupSample(values);
  const table = lengthTable(sample, OPTIONS);
  const draws = drawn(table, 20_000);
  assertClose(draws.filter((value) => value === 8_192).length / draws.length, 0.06, 0.1, 'share of the atom');
  assert.ok(Math.min(...draws) >= sample.values[0]);
  assert.ok(Math.max(...draws) <= sample.values.at(-1)!);
});

test('probabilities of a table sum to one and are those of its draws', () => {
  const values = smoothColumn(2_000, 4);
  values.fill(100, 0, 200);
  const table = buildQuantileTable(groupSample(values));
  let total = 0;
  for (let k = 0; k <= Math.max(...values); k++) total += tableProbability(table, k);
  assertClose(total, 1, 1e-9, 'total');
  const draws = groupSample(drawn(table, 200_000));
  for (const [i, k] of draws.values.entries()) {
    if (draws.counts[i] < 2_000) continue;
    assertClose(draws.counts[i] / draws.n, tableProbability(table, k), 0.02, `share of ${k}`);
  }
});

test('caps and floors are named: frequent values at the ends, not frequent ones inside', () => {
  const values = smoothColumn(12_000, 5).map((value) => Math.min(7_437, Math.max(20, value)));
  for (let i = 0; i < 300; i++) values[i] = 1_000;
  for (let i = 300; i < 400; i++) values[i] = 7_435;
  for (let i = 400; i < 500; i++) values[i] = 20;
  const table = buildQuantileTable(groupSample(values));
  assert.deepEqual(table.caps, [7_435, 7_437]);
  assert.equal(table.floor, 20);
  assert.ok(table.atoms.some(([value]) => value === 1_000));
  const plain = buildQuantileTable(groupSample(smoothColumn(12_000, 6)));
  assert.equal(plain.caps, undefined);
  assert.equal(plain.floor, undefined);
});
