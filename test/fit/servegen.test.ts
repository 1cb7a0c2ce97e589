/** ServeGen pools: rates, bursts and lengths by client and window come through, without the two defects of its generator. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ClientWindow, fitServegen, type ServegenClient, weibullShape } from '../../src/fit/servegen.js';
import { fitServegenFolder, parseLengths, parseWindows } from '../../src/fit/servegen-file.js';
import { countsPerWindow } from '../../src/stats/dispersion.js';
import { meanOf, varianceOf, variationOf } from '../../src/stats/moments.js';
import { CumulativeRate } from '../../src/stats/rate-curve.js';
import { spearman } from '../../src/stats/spearman.js';
import { weibull } from '../../src/stats/weibull.js';
import { checkWorkloadModel } from '../../src/synthesize/check-model.js';
import { planSynthesis } from '../../src/synthesize/plan.js';
import { synthesizeTrace } from '../../src/synthesize/synthesize.js';
import type { WorkloadModel } from '../../src/types.js';
import { gapsOf } from '../stats/public-traces.js';
import { assertClose } from '../stats/reference.js';

const lengths = (startSec: number, input: number, output: number) => ({
  startSec,
  input: { values: Float64Array.of(input, 2 * input), counts: Float64Array.of(0.5, 0.5), n: 1 },
  output: { values: Float64Array.of(output), counts: Float64Array.of(1), n: 1 },
});

function client(
  name: string,
  rates: readonly number[],
  cv: number,
  family: ClientWindow['family'] = 'gamma',
): ServegenClient {
  return {
    name,
    windows: rates.map((ratePerSec, k) => ({ startSec: 600 * k, ratePerSec, cv, family })),
    lengths: [lengths(0, 100, 10), lengths(3_000, 1_000, 20)],
  };
}

const pool = (...clients: ServegenClient[]): WorkloadModel => {
  const model = fitServegen({ clients, name: 'pool', hash: '0'.repeat(64), ownShare: 0.99 });
  checkWorkloadModel(model);
  return model;
};

function draw(model: WorkloadModel, seed = 1, durationSec?: number) {
  const batches = [...synthesizeTrace({ model, seed, durationSec })];
  return {
    timesSec: Float64Array.from(
      batches.flatMap(({ arrivalNs }) => Array.from(arrivalNs, (ns) => Number(ns) / 1e9)),
    ),
    input: Int32Array.from(batches.flatMap(({ inputTokens }) => [...inputTokens!.values])),
    output: Int32Array.from(batches.flatMap(({ outputTokens }) => [...outputTokens!.values])),
  };
}

test('each window has its rate, nothing leaks into silent ones, lengths change with the period', () => {
  const rates = [2, 8, 0, 0, 5, 1, 1, 20, 20, 0];
  const model = pool(client('a', rates, 1));
  for (const one of model.classes) assert.equal(one.clientId, 'a');
  const total = (k: number): number =>
    model.classes.reduce((sum, { arrivals }) => {
      const cumulative = new CumulativeRate(arrivals.rate, model.durationSec);
      return sum + cumulative.at(600 * (k + 1) - 1e-9) - cumulative.at(600 * k);
    }, 0);
  for (const [k, rate] of rates.entries()) assertClose(total(k), 600 * rate, 2e-3, `window ${k}`, 1e-6);
  const { timesSec, input, output } = draw(model);
  const counts = countsPerWindow(timesSec, 600, 6_000);
  assert.equal(counts[2] + counts[3] + counts[9], 0);
  assertClose(counts[7], 12_000, 0.05, 'requests of window 7');
  for (const [i, t] of timesSec.entries()) {
    assert.equal(output[i], t < 3_000 ? 10 : 20);
    assert.ok(t < 3_000 ? input[i] <= 200 : input[i] >= 1_000);
  }
});

test('variation of gaps is that of the window’s law, gamma or Weibull', () => {
  for (const [family, cv] of [
    ['gamma', 2],
    ['weibull', 1.5],
    ['gamma', 0.5],
  ] as const) {
    const { timesSec } = draw(pool(client('a', [20, 20, 20, 20, 20, 20], cv, family)));
    // Within one period of lengths: at its edges the rate is a ramp of a quarter of a window.
    const inside = timesSec.filter((sec) => sec < 2_800);
    assertClose(variationOf(gapsOf(inside)), cv, 0.06, `${family} ${cv}`);
  }
  for (const cv of [0.3, 1, 3, 10]) {
    const c = weibullShape(cv)!;
    const mean = weibull.mean({ c, scale: 1 });
    let square = 0;
    for (let i = 0; i < 2_000_000; i++)
      square += weibull.quantile((i + 0.5) / 2e6, { c, scale: 1 }) ** 2 / 2e6;
    assertClose(Math.sqrt(square / mean ** 2 - 1), cv, 0.03, `Weibull of cv ${cv}`);
  }
});

test('first defect not copied: counts of windows vary as renewal counts do, they are not fixed', () => {
  const rates = Array.from({ length: 200 }, () => 1);
  for (const [cv, dispersion] of [
    [1, 1],
    [3, 9],
  ]) {
    const counts = countsPerWindow(draw(pool(client('a', rates, cv))).timesSec, 600, 120_000);
    // Var/mean of renewal counts tends to cv²; 200 windows: 10 % standard error.
    assertClose(varianceOf(counts)! / meanOf(counts)!, dispersion, 0.4, `cv ${cv}`);
  }
});

test('second defect not copied: clients of less than one request per window send what they should', () => {
  const rates = Array.from({ length: 1_000 }, () => 0.3 / 600);
  let requests = 0;
  for (let seed = 1; seed <= 10; seed++) requests += draw(pool(client('a', rates, 1)), seed).timesSec.length;
  // 3 000 expected over ten seeds; ServeGen's generator would send next to none.
  assertClose(requests, 3_000, 0.08, 'requests');
});

test('clients beyond the share are pooled without a name; silent clients are left out', () => {
  const model = fitServegen({
    clients: [
      client('big', [9, 9, 9, 9, 9, 9], 1),
      client('small', [0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 2),
      client('tiny', [0.1, 0, 0, 0, 0, 0], 1),
      client('off', [0, 0, 0, 0, 0, 0], 1),
    ],
    name: 'pool',
    hash: '0'.repeat(64),
  });
  const ids = [...new Set(model.classes.map(({ id }) => id.split('@')[0]))];
  assert.deepEqual(ids, ['big', '(other)']);
  assertClose(planSynthesis({ model, seed: 1 }).expectedRequests, 3_600 * 9.5 + 60, 1e-3, 'expected');
  assert.throws(() => fitServegen({ clients: [client('off', [0, 0], 1)], name: 'x', hash: '' }), {
    code: 'TOO_FEW_ROWS',
  });
});

test('files: what they say is read, what they should not say is refused with file and line', async () => {
  assert.deepEqual(parseWindows('0,0,0,,0,0\n600,0.5,2,Weibull,1,2\n', 'f'), [
    { startSec: 0, ratePerSec: 0, cv: 1, family: 'gamma' },
    { startSec: 600, ratePerSec: 0.5, cv: 2, family: 'weibull' },
  ]);
  assert.throws(() => parseWindows('0,1,1,Gamma\n600,x,1,Gamma\n', 'chunk-0-trace.csv'), {
    code: 'BAD_ROWS',
    message: /chunk-0-trace\.csv, line 2/,
  });
  assert.throws(() => parseWindows('0,1,1,Pareto\n', 'f'), { code: 'BAD_ROWS' });
  const [period] = parseLengths(
    '{"0": {"input_tokens": "{45: 0.25, 46: 0.75}", "output_tokens": "{}"}}',
    'f',
  );
  assert.deepEqual([...period.input!.values], [45, 46]);
  assert.deepEqual([...period.input!.counts], [0.25, 0.75]);
  assert.equal(period.output, null);
  assert.throws(() => parseLengths('{', 'f'), { code: 'BAD_ROWS' });
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-servegen-'));
  try {
    await assert.rejects(fitServegenFolder(folder), { code: 'FILE_NOT_FOUND', message: /no chunk/ });
    writeFileSync(join(folder, 'chunk-0-trace.csv'), '0,1,1,Gamma,1,1\n600,1,1,Gamma,1,1\n');
    await assert.rejects(fitServegenFolder(folder), { message: /has no chunk-0-dataset\.json/ });
    await assert.rejects(fitServegenFolder(join(folder, 'nowhere')), { code: 'FILE_NOT_FOUND' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const POOL = fileURLToPath(new URL('../../../../shared/data/servegen-deepseek-r1', import.meta.url));

test('the deepseek-r1 pool: as many requests as it says, bursts of the aggregate, inputs and outputs independent', {
  skip: existsSync(POOL) ? false : `client pool not found: ${POOL}`,
}, async () => {
  const model = await fitServegenFolder(POOL, { name: 'deepseek-r1' });
  checkWorkloadModel(model);
  // 1 383 669 = Σ rate · 600 s over all clients and windows; STATISTICS §1.5: 73 clients, 25 make 90 %, 16/s.
  assertClose(model.meanRatePerSec, 1_383_669 / 86_400, 1e-6, 'rate');
  assert.match(model.choices![0].chosen, /25 clients .* 48 pooled/);
  assertClose(planSynthesis({ model, seed: 1 }).expectedRequests, 1_383_669, 2e-3, 'expected');
  const { timesSec, input, output } = draw(model, 1, 7_200);
  const expected = planSynthesis({ model, seed: 1, durationSec: 7_200 }).expectedRequests;
  assertClose(timesSec.length, expected, 0.05, 'two hours');
  // Over clients only their mix correlates lengths: nothing like the .73 of one uniform used twice.
  assert.ok(Math.abs(spearman(input, output)!) < 0.5);
  const client35 = model.classes.find(({ id }) => id === 'chunk-35@0s')!;
  assert.equal(client35.arrivals.gapsByTime?.lawOfStep.length, 144);
});
