import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { percentileSorted } from '../../src/metrics.js';
import { joinMinutes } from '../../src/report/plan-figures.js';
import { ecdfOnGrid, logGrid } from '../../src/report/series/ecdf.js';
import { logHistogram } from '../../src/report/series/histogram.js';
import { inFlightByBin } from '../../src/report/series/in-flight.js';
import { bandsByX, thinPoints } from '../../src/report/series/scatter.js';
import {
  binOf,
  chooseTimeBins,
  countsByBin,
  percentilesByBin,
  ratesByBin,
} from '../../src/report/series/time-bins.js';
import { secToNs } from '../../src/units.js';

const bins10 = { fromSec: 0, stepSec: 1, count: 10, toSec: 9.5 };

test('time bins are nice, few, and hold enough events', () => {
  assert.deepEqual(chooseTimeBins({ fromSec: 0, toSec: 600, events: 100_000 }), {
    fromSec: 0,
    stepSec: 5,
    count: 120,
    toSec: 600,
  });
  const sparse = chooseTimeBins({ fromSec: 10, toSec: 70, events: 100 });
  assert.equal(sparse.stepSec, 5, '100 events in 12 bins rather than 60 bins of 1 s');
  assert.equal(chooseTimeBins({ fromSec: 0, toSec: 0, events: 1 }).count, 1);
  fc.assert(
    fc.property(
      fc.double({ min: 0.001, max: 1e8, noNaN: true }),
      fc.integer({ min: 1, max: 1e7 }),
      (spanSec, events) => {
        const bins = chooseTimeBins({ fromSec: 3, toSec: 3 + spanSec, events });
        assert.ok(bins.count >= 1 && bins.count <= 121, `${bins.count} bins`);
        assert.ok(bins.fromSec + bins.count * bins.stepSec >= bins.toSec - 1e-6 * spanSec);
        assert.equal(binOf(bins, bins.toSec), bins.count - 1);
        assert.equal(binOf(bins, bins.fromSec), 0);
        assert.equal(binOf(bins, bins.fromSec - 1), null);
      },
    ),
  );
});

test('counts keep every event, rates divide by the part of the bin that holds data', () => {
  const instants = [0, 0.5, 1, 9.2, 9.5, 11].map(secToNs);
  assert.deepEqual(countsByBin(bins10, instants), [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
  assert.deepEqual(ratesByBin(bins10, instants)[9], 4, 'two events in the last half second');
});

test('percentiles by bin are those of the samples in the bin', () => {
  const samples = Array.from({ length: 50 }, (_, i) => ({ atNs: secToNs(3 + i / 100), value: i }));
  const found = percentilesByBin(bins10, samples);
  assert.equal(found.n[3], 50);
  assert.equal(found.p50[3], percentileSorted([...Array(50).keys()], 0.5));
  assert.equal(found.p99[3], percentileSorted([...Array(50).keys()], 0.99));
  assert.equal(found.max[3], 49);
  assert.equal(found.p50[4], null);
});

test('requests in flight: a hand-made case', () => {
  const stay = (from: number, to: number): { fromNs: number; toNs: number } => ({
    fromNs: secToNs(from),
    toNs: secToNs(to),
  });
  const found = inFlightByBin(bins10, [stay(0, 1), stay(1, 3), stay(1.5, 2), stay(4, 4), stay(9, 20)]);
  assert.deepEqual(found.max.slice(0, 5), [1, 2, 1, 0, 0]);
  assert.deepEqual(found.mean.slice(0, 5), [1, 1.5, 1, 0, 0]);
  assert.equal(found.mean[9], 1, 'a stay that outlasts the data fills its last bin');
  assert.equal(found.peak, 2, 'a hand-over at the same instant is not counted twice');
});

test('requests in flight agree with counting at every instant', () => {
  const stays = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 90 }), fc.integer({ min: 0, max: 40 })).map(([from, length]) => ({
      fromNs: secToNs(from / 10),
      toNs: secToNs((from + length) / 10),
    })),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(stays, (list) => {
      const found = inFlightByBin({ fromSec: 0, stepSec: 1, count: 10, toSec: 10 }, list);
      for (let bin = 0; bin < 10; bin++) {
        // Between multiples of 0.1 s nothing changes, so ten probes see every state of the bin.
        const counts = Array.from({ length: 10 }, (_, k) => {
          const at = secToNs(bin + k / 10 + 0.05);
          return list.filter((stay) => stay.fromNs <= at && at < stay.toNs).length;
        });
        assert.ok(Math.abs(found.mean[bin] - counts.reduce((sum, n) => sum + n, 0) / 10) < 1e-6);
        assert.equal(found.max[bin], Math.max(...counts));
      }
    }),
  );
});

