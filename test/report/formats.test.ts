/** Markdown, JSON, CSV and single charts say what the page says. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EXIT, ToolError } from '../../src/errors.js';
import { loadAssets } from '../../src/report/assets.js';
import { formatCsv, formatJson, formatMarkdown } from '../../src/report/formats.js';
import { figuresOf, outlineOf } from '../../src/report/outline.js';
import { buildPage, renderReport } from '../../src/report/report.js';
import { scaleOf, ticksOf } from '../../src/report/svg/axes.js';
import { chartSvg, lightColours } from '../../src/report/svg/chart-svg.js';
import { findBrowser } from '../../src/report/svg/png.js';
import { writeChart, writeReport } from '../../src/report/write.js';
import { makeDocuments } from './make-documents.js';

const documents = await makeDocuments();
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokentide-formats-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Fields of a CSV line by RFC 4180. */
function fieldsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, bare]) =>
    quoted === undefined ? bare : quoted.replace(/""/g, '"'),
  );
}

for (const [name, document] of Object.entries(documents)) {
  test(`${name}: every number of the page is in its outline, CSV and JSON`, () => {
    const page = buildPage(document);
    const html = renderReport(document);
    const outline = outlineOf(page);
    const tables = outline.sections.flatMap((section) =>
      section.blocks.flatMap((block) =>
        block.kind === 'table' ? [block] : block.kind === 'figure' ? [block.table] : [],
      ),
    );
    assert.equal(tables.length, (html.match(/<table>/g) ?? []).length, 'every table');
    assert.deepEqual(
      figuresOf(outline).map((figure) => figure.id),
      [...html.matchAll(/<figure id="fig-([^"]+)"/g)].map(([, id]) => id),
    );
    for (const table of tables)
      for (const row of table.rows) assert.equal(row.length, table.columns.length, table.caption);
    const csv = formatCsv(page);
    for (const line of csv.trimEnd().split('\n')) assert.equal(fieldsOf(line).length, 6, line);
    const inCsv = new Set(csv.split('\n').map((line) => fieldsOf(line)[4]));
    for (const table of tables)
      for (const cell of table.rows.flatMap((row) => row.slice(1)))
        if (cell.value !== null) assert.ok(inCsv.has(String(cell.value)), String(cell.value));
    const json = JSON.parse(formatJson(document.kind, page));
    assert.equal(json.kind, 'report');
    assert.equal(json.of, document.kind);
    assert.deepEqual(json.sections, JSON.parse(JSON.stringify(outline.sections)));
    assert.equal(json.charts.length, page.charts.length);
  });

  test(`${name}: Markdown keeps the verdict, the headings and whole tables`, () => {
    const page = buildPage(document);
    const text = formatMarkdown(page);
    const lines = text.split('\n');
    assert.ok(lines[0].startsWith(`# ${page.subject}: `));
    for (const section of page.sections) assert.ok(lines.includes(`## ${section.title}`), section.title);
    const bars = (line: string): number => line.replace(/\\\|/g, '').split('|').length;
    for (let i = 0; i < lines.length; i++) {
      if (!/^\| --- /.test(lines[i])) continue;
      for (let k = i - 1; lines[k]?.startsWith('|'); k++)
        assert.equal(bars(lines[k]), bars(lines[i]), lines[k]);
    }
    const words = text.replace(/^```\n.*?^```$/gms, '');
    assert.doesNotMatch(words, /(?<!\\)<[a-z]+[ >]|undefined|NaN|&amp;|&lt;/);
  });

  test(`${name}: every chart as SVG, inside its own frame`, () => {
    const page = buildPage(document);
    const figures = figuresOf(outlineOf(page));
    const colours = lightColours(loadAssets().pageStyle);
    for (const chart of page.charts) {
      const words = figures.find((figure) => figure.id === chart.id)!;
      const svg = chartSvg(chart, words, colours);
      assert.doesNotMatch(svg, /NaN|undefined|Infinity|var\(|null/, chart.id);
      const open = (svg.match(/<[a-z][^>]*[^/]>|<[a-z]>/gi) ?? []).length;
      assert.equal(open, (svg.match(/<\/[a-z]+>/gi) ?? []).length, `${chart.id} is balanced`);
      assert.match(svg, /n = \d/);
      for (const [, role] of svg.matchAll(/class="[^"]*\b[fst]-([a-z]+)/g))
        assert.ok(role === 'none' || role in colours, `${chart.id}: ${role} has a colour`);
      const marks = (svg.match(/<(path|circle|rect)\b/g) ?? []).length;
      assert.ok(marks >= 3, `${chart.id} draws something`);
    }
  });
}

