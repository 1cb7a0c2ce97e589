/** The building blocks of a report page: sections, tables, figures with the table behind them, tiles, fact lists. */
import type { MetricId } from '../types/run-support.js';
import type { Chart } from './chart.js';
import { definitionText, type FlowId } from './definitions.js';
import { type Html, type HtmlValue, html, prose } from './html.js';
import { isPicture, pictureHtml } from './pictures.js';

export interface Column {
  readonly title: HtmlValue;
  /** Right-aligned with tabular figures. */
  readonly numeric?: boolean;
  /** Holds sentences: kept wide enough to read. */
  readonly words?: boolean;
}

export interface TableOptions {
  /** Read out before the table, and shown above it. */
  readonly caption: string;
  readonly columns: readonly Column[];
  /** The first cell of a row is its header. */
  readonly rows: readonly (readonly HtmlValue[])[];
  /** Rows that stand out: bad, good or muted. */
  readonly rowClass?: (index: number) => 'good' | 'bad' | 'muted' | 'strong' | null;
  readonly captionHidden?: boolean;
}

/** A table in a box of its own that scrolls sideways on narrow screens. */
export function table(options: TableOptions): Html {
  const cellClass = (i: number): Html | null =>
    options.columns[i].numeric ? html` class="num"` : options.columns[i].words ? html` class="words"` : null;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${options.caption}"><table>
<caption${options.captionHidden ? html` class="hidden"` : null}>${options.caption}</caption>
<thead><tr>${options.columns.map((column, i) => html`<th scope="col"${cellClass(i)}>${column.title}</th>`)}</tr></thead>
<tbody>${options.rows.map(
    (row, r) => html`<tr${rowAttribute(options.rowClass?.(r) ?? null)}>${row.map((cell, i) =>
      i === 0 ? html`<th scope="row"${cellClass(i)}>${cell}</th>` : html`<td${cellClass(i)}>${cell}</td>`,
    )}</tr>
`,
  )}</tbody></table></div>`;
}

/** Tables behind charts keep at most this many rows; the chart's own CSV has them all. */
const MOST_ROWS = 240;

/** A table of columns of equal length, every k-th row where there are too many, the last one always. */
export function columnTable(
  caption: string,
  columns: readonly {
    readonly title: string;
    readonly cells: readonly HtmlValue[];
    readonly text?: boolean;
  }[],
): Html {
  const rows = columns[0].cells.length;
  const step = Math.max(1, Math.ceil(rows / MOST_ROWS));
  const kept = Array.from({ length: rows }, (_, i) => i).filter((i) => i % step === 0 || i === rows - 1);
  return table({
    caption,
    captionHidden: true,
    columns: columns.map(({ title, text }, i) => ({ title, numeric: i > 0 && text !== true })),
    rows: kept.map((i) => columns.map((column) => column.cells[i])),
  });
}

const rowAttribute = (name: string | null): Html | null => (name === null ? null : html` class="${name}"`);

export interface FigureOptions {
  readonly chart: Chart;
  readonly title: string;
  /** What the figure shows, in one sentence; also its text for those who do not see it. */
  readonly reading: string;
  /** What n counts, e.g. `11 981 requests`. */
  readonly n: string;
  readonly window: string;
  readonly definitions: readonly (MetricId | FlowId)[];
  readonly note?: HtmlValue;
  /** The chart's numbers as a table. */
  readonly table: Html;
  readonly wide?: boolean;
}

/** A chart with its reading, n, window and definitions, and the table behind it. */
function figure(options: FigureOptions): Html {
  const { chart } = options;
  return html`<figure id="fig-${chart.id}"${options.wide ? html` class="wide"` : null} data-chart="${chart.id}">
<figcaption><h3>${options.title}</h3><p>${options.reading}</p></figcaption>
${plotArea(options)}
${options.note ? html`<p class="note">${options.note}</p>` : null}
<p class="source"><span>n = ${options.n}</span> · <span>${options.window}</span>${options.definitions.map(
    (id) => html` · <span class="def">${definitionText(id)}</span>`,
  )}</p>
<details class="behind"><summary>Table behind this chart</summary>${options.table}</details>
</figure>`;
}

function plotArea({ chart, title, reading }: FigureOptions): Html {
  if (isPicture(chart))
    return html`<div class="picture" role="img" aria-label="Chart: ${title}. ${reading}">${pictureHtml(chart)}</div>`;
  return html`<div class="chart ${chart.height}"><div class="y-label" aria-hidden="true">${chart.y.label}</div>
<div class="plot" tabindex="0" role="img" aria-label="Chart: ${title}. ${reading} Arrow keys move the reading line, plus and minus zoom, 0 resets."></div>
<div class="x-label" aria-hidden="true">${chart.x.label}</div></div>`;
}

/** A part of the page with a heading that the navigation lists. */
export interface Section {
  readonly id: string;
  readonly title: string;
  /** Shorter title for the navigation. */
  readonly nav?: string;
  readonly intro?: HtmlValue;
  readonly body: HtmlValue;
}

/** A section of figures; null without any. */
export function figureSection(
  id: string,
  title: string,
  figures: readonly FigureOptions[],
  words: { readonly nav?: string; readonly intro?: HtmlValue } = {},
): Section | null {
  return figures.length === 0 ? null : { id, title, ...words, body: figureGrid(figures) };
}

/** Figures side by side where there is room; one that would stand alone in its row takes the whole of it. */
export function figureGrid(figures: readonly FigureOptions[]): Html | null {
  if (figures.length === 0) return null;
  let isSecond = false;
  const placed = figures.map((options, i) => {
    const isAlone = !isSecond && (i + 1 === figures.length || figures[i + 1].wide === true);
    const wide = options.wide === true || isAlone;
    isSecond = !wide && !isSecond;
    return figure({ ...options, wide });
  });
  return html`<div class="figures">${placed}</div>`;
}

/** Sentences as a list; null without any. */
export function noteSection(title: string, notes: readonly string[]): Section | null {
  return notes.length === 0
    ? null
    : {
        id: 'notes',
        title,
        nav: 'Notes',
        body: html`<ul class="notes">${notes.map((note) => html`<li>${prose(note)}</li>`)}</ul>`,
      };
}

/** Drops what is not there. */
export function present<T>(items: readonly (T | null)[]): T[] {
  return items.filter((item): item is T => item !== null);
}

export interface Tile {
  readonly label: string;
  readonly value: HtmlValue;
  readonly detail: HtmlValue;
  readonly tone?: Tone;
}

export type Tone = 'good' | 'warn' | 'bad' | 'plain';

/** Tones are never told by colour alone. */
export const TONE_MARK: Readonly<Record<Tone, string>> = { good: '✓', warn: '!', bad: '✕', plain: '' };

/** The key numbers under the verdict. */
export function tiles(list: readonly Tile[]): Html {
  return html`<dl class="tiles">${list.map(
    (
      tile,
    ) => html`<div class="tile ${tile.tone ?? 'plain'}"><dt>${tile.label}</dt><dd><strong>${tile.value}</strong>
<span>${tile.detail}</span></dd></div>`,
  )}</dl>`;
}

/** Pass or miss as a mark with a word. */
export function passMark(pass: boolean, words: readonly [string, string] = ['met', 'missed']): Html {
  return html`<span class="mark ${pass ? 'good' : 'bad'}"><span aria-hidden="true">${pass ? '✓' : '✕'}</span> ${pass ? words[0] : words[1]}</span>`;
}

/** Names and values. */
export function facts(list: readonly (readonly [string, HtmlValue])[]): Html {
  return html`<dl class="facts">${list.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Preformatted text with a button that copies it. */
export function copyBlock(title: string, text: string, id: string): Html {
  return html`<div class="copy"><div class="copy-head"><h3>${title}</h3><button type="button" class="copy-button" data-copy="${id}">Copy</button></div>
<pre id="${id}" tabindex="0" aria-label="${title}"><code>${text}</code></pre></div>`;
}
