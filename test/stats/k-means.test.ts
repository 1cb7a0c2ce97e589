/** k-means: groups that are there are found, whatever the seed; degenerate points end early. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../src/random.js';
import { kMeans, nearestCentre } from '../../src/stats/k-means.js';
import { assertClose } from './reference.js';

/** Four clouds of standard deviation 0.1 around the corners of a square of side 4. */
function clouds(perCloud: number): Float64Array {
  const rng = randomOf(1, 'bootstrap', 'clouds');
  return Float64Array.from({ length: 8 * perCloud }, (_, i) => {
    const cloud = Math.floor(i / (2 * perCloud));
    const corner = i % 2 === 0 ? cloud & 1 : cloud >> 1;
    return 4 * corner + 0.1 * rng.normal();
  });
}

test('four clouds give four centres, each point the centre of its cloud, for five seeds', () => {
  const points = clouds(200);
  for (let seed = 1; seed <= 5; seed++) {
    const { centres, inertia } = kMeans({
      points,
      dimensions: 2,
      groups: 4,
      starts: 4,
      rng: randomOf(seed, 'classes'),
    });
    assert.equal(centres.length, 8);
    for (let cloud = 0; cloud < 4; cloud++) {
      const own = nearestCentre(centres, points, cloud * 200, 2);
      for (let i = cloud * 200; i < (cloud + 1) * 200; i++)
        assert.equal(nearestCentre(centres, points, i, 2), own);
      assertClose(centres[2 * own], 4 * (cloud & 1), 0, 'x', 0.05);
      assertClose(centres[2 * own + 1], 4 * (cloud >> 1), 0, 'y', 0.05);
    }
    // Two coordinates of variance 0.01 for 800 points.
    assertClose(inertia, 16, 0.1, 'inertia');
  }
});

test('the best of several starts is never worse than the first', () => {
  const points = clouds(50);
  for (let seed = 1; seed <= 10; seed++) {
    const of = (starts: number): number =>
      kMeans({ points, dimensions: 2, groups: 6, starts, rng: randomOf(seed, 'classes') }).inertia;
    assert.ok(of(6) <= of(1));
  }
});

test('fewer distinct points than groups: one centre for each', () => {
  const points = Float64Array.of(1, 1, 2, 2, 1, 1, 2, 2);
  const { centres, inertia } = kMeans({
    points,
    dimensions: 2,
    groups: 12,
    starts: 4,
    rng: randomOf(1, 'classes'),
  });
  assert.deepEqual([...centres].sort(), [1, 1, 2, 2]);
  assert.equal(inertia, 0);
});
