/** The pages in a real browser: nothing fetched, nothing complained of, charts drawn, readable from 360 to 1440 px. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { ChartSpec } from '../../src/report/chart.js';
import { type ReportInput, renderReport } from '../../src/report/report.js';
import { type BrowserPage, Chromium, chromiumPath } from './chromium.js';
import { MADE_YAML, makePlan } from './make-plan.js';
import { makeProfile } from './make-profile.js';
import { makeRun } from './make-run.js';

const path = chromiumPath();
const skip = path === null ? 'no Chromium: set CHROMIUM to its path to test the pages in a browser' : false;

const DOCUMENTS: Readonly<Record<string, () => ReportInput>> = {
  run: () => ({
    kind: 'run',
    name: 'a-run-with-a-long-name-that-must-not-push-the-page-wider-than-a-phone',
    ...makeRun(),
  }),
  profile: () => ({ kind: 'latency-profile', name: 'p', profile: makeProfile() }),
  plan: () => ({ kind: 'capacity-plan', name: 'plan', plan: makePlan(), files: MADE_YAML }),
};
const PHONE = { width: 360, height: 740, dark: false };
const DESK = { width: 1440, height: 900, dark: true };

let browser: Chromium;
let folder: string;

before(async () => {
  if (path === null) return;
  folder = await mkdtemp(join(tmpdir(), 'tokentide-report-'));
  for (const [name, make] of Object.entries(DOCUMENTS))
    await writeFile(join(folder, `${name}.html`), renderReport(make()));
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

/** Things that stick out of the page to the right, outside boxes that scroll. */
const STICKING_OUT = `[...document.querySelectorAll('body *')].filter((element) => {
  if (element.closest('.scroll, nav, pre, .u-over, .u-under, .tip, .hidden, .skip')) return false;
  const box = element.getBoundingClientRect();
  return box.width > 0 && box.right > document.documentElement.clientWidth + 1;
}).map((element) => element.tagName + '.' + element.className)`;

/** Text boxes of one parent that lie on top of each other. */
const OVERLAPS = `(() => {
  const found = [];
  const leaves = [...document.querySelectorAll('h1, h2, h3, p, dt, dd, button, summary, a, .y-label, .x-label')]
    .filter((element) => !element.closest('.hidden, .skip, nav') && !element.matches('.hidden, .skip') && element.getClientRects().length > 0)
    .map((element) => ({ element, box: element.getBoundingClientRect() }));
  for (let i = 0; i < leaves.length; i++) for (let j = i + 1; j < leaves.length; j++) {
    const [a, b] = [leaves[i], leaves[j]];
    if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
    const width = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
    const height = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
    if (width > 1 && height > 2.5) found.push(a.element.textContent.slice(0, 40) + ' / ' + b.element.textContent.slice(0, 40));
  }
  return found;
})()`;

const UNNAMED = `[...document.querySelectorAll('button, [role=img], [role=region], summary, a')].filter((element) =>
  (element.getAttribute('aria-label') ?? element.textContent).trim() === '').map((element) => element.outerHTML.slice(0, 80))`;

for (const name of Object.keys(DOCUMENTS)) {
  test(`${name}: draws every chart, fetches nothing, complains of nothing`, { skip }, async () => {
    for (const view of [PHONE, DESK]) {
      const page = await open(name, view);
      const figures = await page.evaluate<number>(`document.querySelectorAll('figure').length`);
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
      assert.deepEqual(await page.evaluate(UNNAMED), []);
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
