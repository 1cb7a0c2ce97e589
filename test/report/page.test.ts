import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { ChartSpec } from '../../src/report/chart.js';
import { METRIC_DEFINITIONS } from '../../src/report/definitions.js';
import { escapeHtml, html, jsonForScript } from '../../src/report/html.js';
import { limitUse } from '../../src/report/plan-figures.js';
import { renderReport } from '../../src/report/report.js';
import { commonErrors } from '../../src/report/run-page.js';
import { commandLine } from '../../src/report/shared-sections.js';
import type { MetricId } from '../../src/types/run-support.js';
import { makeDocuments } from './make-documents.js';
import { MADE_YAML, makePlan } from './make-plan.js';
import { makeProfile } from './make-profile.js';
import { MADE_MANIFEST, makeRun } from './make-run.js';

const run = makeRun();
const profile = makeProfile();
const plan = makePlan();
const PAGES: Readonly<Record<string, string>> = {
  run: renderReport({ kind: 'run', name: 'run-1', ...run }),
  'run without records': renderReport({ kind: 'run', name: 'run-1', summary: run.summary, records: null }),
  profile: renderReport({ kind: 'latency-profile', name: 'p', profile }),
  plan: renderReport({ kind: 'capacity-plan', name: 'plan', plan, files: MADE_YAML }),
  ...Object.fromEntries(
    Object.entries(await makeDocuments())
      .filter(([name]) => !['run', 'profile', 'plan'].includes(name))
      .map(([name, document]) => [name, renderReport(document)]),
  ),
};

const chartsOf = (page: string): ChartSpec[] => {
  const text = /<script type="application\/json" id="report-data">(.*?)<\/script>/s.exec(page)![1];
  return (JSON.parse(text) as { charts: ChartSpec[] }).charts;
};
/** The exact numbers in a piece of the page. */
const numbersIn = (part: string): number[] =>
  [...part.matchAll(/<data value="([^"]+)">/g)].map((match) => Number(match[1]));
/** The first table row whose header cell holds the text. */
const rowOf = (page: string, text: string): string => {
  const row = page
    .split('<tr')
    .find((part) => part.slice(0, part.indexOf('</th>') + 1).includes(`>${text}<`));
  assert.ok(row, `a row for ${text}`);
  return row;
};

