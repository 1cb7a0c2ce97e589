/** Edge of `report`: reads what another command wrote, renders it, writes the page, another format, or one chart. */
import { ToolError } from '../errors.js';
import { writeFileAtomic } from '../trace/files.js';
import { loadAssets } from './assets.js';
import { formatCsv, formatJson, formatMarkdown, type ReportFormat } from './formats.js';
import type { ReportInput } from './input.js';
import { figuresOf, outlineOf } from './outline.js';
import { type Page, renderPage } from './page.js';
import { readReportInput } from './read.js';
import { buildPage } from './report.js';
import { chartSvg, lightColours } from './svg/chart-svg.js';
import { pngOfSvg } from './svg/png.js';

export interface WriteReportOptions {
  /** A run or plan folder, a profile, a trace, a model, a comparison or a simulation. */
  readonly input: string;
  /** The file to write. */
  readonly output: string;
  /** Default: by the output's ending, else HTML. */
  readonly format?: ReportFormat;
}

export interface WrittenReport {
  readonly output: string;
  readonly subject: ReportInput['kind'];
  readonly format: ReportFormat;
  readonly bytes: number;
  readonly charts: number;
  /** The page's first sentences. */
  readonly verdict: string;
  readonly because: string;
  readonly next: string;
}

/** Writes the report of any document. Throws what `readReportInput` throws, and OUTPUT_UNWRITABLE. */
export async function writeReport(options: WriteReportOptions): Promise<WrittenReport> {
  return writeReportOf(await readReportInput(options.input), options.output, options.format);
}

/** Writes the report of a document that is at hand. Throws OUTPUT_UNWRITABLE. */
export async function writeReportOf(
  document: ReportInput,
  output: string,
  format: ReportFormat = formatByName(output),
): Promise<WrittenReport> {
  const page = buildPage(document);
  const text = textIn(format, document.kind, page);
  await writeFileAtomic(output, text);
  const { verdict, because, next } = page.headline;
  return {
    output,
    subject: document.kind,
    format,
    bytes: Buffer.byteLength(text),
    charts: page.charts.length,
    verdict,
    because,
    next,
  };
}

/** Format by the ending of a file's name; HTML for others. */
function formatByName(path: string): ReportFormat {
  const ending = /\.(md|markdown|json|csv)$/i.exec(path)?.[1].toLowerCase();
  return ending === 'markdown' ? 'md' : ((ending as ReportFormat | undefined) ?? 'html');
}

/** The report as text, unwritten. Throws what `readReportInput` throws. */
export async function reportText(input: string, format: ReportFormat): Promise<string> {
  const document = await readReportInput(input);
  return textIn(format, document.kind, buildPage(document));
}

function textIn(format: ReportFormat, kind: ReportInput['kind'], page: Page): string {
  switch (format) {
    case 'html':
      return renderPage(page, loadAssets());
    case 'md':
      return formatMarkdown(page);
    case 'json':
      return formatJson(kind, page);
    case 'csv':
      return formatCsv(page);
  }
}

export interface WriteChartOptions {
  readonly input: string;
  /** Id of the chart, as the page has it. */
  readonly chart: string;
  /** `.svg`, or `.png`, which needs a browser. */
  readonly output: string;
  /** Path of a Chromium, for PNG; null = none. */
  readonly browser: string | null;
  readonly signal?: AbortSignal;
}

/** Writes one chart of a report. Throws BAD_VALUE for an unknown id or ending, and what the others throw. */
export async function writeChart(
  options: WriteChartOptions,
): Promise<{ readonly output: string; readonly bytes: number }> {
  const { input, output, browser, signal } = options;
  const isPng = /\.png$/i.test(output);
  if (!isPng && !/\.svg$/i.test(output)) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `expected a chart's file to end in .svg or .png, got ${output}`,
      hint: `-o ${options.chart}.svg`,
    });
  }
  const page = buildPage(await readReportInput(input));
  const chart = page.charts.find((one) => one.id === options.chart);
  const words = figuresOf(outlineOf(page)).find((one) => one.id === options.chart);
  if (chart === undefined || words === undefined) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `no chart '${options.chart}' in this report`,
      hint:
        page.charts.length === 0
          ? 'it has no charts'
          : `one of: ${page.charts.map((one) => one.id).join(', ')}`,
    });
  }
  const svg = chartSvg(chart, words, lightColours(loadAssets().pageStyle));
  const data = isPng ? await pngOfSvg(svg, browser, signal) : svg;
  await writeFileAtomic(output, data);
  return { output, bytes: data.length };
}
