/**
 * The one template: title, verdict, key numbers, navigation, sections, charts' data, inlined style and script.
 *
 * The page carries a Content-Security-Policy that allows nothing but its own two inline scripts and two style sheets,
 * by hash: it cannot load anything, and text that slipped through the escaping could not run.
 */
import { createHash } from 'node:crypto';
import type { PageAssets } from './assets.js';
import type { Chart } from './chart.js';
import { type Html, type HtmlValue, html, jsonForScript, prose } from './html.js';
import { type Section, type Tile, TONE_MARK, type Tone, tiles } from './parts.js';
import { isPicture } from './pictures.js';

/** The answer in words. */
export interface Headline {
  readonly tone: Tone;
  readonly verdict: string;
  readonly because: string;
  readonly next: string;
}

export interface Page {
  /** e.g. `Run`. */
  readonly subject: string;
  readonly name: string;
  /** One line under the name: what was measured, where, when. */
  readonly context: HtmlValue;
  readonly headline: Headline;
  readonly tiles: readonly Tile[];
  readonly sections: readonly Section[];
  readonly charts: readonly Chart[];
  readonly footer: HtmlValue;
}

/** Page as HTML text. Pure. */
export function renderPage(page: Page, assets: PageAssets): string {
  const data = jsonForScript({ charts: page.charts.filter((chart) => !isPicture(chart)) });
  const scripts = [assets.chartScript, assets.pageScript];
  const styles = [assets.chartStyle, assets.pageStyle];
  const policy = [
    "default-src 'none'",
    `script-src ${scripts.map(sourceHash).join(' ')}`,
    `style-src ${styles.map(sourceHash).join(' ')}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const head = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="tokentide">
<title>${page.subject}: ${page.name} · tokentide</title>
<link rel="icon" href="data:,">
`;
  return [
    head.text,
    ...styles.map((style) => `<style>${inert(style, 'style')}</style>\n`),
    '</head>\n<body>\n',
    body(page).text,
    `<script type="application/json" id="report-data">${data}</script>\n`,
    ...scripts.map((script) => `<script>${inert(script, 'script')}</script>\n`),
    '</body>\n</html>\n',
  ].join('');
}

function body(page: Page): Html {
  const { headline } = page;
  return html`<a class="skip" href="#verdict">Skip to the verdict</a>
<header class="top"><p class="brand">tokentide</p>
<button type="button" id="theme" hidden>Theme: auto</button></header>
<main>
<div class="title"><p class="subject">${page.subject}</p><h1>${page.name}</h1><p class="context">${page.context}</p></div>
<section id="verdict" class="verdict ${headline.tone}" aria-labelledby="verdict-title">
<span class="badge" aria-hidden="true">${TONE_MARK[headline.tone]}</span>
<div><h2 id="verdict-title">${headline.verdict}</h2>
<p class="because"><b>Because</b> ${prose(headline.because)}</p>
<p class="next"><b>Next</b> ${prose(headline.next)}</p></div>
</section>
${tiles(page.tiles)}
<nav aria-label="Sections"><ul>${page.sections.map((section) => html`<li><a href="#${section.id}">${section.nav ?? section.title}</a></li>`)}</ul></nav>
<noscript><p class="note">Charts need JavaScript. The tables behind them hold the same numbers.</p></noscript>
${page.sections.map(
  (section) => html`<section id="${section.id}" aria-labelledby="${section.id}-title">
<h2 id="${section.id}-title">${section.title}</h2>
${section.intro ? html`<p class="intro">${section.intro}</p>` : null}
${section.body}
</section>
`,
)}
</main>
<footer>${page.footer}</footer>
<p id="reading" class="hidden" aria-live="polite"></p>
`;
}

/** An inlined asset must not be able to end its own element. */
function inert(text: string, element: 'script' | 'style'): string {
  if (new RegExp(`</${element}|<!--`, 'i').test(text)) {
    throw new Error(`an asset contains </${element} or <!-- and cannot be inlined`);
  }
  return text;
}

function sourceHash(text: string): string {
  return `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;
}
