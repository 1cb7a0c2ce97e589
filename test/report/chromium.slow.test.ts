/** The pages in a real browser: nothing fetched, nothing complained of, charts drawn, readable from 360 to 1440 px. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { loadAssets } from '../../src/report/assets.js';
import type { ChartSpec } from '../../src/report/chart.js';
import { CHART_NUMBERS_SCRIPT, tickText, valueText } from '../../src/report/chart-numbers.js';
import { renderReport } from '../../src/report/report.js';
import { type BrowserPage, Chromium, chromiumPath } from './chromium.js';
import { makeDocuments } from './make-documents.js';
import { ACCESSIBILITY, CONTRAST, OVERLAPS, STICKING_OUT } from './page-audit.js';

const path = chromiumPath();
const skip = path === null ? 'no Chromium: set CHROMIUM to its path to test the pages in a browser' : false;

/** Made once, and only where there is a browser. */
const DOCUMENTS = path === null ? {} : await makeDocuments();
const PHONE = { width: 360, height: 740, dark: false };
const DESK = { width: 1440, height: 900, dark: true };
const VIEWS = [PHONE, DESK, { ...PHONE, dark: true }, { ...DESK, dark: false }];

let browser: Chromium;
let folder: string;

before(async () => {
  if (path === null) return;
  folder = await mkdtemp(join(tmpdir(), 'tokentide-report-'));
  for (const [name, document] of Object.entries(DOCUMENTS))
    await writeFile(join(folder, `${name}.html`), renderReport(document));
  browser = await Chromium.launch(path);
});

after(async () => {
  if (path === null) return;
  await browser.close();
  await rm(folder, { recursive: true, force: true });
});

const open = (name: string, view: typeof PHONE): Promise<BrowserPage> =>
  browser.open(pathToFileURL(join(folder, `${name}.html`)).href, view);

/** For each chart: size of its canvas, and how many pixels are neither blank nor grid. */
const DRAWN = `[...document.querySelectorAll('.plot canvas')].map((canvas) => {
  const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
  const context = copy.getContext('2d', { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  let painted = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 0) { painted += 1; colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]); }
  return { width: canvas.width, height: canvas.height, painted, colours: colours.size };
})`;

for (const name of Object.keys(DOCUMENTS)) {
  test(`${name}: draws every chart, fetches nothing, complains of nothing`, { skip }, async () => {
    for (const view of VIEWS) {
      const page = await open(name, view);
      const figures = await page.evaluate<number>(`document.querySelectorAll('figure .plot').length`);
      const drawn =
        await page.evaluate<{ width: number; height: number; painted: number; colours: number }[]>(DRAWN);
      assert.equal(drawn.length, figures);
      for (const chart of drawn) {
        assert.ok(chart.width >= 240 && chart.width <= view.width && chart.height >= 150);
        assert.ok(chart.painted > 300 && chart.colours >= 3, JSON.stringify(chart));
      }
      assert.deepEqual(page.complaints, []);
      assert.deepEqual(
        page.requests.filter((url) => !url.startsWith('data:')),
        [],
      );
      assert.deepEqual(await page.evaluate(STICKING_OUT), [], `${view.width} px`);
      assert.deepEqual(await page.evaluate(OVERLAPS), [], `${view.width} px`);
      assert.deepEqual(await page.evaluate(ACCESSIBILITY), []);
      assert.deepEqual(await page.evaluate(CONTRAST), [], view.dark ? 'dark' : 'light');
      await page.close();
    }
  });
}

/** axe-core finds what our own audit does not look for. One phone and one desk, one dark and one light. */
const AXE =
  path === null ? '' : await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const AXE_VIOLATIONS = `axe.run(document).then(({ violations }) =>
  violations.map(({ id, nodes }) => \`\${id}: \${nodes.slice(0, 3).map(({ html }) => html).join(' ')}\`))`;

for (const name of Object.keys(DOCUMENTS)) {
  test(`${name}: axe-core finds no violation`, { skip }, async () => {
    for (const view of [VIEWS[2], VIEWS[3]]) {
      const page = await open(name, view);
      await page.evaluate(`${AXE}; true`);
      assert.deepEqual(await page.evaluate(AXE_VIOLATIONS), [], `${view.width} px`);
      await page.close();
    }
  });
}

