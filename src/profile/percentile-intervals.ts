/**
 * How sure a level's percentiles are: confidence intervals from whole blocks of time.
 *
 * Requests of one moment share the server's queue, so blocks of consecutive arrivals are drawn, not requests (Künsch 1989,
 * disjoint blocks). What no resampling of the data can show is said by order statistics: when the chance that all n samples
 * lie below the percentile is above half the allowed error, there is no upper bound. Percentile intervals, widened for few
 * blocks by Student's t (Hesterberg 2015). Cost: one pass over the sorted values per resample and metric.
 */
import { percentileSorted, REQUEST_METRICS } from '../metrics.js';
import { type Rng, randomOf } from '../random.js';
import type { Slo } from '../slo.js';
import { normalCdf } from '../stats/normal-cdf.js';
import { studentQuantile } from '../stats/student-quantile.js';
import type { PercentileInterval, RequestInstants } from '../types.js';
import { isPercentile } from './mlperf.js';

const LEVEL = 0.95;
/** Resamples: fewer for large samples, whose intervals are narrow anyway. */
const RESAMPLES = { most: 400, fewest: 100, samples: 4e6 };
const BLOCKS = 20;
/** Requests of a block at least. */
const BLOCK_REQUESTS = 5;
const METRICS = ['ttft', 'tpot', 'e2e'] as const;
const PERCENTILES = [0.5, 0.9, 0.99] as const;

type RequestMetric = keyof typeof REQUEST_METRICS;

/** Intervals of the measured requests of a level, in order of arrival; none with fewer than four blocks. */
export function percentileIntervals(
  measured: readonly RequestInstants[],
  slo: Slo,
  seed: string,
): PercentileInterval[] {
  const blocks = Math.min(BLOCKS, Math.floor(measured.length / BLOCK_REQUESTS));
  if (blocks < 4) return [];
  const wanted = new Map<RequestMetric, Set<number>>(METRICS.map((metric) => [metric, new Set(PERCENTILES)]));
  for (const term of slo.terms.filter(isPercentile)) {
    const known = wanted.get(term.metric) ?? new Set();
    wanted.set(term.metric, known.add(term.statistic.p));
  }
  const affordable = Math.floor(RESAMPLES.samples / measured.length);
  const resamples = Math.min(RESAMPLES.most, Math.max(RESAMPLES.fewest, affordable));
  const draws = drawBlocks(blocks, resamples, randomOf(seed, 'bootstrap', 'level'));
  const tail = normalCdf(studentQuantile((1 - LEVEL) / 2, blocks - 1) * Math.sqrt(blocks / (blocks - 1)));
  return [...wanted].flatMap(([metric, percentiles]) =>
    intervalsOf(metric, [...percentiles].sort(), measured, draws, tail),
  );
}

/** How often each block was drawn, per resample. */
function drawBlocks(blocks: number, resamples: number, rng: Rng): Int32Array[] {
  return Array.from({ length: resamples }, () => {
    const times = new Int32Array(blocks);
    for (let i = 0; i < blocks; i++) times[rng.int(blocks)] += 1;
    return times;
  });
}

function intervalsOf(
  metric: RequestMetric,
  percentiles: readonly number[],
  measured: readonly RequestInstants[],
  draws: readonly Int32Array[],
  tail: number,
): PercentileInterval[] {
  const blocks = draws[0].length;
  const samples: { readonly ms: number; readonly block: number }[] = [];
  measured.forEach((request, i) => {
    const ms = REQUEST_METRICS[metric](request);
    if (typeof ms === 'number') samples.push({ ms, block: Math.floor((i * blocks) / measured.length) });
  });
  if (samples.length === 0) return [];
  samples.sort((a, b) => a.ms - b.ms);
  const sorted = Float64Array.from(samples, (one) => one.ms);
  const blockOf = Int32Array.from(samples, (one) => one.block);
  const found = percentiles.map(() => [] as number[]);
  for (const times of draws) {
    const values = weightedPercentiles(sorted, blockOf, times, percentiles);
    values?.forEach((value, k) => {
      found[k].push(value);
    });
  }
  return percentiles.map((percentile, k) => {
    const resampled = Float64Array.from(found[k]).sort();
    const valueMs = percentileSorted(sorted, percentile)!;
    const bounded = percentile ** samples.length <= (1 - LEVEL) / 2;
    return {
      metric,
      percentile,
      level: LEVEL,
      n: samples.length,
      valueMs,
      lowMs: Math.min(valueMs, percentileSorted(resampled, tail) ?? valueMs),
      highMs: bounded ? Math.max(valueMs, percentileSorted(resampled, 1 - tail) ?? valueMs) : null,
    };
  });
}

/** Type-7 percentiles of the sample in which block b counts times[b] times; null for an empty one. Rising percentiles. */
function weightedPercentiles(
  sorted: Float64Array,
  blockOf: Int32Array,
  times: Int32Array,
  percentiles: readonly number[],
): number[] | null {
  let n = 0;
  for (const block of blockOf) n += times[block];
  if (n === 0) return null;
  const values: number[] = [];
  let next = 0;
  let seen = 0;
  let low: number | null = null;
  for (let i = 0; i < sorted.length && next < percentiles.length; i++) {
    const count = times[blockOf[i]];
    if (count === 0) continue;
    seen += count;
    while (next < percentiles.length) {
      const h = (n - 1) * percentiles[next];
      const floor = Math.floor(h);
      if (low === null && seen > floor) low = sorted[i];
      if (low === null || (h > floor && seen <= floor + 1)) break;
      values.push(low + (h - floor) * (sorted[i] - low));
      low = null;
      next += 1;
    }
  }
  return values;
}
