/** Scaling verbs do what their theory says, compose in one order, and are refused where they mean nothing. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256Hex } from '../../src/manifest.js';
import { countsPerWindow, dispersionIndex } from '../../src/stats/dispersion.js';
import { meanOf, variationOf } from '../../src/stats/moments.js';
import { DispersionMeter } from '../../src/synthesize/dispersion-meter.js';
import { matchCount } from '../../src/synthesize/match-count.js';
import { planSynthesis } from '../../src/synthesize/plan.js';
import { scaleLengths } from '../../src/synthesize/scale-lengths.js';
import type { Scaling } from '../../src/synthesize/scaling.js';
import { type StreamOptions, synthesizeTrace } from '../../src/synthesize/synthesize.js';
import { synthesizeToFile } from '../../src/synthesize/synthesize-file.js';
import type { LengthModel, WorkloadModel } from '../../src/types.js';
import { assertClose } from '../stats/reference.js';
import { familyLengths, gapModel, ON_OFF, workloadClass, workloadModel } from './models.js';

const LONG_SEC = 60_000;
/** IDC(1 s) about 36, IDC(10 s) about 190. */
const BURSTY = workloadModel([workloadClass({ bursts: ON_OFF })], LONG_SEC);

interface Rows {
  readonly timesSec: Float64Array;
  readonly input: number[];
  readonly output: (number | null)[];
  readonly status: string[];
  readonly clientId: (string | null)[];
}

function rowsOf(options: Omit<StreamOptions, 'seed'> & { seed?: number }): Rows {
  const batches = [...synthesizeTrace({ seed: 1, ...options })];
  return {
    timesSec: Float64Array.from(
      batches.flatMap(({ arrivalNs }) => Array.from(arrivalNs, (ns) => Number(ns) / 1e9)),
    ),
    input: batches.flatMap((batch) => [...batch.inputTokens!.values]),
    output: batches.flatMap(({ outputTokens }) =>
      Array.from(outputTokens!.values, (value, i) => (outputTokens!.valid?.[i] === 0 ? null : value)),
    ),
    status: batches.flatMap(({ status }) => Array.from(status!.codes, (code) => status!.dictionary[code])),
    clientId: batches.flatMap(({ clientId, rowCount }) =>
      Array.from({ length: rowCount }, (_, i) =>
        clientId && clientId.codes[i] >= 0 ? clientId.dictionary[clientId.codes[i]] : null,
      ),
    ),
  };
}

function idc(
  options: { model?: WorkloadModel; scaling?: Scaling; seed?: number },
  windowSec: number,
): number {
  const model = options.model ?? BURSTY;
  const durationSec = planSynthesis({ model, seed: 1, scaling: options.scaling }).durationSec!;
  return dispersionIndex(countsPerWindow(rowsOf({ model, ...options }).timesSec, windowSec, durationSec))!;
}

test('superposing keeps dispersion, intensifying multiplies what is above Poisson, thinning shrinks it', () => {
  // STATISTICS §6: k copies keep IDC(w); a shared intensity × k gives 1 + k(IDC − 1); thinning p gives 1 + p(IDC − 1).
  for (const windowSec of [1, 10]) {
    const base = idc({}, windowSec);
    assertClose(idc({ scaling: { superpose: 4 } }, windowSec), base, 0.15, `superpose, ${windowSec} s`);
    assertClose(
      idc({ scaling: { superpose: 2.5 } }, windowSec),
      (2 * base + 0.5 * (1 + 0.5 * (base - 1))) / 2.5,
      0.15,
      `2.5 copies, ${windowSec} s`,
    );
    assertClose(
      idc({ scaling: { intensify: 4 } }, windowSec),
      1 + 4 * (base - 1),
      0.15,
      `intensify, ${windowSec} s`,
    );
    assertClose(
      idc({ scaling: { thin: { share: 0.25 } } }, windowSec),
      1 + 0.25 * (base - 1),
      0.15,
      `thin, ${windowSec} s`,
    );
  }
});

test('compressing time c times gives IDC′(w) = IDC(c·w), and the same requests in less time', () => {
  const scaling = { compress: 4 };
  const base = rowsOf({ model: BURSTY });
  const fast = rowsOf({ model: BURSTY, scaling });
  assert.equal(fast.timesSec.length, base.timesSec.length);
  assert.deepEqual(fast.input, base.input);
  for (const [i, t] of fast.timesSec.entries()) assertClose(4 * t, base.timesSec[i], 0, `row ${i}`, 1e-5);
  assertClose(idc({ scaling }, 2.5), idc({}, 10), 1e-3, 'IDC(2.5 s)');
});

