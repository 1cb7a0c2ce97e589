/**
 * Bursts as a chain of load states: the number of states by BIC, and the real bins whose inner pattern is kept.
 *
 * Source: STATISTICS §2.4. Used where the burst test says that neither the slow rate nor the law of gaps can explain
 * the counts. 1-s bins; longer ones in traces above 5.5 h, so that the chain is fitted to at most 20 000 bins (seconds of
 * work per class).
 */
import { type FittedHmm, fitCountHmm } from '../stats/count-hmm-fit.js';
import type { CountHmmModel, OffsetBucket } from '../types.js';

const MOST_STATES = 6;
const MOST_BINS = 20_000;
/** Fewer bins cannot carry even two states. */
const LEAST_BINS = 300;
const LEAST_ARRIVALS = 200;
/** Patterns of one bucket; rare counts share a bucket with their neighbours until it holds some. */
const BUCKET_PATTERNS = 200;
const BUCKET_LEAST = 10;
const BUCKET_REACH = 1.25;
const OFFSET_DIGITS = 5;

/** null when there are too few bins or requests for a chain. `arrivalSec` sorted on [0, durationSec]. */
export function fitBursts(arrivalSec: Float64Array, durationSec: number): CountHmmModel | null {
  const binSec = Math.max(1, Math.ceil(durationSec / MOST_BINS));
  const bins = Math.ceil(durationSec / binSec);
  if (bins < LEAST_BINS || arrivalSec.length < LEAST_ARRIVALS) return null;
  const counts = new Int32Array(bins);
  for (const t of arrivalSec) counts[Math.min(bins - 1, Math.floor(t / binSec))] += 1;
  const tried: FittedHmm[] = [];
  for (let states = 2; states <= MOST_STATES; states++) {
    const fit = fitCountHmm(counts, states);
    tried.push(fit);
    if (tried.length > 1 && fit.bic > tried[tried.length - 2].bic) break;
  }
  const best = tried.reduce((a, b) => (b.bic < a.bic ? b : a));
  return {
    binSec,
    mean: best.mean,
    size: best.size,
    transition: best.transition,
    offsets: collectOffsets(arrivalSec, binSec, counts),
    logLikelihood: best.logLikelihood,
    bic: best.bic,
    candidates: tried.map(({ mean, logLikelihood, bic }) => ({ states: mean.length, logLikelihood, bic })),
  };
}

/** Positions of requests inside their bin, grouped by the bin's count. */
function collectOffsets(arrivalSec: Float64Array, binSec: number, counts: Int32Array): OffsetBucket[] {
  const byCount = new Map<number, number[][]>();
  for (let bin = 0, row = 0; bin < counts.length; bin++) {
    const count = counts[bin];
    if (count === 0) continue;
    const offsets = Array.from({ length: count }, (_, i) => offsetOf(arrivalSec[row + i], bin, binSec));
    row += count;
    const patterns = byCount.get(count);
    if (patterns === undefined) byCount.set(count, [offsets]);
    else patterns.push(offsets);
  }
  const buckets: { countFrom: number; countTo: number; patterns: number[][] }[] = [];
  for (const [count, patterns] of [...byCount].sort((a, b) => a[0] - b[0])) {
    const open = buckets.at(-1);
    const joins =
      open !== undefined && open.patterns.length < BUCKET_LEAST && count <= BUCKET_REACH * open.countFrom;
    if (joins) {
      open.countTo = count;
      open.patterns.push(...patterns);
    } else buckets.push({ countFrom: count, countTo: count, patterns });
  }
  return buckets.map((bucket) => ({ ...bucket, patterns: thinned(bucket.patterns) }));
}

function offsetOf(t: number, bin: number, binSec: number): number {
  // Below 1, so that a request stays in its bin.
  const largest = 1 - 10 ** -OFFSET_DIGITS;
  return Number(Math.min(largest, Math.max(0, t / binSec - bin)).toFixed(OFFSET_DIGITS));
}

/** At most 200 patterns, evenly over the trace. */
function thinned(patterns: readonly number[][]): number[][] {
  if (patterns.length <= BUCKET_PATTERNS) return [...patterns];
  return Array.from(
    { length: BUCKET_PATTERNS },
    (_, k) => patterns[Math.floor((k * patterns.length) / BUCKET_PATTERNS)],
  );
}