for (const [name, page] of Object.entries(PAGES)) {
  test(`${name}: one self-contained page within 3 MB that may load nothing`, () => {
    assert.ok(Buffer.byteLength(page) < 3 * 1024 * 1024);
    const policy = /Content-Security-Policy" content="([^"]+)"/.exec(page)![1].replace(/&#39;/g, "'");
    assert.match(policy, /^default-src 'none'; /);
    for (const kind of ['script', 'style']) {
      const inlined = [...page.matchAll(new RegExp(`<${kind}>(.*?)</${kind}>`, 'gs'))].map(
        (match) => match[1],
      );
      assert.equal(inlined.length, 2);
      for (const text of inlined) {
        const hash = createHash('sha256').update(text).digest('base64');
        assert.ok(policy.includes(`'sha256-${hash}'`), `the policy allows the inlined ${kind}`);
      }
    }
    const outside = page.replace(/<(script|style)[ >].*?<\/\1>/gs, '');
    assert.doesNotMatch(outside, /\s(src|srcset|action|formaction|ping|background|style|on\w+)=/i);
    for (const [, href] of outside.matchAll(/href="([^"]*)"/g)) assert.match(href, /^(#|data:,$)/);
  });

  test(`${name}: headings, landmarks, labels and tables are in order`, () => {
    const body = page.slice(page.indexOf('<body>'), page.indexOf('<script type="application/json"'));
    const levels = [...body.matchAll(/<h([1-6])/g)].map((match) => Number(match[1]));
    assert.equal(levels[0], 1);
    assert.equal(levels.filter((level) => level === 1).length, 1);
    for (let i = 1; i < levels.length; i++)
      assert.ok(levels[i] <= levels[i - 1] + 1, 'no heading level is skipped');
    const ids = [...body.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]);
    assert.equal(new Set(ids).size, ids.length, 'ids are unique');
    for (const [, target] of body.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.includes(target), `#${target}`);
    for (const [, target] of body.matchAll(/aria-labelledby="([^"]+)"/g)) assert.ok(ids.includes(target));
    for (const [, table] of body.matchAll(/<table>(.*?)<\/table>/gs)) {
      assert.match(table, /<caption/);
      const columns = (table.slice(0, table.indexOf('</thead>')).match(/<th scope="col"/g) ?? []).length;
      const rows = table.slice(table.indexOf('<tbody>')).split('<tr').slice(1);
      assert.ok(columns > 0);
      for (const row of rows) {
        assert.equal(
          (row.match(/<t[hd][ >]/g) ?? []).length,
          columns,
          'every row has a cell for every column',
        );
        assert.match(row, /<th scope="row"/);
      }
    }
    for (const [, label] of body.matchAll(/aria-label="([^"]*)"/g)) assert.notEqual(label.trim(), '');
    assert.doesNotMatch(body, /undefined|NaN|Infinity|\[object/);
  });

  test(`${name}: each chart has its figure with n, window, definition and the table behind it`, () => {
    const charts = chartsOf(page);
    const figures = [...page.matchAll(/<figure id="fig-([^"]+)"(.*?)<\/figure>/gs)];
    assert.deepEqual(
      figures.filter((match) => match[2].includes('class="plot"')).map((match) => match[1]),
      charts.map((chart) => chart.id),
    );
    for (const [, id, text] of figures)
      assert.ok(text.includes('class="plot"') !== text.includes('<svg'), `${id} is drawn once`);
    for (const [, id, text] of figures) {
      assert.match(text, /<figcaption><h3>[^<]+<\/h3><p>[^<]+<\/p>/, id);
      assert.match(text, /n = \d/, id);
      assert.match(text, /<details class="behind">.*<table>/s, id);
      if (!id.startsWith('load-gauge')) assert.match(text, /<span class="def">[a-z_0-9.]+ = /, id);
    }
    for (const chart of charts) {
      const [x, ...columns] = chart.data;
      assert.equal(columns.length, chart.series.length, chart.id);
      for (const column of columns) assert.equal(column.length, x.length, chart.id);
      for (let i = 1; i < x.length; i++) assert.ok(x[i]! >= x[i - 1]!, `${chart.id}: x rises`);
      assert.ok(
        columns.some((column) => column.some((value) => value !== null)),
        `${chart.id} has values`,
      );
    }
  });
}

test('run: the table repeats the document’s percentiles exactly', () => {
  for (const id of Object.keys(run.summary.metrics) as MetricId[]) {
    const { n, mean, p50, p90, p95, p99, p999, max } = run.summary.metrics[id]!;
    const expected = [n, mean, p50, p90, p95, p99, p999, max].filter((value) => value !== null);
    assert.deepEqual(numbersIn(rowOf(PAGES['run'], id)), expected, id);
  }
});

test('run: objectives, endings, throughput and checks repeat the document', () => {
  const page = PAGES['run'];
  const { summary } = run;
  for (const term of summary.slo)
    assert.deepEqual(numbersIn(rowOf(page, escapeHtml(term.term))), [term.value, term.limit, term.n]);
  for (const [status, count] of Object.entries(summary.counts.byStatus))
    assert.deepEqual(numbersIn(rowOf(page, status)), [count, count / summary.counts.offered]);
  assert.deepEqual(numbersIn(rowOf(page, 'output throughput')), [summary.throughput.okOutputTokensPerSec]);
  assert.deepEqual(numbersIn(rowOf(page, 'planned rate')), [summary.load.plannedRatePerSec]);
  const [lag] = summary.validity.checks;
  assert.deepEqual(numbersIn(rowOf(page, lag.check)), [lag.value, lag.limit]);
  const tiles = page.slice(page.indexOf('<dl class="tiles">'), page.indexOf('</dl>'));
  assert.ok(numbersIn(tiles).includes(summary.goodput!));
});

test('run: the charts add up to the records', () => {
  const charts = new Map(chartsOf(PAGES['run']).map((chart) => [chart.id, chart]));
  const rate = charts.get('time-rate')!;
  const [starts, offered, sent] = rate.data as number[][];
  const end = rate.x.range![1];
  const total = (rates: number[]): number =>
    rates.reduce((sum, value, i) => sum + value * ((starts[i + 1] ?? end) - starts[i]), 0);
  assert.ok(Math.abs(total(offered) / run.records.length - 1) < 1e-3);
  const sentCount = run.records.filter((record) => record.sentNs !== null).length;
  assert.ok(Math.abs(total(sent) / sentCount - 1) < 1e-3);
  const ecdf = charts.get('ecdf-ttft')!;
  assert.equal(ecdf.data[1].at(-1), 1);
  const { min, max } = run.summary.metrics.ttft!;
  assert.ok(Math.abs(ecdf.data[0][0]! / min! - 1) < 1e-4);
  assert.ok(ecdf.data[0].at(-1)! >= max! * (1 - 1e-4), 'the grid also covers response.ttft');
  assert.deepEqual(
    ecdf.lines.map((line) => line.value),
    [2_000],
  );
  const lag = charts.get('send-lag')!;
  const shares = lag.data[1].reduce<number>((sum, share) => sum + (share ?? 0), 0);
  assert.ok(Math.abs(shares - 1) < 1e-3);
});

test('run: the verdict leads with validity, then with the objectives', () => {
  const verdictOf = (page: string): string => /<h2 id="verdict-title">([^<]+)/.exec(page)![1];
  const render = (overrides: Parameters<typeof makeRun>[0]): string =>
    renderReport({ kind: 'run', name: 'r', ...makeRun({ requests: 400, ...overrides }) });
  assert.match(verdictOf(render({ lagMs: 40 })), /^Invalid run/);
  assert.match(verdictOf(render({ slo: 'p99(ttft) < 1ms' })), /the objective was missed$/);
  assert.match(verdictOf(render({ slo: 'p99(ttft) < 1ms, mean(tpot) < 60ms' })), /1 of 2 objectives missed$/);
  assert.match(verdictOf(render({ slo: null })), /no objective was set$/);
  assert.match(verdictOf(render({ slo: 'p99(ttft) < 60s' })), /the objective was met$/);
});

test('run without records: the summary is there, the charts are not, and the page says why', () => {
  const page = PAGES['run without records'];
  assert.deepEqual(chartsOf(page), []);
  assert.match(page, /Without the run’s requests\.parquet there are no charts/);
  assert.deepEqual(numbersIn(rowOf(page, 'ttft')), numbersIn(rowOf(PAGES['run'], 'ttft')));
});

test('profile: capacity, knee and every level repeat the document', () => {
  const page = PAGES['profile'];
  const charts = new Map(chartsOf(page).map((chart) => [chart.id, chart]));
  const ttft = charts.get('load-ttft')!;
  const valid = profile.levels.filter((level) => level.valid);
  assert.deepEqual(
    ttft.data[0],
    valid.map((level) => level.ratePerSec),
  );
  assert.deepEqual(
    ttft.data[3].map((value) => value!.toPrecision(4)),
    valid.map((level) => level.metrics.ttft!.p99!.toPrecision(4)),
  );
  assert.deepEqual(
    ttft.lines.map((line) => [line.axis, line.value]),
    [
      ['y', 2_000],
      ['x', profile.knee.ratePerSec],
      ['x', profile.capacity.ratePerSec],
    ],
  );
  const levels = page.slice(page.indexOf('<section id="levels"'), page.indexOf('<section id="objectives"'));
  for (const level of profile.levels) {
    const row = levels
      .split('<tr')
      .find((part) => part.includes(`<th scope="row"><data value="${level.ratePerSec}">`))!;
    for (const value of [level.achievedPerSec, level.metrics.ttft!.p99, level.errorRatio, level.goodput])
      assert.ok(numbersIn(row).includes(value!), `${level.ratePerSec}/s holds ${value}`);
  }
  assert.match(page, /send lag p99 9 ms &gt; 5 ms/, 'an invalid level says why');
});

test('plan: trials, cost, thresholds and manifests repeat the document', () => {
  const page = PAGES['plan'];
  for (const trial of plan.trials) {
    const goodput = `<data value="${trial.goodput}">`;
    assert.ok(page.includes(goodput), `goodput of ${trial.role} ${trial.replicas}`);
  }
  const confirm = plan.trials.find((trial) => trial.role === 'confirm')!;
  assert.deepEqual(numbersIn(rowOf(page, 'ttft'))[5], confirm.metrics.ttft!.p99);
  const cost = page.slice(page.indexOf('<section id="cost"'), page.indexOf('<section id="autoscaler"'));
  assert.deepEqual(numbersIn(cost), [2.5, plan.cost.perHour, plan.cost.perHour! * 24, 1.234, 0.0712, 0.0231]);
  assert.ok(page.includes(escapeHtml(plan.autoscaler!.recommended.because)));
  assert.ok(page.includes(escapeHtml(plan.autoscaler!.recommended.query)));
  for (const file of MADE_YAML)
    assert.ok(page.includes(`<code>${escapeHtml(file.content)}</code>`), file.name);
});

test('limits: the share that is used, in either direction', () => {
  const result = (term: string, value: number | null, limit: number): number | null =>
    limitUse({ term, value, limit, unit: 'ms', met: true, n: 1 });
  assert.equal(result('p99(ttft) < 2s', 500, 2_000), 0.25);
  assert.ok(Math.abs(result('goodput >= 0.99', 0.995, 0.99)! - 0.5) < 1e-9);
  assert.equal(result('goodput >= 1', 0.995, 1), null);
  assert.equal(result('p99(ttft) < 2s', null, 2_000), null);
});

test('nothing that a log, a server or a person wrote can become markup or script', () => {
  const evil = `</script><img src=x onerror=alert(1)>"'&<!--\u2028`;
  const { summary, records } = makeRun({ requests: 200 });
  const page = renderReport({
    kind: 'run',
    name: evil,
    records: records.map((record) => (record.status === 'ok' ? record : { ...record, error: evil })),
    summary: {
      ...summary,
      target: { ...summary.target, url: evil, model: evil },
      notes: [evil],
      server: { gauges: [{ name: evil, samples: 1, failedScrapes: 0, mean: 1, max: 1, last: 1 }] },
      validity: { ...summary.validity, because: evil },
      manifest: { ...summary.manifest, options: { url: evil } },
    },
  });
  const clean = renderReport({ kind: 'run', name: 'x', summary, records });
  assert.equal((page.match(/<script/g) ?? []).length, (clean.match(/<script/g) ?? []).length);
  assert.doesNotMatch(page, /<img/);
  const evilProfile = {
    ...profile,
    levels: profile.levels.map((level) => ({
      ...level,
      gauges: level.gauges.map((gauge) => ({ ...gauge, name: evil })),
    })),
  };
  const second = renderReport({ kind: 'latency-profile', name: evil, profile: evilProfile });
  assert.doesNotMatch(second, /<img/);
  assert.equal(
    chartsOf(second).filter((chart) => chart.y.label === evil).length,
    1,
    'the text survives in the data',
  );
});

test('html escapes strings, keeps built HTML, drops what is not there, and JSON is inert', () => {
  assert.equal(
    html`<p>${'<&>"\''}${null}${false}${['a', html`<b>${'b'}</b>`]}${3}</p>`.text,
    '<p>&lt;&amp;&gt;&quot;&#39;a<b>b</b>3</p>',
  );
  assert.equal(escapeHtml('a\u0000b\u001b'), 'a\ufffdb\ufffd');
  const text = jsonForScript({ a: '</script><!--\u2028\u2029' });
  assert.doesNotMatch(text, /<|\u2028|\u2029/);
  assert.deepEqual(JSON.parse(text), { a: '</script><!--\u2028\u2029' });
  assert.throws(() => jsonForScript({ a: Number.NaN }), /a is NaN/);
});

test('the same document gives the same bytes', () => {
  assert.equal(
    renderReport({ kind: 'latency-profile', name: 'p', profile: makeProfile() }),
    PAGES['profile'],
  );
});

test('a large run stays small on the page', () => {
  const page = renderReport({
    kind: 'run',
    name: 'large',
    ...makeRun({ requests: 60_000, ratePerSec: 300, slots: 900 }),
  });
  assert.ok(Buffer.byteLength(page) < 500_000, `${Buffer.byteLength(page)} bytes`);
});

test('the command line can be pasted into a shell', () => {
  assert.equal(
    commandLine(MADE_MANIFEST),
    "tokentide replay 'azure conv.parquet' --url http://127.0.0.1:8000 --protocol openai-chat --speed 1 --drop-tail --seed 42",
  );
  assert.match(commandLine({ ...MADE_MANIFEST, options: { slo: "it's <b>" } }), / --slo 'it'\\''s <b>' /);
});

test('the most frequent failures come first, each with its count', () => {
  const errors = commonErrors(run.records, 3);
  const failed = run.records.filter((record) => record.status !== 'ok').length;
  assert.ok(errors.length === 3 && errors[0].count >= errors[1].count);
  assert.equal(
    commonErrors(run.records, 99).reduce((sum, error) => sum + error.count, 0),
    failed,
  );
});

test('every metric of the registry has a definition', () => {
  for (const id of Object.keys(run.summary.metrics)) assert.ok(METRIC_DEFINITIONS[id as MetricId].formula);
});