test('copies have draws of their own; the first is the unscaled trace, row for row', () => {
  const base = rowsOf({ model: BURSTY, durationSec: 2_000 });
  const double = rowsOf({ model: BURSTY, durationSec: 2_000, scaling: { superpose: 2 } });
  assertClose(double.timesSec.length, 2 * base.timesSec.length, 0.6, 'requests');
  const rows = new Set(Array.from(double.timesSec, (t, i) => `${t} ${double.input[i]} ${double.output[i]}`));
  for (const [i, t] of base.timesSec.entries())
    assert.ok(rows.has(`${t} ${base.input[i]} ${base.output[i]}`));
  for (let i = 1; i < double.timesSec.length; i++) assert.ok(double.timesSec[i] >= double.timesSec[i - 1]);
});

test('a rate is met by superposing; of a Poisson model copies and a higher rate are one law, drawn as one stream', () => {
  const bursty = planSynthesis({ model: BURSTY, seed: 1, rate: { kind: 'factor', factor: 3 } });
  assert.equal(bursty.copies.length, 3);
  assert.match(bursty.notes.join(), /superposing 3 independent copies/);
  const poisson = planSynthesis({
    model: workloadModel([workloadClass()]),
    seed: 1,
    rate: { kind: 'absolute', ratePerSec: 1_000 },
  });
  assert.equal(poisson.copies.length, 1);
  assertClose(poisson.expectedRequests, 600_000, 1e-9, 'expected');
  const renewal = workloadModel([workloadClass({ gaps: gapModel('gamma', { a: 0.25, scale: 4 }) })]);
  const five = rowsOf({ model: renewal, rate: { kind: 'factor', factor: 5 } });
  assertClose(five.timesSec.length, 30_000, 0.05, 'requests');
  const gaps = five.timesSec.subarray(1).map((t, i) => t - five.timesSec[i]);
  assert.ok(variationOf(gaps)! < 1.8, `five streams of cv 2 are nearer to Poisson: ${variationOf(gaps)}`);
});

test('the verbs apply together: the rate is a target for what comes out', () => {
  const model = workloadModel([
    workloadClass({ id: 'a', clientId: 'a', ratePerSec: [6], requests: 60 }),
    workloadClass({ id: 'b', clientId: 'b', ratePerSec: [4], requests: 40 }),
  ]);
  const rows = rowsOf({
    model,
    scaling: { classes: { b: 3 }, thin: { share: 0.5 } },
    rate: { kind: 'absolute', ratePerSec: 12 },
  });
  assertClose(rows.timesSec.length, 12 * 600, 0.05, 'requests');
  const ofB = rows.clientId.filter((client) => client === 'b').length;
  assertClose(ofB / rows.timesSec.length, 12 / 18, 0.05, 'share of the class that tripled');
});

test('scaling a class under shared arrivals shifts the mix and adds its requests', () => {
  const base = workloadModel([
    workloadClass({ id: 'a', clientId: 'a', ratePerSec: [6], requests: 60 }),
    workloadClass({ id: 'b', clientId: 'b', ratePerSec: [4], requests: 40 }),
  ]);
  const shared = {
    gaps: base.classes[0].arrivals.gaps,
    dispersion: [],
    dequantizedGridNs: null,
    bursts: null,
  };
  for (const model of [
    { ...base, shared },
    { ...base, shared: { ...shared, bursts: ON_OFF }, durationSec: 20_000 },
  ]) {
    const plain = rowsOf({ model });
    const rows = rowsOf({ model, scaling: { classes: { b: 2 } } });
    assertClose(rows.timesSec.length, 1.4 * plain.timesSec.length, 0.1, 'requests');
    const ofB = rows.clientId.filter((client) => client === 'b').length;
    assertClose(ofB / rows.timesSec.length, 8 / 14, 0.04, 'share');
  }
});

