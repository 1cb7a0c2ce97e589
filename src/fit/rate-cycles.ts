/**
 * The rate of traces of days and weeks: level steps, a daily and a weekly cycle, on 10-min counts.
 *
 * Source: STATISTICS §2.4.2, generalising mode: log λ = level (steps by PELT) + three daily and two weekly harmonics. The
 * parts are fitted in turns: harmonics given the levels, steps given the cycle. A curve with a cycle says how much of its
 * end repeats after the window: a day, or a week where there is a weekly part.
 */
import { changePoints, localDispersion } from '../stats/change-points.js';
import { fitLogLinear, predictorAt } from '../stats/poisson-regression.js';
import { CumulativeRate } from '../stats/rate-curve.js';
import type { RateCurve } from '../types.js';

export const BIN_SEC = 600;
export const DAY_SEC = 86_400;
export const WEEK_SEC = 7 * DAY_SEC;
const DAILY_HARMONICS = 3;
const WEEKLY_HARMONICS = 2;
const ROUNDS = 4;

/** What a rate consists of; all off = constant. */
export interface CycleParts {
  readonly steps: boolean;
  readonly daily: boolean;
  readonly weekly: boolean;
}

/** Counts of whole bins of 10 min. */
export function countBins(arrivalSec: Float64Array, durationSec: number): Float64Array {
  const counts = new Float64Array(Math.max(1, Math.floor(durationSec / BIN_SEC)));
  for (const t of arrivalSec) {
    const bin = Math.floor(t / BIN_SEC);
    if (bin < counts.length) counts[bin] += 1;
  }
  return counts;
}

/** Expected counts of all bins, from those in `known` (rising places of bins) alone. */
export function fitCycles(counts: Float64Array, known: Int32Array, parts: CycleParts): Float64Array {
  const seen = Float64Array.from(known, (bin) => counts[bin]);
  const all = harmonics(counts.length, parts);
  const columns = all.map((column) => Float64Array.from(known, (bin) => column[bin]));
  let level = new Float64Array(known.length).fill(meanOf(seen, 0, seen.length, null));
  let starts = [0];
  let coefficients = new Float64Array(all.length);
  for (let round = 0; round < (columns.length > 0 || parts.steps ? ROUNDS : 1); round++) {
    coefficients = Float64Array.from(fitLogLinear(seen, level, columns));
    const cycle = Float64Array.from(known, (_, i) => Math.exp(predictorAt(columns, coefficients, i)));
    if (parts.steps) {
      const dispersion = localDispersion(seen);
      // Beside a weekly cycle a level lasts a week: shorter ones would be its weekends.
      const least = parts.weekly
        ? Math.floor((WEEK_SEC / BIN_SEC) * (known.length / counts.length))
        : undefined;
      starts = changePoints(seen, { exposure: cycle, dispersion, least });
    }
    level = Float64Array.from(levelsOf(seen, cycle, starts));
    if (columns.length === 0) break;
  }
  const expected = new Float64Array(counts.length);
  for (let bin = 0, k = 0; bin < counts.length; bin++) {
    // Bins that were not seen lie between two that were: where in the gap a level steps, nobody knows.
    while (k + 1 < known.length && known[k + 1] <= bin) k += 1;
    const next = Math.min(k + 1, known.length - 1);
    const share = next > k && bin > known[k] ? (bin - known[k]) / (known[next] - known[k]) : 0;
    const own = level[k] + share * (level[next] - level[k]);
    expected[bin] = own * Math.exp(predictorAt(all, coefficients, bin));
  }
  return expected;
}

/** The curve through expected counts, as one of `requests` requests. */
export function cycleCurve(
  expected: Float64Array,
  parts: CycleParts,
  { requests, durationSec }: { readonly requests: number; readonly durationSec: number },
): RateCurve {
  const knots = Math.ceil(durationSec / BIN_SEC) + 1;
  const last = expected.length - 1;
  const at = (bin: number): number => expected[Math.min(last, Math.max(0, bin))] / BIN_SEC;
  const shape = {
    stepSec: BIN_SEC,
    ratePerSec: Array.from({ length: knots }, (_, k) => (at(k - 1) + at(k)) / 2),
    bandwidthSec: null,
  };
  const factor = requests / new CumulativeRate(shape, durationSec).perPeriod;
  const repeatSec = parts.weekly ? WEEK_SEC : parts.daily ? DAY_SEC : null;
  return {
    ...shape,
    ratePerSec: shape.ratePerSec.map((rate) => Number((rate * factor).toPrecision(7))),
    ...(repeatSec === null ? {} : { repeatSec }),
  };
}

function harmonics(bins: number, { daily, weekly }: CycleParts): Float64Array[] {
  const columns: Float64Array[] = [];
  const add = (periodSec: number, count: number): void => {
    for (let k = 1; k <= count; k++) {
      for (const wave of [Math.cos, Math.sin]) {
        columns.push(
          Float64Array.from({ length: bins }, (_, bin) =>
            wave((2 * Math.PI * k * (bin + 0.5) * BIN_SEC) / periodSec),
          ),
        );
      }
    }
  };
  if (daily) add(DAY_SEC, DAILY_HARMONICS);
  if (weekly) add(WEEK_SEC, WEEKLY_HARMONICS);
  return columns;
}

function levelsOf(counts: Float64Array, cycle: Float64Array, starts: readonly number[]): Float64Array {
  const levels = new Float64Array(counts.length);
  starts.forEach((from, k) => {
    const to = starts[k + 1] ?? counts.length;
    levels.fill(meanOf(counts, from, to, cycle), from, to);
  });
  return levels;
}

/** Counts over exposure; never zero, so that logarithms stay finite. */
function meanOf(counts: Float64Array, from: number, to: number, exposure: Float64Array | null): number {
  let sum = 0;
  let exposed = 0;
  for (let i = from; i < to; i++) {
    sum += counts[i];
    exposed += exposure === null ? 1 : exposure[i];
  }
  return Math.max(sum, 0.5) / exposed;
}
