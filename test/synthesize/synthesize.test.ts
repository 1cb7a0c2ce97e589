/** Synthesis: the same rows from the same seed whatever the workers, honest Poisson, and components that do not interfere. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { sha256Hex } from '../../src/manifest.js';
import { autocorrelation } from '../../src/stats/autocorrelation.js';
import { countsPerWindow, dispersionIndex } from '../../src/stats/dispersion.js';
import { kolmogorovSf } from '../../src/stats/kolmogorov.js';
import { ksDistance } from '../../src/stats/ks-distance.js';
import { meanOf, variationOf } from '../../src/stats/moments.js';
import { groupSample } from '../../src/stats/sample.js';
import { spearman } from '../../src/stats/spearman.js';
import { planSynthesis } from '../../src/synthesize/plan.js';
import { type StreamOptions, synthesizeTrace } from '../../src/synthesize/synthesize.js';
import { synthesizeToFile } from '../../src/synthesize/synthesize-file.js';
import { openTrace } from '../../src/trace/read.js';
import type { TraceBatch } from '../../src/types.js';
import { gapsOf } from '../stats/public-traces.js';
import { assertClose } from '../stats/reference.js';
import { familyLengths, gapModel, ON_OFF, workloadClass, workloadModel } from './models.js';

interface Rows {
  readonly timesSec: Float64Array;
  readonly input: number[];
  readonly output: number[];
  readonly clientId: (string | null)[];
}

function rowsOf(options: StreamOptions): Rows {
  const batches = [...synthesizeTrace(options)];
  const texts = (batch: TraceBatch): (string | null)[] =>
    Array.from({ length: batch.rowCount }, (_, i) => {
      const code = batch.clientId?.codes[i] ?? -1;
      return code < 0 ? null : batch.clientId!.dictionary[code];
    });
  return {
    timesSec: Float64Array.from(
      batches.flatMap((batch) => Array.from(batch.arrivalNs, (ns) => Number(ns) / 1e9)),
    ),
    input: batches.flatMap((batch) => [...batch.inputTokens!.values]),
    output: batches.flatMap((batch) => [...batch.outputTokens!.values]),
    clientId: batches.flatMap(texts),
  };
}

test('F26: Poisson means exponential gaps: 20 000 arrivals at 10/s, seeds 1 to 5', () => {
  let passes = 0;
  for (let seed = 1; seed <= 5; seed++) {
    const { timesSec } = rowsOf({ model: workloadModel([workloadClass()]), seed, requests: 20_000 });
    assert.equal(timesSec.length, 20_000);
    const gaps = gapsOf(timesSec);
    assertClose(meanOf(gaps), 0.1, 0.02, `mean gap, seed ${seed}`);
    assertClose(variationOf(gaps), 1, 0.03, `cv, seed ${seed}`);
    assert.ok(Math.abs(autocorrelation(gaps, 1)!) < 0.03);
    const distance = ksDistance(groupSample(gaps), (x) => -Math.expm1(-10 * x));
    if (kolmogorovSf(Math.sqrt(gaps.length) * distance) > 0.01) passes += 1;
  }
  assert.ok(passes >= 4, `${passes} of 5 seeds pass the KS test`);
});

test('gamma gaps of cv 2 have cv 2', () => {
  const model = workloadModel([workloadClass({ gaps: gapModel('gamma', { a: 0.25, scale: 4 }) })]);
  for (let seed = 1; seed <= 5; seed++) {
    const gaps = gapsOf(rowsOf({ model, seed, requests: 20_000 }).timesSec);
    assertClose(meanOf(gaps), 0.1, 0.05, `mean gap, seed ${seed}`);
    assertClose(variationOf(gaps), 2, 0.05, `cv, seed ${seed}`);
  }
});

test('requests that arrive together do so as often as the model says', () => {
  const model = workloadModel([workloadClass({ gaps: gapModel('exponential', { scale: 1 / 0.7 }, 0.3) })]);
  const gaps = gapsOf(rowsOf({ model, seed: 4, requests: 20_000 }).timesSec);
  assertClose(gaps.filter((gap) => gap === 0).length / gaps.length, 0.3, 0.04, 'share of zero gaps');
  assertClose(meanOf(gaps), 0.1, 0.04, 'mean gap');
});

test('the rate curve is followed, and repeats beyond the fitted window with a note', () => {
  // 0/s rising to 20/s over 100 s: half of the requests fall into the last 29 %.
  const model = workloadModel([workloadClass({ ratePerSec: [0, 20], stepSec: 100 })], 100);
  const { timesSec } = rowsOf({ model, seed: 1, durationSec: 200 });
  assertClose(timesSec.length, 2_000, 0.08, 'requests in two periods');
  const within = (from: number, to: number): number => timesSec.filter((t) => t >= from && t < to).length;
  assertClose(within(0, 70.7), 500, 0.2, 'first 70.7 s');
  assertClose(within(70.7, 100), 500, 0.2, 'to 100 s');
  assertClose(within(100, 170.7), 500, 0.2, 'the same in the second period');
  assert.match(planSynthesis({ model, seed: 1, durationSec: 200 }).notes[0], /rate curve repeats \(2 times/);
  assert.deepEqual(planSynthesis({ model, seed: 1 }).notes, []);
});

test('duration, requests and rate: what is asked is what comes', () => {
  const model = workloadModel([workloadClass()]);
  const whole = rowsOf({ model, seed: 5 });
  assertClose(whole.timesSec.length, 6_000, 0.05, 'the fitted window by default');
  assert.ok(whole.timesSec.at(-1)! < 600);
  const short = rowsOf({ model, seed: 5, durationSec: 60 });
  assert.deepEqual([...short.timesSec], [...whole.timesSec.filter((t) => t < 60)]);
  const some = rowsOf({ model, seed: 5, requests: 100 });
  assert.deepEqual(some.input, whole.input.slice(0, 100));
  const few = rowsOf({ model, seed: 5, durationSec: 1, requests: 1_000 });
  assert.ok(few.timesSec.length < 30, 'whichever ends first');
  const double = rowsOf({ model, seed: 5, rate: { kind: 'factor', factor: 2 } });
  assertClose(double.timesSec.length, 12_000, 0.05, 'x2');
  const target = rowsOf({ model, seed: 5, rate: { kind: 'absolute', ratePerSec: 2.5 } });
  assertClose(target.timesSec.length, 1_500, 0.08, '2.5/s');
  const scaled = planSynthesis({ model, seed: 5, rate: { kind: 'absolute', ratePerSec: 2.5 } });
  assert.equal(scaled.copies.length, 1);
  assertClose(scaled.copies[0].share, 0.25, 1e-12, 'share');
  assert.match(scaled.notes[0], /thinning/);
  for (const bad of [
    { durationSec: 0 },
    { durationSec: -1 },
    { requests: 0 },
    { requests: 1.5 },
    { workers: 0 },
    { firstRequest: -1 },
  ]) {
    assert.throws(() => synthesizeTrace({ model, seed: 1, ...bad }), { code: 'BAD_VALUE' });
  }
});

test('a changed output law leaves arrivals and inputs as they were, a changed gap law leaves the lengths', () => {
  const base = rowsOf({ model: workloadModel([workloadClass()]), seed: 9, requests: 3_000 });
  const output = { family: 'weibull', params: { c: 0.7, scale: 20 }, min: 2, max: 500 } as const;
  const otherOutput = rowsOf({
    model: workloadModel([workloadClass({ lengths: familyLengths(undefined, output) })]),
    seed: 9,
    requests: 3_000,
  });
  assert.deepEqual(otherOutput.timesSec, base.timesSec);
  assert.deepEqual(otherOutput.input, base.input);
  assert.notDeepEqual(otherOutput.output, base.output);
  const otherGaps = rowsOf({
    model: workloadModel([workloadClass({ gaps: gapModel('gamma', { a: 0.5, scale: 2 }) })]),
    seed: 9,
    requests: 3_000,
  });
  assert.deepEqual(otherGaps.input, base.input);
  assert.deepEqual(otherGaps.output, base.output);
  assert.notDeepEqual(otherGaps.timesSec, base.timesSec);
});

test('classes are merged by time, keep their names, and do not depend on their neighbours', () => {
  const a = workloadClass({ id: 'a', clientId: 'alice', ratePerSec: [3] });
  const b = workloadClass({ id: 'b', ratePerSec: [5] });
  const both = rowsOf({ model: workloadModel([a, b]), seed: 1 });
  for (let i = 1; i < both.timesSec.length; i++) assert.ok(both.timesSec[i] >= both.timesSec[i - 1]);
  const alone = rowsOf({ model: workloadModel([a]), seed: 1 });
  const ofAlice = (values: ArrayLike<number>): number[] =>
    Array.from(values).filter((_, i) => both.clientId[i] === 'alice');
  assert.deepEqual(ofAlice(both.timesSec), [...alone.timesSec]);
  assert.deepEqual(ofAlice(both.output), alone.output);
  assert.ok(both.clientId.includes(null));
});

test('a class without any rate sends nothing and does not hold up the others', () => {
  const model = workloadModel([
    workloadClass({ id: 'off', clientId: 'off', ratePerSec: [0] }),
    workloadClass({ id: 'on' }),
  ]);
  const { clientId } = rowsOf({ model, seed: 1, requests: 500 });
  assert.equal(clientId.length, 500);
  assert.ok(!clientId.includes('off'));
});

test('bursts: mean rate of the load states, dispersion far above Poisson, scaled by --rate, same rows again', () => {
  const model = workloadModel([workloadClass({ bursts: ON_OFF })], 20_000);
  const { timesSec } = rowsOf({ model, seed: 6 });
  const expected = planSynthesis({ model, seed: 6 }).expectedRequests;
  assertClose(expected, 20_000 * (0.9 * 0.1 + 0.1 * 40), 1e-9, 'expected requests');
  assertClose(timesSec.length, expected, 0.15, 'requests');
  const dispersion = dispersionIndex(countsPerWindow(timesSec, 10, 20_000))!;
  assert.ok(dispersion > 100, `IDC(10 s) = ${dispersion}`);
  assert.deepEqual([...rowsOf({ model, seed: 6 }).timesSec], [...timesSec]);
  const target = planSynthesis({ model, seed: 6, rate: { kind: 'absolute', ratePerSec: 8.18 } });
  assert.deepEqual(
    target.copies.map(({ index, share }) => [index, share]),
    [
      [0, 1],
      [1, 1],
    ],
  );
});

test('a Gaussian copula gives the rank correlation that its ρ implies', () => {
  const model = workloadModel([workloadClass({ lengths: familyLengths(undefined, undefined, 0.6) })]);
  const { input, output } = rowsOf({ model, seed: 3, requests: 20_000 });
  // Spearman of a Gaussian copula: 6/π·asin(ρ/2).
  assertClose(spearman(input, output), (6 / Math.PI) * Math.asin(0.3), 0.03, 'Spearman');
});

const folder = mkdtempSync(join(tmpdir(), 'tokentide-synthesize-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

test('files are equal byte for byte with 1, 2 and 4 workers and on repetition; another seed differs', async () => {
  // Large enough that classes a and b are drawn by worker threads.
  const model = workloadModel([
    workloadClass({ id: 'a', ratePerSec: [100, 200], clientId: 'a', requests: 150 }),
    workloadClass({
      id: 'b',
      gaps: gapModel('gamma', { a: 0.25, scale: 4 }),
      ratePerSec: [150],
      requests: 150,
    }),
  ]);
  const hashes: string[] = [];
  for (const [seed, workers] of [
    [42, 1],
    [42, 1],
    ['42', 2],
    [42, 4],
    [43, 1],
  ] as const) {
    const path = join(folder, `${hashes.length}.parquet`);
    const { rows } = await synthesizeToFile({ model, path, seed, workers, requests: 160_000 });
    assert.equal(rows, 160_000);
    hashes.push(sha256Hex(readFileSync(path)));
  }
  assert.equal(new Set(hashes.slice(0, 4)).size, 1, hashes.join('\n'));
  assert.notEqual(hashes[4], hashes[0]);
});

test('the file says what it is: synthetic, its seed and model, no time stamp, no path', async () => {
  const path = join(folder, 'meta.parquet');
  const { notes } = await synthesizeToFile({
    model: workloadModel([workloadClass()]),
    path,
    seed: 'a text',
    durationSec: 30,
    rate: { kind: 'factor', factor: 2 },
  });
  assert.equal(notes.length, 1);
  const reader = await openTrace(path);
  try {
    const { meta } = reader;
    assert.equal(meta.arrivalBasis, 'synthetic');
    assert.equal(meta.timeResolutionNs, 1_000);
    assert.equal(meta.manifest.seed, 'a text');
    assert.equal(meta.manifest.createdUtc, null);
    assert.deepEqual(meta.manifest.options, {
      model: 'test',
      durationSec: 30,
      rate: 'x2',
      requests: null,
    });
    assert.ok(!JSON.stringify(meta).includes(folder));
    for await (const row of reader.rows()) {
      assert.equal(row.status, 'ok');
      assert.equal(row.operation, 'chat');
      assert.equal(row.maxOutputTokens, null);
      assert.equal(row.arrivalNs % 1_000n, 0n);
      assert.ok(row.inputTokens! >= 1 && row.outputTokens! >= 1);
    }
  } finally {
    reader.close();
  }
});

test('an aborted signal stops the stream and leaves no file', async () => {
  const abort = new AbortController();
  const path = join(folder, 'aborted.parquet');
  const reason = new ToolError({ code: 'INTERRUPTED', message: 'stop', hint: '' });
  await assert.rejects(
    synthesizeToFile({
      model: workloadModel([workloadClass({ ratePerSec: [1_000] })]),
      path,
      seed: 1,
      requests: 2_000_000,
      workers: 2,
      signal: abort.signal,
      progress: () => abort.abort(reason),
    }),
    { code: 'INTERRUPTED' },
  );
  assert.throws(() => readFileSync(path), { code: 'ENOENT' });
});
