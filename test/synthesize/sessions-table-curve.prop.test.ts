/** Length tables as curves have the same distribution as the tables they are made of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tableCdf } from '../../src/inspect/model-lines.js';
import { quantileAt } from '../../src/stats/quantile-curve.js';
import { ConditionalCurves, curveOfTable } from '../../src/synthesize/sessions/table-curve.js';
import type { QuantileTable } from '../../src/types.js';

/** Tables with atoms inside, at and outside of the sketch. */
const tables: fc.Arbitrary<QuantileTable> = fc
  .record({
    atoms: fc.uniqueArray(fc.nat(60), { maxLength: 5 }),
    counts: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 5, maxLength: 5 }),
    values: fc.array(fc.integer({ min: 10, max: 50 }), { minLength: 2, maxLength: 6 }),
    rest: fc.integer({ min: 1, max: 100 }),
    hasSketch: fc.boolean(),
  })
  .filter(({ atoms, hasSketch }) => atoms.length > 0 || hasSketch)
  .map(({ atoms, counts, values, rest, hasSketch }) => {
    const pairs = atoms.map((value, k) => [value, counts[k]] as const);
    const atomRows = pairs.reduce((sum, [, count]) => sum + count, 0);
    const sorted = values.sort((a, b) => a - b);
    return {
      n: atomRows + (hasSketch ? rest : 0),
      atoms: pairs,
      probs: hasSketch ? sorted.map((_, k) => k / (sorted.length - 1)) : [],
      values: hasSketch ? sorted : [],
    };
  });

test('the curve of a table has its distribution function', () => {
  fc.assert(
    fc.property(tables, (table) => {
      const curve = curveOfTable(table);
      assert.equal(curve.probs[0], 0);
      assert.equal(curve.probs.at(-1), 1);
      assert.ok(curve.values.every((value, k) => k === 0 || value >= curve.values[k - 1]));
      assert.ok(curve.probs.every((prob, k) => k === 0 || prob >= curve.probs[k - 1]));
      const steps = 2_000;
      const draws = Array.from({ length: steps }, (_, k) => quantileAt(curve, (k + 0.5) / steps));
      for (const x of [5, 9.5, 10, 20.5, 30, 49.5, 50, 61]) {
        const share = draws.filter((value) => value <= x + 1e-9).length / steps;
        assert.ok(Math.abs(share - tableCdf(table, x)) < 2 / steps, `${x}: ${share} ${tableCdf(table, x)}`);
      }
    }),
  );
});

test('ranks of conditional tables: the own table of a value, else its range, else the nearest', () => {
  const flat = (from: number, to: number): QuantileTable => ({
    n: 10,
    atoms: [],
    probs: [0, 1],
    values: [from, to],
  });
  const curves = new ConditionalCurves([
    { inputFrom: 10, inputTo: 20, output: flat(0, 100) },
    { inputFrom: 15, inputTo: 15, output: flat(500, 600) },
    { inputFrom: 21, inputTo: 30, output: flat(200, 300) },
  ]);
  assert.equal(curves.tokensAt(14, 0.25), 25);
  assert.equal(curves.tokensAt(15, 0.25), 525);
  assert.equal(curves.tokensAt(25, 0.25), 225);
  assert.equal(curves.tokensAt(5, 0.25), 25);
  assert.equal(curves.tokensAt(99, 0.25), 225);
  assert.equal(curves.rankOf(15, 550), 0.5);
  assert.equal(curves.rankOf(14, 550), 1);
  assert.equal(curves.rankOf(25, 0), 0);
});
