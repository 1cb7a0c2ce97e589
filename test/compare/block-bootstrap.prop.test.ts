/** Resampling blocks against the literal thing: a sample in which every block's values are repeated as drawn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  blockedSample,
  drawBlocks,
  expandedInterval,
  familyInterval,
  weightedQuantiles,
} from '../../src/compare/block-bootstrap.js';
import { percentileSorted } from '../../src/metrics.js';
import { randomOf } from '../../src/random.js';
import { studentQuantile } from '../../src/stats/student-quantile.js';
import { assertClose } from '../stats/reference.js';

const PROBS = [0, 0.25, 0.5, 0.9, 0.99, 1];

test('weighted quantiles equal those of the sample with every block repeated as drawn', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ value: fc.integer({ min: 0, max: 9 }), block: fc.nat(3) }), { maxLength: 30 }),
      fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
      (rows, times) => {
        const sample = blockedSample(
          rows.map((row) => row.value),
          rows.map((row) => row.block),
        );
        const literal = rows.flatMap((row) => new Array<number>(times[row.block]).fill(row.value));
        const sorted = Float64Array.from(literal).sort();
        const found = weightedQuantiles(sample, Int32Array.from(times), PROBS);
        PROBS.forEach((p, k) => {
          const expected = percentileSorted(sorted, p);
          if (expected === null) assert.equal(found[k], null);
          else assertClose(found[k], expected, 1e-12, `p ${p}`, 1e-12);
        });
      },
    ),
  );
});

test('every resample draws as many blocks as there are; a pair shares its draws', () => {
  const sum = (times: Int32Array): number => times.reduce((total, count) => total + count, 0);
  const paired = drawBlocks({ resamples: 50, blocksA: 7, blocksB: null, rng: randomOf(1, 'bootstrap') });
  for (const times of paired.a) assert.equal(sum(times), 7);
  assert.equal(paired.a, paired.b);
  const apart = drawBlocks({ resamples: 50, blocksA: 7, blocksB: 5, rng: randomOf(1, 'bootstrap') });
  for (const times of apart.b) assert.equal(sum(times), 5);
  assert.equal(apart.blocks, 5);
});

test('the interval of a mean of normal blocks is Student’s', () => {
  // The bootstrap distribution of a mean of k blocks has the standard deviation σ √((k − 1)/k) / √k.
  const rng = randomOf(1, 'bootstrap');
  const blocks = 10;
  const resampled = Array.from({ length: 200_000 }, () => rng.normal() * Math.sqrt((blocks - 1) / blocks));
  const { low, high } = expandedInterval(resampled, blocks)!;
  assertClose(high, studentQuantile(0.975, blocks - 1), 0.02, 'upper end');
  assertClose(low, -studentQuantile(0.975, blocks - 1), 0.02, 'lower end');
  const family = familyInterval(0, resampled, { blocks, family: 8 })!;
  assertClose(family.high, studentQuantile(1 - 0.025 / 8, blocks - 1), 0.02, 'upper end for eight');
  assert.ok(family.low < low && family.high > high);
});

test('few blocks or few resamples give no interval', () => {
  const resampled = Array.from({ length: 1_000 }, (_, i) => i);
  assert.equal(expandedInterval(resampled, 4), null);
  assert.equal(expandedInterval(resampled.slice(0, 99), 10), null);
  assert.equal(familyInterval(0, resampled, { blocks: 4, family: 3 }), null);
});
