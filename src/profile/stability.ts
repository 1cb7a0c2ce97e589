/**
 * Whether a level's latency and throughput stayed the same: the test of perf_analyzer's three windows.
 *
 * The measured arrivals are cut into three windows of equal length; in each the mean latency and the rate of completions
 * must be within 10 % of their mean over the three (its default), or within three standard errors where so few requests make
 * more than that by chance. Standard errors are those of independent requests, inflated by the variance of six blocks'
 * means where requests of a moment are slow together.
 */
import { REQUEST_METRICS } from '../metrics.js';
import type { RequestInstants } from '../types.js';
import { formatMs, significant } from '../units.js';

const WINDOWS = 3;
const TOLERANCE_RATIO = 0.1;
const STANDARD_ERRORS = 3;
/** Completed requests of a window at least: below, nothing is said. */
const FEWEST = 10;

/** A sentence that says how the windows differ; null = stable, or too little to tell. */
export function instabilityOf(measured: readonly RequestInstants[]): string | null {
  const fromNs = measured.reduce((least, one) => Math.min(least, one.intendedNs), Number.POSITIVE_INFINITY);
  const toNs = measured.reduce((most, one) => Math.max(most, one.intendedNs), Number.NEGATIVE_INFINITY);
  if (!(toNs > fromNs)) return null;
  const windows: number[][] = Array.from({ length: WINDOWS }, () => []);
  for (const request of measured) {
    const ms = REQUEST_METRICS.e2e(request);
    if (typeof ms !== 'number') continue;
    const window = Math.floor((WINDOWS * (request.intendedNs - fromNs)) / (toNs - fromNs));
    windows[Math.min(WINDOWS - 1, window)].push(ms);
  }
  if (windows.some((window) => window.length < FEWEST)) return null;
  const means = windows.map(mean);
  const errors = windows.map(standardError);
  const overall = mean(means);
  const unstable = means.some(
    (value, i) =>
      Math.abs(value - overall) > Math.max(TOLERANCE_RATIO * overall, STANDARD_ERRORS * errors[i]),
  );
  if (unstable) {
    return `latency not stable: mean e2e of three windows ${means.map(formatMs).join(', ')}`;
  }
  const counts = windows.map((window) => window.length);
  const usual = mean(counts);
  const uneven = counts.some(
    (count) =>
      Math.abs(count - usual) > Math.max(TOLERANCE_RATIO * usual, STANDARD_ERRORS * Math.sqrt(usual)),
  );
  return uneven
    ? `throughput not stable: ${counts.map((count) => significant(count)).join(', ')} requests completed of three windows`
    : null;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of the mean, from the values or from blocks of them, whichever is larger. */
function standardError(values: readonly number[]): number {
  const blocks = Array.from({ length: BLOCKS }, (_, i) =>
    values.slice(Math.floor((i * values.length) / BLOCKS), Math.floor(((i + 1) * values.length) / BLOCKS)),
  ).filter((block) => block.length > 0);
  return Math.max(
    spread(values) / Math.sqrt(values.length),
    spread(blocks.map(mean)) / Math.sqrt(blocks.length),
  );
}

const BLOCKS = 6;

function spread(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}
