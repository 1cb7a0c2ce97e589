/** Hand-written models: the words mean what they say, in numbers; wrong words are refused with the nearest right one. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { ToolError } from '../../src/errors.js';
import { countsPerWindow, dispersionIndex } from '../../src/stats/dispersion.js';
import { familyOf } from '../../src/stats/families.js';
import { meanOf, variationOf } from '../../src/stats/moments.js';
import { quantilesOf } from '../../src/stats/quantiles.js';
import { CumulativeRate } from '../../src/stats/rate-curve.js';
import { spearman } from '../../src/stats/spearman.js';
import { checkWorkloadModel, readWorkloadModel } from '../../src/synthesize/check-model.js';
import { planSynthesis } from '../../src/synthesize/plan.js';
import { parseLaw } from '../../src/synthesize/spec/law.js';
import { rateFromFile } from '../../src/synthesize/spec/rate-file.js';
import { rateOverTime } from '../../src/synthesize/spec/rate-words.js';
import { modelOfSpec } from '../../src/synthesize/spec/spec.js';
import { synthesizeTrace } from '../../src/synthesize/synthesize.js';
import type { WorkloadModel } from '../../src/types.js';
import { gapsOf } from '../stats/public-traces.js';
import { assertClose } from '../stats/reference.js';

const BASE = { rate: '20/s', input: 'lognormal p50 800 p99 6000', output: 'gamma mean 150 cv 1.2' };

function model(document: object): WorkloadModel {
  const made = modelOfSpec({ document, name: 'test', curves: {} });
  checkWorkloadModel(made);
  return made;
}

function draw(made: WorkloadModel, requests?: number, seed = 1) {
  const batches = [...synthesizeTrace({ model: made, seed, requests })];
  return {
    timesSec: Float64Array.from(
      batches.flatMap(({ arrivalNs }) => Array.from(arrivalNs, (ns) => Number(ns) / 1e9)),
    ),
    input: Int32Array.from(batches.flatMap(({ inputTokens }) => [...inputTokens!.values])),
    output: Int32Array.from(batches.flatMap(({ outputTokens }) => [...outputTokens!.values])),
    operation: batches.flatMap(({ operation }) =>
      Array.from(operation!.codes, (code) => operation!.dictionary[code]),
    ),
  };
}

test('the short example: rate, quantiles, mean, cv and correlation as written', () => {
  const rows = draw(model({ ...BASE, correlation: 0.3, burstiness: 'gamma cv 2' }), 40_000);
  const gaps = gapsOf(rows.timesSec);
  assertClose(meanOf(gaps), 0.05, 0.04, 'mean gap');
  assertClose(variationOf(gaps), 2, 0.05, 'cv of gaps');
  const [p50, p99] = quantilesOf(rows.input, [0.5, 0.99]);
  assertClose(p50, 800, 0.03, 'p50 of inputs');
  assertClose(p99, 6_000, 0.06, 'p99 of inputs');
  assertClose(meanOf(rows.output), 150, 0.03, 'mean output');
  assertClose(variationOf(rows.output), 1.2, 0.04, 'cv of outputs');
  assertClose(
    spearman(rows.input, rows.output),
    (6 / Math.PI) * Math.asin(0.15),
    0,
    'rank correlation',
    0.02,
  );
});

test('any two facts that a law can have are facts of the law', () => {
  const families = ['lognormal', 'gamma', 'weibull', 'inverse gaussian', 'log-logistic'];
  fc.assert(
    fc.property(
      fc.constantFrom(...families),
      fc.double({ min: 2, max: 5_000, noNaN: true }),
      fc.double({ min: 1.5, max: 60, noNaN: true }),
      (family, median, ratio) => {
        const law = parseLaw(`${family} p50 ${median} p99 ${median * ratio}`, 'input');
        assert.equal(law.kind, 'family');
        if (law.kind !== 'family') return;
        const own = familyOf(law.family);
        assertClose(own.quantile(0.5, law.params), median, 1e-6, 'p50');
        assertClose(own.quantile(0.99, law.params), median * ratio, 1e-6, 'p99');
      },
    ),
    { numRuns: 60 },
  );
  for (const [text, mean, cv] of [
    ['gamma mean 150 cv 1.2', 150, 1.2],
    ['weibull mean 40 sd 60', 40, 1.5],
    ['lognormal mean 1000 cv 2', 1_000, 2],
    ['inverse gaussian mean 90 cv 0.7', 90, 0.7],
    ['lomax mean 200 cv 1.5', 200, 1.5],
    ['log-logistic mean 300 cv 0.5', 300, 0.5],
  ] as const) {
    const law = parseLaw(text, 'input');
    assert.ok(law.kind === 'family', text);
    const own = familyOf(law.family);
    assertClose(own.mean(law.params), mean, 1e-6, text);
    // E[x²] by the integral of the squared quantile function.
    let square = 0;
    const points = 400_000;
    for (let i = 0; i < points; i++) square += own.quantile((i + 0.5) / points, law.params) ** 2 / points;
    assertClose(Math.sqrt(square / mean ** 2 - 1), cv, 0.02, `${text}: cv`);
  }
  assert.deepEqual(parseLaw('512', 'x'), { kind: 'constant', value: 512 });
  assert.deepEqual(parseLaw('2k', 'x'), { kind: 'constant', value: 2_000 });
  assert.deepEqual(parseLaw('lognormal s 0.5 scale 800', 'x'), {
    kind: 'family',
    family: 'lognormal',
    params: { s: 0.5, scale: 800 },
    bounds: { min: null, max: null },
  });
});

test('laws with tables: normal, uniform, values, constants, bounds', () => {
  const rows = draw(model({ rate: '50/s', input: 'normal 480 240', output: 'uniform 100 200' }), 20_000);
  // A normal cut at one token: E = Σ of the cut law.
  assert.ok(Math.min(...rows.input) === 1);
  assertClose(meanOf(rows.input), 484.1, 0.01, 'mean of the cut normal');
  assert.equal(Math.min(...rows.output), 100);
  assert.equal(Math.max(...rows.output), 200);
  assertClose(meanOf(rows.output), 150, 0.01, 'mean of the uniform');
  const values = draw(model({ rate: '50/s', input: 'values 128: 0.3, 512: 0.7', output: 16 }), 10_000);
  assertClose(values.input.filter((tokens) => tokens === 128).length / 10_000, 0.3, 0.06, 'share of 128');
  assert.ok(values.output.every((tokens) => tokens === 16));
  const bounded = draw(model({ ...BASE, input: 'lognormal p50 800 p99 6000 min 100 max 2k' }), 5_000);
  assert.ok(Math.min(...bounded.input) >= 100 && Math.max(...bounded.input) <= 2_000);
});

test('burstiness: Poisson by default, a number is vLLM’s, constant is constant, on/off is dispersed', () => {
  const cv = (burstiness?: string | number): number =>
    variationOf(
      gapsOf(draw(model({ ...BASE, ...(burstiness === undefined ? {} : { burstiness }) }), 20_000).timesSec),
    )!;
  assertClose(cv(), 1, 0.03, 'Poisson');
  for (const burstiness of [0.25, 0.5, 4])
    assertClose(cv(burstiness) ** 2, 1 / burstiness, 0.05, `vLLM ${burstiness}`);
  assertClose(cv('weibull cv 1.5'), 1.5, 0.05, 'Weibull');
  assert.ok(cv('constant') < 0.01);
  const onOff = model({ ...BASE, burstiness: 'on/off 20s/80s', duration: '4h' });
  const rows = draw(onOff);
  assertClose(planSynthesis({ model: onOff, seed: 1 }).expectedRequests, 20 * 14_400, 1e-6, 'expected');
  assertClose(rows.timesSec.length, 20 * 14_400, 0.2, 'requests');
  assert.ok(dispersionIndex(countsPerWindow(rows.timesSec, 10, 14_400))! > 200);
  const empty = countsPerWindow(rows.timesSec, 1, 14_400).filter((count) => count === 0).length / 14_400;
  assertClose(empty, 0.8, 0.08, 'share of silent seconds');
});

test('rates over time: the integral is that of the words, and the shape too', () => {
  const cases: readonly (readonly [string, number, number])[] = [
    ['20/s', 600, 20],
    ['90/min for 20m', 1_200, 1.5],
    ['5/s for 10m, 20/s for 10m, 5/s for 10m', 1_800, 10],
    ['5/s for 10m then 20/s', 1_200, 12.5],
    ['ramp 0/s to 50/s over 10m', 600, 25],
    ['10/s for 5m, ramp to 50/s over 5m, hold for 5m', 900, 30],
    ['diurnal 2/s to 20/s peak 14:00', 86_400, 11],
    ['10/s spikes to 100/s for 20s every 10m', 600, 13],
    ['on 40/s for 2m off 8m', 600, 8],
    ['10/s for 60s, spike to 100/s for 10s, 10/s for 50s', 120, 17.5],
  ];
  for (const [words, durationSec, mean] of cases) {
    const rate = rateOverTime(words, null, 'rate');
    assertClose(rate.durationSec, durationSec, 1e-9, `${words}: duration`);
    assertClose(rate.meanRatePerSec, mean, 1e-6, `${words}: mean`);
    const drawn = new CumulativeRate(rate.curve, durationSec).perPeriod;
    assertClose(drawn, mean * durationSec, 0.01, `${words}: what is drawn`);
  }
  const steps = rateOverTime('5/s for 10m, 20/s for 10m', null, 'rate').curve;
  const at = (sec: number): number => steps.ratePerSec[Math.round(sec / steps.stepSec)];
  assert.deepEqual([at(0), at(300), at(900), at(1_200)], [5, 5, 20, 20]);
  const day = rateOverTime('diurnal 2/s to 20/s peak 14:00', null, 'rate').curve;
  const hour = (h: number): number => day.ratePerSec[Math.round((h * 3_600) / day.stepSec)];
  assertClose(hour(14), 20, 0.01, 'at the peak');
  assertClose(hour(2), 2, 0.01, 'at the trough');
  assertClose(rateOverTime('5/s for 1m', 600, 'rate').meanRatePerSec, 5, 1e-9, 'the last rate holds');
  const list = rateOverTime(['5/s for 10m', '20/s for 10m'], null, 'rate');
  assert.deepEqual(list.curve, steps);
});

test('measured curves: Prometheus samples, buckets of counts, several rows of one bucket, gaps as zero', () => {
  const options = { durationSec: null, place: 'rate' };
  const prometheus = rateFromFile({
    ...options,
    text: 'Time,sum(rate(x[1m]))\n1700000000000,2\n1700000060000,4\n1700000120000,\n',
  });
  assertClose(prometheus.durationSec, 180, 1e-9, 'duration');
  assertClose(prometheus.meanRatePerSec, 2, 1e-6, 'mean');
  const usage = rateFromFile({
    ...options,
    text: 'start_utc,end_utc,requests,rate_per_sec\n2026-01-01T00:00:00Z,x,60,1\n2026-01-01T00:01:00Z,x,120,2\n',
  });
  assertClose(usage.meanRatePerSec, 1.5, 1e-6, 'rates come before counts');
  const counts = rateFromFile({
    ...options,
    text: 'start_time,num_model_requests\n1767225600,30\n1767225600,30\n1767225660,0\n',
  });
  assertClose(counts.meanRatePerSec, 0.5, 1e-6, 'rows of one bucket add up');
  const named = rateFromFile({
    ...options,
    text: 'a,when,b\n7,0,1\n7,60,3\n',
    time: 'when',
    value: 'b',
    unit: 'requests',
  });
  assertClose(named.meanRatePerSec, 2 / 60, 1e-6, 'named columns');
  for (const [text, message] of [
    ['time,value\n1,2\n', /at least two times/],
    ['time,value\nx,2\n3,4\n', /line 2/],
    ['time,value\n1,-2\n3,4\n', /line 2/],
  ] as const)
    assert.throws(() => rateFromFile({ ...options, text }), { code: 'BAD_MODEL', message });
  assert.throws(() => rateFromFile({ ...options, text: 'a,b\n1,2\n2,3\n', time: 'c' }), {
    message: /no column 'c'/,
  });
});

test('classes: shares, own rates, operations, names; failures', () => {
  const made = model({
    rate: '20/s',
    model: 'llama',
    classes: [
      { name: 'chat', share: 3, input: 500, output: 200, client: 'web', failures: { timeout: '5%' } },
      { name: 'embed', share: 1, input: 30, output: 0, operation: 'embedding' },
      { name: 'batch', rate: '2/s', input: 9_000, output: 10, burstiness: 'constant' },
    ],
  });
  assert.deepEqual(
    made.classes.map(({ id, clientId, model: name, operation }) => [id, clientId, name, operation]),
    [
      ['chat', 'web', 'llama', 'chat'],
      ['embed', null, 'llama', 'embedding'],
      ['batch', null, 'llama', 'chat'],
    ],
  );
  assert.deepEqual(
    made.classes.map(({ arrivals }) => arrivals.rate.ratePerSec[0]),
    [15, 5, 2],
  );
  assertClose(made.meanRatePerSec, 22, 1e-12, 'mean rate');
  assert.deepEqual(made.classes[0].failures, { byStatus: { timeout: 0.05 } });
  const rows = draw(made);
  assertClose(rows.operation.filter((name) => name === 'embedding').length, 3_000, 0.08, 'embeddings');
  assert.ok(rows.output.filter((_, i) => rows.operation[i] === 'embedding').every((tokens) => tokens === 0));
});

test('sessions: the rate is that of all requests, turns and growth as written, system prompts shared', () => {
  const made = model({
    ...BASE,
    rate: '10/s',
    duration: '2h',
    sessions: {
      turns: 4,
      think: 'exponential mean 5s',
      new_tokens: 30,
      answer: { base: '0s', per_token: '1ms' },
    },
    prefixes: { block: 16, system_prompts: [{ tokens: 160, share: 1 }] },
  });
  const batches = [...synthesizeTrace({ model: made, seed: 3 })];
  const requests = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
  assertClose(requests, 72_000, 0.05, 'requests');
  const sessions = new Set(
    batches.flatMap((batch) => (batch.sessionId!.codes.length === 0 ? [] : batch.sessionId!.dictionary)),
  );
  assertClose(requests / sessions.size, 4, 0.05, 'turns');
  const [first] = batches;
  assert.ok(first.blockHashes);
  assertClose(planSynthesis({ model: made, seed: 1 }).expectedRequests, 72_000, 0.001, 'expected');
});

test('genai-bench scenarios: every kind parses to its law', () => {
  const lengths = (text: string) => draw(model({ rate: '50/s', lengths: text }), 10_000);
  const normal = lengths('N(480,240)/(300,150)');
  // max(1, int(N(480, 240))) and max(2, int(N(300, 150))).
  assertClose(meanOf(normal.input), 483.6, 0.01, 'normal input');
  assertClose(meanOf(normal.output), 302.2, 0.01, 'normal output');
  assert.ok(Math.min(...normal.input) >= 1 && Math.min(...normal.output) >= 2);
  const fixed = lengths('D(100, 1000)');
  assert.ok(
    fixed.input.every((tokens) => tokens === 100) && fixed.output.every((tokens) => tokens === 1_000),
  );
  const uniform = lengths('U(50,100)/(200,250)');
  assert.equal(Math.min(...uniform.input), 50);
  assert.equal(Math.max(...uniform.input), 99);
  assertClose(meanOf(uniform.output), 224.5, 0.01, 'uniform output');
  const upTo = lengths('U(100,20)');
  assert.equal(Math.min(...upTo.output), 2);
  assert.equal(Math.max(...upTo.output), 19);
  const embedding = lengths('E(1024)');
  assert.ok(embedding.input.every((tokens) => tokens === 1_024) && embedding.operation[0] === 'embedding');
  assert.equal(lengths('R(1024,100)').operation[0], 'rerank');
  const mixed = lengths('M(0.25:D(100,10),0.75:P(2000,500)/200)');
  assertClose(
    mixed.input.filter((tokens) => tokens === 2_500).length / mixed.input.length,
    0.75,
    0.03,
    'mixture',
  );
  for (const bad of [
    'N(1,2)',
    'D(1)',
    'X(1,2)',
    'M(1:M(1:D(1,1)))',
    'I(512,512)',
    'A(60)',
    'D(1,2) and more',
  ])
    assert.throws(() => model({ rate: '1/s', lengths: bad }), { code: 'BAD_MODEL' }, bad);
});

test('wrong words are refused with their place and the nearest right word', () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ ...BASE, rte: 1 }, /^rte: unknown key \(did you mean rate\?\)/],
    [{ input: 5, output: 5 }, /^rate: is missing/],
    [{ rate: '5/s', output: 5 }, /^input: is missing/],
    [{ ...BASE, rate: 'fast' }, /^rate: 'fast' is no rate/],
    [{ ...BASE, rate: '0/s' }, /^rate: a rate of zero/],
    [{ ...BASE, rate: '-5/s' }, /^rate: a rate must not be below zero, got '-5\/s'/],
    [{ ...BASE, rate: '5/s, 6/s' }, /^rate: '6\/s' never begins/],
    [
      { ...BASE, input: 'lognromal p50 5 p99 9' },
      /^input: no law is called 'lognromal' \(did you mean lognormal\?\)/,
    ],
    [{ ...BASE, input: 'lognormal p50 800' }, /^input: lognormal needs two facts/],
    [{ ...BASE, input: 'lognormal p50 800 p99 700' }, /^input: no lognormal law has these facts/],
    [{ ...BASE, input: 'gamma mena 5 cv 1' }, /unknown word 'mena' \(did you mean mean\?\)/],
    [{ ...BASE, input: 'gamma mean -5 cv 1' }, /^input:/],
    [{ ...BASE, correlation: 1.5 }, /^correlation: expected a number from -1 to 1, got 1.5/],
    [{ ...BASE, correlation: 0.5, input: 'uniform 1 9' }, /^correlation: needs/],
    [{ ...BASE, burstiness: 'bursty' }, /^burstiness: 'bursty' is no burstiness/],
    [{ ...BASE, burstiness: 0 }, /^burstiness: expected a burstiness above 0/],
    [
      { ...BASE, rate: '5/s for 1m, 6/s', burstiness: 'on/off 1s/2s' },
      /^burstiness: random on\/off needs a constant rate/,
    ],
    [{ ...BASE, duration: '0s' }, /^duration:/],
    [{ ...BASE, operation: 'chatt' }, /^operation: .*did you mean chat/],
    [{ ...BASE, failures: { time_out: 0.1 } }, /^failures\.time_out: unknown key \(did you mean timeout\?\)/],
    [{ rate: '5/s', classes: [{ input: 1, output: 1 }] }, /^classes\[0\]: needs either a share/],
    [{ ...BASE, lengths: 'D(1,1)' }, /^lengths: is given beside input/],
    [{ ...BASE, sessions: { turns: 3 } }, /^sessions\.think: is missing/],
    [
      { ...BASE, sessions: { turns: 3, thinks: '5s' } },
      /^sessions\.thinks: unknown key \(did you mean think\?\)/,
    ],
    [{ ...BASE, sessions: { continue: [1.5] } }, /^sessions\.continue\[0\]/],
    [{ ...BASE, prefixes: { block: 512, system_prompts: [{ tokens: 100 }] } }, /shorter than a block/],
  ];
  for (const [document, message] of cases) {
    assert.throws(
      () => model(document),
      (error) => error instanceof ToolError && error.code === 'BAD_MODEL' && message.test(error.message),
      `${JSON.stringify(document)} must be refused with ${message}`,
    );
  }
  assert.throws(() => model({ ...BASE, input: 'lomax c 1.2 scale 100' }), {
    code: 'BAD_MODEL',
    message: /infinite mean/,
  });
});

test('files: YAML with a curve beside it; refusals name the file; the bundled models can be drawn', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-spec-'));
  const at = (name: string): string => join(folder, name);
  try {
    writeFileSync(at('day.csv'), 'time,rate\n0,5\n60,15\n');
    writeFileSync(at('mine.yaml'), 'rate: { curve: day.csv }\ninput: 100\noutput: 10\n');
    const read = await readWorkloadModel(at('mine.yaml'));
    assert.equal(read.name, 'mine');
    assertClose(read.meanRatePerSec, 10, 1e-6, 'mean');
    assert.deepEqual(
      read.manifest.inputs.map(({ name }) => name),
      ['day.csv'],
    );
    writeFileSync(at('bad.yaml'), 'rate: 5/s\ninput: five\noutput: 1\n');
    await assert.rejects(readWorkloadModel(at('bad.yaml')), {
      code: 'BAD_MODEL',
      message: /^bad\.yaml: input:/,
    });
    writeFileSync(at('broken.yaml'), 'rate: [5/s\n');
    await assert.rejects(readWorkloadModel(at('broken.yaml')), { code: 'BAD_MODEL', message: /not YAML/ });
    writeFileSync(at('lost.yaml'), 'rate: { curve: nowhere.csv }\ninput: 1\noutput: 1\n');
    await assert.rejects(readWorkloadModel(at('lost.yaml')), { code: 'FILE_NOT_FOUND' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const models = fileURLToPath(new URL('../../../models/', import.meta.url));
  const specs = readdirSync(models).filter((name) => name.endsWith('.workload.yaml'));
  assert.deepEqual(specs, ['agentic-coding.workload.yaml', 'chat.workload.yaml', 'rag.workload.yaml']);
  for (const name of specs) {
    const made = await readWorkloadModel(join(models, name));
    const rows = draw(made, 500);
    assert.equal(rows.timesSec.length, 500, name);
  }
});
