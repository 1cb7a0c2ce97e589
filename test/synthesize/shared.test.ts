/** Classes that arrive together: the mix follows their rates, draws stay apart, locality repeats as often as it says. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { tieShare } from '../../src/fit/locality.js';
import { sha256Hex } from '../../src/manifest.js';
import { countsPerWindow, dispersionIndex } from '../../src/stats/dispersion.js';
import { ClassMix } from '../../src/synthesize/class-mix.js';
import { planSynthesis } from '../../src/synthesize/plan.js';
import { mergeSources, type RequestSource } from '../../src/synthesize/request-source.js';
import { synthesizeTrace } from '../../src/synthesize/synthesize.js';
import { synthesizeToFile } from '../../src/synthesize/synthesize-file.js';
import type { SharedArrivals, WorkloadModel } from '../../src/types.js';
import { assertClose } from '../stats/reference.js';
import { familyLengths, gapModel, ON_OFF, POISSON, workloadClass, workloadModel } from './models.js';

const TOGETHER: SharedArrivals = { gaps: POISSON, dispersion: [], dequantizedGridNs: null, bursts: null };

/** Class a fades while class b grows; their lengths tell them apart. */
function fading(shared: SharedArrivals = TOGETHER): WorkloadModel {
  const lengths = (tokens: number) =>
    familyLengths({ family: 'constant', params: { value: tokens }, min: null, max: null });
  return {
    ...workloadModel(
      [
        workloadClass({ id: 'a', ratePerSec: [9, 1], stepSec: 1_000, lengths: lengths(100), requests: 5 }),
        workloadClass({ id: 'b', ratePerSec: [1, 9], stepSec: 1_000, lengths: lengths(200), requests: 5 }),
      ],
      1_000,
    ),
    by: 'latent',
    shared,
  };
}

function rowsOf(model: WorkloadModel, seed: number, requests?: number) {
  const batches = [...synthesizeTrace({ model, seed, requests })];
  return {
    timesSec: batches.flatMap((batch) => Array.from(batch.arrivalNs, (ns) => Number(ns) / 1e9)),
    input: batches.flatMap((batch) => [...batch.inputTokens!.values]),
    output: batches.flatMap((batch) => [...batch.outputTokens!.values]),
  };
}

test('the mix follows the rates of the classes, the sum of rates the arrivals', () => {
  const { timesSec, input } = rowsOf(fading(), 1);
  assertClose(timesSec.length, 10_000, 0.05, 'requests');
  const shareOfA = (from: number, to: number): number => {
    const within = input.filter((_, i) => timesSec[i] >= from && timesSec[i] < to);
    return within.filter((tokens) => tokens === 100).length / within.length;
  };
  assertClose(shareOfA(0, 100), 0.86, 0.06, 'first tenth');
  assertClose(shareOfA(450, 550), 0.5, 0.1, 'middle');
  assertClose(shareOfA(900, 1_000), 0.14, 0.3, 'last tenth');
});

test('in bursts the mix is constant, and arrivals are those of the load states', () => {
  const model = { ...fading({ ...TOGETHER, bursts: ON_OFF }), durationSec: 20_000 };
  const { timesSec, input } = rowsOf(model, 3);
  assertClose(planSynthesis({ model, seed: 3 }).expectedRequests, 20_000 * 4.09, 1e-9, 'expected');
  assertClose(timesSec.length, 20_000 * 4.09, 0.15, 'requests');
  assertClose(input.filter((tokens) => tokens === 100).length / input.length, 0.5, 0.02, 'share of a');
  assert.ok(dispersionIndex(countsPerWindow(timesSec, 10, 20_000))! > 100);
});