test('the verdict is on the first screen of a phone and of a desk', { skip }, async () => {
  for (const name of Object.keys(DOCUMENTS)) {
    const page = await open(name, PHONE);
    for (const view of [PHONE, DESK]) {
      await page.view(view);
      const bottom = await page.evaluate<number>(
        `document.getElementById('verdict').getBoundingClientRect().bottom`,
      );
      assert.ok(bottom <= view.height, `${name} at ${view.width} px: the verdict ends at ${bottom}`);
    }
    await page.close();
  }
});

test('hovering shows values, dragging zooms the whole group, double reset gives it back', {
  skip,
}, async () => {
  const page = await open('run', { width: 1200, height: 900, dark: false });
  const box = await page.evaluate<{ left: number; top: number; width: number }>(
    `(() => { const over = document.querySelector('#fig-time-ttft .u-over'); over.scrollIntoView({ block: 'center', behavior: 'instant' });
      const { left, top, width } = over.getBoundingClientRect(); return { left, top, width }; })()`,
  );
  const y = box.top + 60;
  await page.mouse('mouseMoved', box.left + box.width * 0.5, y);
  const tip = await page.evaluate<string>(`document.querySelector('#fig-time-ttft .tip').textContent`);
  assert.match(tip, /^\d+:\d\d.*p50.*\d.*m?s.*p99/);
  const others = await page.evaluate<number>(`document.querySelectorAll('#fig-time-rate .tip').length`);
  assert.equal(others, 1, 'the reading line is shared by the group');
  const step = await page.evaluate<string>(`document.querySelector('#fig-time-rate .tip b').textContent`);
  const [minutes, seconds] = step.split(':').map(Number);
  const charts = JSON.parse(
    await page.evaluate<string>(`document.getElementById('report-data').textContent`),
  ) as { charts: ChartSpec[] };
  const starts = charts.charts.find((chart) => chart.id === 'time-rate')!.data[0] as number[];
  const atSec = starts[starts.length - 1] * 0.5;
  assert.equal(
    minutes * 60 + seconds,
    starts.findLast((start) => start <= atSec),
    'a step is read where it lies',
  );

  const before = await page.evaluate<number>(`${DRAWN.replace('.map(', '.slice(0, 3).map(')}.at(-1).painted`);
  await page.mouse('mousePressed', box.left + box.width * 0.3, y);
  await page.mouse('mouseMoved', box.left + box.width * 0.4, y);
  await page.mouse('mouseMoved', box.left + box.width * 0.5, y);
  await page.mouse('mouseReleased', box.left + box.width * 0.5, y);
  await page.settle();
  const resets = `[...document.querySelectorAll('#time [aria-label="Reset zoom"]')].map((button) => button.disabled)`;
  assert.deepEqual(await page.evaluate(resets), [false, false, false, false]);
  await page.evaluate(`document.querySelector('#fig-time-rate [aria-label="Reset zoom"]').click()`);
  await page.settle();
  assert.deepEqual(await page.evaluate(resets), [true, true, true, true]);
  const again = await page.evaluate<number>(`${DRAWN.replace('.map(', '.slice(0, 3).map(')}.at(-1).painted`);
  assert.ok(Math.abs(again / before - 1) < 0.02);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test('a chart can be read and zoomed from the keyboard, and series can be switched', { skip }, async () => {
  const page = await open('run', DESK);
  await page.evaluate(`document.querySelector('#fig-ecdf-ttft .plot').focus()`);
  await page.key('Home');
  assert.match(await page.evaluate(`document.getElementById('reading').textContent`), /s: ttft \d/);
  await page.key('End');
  assert.match(await page.evaluate(`document.getElementById('reading').textContent`), /ttft 100 %/);
  await page.key('+');
  const reset = `document.querySelector('#fig-ecdf-ttft [aria-label="Reset zoom"]').disabled`;
  assert.equal(await page.evaluate(reset), false);
  await page.key('0');
  assert.equal(await page.evaluate(reset), true);
  const keys = `[...document.querySelectorAll('#fig-time-ttft .key')].map((key) => [key.textContent, key.getAttribute('aria-pressed')].join(' '))`;
  assert.deepEqual(await page.evaluate(keys), ['p50 true', 'p90 false', 'p99 true', 'max false']);
  await page.evaluate(`document.querySelectorAll('#fig-time-ttft .key')[1].click()`);
  assert.deepEqual(await page.evaluate(keys), ['p50 true', 'p90 true', 'p99 true', 'max false']);
  for (const label of ['Tail', 'Log'])
    await page.evaluate(
      `[...document.querySelectorAll('.acts button')].filter((b) => b.textContent === '${label}').forEach((b) => b.click())`,
    );
  await page.settle();
  const drawn = await page.evaluate<{ colours: number }[]>(DRAWN);
  for (const chart of drawn) assert.ok(chart.colours >= 3);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test('the theme follows the system, the button overrides it, and printing is light', { skip }, async () => {
  const page = await open('plan', DESK);
  const paper = `getComputedStyle(document.body).backgroundColor`;
  assert.equal(await page.evaluate(paper), 'rgb(15, 19, 24)');
  await page.view({ ...DESK, dark: false });
  assert.equal(await page.evaluate(paper), 'rgb(255, 255, 255)');
  await page.evaluate(`document.getElementById('theme').click()`);
  await page.evaluate(`document.getElementById('theme').click()`);
  assert.equal(await page.evaluate(`document.getElementById('theme').textContent`), 'Theme: dark');
  assert.equal(await page.evaluate(paper), 'rgb(15, 19, 24)');
  const pdf = await page.pdf();
  assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
  assert.equal(await page.evaluate(paper), 'rgb(15, 19, 24)', 'the chosen theme comes back after printing');
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test('nothing is cut off on paper: A4 between its margins', { skip }, async () => {
  for (const name of ['traces different', 'simulated plan', 'profile', 'fleets', 'trace']) {
    const page = await open(name, { width: 688, height: 1000, dark: false });
    await page.print();
    assert.deepEqual(
      await page.evaluate(
        `[...document.querySelectorAll('main *')].filter((e) => { const box = e.getBoundingClientRect(); return box.width > 1 && box.right > 689 && !e.closest('.hidden, .plot'); }).map((e) => e.outerHTML.slice(0, 90)).slice(0, 3)`,
      ),
      [],
      name,
    );
    await page.close();
  }
});

test('a manifest can be copied', { skip }, async () => {
  const page = await open('plan', DESK);
  await page.evaluate(
    `new Promise((resolve) => { const key = document.querySelector('[data-copy=file-1]'); new MutationObserver(resolve).observe(key, { childList: true, characterData: true, subtree: true }); key.click(); })`,
  );
  assert.match(
    await page.evaluate(`document.querySelector('[data-copy=file-1]').textContent`),
    /Copied|Selected/,
  );
  await page.close();
});

test('a heat map and a row of intervals tell their values under the pointer, and save themselves as PNG', {
  skip,
}, async () => {
  const page = await open('traces different', { ...DESK, dark: false });
  const markAt = (selector: string) =>
    page.evaluate<{ x: number; y: number; tip: string }>(
      `(() => { const mark = [...document.querySelectorAll('${selector} [data-tip]')].find((m) => m.getClientRects().length > 0);
        mark.scrollIntoView({ block: 'center', behavior: 'instant' }); const box = mark.getBoundingClientRect();
        return { x: box.left + box.width / 2, y: box.top + box.height / 2, tip: mark.dataset.tip }; })()`,
    );
  for (const [figure, words] of [
    ['#fig-heat', /% of requests with input tokens/],
    ['#fig-fidelity', /ks_in/],
  ] as const) {
    const mark = await markAt(figure);
    await page.mouse('mouseMoved', mark.x, mark.y);
    const shown = await page.evaluate<string>(`document.querySelector('${figure} .tip').textContent`);
    assert.equal(shown, mark.tip);
    assert.match(shown, words);
  }
  /* The link that a save would follow is caught: name, type and size of what it holds. */
  const saved = (figure: string) =>
    page.evaluate<{ name: string; type: string; size: number; width: number }>(`new Promise((resolve) => {
      HTMLAnchorElement.prototype.click = async function () {
        const blob = await saving;
        const image = await createImageBitmap(blob);
        resolve({ name: this.download, type: blob.type, size: blob.size, width: image.width });
      };
      let saving;
      const make = URL.createObjectURL;
      URL.createObjectURL = (blob) => { saving = blob; return make.call(URL, blob); };
      [...document.querySelectorAll('${figure} .acts button')].find((key) => key.textContent === 'PNG').click();
    })`);
  for (const id of ['heat', 'fidelity', 'ecdf-input']) {
    const file = await saved(`#fig-${id}`);
    assert.equal(file.name, `${id}.png`);
    assert.equal(file.type, 'image/png');
    assert.ok(file.size > 2_000 && file.width > 300, JSON.stringify(file));
  }
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test('the page writes numbers as the program does', { skip }, async () => {
  const page = await open('run', DESK);
  const script = loadAssets().pageScript;
  assert.ok(!script.includes('NUMBERS */'));
  for (const unit of [
    'ms',
    'clock',
    'ratio',
    'perSec',
    'tokens',
    'tokensPerSec',
    'count',
    'number',
  ] as const) {
    for (const value of [0, 1e-7, 0.00123, 0.5, 0.9995, 1, 12.345, 999.6, 4_321, 7_300, 1_234_567]) {
      const inPage = await page.evaluate<string[]>(
        `(() => { ${CHART_NUMBERS_SCRIPT}; return [valueText('${unit}', ${value}), tickText('${unit}', ${value}, 9000)]; })()`,
      );
      assert.deepEqual(inPage, [valueText(unit, value), tickText(unit, value, 9_000)], `${unit} ${value}`);
    }
  }
  await page.close();
});

test('the audit finds what is wrong', { skip }, async () => {
  const page = await open('trace', PHONE);
  const faults = async (audit: string, fault: string): Promise<string[]> => {
    await page.evaluate(
      `(() => { const made = document.createElement('div'); made.id = 'fault'; made.innerHTML = ${JSON.stringify(fault)}; document.querySelector('main').append(made); })()`,
    );
    const found = await page.evaluate<string[]>(audit);
    await page.evaluate(`document.getElementById('fault').remove()`);
    return found;
  };
  const cases: [string, string, RegExp][] = [
    [ACCESSIBILITY, '<button></button>', /has a name/],
    [ACCESSIBILITY, '<p id="verdict">twice</p>', /duplicate-id: verdict/],
    [ACCESSIBILITY, '<h2>x</h2><h4>y</h4>', /heading-order/],
    [ACCESSIBILITY, '<a href="#nowhere">x</a>', /points nowhere/],
    [ACCESSIBILITY, '<table><thead><tr><th>a</th></tr></thead><tbody></tbody></table>', /caption/],
    [
      ACCESSIBILITY,
      '<section aria-label="x"></section><section aria-label="x"></section>',
      /landmark-unique/,
    ],
    [
      ACCESSIBILITY,
      '<table><caption>c</caption><thead><tr><th scope="col"></th></tr></thead><tbody></tbody></table>',
      /empty-table-header/,
    ],
    [ACCESSIBILITY, '<div aria-hidden="true"><a href="#verdict">x</a></div>', /aria-hidden-focus/],
    [CONTRAST, '<p class="probe">pale</p>', /pale/],
    [STICKING_OUT, '<p class="wide-probe">wide</p>', /wide-probe/],
    [OVERLAPS, '<p class="low">one</p><p class="high">two</p>', /one \/ two|two \/ one/],
  ];
  const rules = `const sheet = new CSSStyleSheet(); sheet.replaceSync('.probe { color: #bbb; background: #fff } .wide-probe { width: 500px } .low { height: 40px; margin: 0 } .high { margin: -30px 0 0; height: 40px }'); document.adoptedStyleSheets = [sheet];`;
  await page.evaluate(`(() => { ${rules} })()`);
  for (const [audit, fault, expected] of cases)
    assert.match((await faults(audit, fault)).join('\n'), expected, fault);
  await page.close();
});
