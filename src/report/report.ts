/** `report`: any document of ours → one self-contained HTML page. */
import { loadAssets } from './assets.js';
import { comparisonPage } from './comparison-page.js';
import { fleetComparisonPage } from './fleet-comparison-page.js';
import type { ReportInput } from './input.js';
import { modelPage } from './model-page.js';
import { type Page, renderPage } from './page.js';
import { planPage } from './plan-page.js';
import { profilePage } from './profile-page.js';
import { runComparisonPage } from './run-comparison-page.js';
import { runPage } from './run-page.js';
import { simulationPage } from './simulation-page.js';
import { tracePage } from './trace-page.js';

export type {
  PlanFile,
  PlanReportInput,
  ProfileReportInput,
  ReportInput,
  RunReportInput,
  TraceReportInput,
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
    case 'trace':
      return tracePage(document.name, document.facts);
    case 'trace-comparison':
      return comparisonPage(document.name, document.document);
    case 'run-comparison':
      return runComparisonPage(document.name, document.document);
    case 'workload-model':
      return modelPage(document.name, document.document);
    case 'simulation':
      return simulationPage(document.name, document.document);
    case 'fleet-comparison':
      return fleetComparisonPage(document.name, document.document);
  }
}