test('an ECDF on a log grid is exact at its points and reaches both extremes', () => {
  const samples = Float64Array.from([5, 1, 1, 2, 100]);
  const grid = logGrid([samples], 50);
  assert.equal(grid[0], 1);
  assert.equal(grid[49], 100);
  const shares = ecdfOnGrid(samples, grid);
  assert.equal(shares[0], 0.4);
  assert.equal(shares[49], 1);
  grid.forEach((x, i) => {
    assert.equal(shares[i], samples.filter((value) => value <= x).length / 5);
  });
  assert.deepEqual(logGrid([[0, -1]], 10), []);
  assert.deepEqual(ecdfOnGrid([], [1, 2]), [null, null]);
});

test('bands partition the points, keep equal x together and state type-7 percentiles', () => {
  const point = fc.record({ x: fc.integer({ min: 1, max: 30 }), y: fc.integer({ min: 1, max: 1_000 }) });
  fc.assert(
    fc.property(
      fc.array(point, { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 12 }),
      (points, n) => {
        const bands = bandsByX(points, n);
        assert.ok(bands.length <= n);
        assert.equal(
          bands.reduce((sum, band) => sum + band.n, 0),
          points.length,
        );
        for (let i = 1; i < bands.length; i++) assert.ok(bands[i].from > bands[i - 1].to);
        for (const band of bands) {
          const ys = points.filter((p) => p.x >= band.from && p.x <= band.to).map((p) => p.y);
          assert.equal(
            band.p50,
            percentileSorted(
              ys.sort((a, b) => a - b),
              0.5,
            ),
          );
        }
      },
    ),
  );
});

test('thinning keeps the extremes, the order and the limit', () => {
  const points = Array.from({ length: 50_000 }, (_, i) => ({
    x: (i * 7_919) % 10_007,
    y: (i * 104_729) % 65_537,
  }));
  const kept = thinPoints(points, 1_600);
  assert.ok(kept.length <= 1_610 && kept.length >= 1_000, `${kept.length} kept`);
  const ys = points.map((point) => point.y);
  assert.ok(kept.some((point) => point.y === Math.max(...ys)));
  assert.ok(kept.some((point) => point.y === Math.min(...ys)));
  assert.equal(kept[0].x, 0);
  assert.equal(kept[kept.length - 1].x, 10_006);
  for (let i = 1; i < kept.length; i++) assert.ok(kept[i].x >= kept[i - 1].x);
  assert.deepEqual(thinPoints(points, 1_600), kept, 'the same points, the same choice');
  assert.equal(thinPoints(points.slice(0, 10), 100).length, 10);
});

test('a log histogram counts every value once and in its bin', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -1, max: 1e4, noNaN: true }), { maxLength: 200 }), (values) => {
      const { edges, counts, end } = logHistogram(values, 0.001, 6);
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        values.length,
      );
      counts.forEach((count, i) => {
        const upper = edges[i + 1] ?? end;
        const inside = values.filter((v) => (i === 0 || v >= edges[i]) && v < upper);
        assert.equal(count, inside.length);
      });
    }),
  );
});

test('minutes are joined so that the highest one stays visible', () => {
  const rates = Array.from({ length: 1_000 }, (_, i) => (i === 777 ? 99 : i % 7));
  const bins = joinMinutes(rates, 100);
  assert.equal(bins.minutes, 10);
  assert.equal(bins.mean.length, 100);
  assert.equal(bins.peak[77], 99);
  assert.equal(bins.startSec[77], 770 * 60);
  assert.equal(joinMinutes([1, 2, 3], 100).minutes, 1);
});
