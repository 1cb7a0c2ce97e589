/** `report`: run, profile or plan → one self-contained HTML page. */
import { loadAssets } from './assets.js';
import type { ReportInput } from './input.js';
import { type Page, renderPage } from './page.js';
import { planPage } from './plan-page.js';
import { profilePage } from './profile-page.js';
import { runPage } from './run-page.js';

export type {
  PlanFile,
  PlanReportInput,
  ProfileReportInput,
  ReportInput,
  RunReportInput,
} from './input.js';

/**
 * The page as HTML text: everything inlined, nothing fetched, the same bytes for the same document.
 * Its style, script and chart library are read from the installed package.
 */
export function renderReport(document: ReportInput): string {
  return renderPage(buildPage(document), loadAssets());
}

/** The page as data, before the template. */
export function buildPage(document: ReportInput): Page {
  switch (document.kind) {
    case 'run':
      return runPage(document);
    case 'latency-profile':
      return profilePage(document);
    case 'capacity-plan':
      return planPage(document);
  }
}
