/** Reads what a page inlines: uPlot from node_modules and the hand-written style and script beside this folder's sources. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { PACKAGE_ROOT } from '../manifest.js';
import { CHART_NUMBERS_SCRIPT } from './chart-numbers.js';

export interface PageAssets {
  /** uPlot, which defines the global `uPlot`. */
  readonly chartScript: string;
  readonly chartStyle: string;
  readonly pageScript: string;
  readonly pageStyle: string;
}

let cached: PageAssets | null = null;

/** The assets, read once per process. */
export function loadAssets(): PageAssets {
  cached ??= {
    chartScript: readFileSync(fromUplot('uPlot.iife.min.js'), 'utf8'),
    chartStyle: readFileSync(fromUplot('uPlot.min.css'), 'utf8'),
    // A function as the replacement: `$` in the text stays itself.
    pageScript: readFileSync(own('report.js'), 'utf8').replace('/* NUMBERS */', () => CHART_NUMBERS_SCRIPT),
    pageStyle: readFileSync(own('report.css'), 'utf8'),
  };
  return cached;
}

function fromUplot(name: string): string {
  return createRequire(import.meta.url).resolve(`uplot/dist/${name}`);
}

function own(name: string): URL {
  return new URL(`src/report/assets/${name}`, PACKAGE_ROOT);
}
