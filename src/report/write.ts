/** Edge of `report`: reads what another command wrote, renders it, writes the page. */
import { writeFileAtomic } from '../trace/files.js';
import { loadAssets } from './assets.js';
import type { ReportInput } from './input.js';
import { renderPage } from './page.js';
import { readReportInput } from './read.js';
import { buildPage } from './report.js';

export interface WriteReportOptions {
  /** A run folder or its run.json, a profile, a plan folder or its plan.json. */
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

/** Writes the report of a run, profile or plan. Throws what `readReportInput` throws, and OUTPUT_UNWRITABLE. */
export async function writeReport(options: WriteReportOptions): Promise<WrittenReport> {
  const document = await readReportInput(options.input);
  const page = buildPage(document);
  const text = renderPage(page, loadAssets());
  await writeFileAtomic(options.output, text);
  const { verdict, because, next } = page.headline;
  return {
    output: options.output,
    subject: document.kind,
    bytes: Buffer.byteLength(text),
    charts: page.charts.length,
    verdict,
    because,
    next,
  };
}
