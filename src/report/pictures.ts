/**
 * Pictures: charts that need no zoom and no reading line, drawn as SVG once. Heat maps of lengths and rows of
 * intervals. The same marks serve the page (colours by class, so that both themes work) and a file of its own.
 */
import { formatCount, significant } from '../units.js';
import type { ChartColour } from './chart.js';
import { type Html, html } from './html.js';

/** Shares of requests in cells of two log-spaced axes; one panel per trace. */
export interface HeatPicture {
  readonly id: string;
  readonly picture: 'heat';
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xEdges: readonly number[];
  readonly yEdges: readonly number[];
  readonly panels: readonly {
    readonly label: string;
    readonly colour: ChartColour;
    /** Row by row over y, (yEdges − 1) × (xEdges − 1), 0–1. */
    readonly shares: readonly number[];
  }[];
}

/** One row: a bar from low to high, a mark at the point, its value as text. */
export interface IntervalRow {
  readonly label: string;
  readonly low: number | null;
  readonly high: number | null;
  readonly point: number | null;
  readonly text: string;
  readonly tone: 'good' | 'bad' | 'plain';
}

/** Rows of intervals over one axis, with a line that they are held to. */
export interface IntervalPicture {
  readonly id: string;
  readonly picture: 'intervals';
  readonly xLabel: string;
  readonly unit: 'number' | 'percent';
  readonly from: number;
  readonly to: number;
  readonly line: { readonly at: number; readonly label: string };
  readonly rows: readonly IntervalRow[];
}

export type Picture = HeatPicture | IntervalPicture;

export function isPicture(chart: { readonly id: string }): chart is Picture {
  return 'picture' in chart;
}

/** Marks inside a box. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly marks: Html;
}

const NARROW = 320;
const WIDE = 760;

/** A picture for the page: one drawing per panel, or one for phones and one for desks. */
export function pictureHtml(picture: Picture): Html {
  const drawn = (drawing: Drawing, name: string): Html =>
    html`<svg class="${name}" viewBox="0 0 ${drawing.width} ${drawing.height}" width="${drawing.width}" height="${drawing.height}" aria-hidden="true" focusable="false">${drawing.marks}</svg>`;
  if (picture.picture === 'heat')
    return html`<div class="panels">${heatDrawings(picture).map((panel) => drawn(panel, 'panel'))}</div>`;
  return html`${drawn(intervalDrawing(picture, NARROW), 'narrow')}${drawn(intervalDrawing(picture, WIDE), 'desk')}`;
}

/** A picture as one drawing, for a file of its own. */
export function pictureDrawing(picture: Picture): Drawing {
  if (picture.picture === 'intervals') return intervalDrawing(picture, WIDE);
  const panels = heatDrawings(picture);
  const width = panels.reduce((sum, panel) => sum + panel.width, 0);
  let left = 0;
  const placed = panels.map((panel) => {
    const at = left;
    left += panel.width;
    return html`<g transform="translate(${at} 0)">${panel.marks}</g>`;
  });
  return { width, height: Math.max(...panels.map((panel) => panel.height)), marks: html`${placed}` };
}

function heatDrawings(picture: HeatPicture): Drawing[] {
  const [left, top, size, bottom] = [48, 22, 290, 40];
  const columns = picture.xEdges.length - 1;
  const rows = picture.yEdges.length - 1;
  const cell = { width: size / columns, height: size / rows };
  const most = Math.max(...picture.panels.flatMap((panel) => panel.shares), 1e-9);
  const ticks = (edges: readonly number[]): readonly number[] => {
    const step = Math.ceil((edges.length - 1) / 4);
    return edges.map((_, i) => i).filter((i) => i % step === 0);
  };
  return picture.panels.map((panel) => ({
    width: left + size + 16,
    height: top + size + bottom,
    marks: html`<text class="t-ink" x="${left}" y="14">${panel.label}</text>
<rect class="s-line f-none" x="${left}" y="${top}" width="${size}" height="${size}"/>
${panel.shares.map((share, i) => {
  if (share === 0) return null;
  const [row, column] = [Math.floor(i / columns), i % columns];
  const tip = `${panel.label}: ${percentText(share)} of requests with ${picture.yLabel} ${rangeText(picture.yEdges, row)} and ${picture.xLabel} ${rangeText(picture.xEdges, column)}`;
  return html`<rect class="f-${panel.colour}" x="${round(left + column * cell.width)}" y="${round(top + size - (row + 1) * cell.height)}" width="${round(cell.width)}" height="${round(cell.height)}" fill-opacity="${round(0.08 + 0.92 * Math.sqrt(share / most))}" data-tip="${tip}"/>`;
})}
${ticks(picture.xEdges).map((i) => html`<text class="t-muted" x="${round(left + i * cell.width)}" y="${top + size + 15}" text-anchor="middle">${shortCount(picture.xEdges[i])}</text>`)}
${ticks(picture.yEdges).map((i) => html`<text class="t-muted" x="${left - 5}" y="${round(top + size - i * cell.height + 4)}" text-anchor="end">${shortCount(picture.yEdges[i])}</text>`)}
<text class="t-muted" x="${left + size}" y="${top + size + 32}" text-anchor="end">${picture.xLabel}</text>
<text class="t-muted" x="10" y="${top + size / 2}" text-anchor="middle" transform="rotate(-90 10 ${top + size / 2})">${picture.yLabel}</text>`,
  }));
}

