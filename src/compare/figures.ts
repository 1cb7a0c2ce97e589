/** What a page needs to draw a comparison: a few hundred points per chart, computed once. */
import { percentileSorted } from '../metrics.js';
import { countsPerWindow, dispersionIndex } from '../stats/dispersion.js';
import { lruHitRatio } from '../stats/lru-curve.js';
import type { ComparisonFigures, LengthHeatMap, PairedQuantiles, PairedSeries } from '../types.js';
import { AUTOCORRELATION_LAGS, gapsOf } from './arrivals.js';
import { hazard, type SampleStatistics } from './battery.js';
import type { Sample } from './sample.js';

/** Every percent, and the upper tail. */
const PROBS = [...Array.from({ length: 100 }, (_, k) => k / 100), 0.995, 0.998, 0.999, 1];

const MOST_TIME_BINS = 240;
const TIME_BINS_SEC = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600];

/** Windows of the dispersion curve; one needs five of them for a variance worth drawing. */
const DISPERSION_WINDOWS_SEC = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600];
const LEAST_WINDOWS = 5;

const HEAT_BINS = 20;
const CACHE_SIZES = [
  100, 200, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 30_000, 50_000, 100_000, 200_000, 500_000,
  1_000_000,
];
const DRAWN_TURNS = 12;

export function comparisonFigures(
  a: Sample,
  b: Sample,
  ofA: SampleStatistics,
  ofB: SampleStatistics,
): ComparisonFigures {
  return {
    quantiles: quantilePairs(a, b, ofA, ofB),
    countsOverTime: countsOverTime(a, b),
    dispersion: dispersionCurve(a, b),
    autocorrelation: {
      x: Array.from({ length: AUTOCORRELATION_LAGS }, (_, k) => k + 1),
      a: ofA.arrivals.autocorrelation,
      b: ofB.arrivals.autocorrelation,
    },
    heatMap: heatMap(ofA, ofB),
    lruHitRatio: lruCurve(ofA, ofB),
    turnHazard: hazardCurve(ofA, ofB),
  };
}

function quantilePairs(
  a: Sample,
  b: Sample,
  ofA: SampleStatistics,
  ofB: SampleStatistics,
): PairedQuantiles[] {
  const pair = (
    id: PairedQuantiles['id'],
    unit: PairedQuantiles['unit'],
    sortedA: ArrayLike<number> | undefined,
    sortedB: ArrayLike<number> | undefined,
  ): PairedQuantiles[] => {
    if (sortedA === undefined || sortedB === undefined || sortedA.length * sortedB.length === 0) return [];
    const at = (sorted: ArrayLike<number>): number[] => PROBS.map((p) => percentileSorted(sorted, p)!);
    return [{ id, unit, probs: PROBS, a: at(sortedA), b: at(sortedB) }];
  };
  return [
    ...pair('input_tokens', 'tokens', ofA.lengths?.input.sorted, ofB.lengths?.input.sorted),
    ...pair('output_tokens', 'tokens', ofA.lengths?.output.sorted, ofB.lengths?.output.sorted),
    ...pair('gap_sec', 's', gapsOf(a.arrivalSec).sort(), gapsOf(b.arrivalSec).sort()),
    ...pair('ttft_sec', 's', ofA.serving?.ttftSec, ofB.serving?.ttftSec),
  ];
}

function countsOverTime(a: Sample, b: Sample): ComparisonFigures['countsOverTime'] {
  const durationSec = Math.max(a.durationSec, b.durationSec);
  const binSec = roundBinSec(durationSec / MOST_TIME_BINS);
  const bins = Math.max(1, Math.ceil(durationSec / binSec));
  const counts = (sample: Sample): number[] =>
    Array.from(countsPerWindow(sample.arrivalSec, binSec, bins * binSec));
  return { binSec, x: Array.from({ length: bins }, (_, k) => k * binSec), a: counts(a), b: counts(b) };
}

/** The smallest round width that is no narrower, seconds; whole hours above one. */
export function roundBinSec(leastSec: number): number {
  return TIME_BINS_SEC.find((sec) => sec >= leastSec) ?? Math.ceil(leastSec / 3_600) * 3_600;
}

function dispersionCurve(a: Sample, b: Sample): PairedSeries {
  const x = DISPERSION_WINDOWS_SEC.filter((sec) => a.durationSec >= LEAST_WINDOWS * sec);
  const curve = ({ arrivalSec, durationSec }: Sample): (number | null)[] =>
    x.map((sec) =>
      durationSec >= LEAST_WINDOWS * sec
        ? dispersionIndex(countsPerWindow(arrivalSec, sec, durationSec))
        : null,
    );
  return { x, a: curve(a), b: curve(b) };
}

/** Log-spaced cells over what both traces hold. */
function heatMap({ lengths: a }: SampleStatistics, { lengths: b }: SampleStatistics): LengthHeatMap | null {
  if (a === null || b === null) return null;
  const inputEdges = logEdges(a.input.sorted, b.input.sorted);
  const outputEdges = logEdges(a.output.sorted, b.output.sorted);
  const columns = outputEdges.length - 1;
  const shares = (inputs: Int32Array, outputs: Int32Array): number[] => {
    const counts = new Float64Array((inputEdges.length - 1) * columns);
    inputs.forEach((input, i) => {
      counts[cellOf(inputEdges, input) * columns + cellOf(outputEdges, outputs[i])] += 1;
    });
    return Array.from(counts, (count) => count / inputs.length);
  };
  return {
    inputEdges,
    outputEdges,
    a: shares(a.inputValues, a.outputValues),
    b: shares(b.inputValues, b.outputValues),
  };
}

/** Whole numbers, rising, the last one above every value; fewer than 20 cells where lengths are short. */
function logEdges(sortedA: Int32Array, sortedB: Int32Array): number[] {
  const low = Math.min(sortedA[0], sortedB[0]);
  const high = Math.max(sortedA[sortedA.length - 1], sortedB[sortedB.length - 1]) + 1;
  const edges = [low];
  for (let k = 1; k <= HEAT_BINS; k++) {
    const edge = k === HEAT_BINS ? high : Math.round(low * (high / low) ** (k / HEAT_BINS));
    if (edge > edges[edges.length - 1]) edges.push(edge);
  }
  return edges;
}

function cellOf(edges: readonly number[], value: number): number {
  let cell = 0;
  while (cell < edges.length - 2 && value >= edges[cell + 1]) cell += 1;
  return cell;
}

function lruCurve({ prefix: a }: SampleStatistics, { prefix: b }: SampleStatistics): PairedSeries | null {
  if (a === null || b === null) return null;
  const largest = Math.max(a.distinct, b.distinct);
  const x = CACHE_SIZES.filter((_, k) => k === 0 || CACHE_SIZES[k - 1] < largest);
  return { x, a: x.map((size) => lruHitRatio(a, size)), b: x.map((size) => lruHitRatio(b, size)) };
}

function hazardCurve({ turns: a }: SampleStatistics, { turns: b }: SampleStatistics): PairedSeries | null {
  if (a === null || b === null) return null;
  const x = Array.from({ length: DRAWN_TURNS }, (_, m) => m + 1);
  return { x, a: hazard(a, DRAWN_TURNS), b: hazard(b, DRAWN_TURNS) };
}