test('a line chart puts its points where the scale says', () => {
  const chart = {
    id: 'x',
    x: { label: 'x', unit: 'number', scale: 'linear', range: [0, 10] },
    y: { label: 'y', unit: 'number', scale: 'linear', range: [0, 100] },
    data: [
      [0, 5, 10],
      [0, null, 100],
      [50, 50, 50],
    ],
    series: [
      { label: 'a', colour: 'blue', style: 'points' },
      { label: 'b', colour: 'orange', style: 'step' },
    ],
    lines: [],
    shades: [],
    group: null,
    height: 'tall',
  } as const;
  const svg = chartSvg(chart, { title: 't', reading: 'r', source: 'n = 3' }, {});
  const discs = [...svg.matchAll(/<circle class="f-blue" cx="([\d.]+)" cy="([\d.]+)" r="3.5"/g)];
  assert.deepEqual(
    discs.map(([, x]) => Number(x)),
    [74, 778],
    'the first and last x are the frame’s edges, the gap has no disc',
  );
  const [low, high] = discs.map(([, , y]) => Number(y));
  assert.ok(Math.abs((low - high) / (100 / 102) - 320) < 0.1, 'y spans the plot’s 320 px with 2 % of air');
  assert.match(svg, /d="M74 ([\d.]+)H426V\1H778V\1"/, 'a flat step');
});

test('ticks are round, and log axes have decades', () => {
  assert.deepEqual(ticksOf(scaleOf([0, 10], false), 'number', 5), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(
    ticksOf(scaleOf([0, 3_600], false), 'clock', 6),
    [0, 600, 1_200, 1_800, 2_400, 3_000, 3_600],
  );
  assert.deepEqual(ticksOf(scaleOf([1, 1_000], true), 'number', 4), [1, 10, 100, 1_000]);
  assert.deepEqual(ticksOf(scaleOf([0, 3], false), 'count', 8), [0, 1, 2, 3]);
});

test('files: the format follows the ending, a chart is written by id, refusals say what to do', async () => {
  const input = join(folder, 'cmp.json');
  const found = documents['traces different'];
  assert.ok(found.kind === 'trace-comparison');
  await writeFile(input, JSON.stringify(found.document));
  for (const format of ['html', 'md', 'json', 'csv'] as const) {
    const output = join(folder, `r.${format}`);
    const written = await writeReport({ input, output });
    assert.equal(written.format, format);
    assert.equal(written.bytes, (await readFile(output)).length);
  }
  assert.equal((await writeReport({ input, output: join(folder, 'r.txt'), format: 'md' })).format, 'md');
  const svg = join(folder, 'heat.svg');
  await writeChart({ input, chart: 'heat', output: svg, browser: null });
  assert.match(await readFile(svg, 'utf8'), /^<svg xmlns/);
  const refused = async (chart: string, output: string): Promise<ToolError> => {
    const error = await writeChart({ input, chart, output: join(folder, output), browser: null }).catch(
      (caught: unknown) => caught,
    );
    assert.ok(error instanceof ToolError);
    assert.equal(existsSync(join(folder, output)), false);
    return error;
  };
  assert.match((await refused('nope', 'a.svg')).hint!, /fidelity, ecdf-input/);
  assert.match((await refused('heat', 'a.gif')).message, /\.svg or \.png/);
  const noBrowser = await refused('heat', 'a.png');
  assert.match(noBrowser.hint, /write \.svg instead/);
  assert.deepEqual([noBrowser.code, noBrowser.exitCode], ['NO_BROWSER', EXIT.badInput]);
});

const browser = findBrowser(process.env);
test('PNG through Chromium', { skip: browser === null ? 'no Chromium' : false }, async () => {
  const input = join(folder, 'png.json');
  const found = documents['traces different'];
  assert.ok(found.kind === 'trace-comparison');
  await writeFile(input, JSON.stringify(found.document));
  const output = join(folder, 'ecdf.png');
  await writeChart({ input, chart: 'ecdf-input', output, browser });
  const bytes = await readFile(output);
  assert.equal(bytes.subarray(1, 4).toString(), 'PNG');
  assert.equal(bytes.readUInt32BE(16), 1_600, 'twice the SVG’s width');
  assert.ok(bytes.length > 20_000);
});