test('lengths, gaps and mix have draws of their own', () => {
  const base = rowsOf(fading(), 5);
  const burstier = rowsOf(fading({ ...TOGETHER, gaps: gapModel('gamma', { a: 0.5, scale: 2 }) }), 5);
  assert.notDeepEqual(burstier.timesSec, base.timesSec);
  const other = fading();
  const changed = rowsOf(
    {
      ...other,
      classes: other.classes.map((one) => ({
        ...one,
        lengths: familyLengths({ family: 'constant', params: { value: 7 }, min: null, max: null }),
      })),
    },
    5,
  );
  assert.deepEqual(changed.timesSec, base.timesSec);
  assert.deepEqual(changed.output, base.output);
});

test('locality repeats the share of inputs that it names, and leaves arrivals and other rows alone', () => {
  const model = workloadModel([workloadClass({ ratePerSec: [50] })]);
  const locality = { inputRepeatShare: 0.2, windowRequests: 50, source: 0, shuffled: 0 };
  const base = rowsOf(model, 2);
  const local = rowsOf({ ...model, locality }, 2);
  assert.deepEqual(local.timesSec, base.timesSec);
  const share = tieShare(Int32Array.from(base.input));
  assertClose(tieShare(Int32Array.from(local.input)), share + 0.2 * (1 - share), 0.05, 'repeats');
  const same = local.input.filter((tokens, i) => tokens === base.input[i]).length / base.input.length;
  assert.ok(same > 0.79 && same < 0.83, `${same}`);
  local.input.forEach((tokens, i) => {
    if (tokens === base.input[i]) return;
    assert.ok(local.input.slice(Math.max(0, i - 50), i).includes(tokens), `row ${i}`);
  });
});

test('the class of a time is drawn in proportion to the rates there', () => {
  const curves = [
    [2, 0, 4],
    [1, 5, 4],
  ].map((ratePerSec) => ({ stepSec: 10, ratePerSec, bandwidthSec: null }));
  const mix = new ClassMix(curves, 20);
  const shareOfFirst = (t: number): number => {
    let first = 0;
    for (let i = 0; i < 10_000; i++) if (mix.at(t, (i + 0.5) / 10_000) === 0) first += 1;
    return first / 10_000;
  };
  for (const [t, share] of [
    [0, 2 / 3],
    [5, 1 / 4],
    [10, 0],
    [15, 2 / 6.5],
    [20 - 1e-9, 0.5],
    [25, 1 / 4],
  ])
    assertClose(shareOfFirst(t), share, 0, `at ${t} s`, 1e-3);
});

test('merged streams come in time order, ties in list order, nothing lost', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.nat(50), { maxLength: 20 }), { minLength: 1, maxLength: 9 }),
      (lists) => {
        const sources = lists.map((times, k) =>
          listSource(
            times.toSorted((a, b) => a - b),
            k,
          ),
        );
        const merged = mergeSources(sources);
        const seen: [number, number][] = [];
        for (; merged.arrivalUs !== Number.POSITIVE_INFINITY; merged.advance())
          seen.push([merged.arrivalUs, merged.classIndex]);
        const expected = lists
          .flatMap((times, k) => times.map((t) => [t, k] as [number, number]))
          .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        assert.deepEqual(seen, expected);
      },
    ),
  );
});

function listSource(times: readonly number[], classIndex: number): RequestSource {
  let at = 0;
  return {
    get arrivalUs() {
      return times[at] ?? Number.POSITIVE_INFINITY;
    },
    input: 1,
    output: 1,
    classIndex,
    advance: () => {
      at += 1;
    },
  };
}

test('files are equal byte for byte with 1, 2 and 4 workers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-shared-'));
  try {
    const model: WorkloadModel = {
      ...fading({ ...TOGETHER, gaps: gapModel('gamma', { a: 0.5, scale: 2 }) }),
      locality: { inputRepeatShare: 0.1, windowRequests: 50, source: 0, shuffled: 0 },
    };
    const hashes: string[] = [];
    for (const workers of [1, 2, 4]) {
      const path = join(folder, `${workers}.parquet`);
      await synthesizeToFile({ model, path, seed: 42, workers, requests: 200_000 });
      hashes.push(sha256Hex(readFileSync(path)));
    }
    assert.equal(new Set(hashes).size, 1, hashes.join('\n'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
