/** Edge of `report`: reads what another command wrote, renders it, writes the page. */
import { writeFileAtomic } from '../trace/files.js';
import { loadAssets } from './assets.js';
import type { ReportInput } from './input.js';
import { renderPage } from './page.js';
import { readReportInput } from './read.js';
import { buildPage } from './report.js';

export interface WriteReportOptions {
  /** A run or plan folder, a profile, a trace, a model, a comparison or a simulation. */
  readonly input: string;
  /** The page to write. */
  readonly output: string;
}

export interface WrittenReport {
  readonly output: string;
  readonly subject: ReportInput['kind'];
  readonly bytes: number;
  readonly charts: number;
  /** The page's first sentences. */
  readonly verdict: string;
  readonly because: string;
  readonly next: string;
}

/** Writes the report of any document. Throws what `readReportInput` throws, and OUTPUT_UNWRITABLE. */
export async function writeReport(options: WriteReportOptions): Promise<WrittenReport> {
  return writeReportOf(await readReportInput(options.input), options.output);
}

/** Writes the report of a document that is at hand. Throws OUTPUT_UNWRITABLE. */
export async function writeReportOf(document: ReportInput, output: string): Promise<WrittenReport> {
  const page = buildPage(document);
  const text = renderPage(page, loadAssets());
  await writeFileAtomic(output, text);
  const { verdict, because, next } = page.headline;
  return {
    output,
    subject: document.kind,
    bytes: Buffer.byteLength(text),
    charts: page.charts.length,
    verdict,
    because,
    next,
  };
}