test('lengths: what is smooth is multiplied, templates and floors stay, caps move, ranges follow', () => {
  const table = (atoms: [number, number][], values: number[]): LengthModel['input'] => ({
    n: 1_000,
    atoms,
    probs: [0, 0.5, 1],
    values,
    caps: [4_000],
    floor: 5,
  });
  const lengths: LengthModel = {
    kind: 'pairs',
    input: table(
      [
        [5, 50],
        [700, 100],
        [4_000, 80],
      ],
      [10, 800, 3_900],
    ),
    outputGivenInput: [
      { inputFrom: 5, inputTo: 900, output: { n: 500, atoms: [], probs: [0, 1], values: [10, 90] } },
      {
        inputFrom: 700,
        inputTo: 700,
        output: {
          n: 100,
          atoms: [
            [7, 60],
            [9, 40],
          ],
          probs: [],
          values: [],
        },
      },
      { inputFrom: 901, inputTo: 4_000, output: { n: 400, atoms: [], probs: [0, 1], values: [50, 200] } },
    ],
    spearman: null,
    inputFits: [],
    outputFits: [],
  };
  const model = workloadModel([workloadClass({ lengths })]);
  const scaled = scaleLengths(model, { input: 2, output: 3 }).classes[0].lengths as LengthModel;
  assert.deepEqual(scaled.input.atoms, [
    [5, 50],
    [700, 100],
    [8_000, 80],
  ]);
  assert.deepEqual(scaled.input.values, [20, 1_600, 7_800]);
  assert.deepEqual(scaled.input.caps, [8_000]);
  assert.deepEqual(
    scaled.outputGivenInput.map(({ inputFrom, inputTo }) => [inputFrom, inputTo]),
    [
      [5, 1_800],
      [700, 700],
      [1_802, 8_000],
    ],
  );
  assert.deepEqual(scaled.outputGivenInput[0].output.values, [30, 270]);
  // Nothing but atoms: few distinct values, not templates.
  assert.deepEqual(scaled.outputGivenInput[1].output.atoms, [
    [21, 60],
    [27, 40],
  ]);
  const families = workloadModel([
    workloadClass({
      lengths: familyLengths({ family: 'lognormal', params: { s: 0.5, scale: 800 }, min: 10, max: 4_000 }),
    }),
  ]);
  const rows = rowsOf({ model: families, scaling: { lengths: { input: 2, output: 1 } } });
  const plain = rowsOf({ model: families });
  assertClose(meanOf(rows.input), 2 * meanOf(plain.input)!, 1e-3, 'mean input');
  assert.deepEqual(rows.output, plain.output);
});

test('a context window: prompt and answer fit together, by the policy that was asked for, and it is counted', () => {
  const model = workloadModel([workloadClass({ ratePerSec: [20] })]);
  const plain = rowsOf({ model });
  const beyond = plain.input.filter((input, i) => input + plain.output[i]! > 1_000).length;
  assert.ok(beyond > 1_000);
  for (const policy of ['drop', 'truncate', 'resample'] as const) {
    let counts = { requests: 0, dropped: 0, truncated: 0, resampled: 0 };
    const rows = rowsOf({
      model,
      window: { tokens: 1_000, policy },
      onWindowCounts: (final) => {
        counts = { ...final };
      },
    });
    for (const [i, input] of rows.input.entries())
      assert.ok(input >= 1 && rows.output[i]! >= 1 && input + rows.output[i]! <= 1_000);
    assert.equal(counts.requests, plain.input.length);
    assert.equal(counts.dropped, policy === 'drop' ? beyond : 0);
    assert.equal(counts.truncated + counts.resampled, policy === 'drop' ? 0 : beyond);
    assert.equal(rows.input.length, policy === 'drop' ? plain.input.length - beyond : plain.input.length);
    if (policy === 'drop') continue;
    // Requests that fit are untouched; cut ones keep their answer, drawn ones follow the law of those that fit.
    rows.input.forEach((input, i) => {
      if (plain.input[i] + plain.output[i]! <= 1_000) assert.equal(input, plain.input[i]);
      else if (policy === 'truncate') assert.equal(rows.output[i], Math.min(plain.output[i]!, 999));
    });
    if (policy === 'truncate') continue;
    assert.equal(counts.truncated, 0);
    // Cutting would put all of them on the edge.
    const onEdge = rows.input.filter((input, i) => input + rows.output[i]! === 1_000).length;
    assert.ok(onEdge < beyond / 50, `${onEdge} of ${beyond}`);
  }
});

test('failures: their share and statuses, no answer length, everything else as without them', () => {
  const base = workloadModel([
    workloadClass({ id: 'a', clientId: 'a', ratePerSec: [20] }),
    workloadClass({ id: 'b', clientId: 'b', ratePerSec: [20] }),
  ]);
  const model: WorkloadModel = {
    ...base,
    classes: [
      { ...base.classes[0], failures: { byStatus: { http_error: 0.1, timeout: 0.05 } } },
      base.classes[1],
    ],
  };
  const plain = rowsOf({ model: base });
  const rows = rowsOf({ model });
  assert.deepEqual(rows.timesSec, plain.timesSec);
  assert.deepEqual(rows.input, plain.input);
  const ofA = rows.status.filter((_, i) => rows.clientId[i] === 'a');
  assertClose(ofA.filter((status) => status === 'http_error').length / ofA.length, 0.1, 0.08, 'http_error');
  assertClose(ofA.filter((status) => status === 'timeout').length / ofA.length, 0.05, 0.12, 'timeout');
  rows.status.forEach((status, i) => {
    if (rows.clientId[i] === 'b') assert.equal(status, 'ok');
    assert.equal(rows.output[i], status === 'ok' ? plain.output[i] : null);
  });
});

