/** Percentiles of a long run through a file are those of all samples in memory; rows in order by several keys. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { percentileSorted, percentilesOf, SamplesInMemory, summarizeMetrics } from '../../src/metrics.js';
import { judgeSlo, parseSlo, SloTally } from '../../src/slo.js';
import { orderOfRows } from '../../src/trace/run-order.js';
import { SampleFile } from '../../src/trace/run-samples.js';
import { MS, record } from './records.js';

const dir = mkdtempSync(join(tmpdir(), 'tokentide-samples-'));
after(() => rmSync(dir, { recursive: true }));
const path = join(dir, 'samples.tmp');

const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 200 });

test('samples through a file come out in order, whatever the size of its blocks', () => {
  fc.assert(
    fc.property(values, values, fc.integer({ min: 1, max: 50 }), (first, second, blockSamples) => {
      const file = new SampleFile(path, blockSamples);
      try {
        const [a, b] = [file.make(), file.make()];
        for (let i = 0; i < Math.max(first.length, second.length); i++) {
          if (i < first.length) a.push(first[i]);
          if (i < second.length) b.push(second[i]);
        }
        for (const [samples, given] of [[a, first] as const, [b, second] as const]) {
          assert.equal(samples.length, given.length);
          const sorted = [...samples.sorted()].flatMap((block) => [...block]);
          assert.deepEqual(
            sorted.map((value) => value + 0),
            [...Float64Array.from(given).sort()].map((value) => value + 0),
          );
        }
        assert.equal(existsSync(path), Math.max(first.length, second.length) > blockSamples);
      } finally {
        file.close();
      }
      assert.equal(existsSync(path), false);
    }),
    { numRuns: 300, seed: 5 },
  );
});

test('percentiles picked from a stream are those of the whole', () => {
  fc.assert(
    fc.property(values, fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (given, ps) => {
      const samples = new SamplesInMemory();
      for (const value of given) samples.push(value);
      const sorted = Float64Array.from(given).sort();
      assert.deepEqual(
        percentilesOf(samples, ps),
        ps.map((p) => percentileSorted(sorted, p)),
      );
    }),
    { seed: 6 },
  );
});

test('a run summarised through a file is the run summarised in memory, to the last bit', () => {
  const records = Array.from({ length: 3_000 }, (_, i) => {
    const sentNs = i * MS + ((i * 7_919) % 100_003);
    return record(i, {
      status: i % 97 === 0 ? 'http_error' : 'ok',
      sentNs,
      firstTokenNs: sentNs + ((i * 31_337) % 1_000_003),
      lastTokenNs: sentNs + 2_000_000 + ((i * 65_537) % 3_000_017),
      chunkNs: Array.from({ length: i % 7 }, (_, c) => sentNs + c * 1_000 + ((i * c) % 991)),
    });
  });
  const slo = parseSlo('p99(ttft) < 900us, mean(e2e) < 4ms, max(tpot) < 1s, goodput > 0.5, error_rate < 2%');
  const file = new SampleFile(path, 100);
  try {
    assert.deepEqual(summarizeMetrics(records, file.make), summarizeMetrics(records));
    const tally = new SloTally(slo, file.make);
    for (const one of records) tally.add(one);
    assert.deepEqual(tally.results(), judgeSlo(slo, records));
    assert.ok(existsSync(path));
  } finally {
    file.close();
  }
});

test('rows in order by several keys, and as they were where keys are equal', () => {
  const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const narrow = fc.integer({ min: -2, max: 2 });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.oneof(int, narrow), fc.nat(3), narrow)), (rows) => {
      const keys = [
        Int32Array.from(rows, ([a]) => a),
        Uint32Array.from(rows, ([, b]) => (b < 2 ? b : 2 ** 32 - b)),
        Int32Array.from(rows, ([, , c]) => c),
      ];
      const expected = rows
        .map((_, i) => i)
        .sort((i, j) => {
          for (const key of keys) if (key[i] !== key[j]) return key[i] - key[j];
          return i - j;
        });
      assert.deepEqual([...orderOfRows(rows.length, keys)], expected);
    }),
    { numRuns: 300, seed: 7 },
  );
});