function intervalDrawing(picture: IntervalPicture, width: number): Drawing {
  const longest = Math.max(...picture.rows.map((row) => row.label.length), 4);
  const left = Math.min(Math.max(90, longest * 6.9 + 14), width * 0.46);
  const right = 74;
  const [rowHeight, top] = [24, 22];
  const bottom = top + picture.rows.length * rowHeight;
  const { from, to, line } = picture;
  const at = (value: number): number =>
    round(left + ((Math.min(Math.max(value, from), to) - from) / (to - from)) * (width - left - right));
  const number = (value: number): string =>
    picture.unit === 'percent' ? `${significant(value * 100)} %` : significant(value);
  const middle = (i: number): number => top + i * rowHeight + rowHeight / 2;
  return {
    width,
    height: bottom + 36,
    marks: html`${tickValues(from, to, width > 500 ? 7 : 3).map(
      (value) =>
        html`<line class="s-line" x1="${at(value)}" x2="${at(value)}" y1="${top}" y2="${bottom}"/><text class="t-muted" x="${at(value)}" y="${bottom + 15}" text-anchor="middle">${number(value)}</text>`,
    )}
<line class="s-red dash" x1="${at(line.at)}" x2="${at(line.at)}" y1="${top - 4}" y2="${bottom}"/><text class="t-red" x="${at(line.at)}" y="${top - 8}" text-anchor="middle">${line.label}</text>
${picture.rows.map((row, i) => {
  const y = middle(i);
  const colour = row.tone === 'bad' ? 'bad' : row.tone === 'good' ? 'good' : 'blue';
  const beyond =
    row.point !== null && row.point > to ? ' →' : row.point !== null && row.point < from ? ' ←' : '';
  return html`<g data-tip="${row.label}: ${row.text}"><rect class="f-none" pointer-events="all" x="0" y="${y - rowHeight / 2}" width="${width}" height="${rowHeight}"/><text class="t-ink" x="${round(left - 8)}" y="${y + 4}" text-anchor="end">${row.label}</text>
${row.low === null || row.high === null ? null : html`<line class="s-${row.tone === 'plain' ? 'grey' : colour} thick" x1="${at(row.low)}" x2="${at(row.high)}" y1="${y}" y2="${y}"/>`}
${row.point === null ? null : mark(at(row.point), y, row.tone === 'bad', colour)}
<text class="t-ink" x="${width - right + 8}" y="${y + 4}">${row.text.split(' (')[0]}${beyond}</text></g>`;
})}
<text class="t-muted" x="${width - right}" y="${bottom + 31}" text-anchor="end">${picture.xLabel}</text>`,
  };
}

/** A disc, or a cross for what is bad: never told by colour alone. */
function mark(x: number, y: number, isBad: boolean, colour: string): Html {
  return isBad
    ? html`<path class="s-${colour} thick" d="M${x - 5} ${y - 5}L${x + 5} ${y + 5}M${x - 5} ${y + 5}L${x + 5} ${y - 5}"/>`
    : html`<circle class="f-${colour}" cx="${x}" cy="${y}" r="5"/>`;
}

/** Round values between the ends, about as many as asked for. */
export function tickValues(from: number, to: number, wished: number): number[] {
  const rough = (to - from) / Math.max(1, wished);
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5, 10].find((factor) => factor * unit >= rough * 0.999) ?? 10);
  const ticks: number[] = [];
  for (let k = Math.ceil(from / step - 1e-9); k * step <= to + step * 1e-9; k++)
    ticks.push(Number((k * step).toPrecision(6)) + 0);
  return ticks;
}

/** Lengths in the corners of pictures: 950, 3.2k, 131k. */
function shortCount(value: number): string {
  return value >= 1_000 ? `${significant(value / 1_000, value >= 100_000 ? 3 : 2)}k` : significant(value);
}

function rangeText(edges: readonly number[], i: number): string {
  return `${formatCount(edges[i])}–${formatCount(edges[i + 1] - 1)}`;
}

const percentText = (share: number): string => `${significant(share * 100)} %`;
const round = (value: number): number => Math.round(value * 100) / 100;