test('resuming: the rows from request n on are those of the whole trace', () => {
  const model = workloadModel([workloadClass({ ratePerSec: [300] })]);
  const whole = rowsOf({ model });
  assert.ok(whole.timesSec.length > 140_000);
  for (const firstRequest of [1, 65_536, 100_000]) {
    const rest = rowsOf({ model, firstRequest });
    assert.deepEqual([...rest.timesSec], [...whole.timesSec.subarray(firstRequest)]);
    assert.deepEqual(rest.output, whole.output.slice(firstRequest));
    const few = rowsOf({ model, firstRequest, requests: 50 });
    assert.deepEqual(few.input, whole.input.slice(firstRequest, firstRequest + 50));
  }
  assert.equal(rowsOf({ model, firstRequest: whole.timesSec.length }).timesSec.length, 0);
});

test('matching the count: within 2 % of what is expected, by other draws of the seed', () => {
  const model = workloadModel([workloadClass({ bursts: ON_OFF })], 4_000);
  const expected = planSynthesis({ model, seed: 3 }).expectedRequests;
  const matched = matchCount({ model, seed: 3 });
  const requests = rowsOf({ model, seed: matched.seed as unknown as number }).timesSec.length;
  assert.equal(requests, matched.requests);
  assertClose(requests, expected, 0.02, 'requests');
  assert.throws(() => matchCount({ model, seed: 3, requests: 10 }), { code: 'BAD_VALUE' });
});

test('the meter agrees with counts in windows', () => {
  const meter = new DispersionMeter();
  for (const batch of synthesizeTrace({ model: BURSTY, seed: 2 })) meter.add(batch);
  const { timesSec } = rowsOf({ model: BURSTY, seed: 2 });
  for (const { windowSec, dispersion, peakToMean } of meter.finish(LONG_SEC)) {
    const counts = countsPerWindow(timesSec, windowSec, LONG_SEC);
    assertClose(dispersion, dispersionIndex(counts)!, 1e-9, `IDC(${windowSec} s)`);
    assertClose(peakToMean, Math.max(...counts) / meanOf(counts)!, 1e-9, 'peak to mean');
  }
  assert.deepEqual(
    new DispersionMeter().finish(0.5).map(({ dispersion }) => dispersion),
    [null, null, null],
  );
});

test('what means nothing is refused, with the nearest right word', () => {
  const model = workloadModel([workloadClass({ id: 'chat' })]);
  const refused = (options: Partial<StreamOptions>, message: RegExp): void =>
    assert.throws(() => synthesizeTrace({ model, seed: 1, ...options }), { code: 'BAD_VALUE', message });
  for (const factor of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    refused({ scaling: { superpose: factor } }, /superpose/);
    refused({ scaling: { intensify: factor } }, /intensify/);
    refused({ scaling: { compress: factor } }, /compress/);
    refused({ scaling: { lengths: { input: factor, output: 1 } } }, /scale-length/);
  }
  refused({ scaling: { thin: { share: 1.5 } } }, /probability above 0 and up to 1/);
  refused({ scaling: { classes: { chta: 2 } } }, /did you mean chat/);
  refused({ scaling: { dilateThink: 2 } }, /sessions/);
  refused({ scaling: { thin: { share: 0.5, by: 'session' } } }, /sessions/);
  refused({ window: { tokens: 1, policy: 'drop' } }, /context-window/);
  refused({ window: { tokens: 100, policy: 'clip' as 'drop' } }, /drop, truncate, resample/);
  const long = workloadModel([
    workloadClass({
      lengths: familyLengths({ family: 'lognormal', params: { s: 0.5, scale: 800 }, min: 500, max: null }),
    }),
  ]);
  assert.throws(() => synthesizeTrace({ model: long, seed: 1, window: { tokens: 400, policy: 'drop' } }), {
    code: 'BAD_VALUE',
    message: /holds no request of this model: .* 501/,
  });
});

test('scaled files are equal byte for byte with any number of workers, and say what was done', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-scaling-'));
  try {
    const model = workloadModel([
      workloadClass({ ratePerSec: [400], gaps: gapModel('gamma', { a: 0.5, scale: 2 }) }),
    ]);
    const hashes: string[] = [];
    for (const workers of [1, 2, 4]) {
      const path = join(folder, `${workers}.parquet`);
      const { dispersion, notes } = await synthesizeToFile({
        model,
        path,
        seed: 42,
        workers,
        scaling: { superpose: 2.5 },
        window: { tokens: 2_000, policy: 'resample' },
        durationSec: 200,
      });
      hashes.push(sha256Hex(readFileSync(path)));
      assert.equal(dispersion?.scaled.length, 3);
      assert.match(notes.join('\n'), /superposing 2.5[\s\S]*context window of 2 000 tokens \(resample\)/);
    }
    assert.equal(new Set(hashes).size, 1, hashes.join('\n'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
