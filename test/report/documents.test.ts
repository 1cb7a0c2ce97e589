/** Pages of comparisons, traces, models and simulations: their first words, and numbers that repeat the document. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeHtml } from '../../src/report/html.js';
import { isPicture } from '../../src/report/pictures.js';
import { buildPage, type ReportInput } from '../../src/report/report.js';
import { commonGrid, ecdfFromQuantiles } from '../../src/report/series/quantile-curves.js';
import type { TraceComparison, WorkloadModel } from '../../src/types.js';
import {
  MADE_TRACE_META,
  makeDocuments,
  makeRunComparison,
  makeTraceComparison,
  makeTraceFacts,
} from './make-documents.js';

const documents = await makeDocuments();
const ofKind = <K extends ReportInput['kind']>(name: string, kind: K): Extract<ReportInput, { kind: K }> => {
  const found = documents[name];
  assert.equal(found.kind, kind);
  return found as Extract<ReportInput, { kind: K }>;
};
const like = ofKind('traces alike', 'trace-comparison').document;
const tracePageOf = (document: TraceComparison) =>
  buildPage({ kind: 'trace-comparison', name: 'x', document });
const textOf = (page: ReturnType<typeof buildPage>): string =>
  page.sections.map((section) => JSON.stringify(section.body)).join('\n');

test('two traces: verdict, failing metrics and capacity in the first words', async () => {
  const alike = tracePageOf(like).headline;
  assert.equal(alike.tone, like.verdict.verdict === 'faithful' ? 'good' : 'bad');
  const different = await makeTraceComparison(false);
  const page = tracePageOf(different);
  assert.equal(page.headline.tone, 'bad');
  const failing = different.metrics.filter((metric) => metric.pass === false);
  assert.ok(failing.length > 5);
  assert.match(page.headline.verdict, new RegExp(`${failing.length} of ${different.judged} metrics`));
  assert.match(page.headline.because, /plan made from it would (buy|be) [\d.]+ % too (much|small)/);
  const onlyCapacity: TraceComparison = {
    ...like,
    passed: like.judged,
    verdict: { ...like.verdict, verdict: 'different' },
    serving: { ...like.serving!, capacity: { ...like.serving!.capacity, ratio: 0.8, pass: false } },
  };
  assert.match(tracePageOf(onlyCapacity).headline.verdict, /another capacity/);
  assert.match(tracePageOf(onlyCapacity).headline.because, /20 % too small/);
});

test('two traces: every metric has a row, every judged one a mark right or left of its limit', () => {
  const page = tracePageOf(like);
  const picture = page.charts.find((chart) => chart.id === 'fidelity')!;
  assert.ok(isPicture(picture) && picture.picture === 'intervals');
  const judged = like.metrics.filter((metric) => metric.pass !== null);
  assert.deepEqual(
    picture.rows.map((row) => [row.label, row.point, row.tone]),
    judged.map((metric) => [
      metric.id,
      metric.value === null ? null : metric.value / metric.limit,
      metric.pass ? 'good' : 'bad',
    ]),
  );
  const text = textOf(page);
  for (const metric of like.metrics) {
    assert.ok(text.includes(`<code>${metric.id}</code>`), metric.id);
    if (metric.value !== null) assert.ok(text.includes(`value=\\"${metric.value}\\"`), metric.id);
  }
  const ids = page.charts.map((chart) => chart.id);
  for (const id of [
    'ecdf-input',
    'qq-output',
    'heat',
    'arrivals-time',
    'dispersion',
    'ecdf-gap',
    'ecdf-ttft',
  ])
    assert.ok(ids.includes(id), id);
  const prefixed = buildPage(documents['prefixed traces']).charts.map((chart) => chart.id);
  assert.ok(prefixed.includes('lru') && prefixed.includes('turns'));
});

test('two traces: what could not be measured leaves its section out and its words plain', () => {
  const bare: TraceComparison = {
    ...like,
    floor: null,
    judged: 0,
    passed: 0,
    serving: null,
    metrics: like.metrics.map((metric) => ({
      ...metric,
      pass: null,
      floorP50: null,
      floorP95: null,
      value: null,
      drift: null,
    })),
    figures: { ...like.figures, quantiles: [], heatMap: null, lruHitRatio: null, turnHazard: null },
    verdict: { verdict: 'not_judged', because: 'too short', recommendation: 'take a longer one' },
  };
  const page = tracePageOf(bare);
  assert.equal(page.headline.tone, 'warn');
  assert.deepEqual(
    page.charts.map((chart) => chart.id),
    ['arrivals-time', 'dispersion', 'autocorrelation'],
  );
  assert.ok(!page.sections.some((section) => section.id === 'serving'));
  assert.doesNotMatch(textOf(page), /NaN|undefined|null<|Infinity/);
});

test('two runs: tone by verdict, changes with their intervals, latency over time from the records', async () => {
  const worse = ofKind('run worse', 'run-comparison').document;
  assert.equal(worse.verdict.verdict, 'worse');
  const page = buildPage({ kind: 'run-comparison', name: 'x', document: worse });
  assert.equal(page.headline.tone, 'bad');
  const picture = page.charts.find((chart) => chart.id === 'changes')!;
  assert.ok(isPicture(picture) && picture.picture === 'intervals');
  const ttft = worse.differences.find((one) => one.id === 'ttft' && one.statistic === 'p99')!;
  const row = picture.rows.find((one) => one.label === 'p99 ttft')!;
  assert.equal(row.tone, 'bad');
  assert.ok(Math.abs(row.point! - ttft.relative!) < 1e-12 && row.low! > 0);
  const alike = await makeRunComparison(40);
  assert.equal(buildPage({ kind: 'run-comparison', name: 'x', document: alike }).headline.tone, 'plain');
  const invalid = {
    ...alike,
    verdict: { verdict: 'not_comparable', because: 'x', recommendation: 'y' },
    overTime: undefined,
  } as const;
  const plain = buildPage({ kind: 'run-comparison', name: 'x', document: invalid });
  assert.equal(plain.headline.tone, 'warn');
  assert.ok(!plain.sections.some((section) => section.id === 'time'), 'older files have no course');
  const course = worse.overTime!.find((one) => one.id === 'ttft')!;
  assert.equal(course.x.length, course.b.p99.length);
  const most = (values: readonly (number | null)[]): number => Math.max(...values.map((v) => v ?? 0));
  assert.ok(most(course.b.p99) > most(course.a.p99), 'fewer slots, slower');
});

test('a trace: its faults decide the first words; without an ingest record it says so', () => {
  const faulty = buildPage(makeTraceFacts());
  assert.equal(faulty.headline.tone, 'warn');
  assert.match(faulty.headline.because, /steps of 100 ms/);
  assert.match(faulty.headline.because, /ends of requests/);
  assert.match(textOf(faulty), /output tokens are negative/);
  const quality = MADE_TRACE_META.quality!;
  const dropped = makeTraceFacts({ ...MADE_TRACE_META, quality: { ...quality, recordsIn: 4_000 } });
  assert.equal(buildPage(dropped).headline.tone, 'bad');
  assert.match(buildPage(dropped).headline.verdict, /70\.0 %/);
  const bare = buildPage(makeTraceFacts({ ...MADE_TRACE_META, quality: null, arrivalBasis: 'synthetic' }));
  assert.equal(bare.headline.tone, 'good');
  assert.match(bare.headline.because, /drawn from a model/);
});

test('a model: what was chosen, whether its source drifted, and that a written one has no source', () => {
  const model = ofKind('fitted model', 'workload-model').document;
  const page = buildPage({ kind: 'workload-model', name: 'x', document: model });
  const moved = (model.drift ?? []).some((check) => check.floor !== null && check.value > check.floor);
  assert.equal(page.headline.tone, moved ? 'warn' : 'good');
  assert.match(textOf(page), /Beginnings that at least 1|How conversations go on/);
  for (const warning of model.warnings)
    assert.ok(textOf(page).includes(escapeHtml(warning).slice(1, 30)), warning);
  const bursty = ofKind('bursty model', 'workload-model').document;
  assert.match(
    buildPage({ kind: 'workload-model', name: 'x', document: bursty }).headline.because,
    /load states/,
  );
  const written = ofKind('written model', 'workload-model').document as WorkloadModel;
  const writtenPage = buildPage({ kind: 'workload-model', name: 'x', document: written });
  assert.equal(writtenPage.headline.tone, 'plain');
  assert.match(writtenPage.headline.verdict, /Written by hand/);
  assert.match(textOf(writtenPage), /lognormal/);
});

test('simulations: verdict by objective; an autoscaled fleet is drawn over time; two fleets are weighed', () => {
  const fixed = ofKind('simulation', 'simulation').document;
  const page = buildPage({ kind: 'simulation', name: 'x', document: fixed });
  assert.equal(page.headline.tone, fixed.sloMet ? 'good' : 'bad');
  assert.ok(!page.charts.some((chart) => chart.id.startsWith('replicas')));
  const free = buildPage({
    kind: 'simulation',
    name: 'x',
    document: { ...fixed, slo: [], sloMet: null, goodput: null },
  });
  assert.equal(free.headline.tone, 'plain');
  const scaled = ofKind('autoscaled simulation', 'simulation').document;
  const drawn = buildPage({ kind: 'simulation', name: 'x', document: scaled }).charts.find(
    (chart) => chart.id === 'replicas-fleet',
  )!;
  assert.ok(!isPicture(drawn));
  assert.equal(
    Math.max(...drawn.data[1].map((value) => value ?? 0)),
    Math.max(...scaled.scaling!.timeline.map((s) => s.ready)),
  );
  const fleets = ofKind('fleets', 'fleet-comparison').document;
  const both = (base: boolean, other: boolean, replicaHours: number) =>
    buildPage({
      kind: 'fleet-comparison',
      name: 'x',
      document: {
        ...fleets,
        replicaHours,
        base: { ...fleets.base, sloMet: base },
        other: { ...fleets.other, sloMet: other },
      },
    }).headline;
  assert.match(both(true, false, -1).verdict, /Only the first/);
  assert.match(both(false, true, -1).verdict, /Only the other/);
  assert.match(both(false, false, -1).verdict, /Neither/);
  assert.match(both(true, true, -1).verdict, /other one uses fewer/);
  assert.match(both(true, true, 2).verdict, /first one uses fewer/);
});

test('a simulated plan: front with the recommended fleet, attainment of both fleets, outcomes and break tests', () => {
  const { plan } = ofKind('simulated plan', 'capacity-plan');
  const page = buildPage(documents['simulated plan']);
  const front = page.charts.find((chart) => chart.id === 'plan-front')!;
  assert.ok(!isPicture(front));
  assert.deepEqual(
    front.series.map((series) => series.label),
    ['recommended', 'fixed, on the front', 'dominated'],
  );
  assert.deepEqual(
    front.data[1].map((value, i) => [front.data[0][i], value]).filter(([, value]) => value !== null),
    [[6, 0.996]],
  );
  const time = page.charts.find((chart) => chart.id === 'plan-attainment-time')!;
  assert.ok(!isPicture(time));
  assert.equal(time.data[1][60], Number(plan.attainmentOverTime!.windows[60].ratio!.toPrecision(5)));
  assert.equal(time.data[1][20], null, 'a window without requests has no share');
  const text = textOf(page);
  for (const test of plan.breakTests!) assert.ok(text.includes(test.text.slice(1)));
  for (const one of [plan.autoscaling!.recommended, plan.autoscaling!.recipe])
    assert.ok(text.includes(one.label));
  assert.ok(text.includes('not recovered'));
  const replicas = page.charts.find((chart) => chart.id === 'replicas-plan')!;
  assert.ok(!isPicture(replicas));
  const { timeline } = plan.autoscaling!.recommended;
  // A step has its last value once more at its end.
  assert.deepEqual(
    replicas.data[1].slice(0, timeline!.length),
    timeline!.map((sample) => sample.ready),
  );
  assert.deepEqual(
    replicas.lines.map((line) => line.label),
    [`fixed fleet: ${plan.replicas}`],
  );
  assert.deepEqual(
    replicas.shades.map(({ from, to }) => [from, to]),
    [[36_000, 36_600]],
    'the window that misses the SLO',
  );
  const load = JSON.stringify(page.sections.find((section) => section.id === 'load')!.body);
  const order = ['replicas-plan', 'plan-rate', 'load-plan', 'plan-replicas'].map((id) =>
    load.indexOf(`fig-${id}`),
  );
  assert.ok(order[0] > 0);
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
  const bare = buildPage(documents['plan']);
  assert.ok(!bare.charts.some((chart) => chart.id === 'replicas-plan'));
  for (const id of ['front', 'attainment', 'scaling', 'breaks'])
    assert.ok(!bare.sections.some((section) => section.id === id), id);
});

test('a scraped run: the server’s requests, KV use and token flow over the run, gaps where a scrape failed', () => {
  const page = buildPage(documents['scraped run']);
  const chartOf = (id: string) => {
    const found = page.charts.find((chart) => chart.id === id)!;
    assert.ok(!isPicture(found));
    return found;
  };
  const kv = chartOf('server-kv');
  assert.equal(kv.group, 'run-time', 'zooms with the latencies');
  assert.deepEqual(kv.x.range, chartOf('time-ttft').x.range);
  assert.equal(kv.data[1][30], null);
  assert.equal(kv.data[1][0], 0.5);
  const tokens = chartOf('server-tokens').data[1];
  assert.deepEqual(
    [tokens[0], tokens[10], tokens[30], tokens[31], tokens[90], tokens[95]],
    [null, 1_000, null, null, null, 500],
  );
  assert.deepEqual(
    chartOf('server-requests').series.map((series) => series.label),
    ['running', 'waiting'],
  );
  assert.ok(!page.charts.some((chart) => chart.id === 'server-gpu'));
  assert.ok(!buildPage(documents['run']).charts.some((chart) => chart.id.startsWith('server-')));
});

test('a measured profile: intervals with their unknown ends, lengths at the edge, MLPerf verdicts', () => {
  const { profile } = ofKind('measured profile', 'latency-profile');
  const page = buildPage(documents['measured profile']);
  const picture = page.charts.find((chart) => chart.id === 'intervals-ttft')!;
  assert.ok(isPicture(picture) && picture.picture === 'intervals');
  const valid = profile.levels.filter((level) => level.valid);
  assert.equal(picture.rows.length, valid.length);
  assert.match(picture.rows[0].text, /to unknown/);
  const text = textOf(page);
  assert.match(text, /1 to 999/);
  assert.match(text, /1 000 and more/);
  assert.match(text, /VALID/);
  assert.match(text, /early stopping/);
  const plain = buildPage(documents['profile']);
  for (const id of ['intervals', 'bands', 'mlperf'])
    assert.ok(!plain.sections.some((section) => section.id === id), id);
});

test('an ECDF from quantiles is exact at the quantiles and jumps where they repeat', () => {
  const probs = [0, 0.25, 0.5, 0.75, 1];
  const values = [1, 2, 2, 2, 10];
  assert.deepEqual(
    ecdfFromQuantiles(probs, values, [0.5, 1, 1.5, 2, 6, 10, 20]),
    [0, 0, 0.125, 0.75, 0.875, 1, 1],
  );
  assert.deepEqual(commonGrid([0, 3, 1], [3, 2]), [1, 2, 3]);
});
