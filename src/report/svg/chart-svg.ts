/**
 * A single chart as an SVG file: title, legend, axes, series, and n, window and definition under it. Drawn from the
 * page's own series without a browser; light colours of the page's style sheet. Pure.
 */
import type { Chart, ChartSeries, ChartSpec } from '../chart.js';
import { tickText } from '../chart-numbers.js';
import { type Html, html } from '../html.js';
import type { FigureBlock } from '../outline.js';
import { isPicture, pictureDrawing } from '../pictures.js';
import { isLogAxis, scaleOf, ticksOf, xRange, yRange } from './axes.js';

const WIDTH = 800;
const LEFT = 74;
const RIGHT = 22;
/** Mean width of a character at 12 px; text is broken and placed by it. */
const CHARACTER = 6.4;

/** The colours of the light theme, by role, from the page's style sheet. */
export function lightColours(pageStyle: string): Readonly<Record<string, string>> {
  const root = /:root\s*\{([^}]*)\}/.exec(pageStyle)?.[1] ?? '';
  return Object.fromEntries(
    [...root.matchAll(/--([\w-]+):\s*(#[0-9a-f]+)/gi)].map(([, name, value]) => [name, value]),
  );
}

/** The chart as an SVG document. `colours` from `lightColours`. */
export function chartSvg(
  chart: Chart,
  words: Pick<FigureBlock, 'title' | 'reading' | 'source'>,
  colours: Readonly<Record<string, string>>,
): string {
  const head = wrapped(words.reading, WIDTH - 40);
  const foot = wrapped(words.source, WIDTH - 40);
  const top = 34 + head.length * 17 + 10;
  const drawing = isPicture(chart) ? pictureDrawing(chart) : xyDrawing(chart);
  const height = top + drawing.height + 14 + foot.length * 16 + 10;
  const width = Math.max(WIDTH, drawing.width + 40);
  const { text } =
    html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${words.title}. ${words.reading}">
<title>${words.title}</title>
<style>${styleOf(colours)}</style>
<rect class="f-page" width="${width}" height="${height}"/>
<text class="t-ink title" x="20" y="28">${words.title}</text>
${head.map((line, i) => html`<text class="t-muted" x="20" y="${48 + i * 17}">${line}</text>`)}
<g transform="translate(${isPicture(chart) ? 20 : 0} ${top})">${drawing.marks}</g>
${foot.map((line, i) => html`<text class="t-muted small" x="20" y="${top + drawing.height + 22 + i * 16}">${line}</text>`)}
</svg>
`;
  return text;
}

function styleOf(colours: Readonly<Record<string, string>>): string {
  const rules = Object.entries(colours).map(
    ([name, value]) => `.f-${name}{fill:${value}}.s-${name}{stroke:${value}}.t-${name}{fill:${value}}`,
  );
  return `text{font:12px system-ui,"Liberation Sans","DejaVu Sans",sans-serif}.title{font-size:17px;font-weight:600}.small{font-size:11px}.f-none{fill:none}.thick{stroke-width:2.5;fill:none}.dash{stroke-width:1.5;stroke-dasharray:5 4}.path{fill:none;stroke-width:2}.halo{paint-order:stroke;stroke-width:3;stroke-linejoin:round}${rules.join('')}`;
}

function wrapped(text: string, width: number): string[] {
  const most = Math.floor(width / CHARACTER);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > most) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

interface Frame {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly top: number;
  readonly bottom: number;
}

function xyDrawing(spec: ChartSpec): {
  readonly width: number;
  readonly height: number;
  readonly marks: Html;
} {
  const shown = spec.series
    .map((series, i) => ({ series, values: spec.data[i + 1] }))
    .filter(({ series }) => !series.hidden);
  const legend = legendMarks(shown.map(({ series }) => series));
  const top = legend.height + 24;
  const bottom = top + (spec.height === 'low' ? 200 : 320);
  const [across, up] = [scaleOf(xRange(spec), isLogAxis(spec.x)), scaleOf(yRange(spec), isLogAxis(spec.y))];
  const frame: Frame = {
    top,
    bottom,
    x: (value) => round(LEFT + across.at(value) * (WIDTH - LEFT - RIGHT)),
    y: (value) => round(bottom - up.at(value) * (bottom - top)),
  };
  const xTicks = ticksOf(across, spec.x.unit, 8);
  const yTicks = ticksOf(up, spec.y.unit, spec.height === 'low' ? 4 : 6);
  const right = WIDTH - RIGHT;
  return {
    width: WIDTH - 40,
    height: bottom + 42,
    marks: html`${legend.marks}
<text class="t-muted small" x="20" y="${top - 8}">${spec.y.label}</text>
${spec.shades.map((shade) => html`<rect class="f-grey" fill-opacity="0.14" x="${frame.x(shade.from)}" y="${top}" width="${round(Math.max(0, frame.x(shade.to) - frame.x(shade.from)))}" height="${bottom - top}"/>`)}
${xTicks.map((value) => html`<line class="s-line" x1="${frame.x(value)}" x2="${frame.x(value)}" y1="${top}" y2="${bottom}"/><text class="t-ink" x="${frame.x(value)}" y="${bottom + 17}" text-anchor="middle">${tickText(spec.x.unit, value, xTicks[xTicks.length - 1])}</text>`)}
${yTicks.map((value) => html`<line class="s-line" x1="${LEFT}" x2="${right}" y1="${frame.y(value)}" y2="${frame.y(value)}"/><text class="t-ink" x="${LEFT - 8}" y="${frame.y(value) + 4}" text-anchor="end">${tickText(spec.y.unit, value, yTicks[yTicks.length - 1])}</text>`)}
<clipPath id="plot"><rect x="${LEFT}" y="${top - 1}" width="${right - LEFT}" height="${bottom - top + 2}"/></clipPath>
<g clip-path="url(#plot)">${shown.map(({ series, values }) => seriesMarks(series, spec.data[0], values, frame, up.isLog))}</g>
${lineMarks(spec, frame)}
<text class="t-muted small" x="${right}" y="${bottom + 36}" text-anchor="end">${spec.x.label}</text>`,
  };
}

function legendMarks(series: readonly ChartSeries[]): { readonly height: number; readonly marks: Html } {
  let [left, row] = [20, 0];
  const marks = series.map(({ label, colour, style, dashed }) => {
    const width = 30 + label.length * CHARACTER + 18;
    if (left + width > WIDTH - 20 && left > 20) [left, row] = [20, row + 1];
    const y = 12 + row * 18;
    const at = left;
    left += width;
    const sign =
      style === 'points'
        ? html`<circle class="f-${colour}" cx="${at + 11}" cy="${y - 4}" r="4"/>`
        : style === 'bars'
          ? html`<rect class="f-${colour}" x="${at + 6}" y="${y - 10}" width="11" height="11"/>`
          : html`<line class="s-${colour} thick" x1="${at}" x2="${at + 22}" y1="${y - 4}" y2="${y - 4}"${dashed ? html` stroke-dasharray="6 4"` : null}/>`;
    return html`${sign}<text class="t-ink" x="${at + 28}" y="${y}">${label}</text>`;
  });
  return { height: 18 * (row + 1), marks: html`${marks}` };
}

function seriesMarks(
  { colour, style, dashed }: ChartSeries,
  xs: readonly (number | null)[],
  values: readonly (number | null)[],
  frame: Frame,
  isLog: boolean,
): Html {
  const points = xs.flatMap((x, i) => {
    const y = values[i];
    return x === null ? [] : [{ x, y: y === null || (isLog && y <= 0) ? null : y }];
  });
  const known = points.filter((point): point is { x: number; y: number } => point.y !== null);
  const dash = dashed ? html` stroke-dasharray="6 4"` : null;
  const discs = (radius: number): Html =>
    html`${known.map((point) => html`<circle class="f-${colour}" cx="${frame.x(point.x)}" cy="${frame.y(point.y)}" r="${radius}"/>`)}`;
  switch (style) {
    case 'points':
      return discs(known.length > 200 ? 1.6 : 3.5);
    case 'line-points':
      return html`<path class="s-${colour} path" d="${linePath(known, frame)}"${dash}/>${discs(3.5)}`;
    case 'bars':
      return html`${points.slice(0, -1).map(({ x, y }, i) => {
        if (y === null) return null;
        const [left, right] = [frame.x(x), frame.x(points[i + 1].x)];
        return html`<rect class="f-${colour}" x="${left}" y="${frame.y(y)}" width="${round(Math.max(1, (right - left) * 0.92))}" height="${round(Math.max(0, frame.bottom - frame.y(y)))}"/>`;
      })}`;
    case 'area':
      return html`<path class="f-${colour}" fill-opacity="0.14" d="${stepPath(known, frame)}V${frame.bottom}H${known.length === 0 ? 0 : frame.x(known[0].x)}Z"/><path class="s-${colour} path" d="${stepPath(known, frame)}"/>`;
    case 'step':
      return html`${runsOf(points).map((run) => html`<path class="s-${colour} path" d="${stepPath(run, frame)}"${dash}/>`)}`;
    case 'line':
      return html`${runsOf(points).map((run) => html`<path class="s-${colour} path" d="${linePath(run, frame)}"${dash}/>`)}`;
  }
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Stretches without gaps. */
function runsOf(points: readonly { readonly x: number; readonly y: number | null }[]): Point[][] {
  const runs: Point[][] = [[]];
  for (const { x, y } of points) {
    if (y !== null) runs[runs.length - 1].push({ x, y });
    else if (runs[runs.length - 1].length > 0) runs.push([]);
  }
  return runs.filter((run) => run.length > 0);
}

function linePath(points: readonly Point[], frame: Frame): string {
  return points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${frame.x(x)} ${frame.y(y)}`).join('');
}

function stepPath(points: readonly Point[], frame: Frame): string {
  return points
    .map(({ x, y }, i) => (i === 0 ? `M${frame.x(x)} ${frame.y(y)}` : `H${frame.x(x)}V${frame.y(y)}`))
    .join('');
}

function lineMarks({ lines }: ChartSpec, frame: Frame): Html {
  const right = WIDTH - RIGHT;
  let row = 0;
  return html`${lines.map(({ axis, value, label, colour }) => {
    const place = axis === 'x' ? frame.x(value) : frame.y(value);
    const inside =
      axis === 'x'
        ? place >= LEFT - 1 && place <= right + 1
        : place >= frame.top - 1 && place <= frame.bottom + 1;
    if (!inside) return null;
    if (axis === 'y')
      return html`<line class="s-${colour} dash" x1="${LEFT}" x2="${right}" y1="${place}" y2="${place}"/><text class="t-${colour} s-page halo small" x="${LEFT + 4}" y="${round(place - 4)}">${label}</text>`;
    const y = frame.top - 4 - 12 * row;
    row += 1;
    return html`<line class="s-${colour} dash" x1="${place}" x2="${place}" y1="${frame.top}" y2="${frame.bottom}"/><text class="t-${colour} s-page halo small" x="${round(Math.min(place, right - label.length * CHARACTER * 0.5))}" y="${y}" text-anchor="middle">${label}</text>`;
  })}`;
}

const round = (value: number): number => Math.round(value * 100) / 100;
