/**
 * When requests come: slow rate, law of gaps after removing it, the burst test, and the dispersion that the model
 * gives beside the real one.
 */
import { type Rng, randomOf } from '../random.js';
import { renewalArrivals } from '../stats/arrivals.js';
import { burstArrivals, inClockTime } from '../stats/burst-arrivals.js';
import { spreadOverCells } from '../stats/clock-grid.js';
import { countsPerWindow, dispersionIndex } from '../stats/dispersion.js';
import { CumulativeRate } from '../stats/rate-curve.js';
import { gapSampler, sampleFirstGap } from '../stats/renewal.js';
import type { ArrivalModel, CountHmmModel, GapModel, RateCurve } from '../types.js';
import { NS_PER_SEC } from '../units.js';
import { fitBursts } from './bursts.js';
import { fitGaps } from './gaps.js';
import { type RateForm, rateOfForm } from './rate-form.js';

export interface ArrivalFitOptions {
  /** Sorted, seconds from the trace's start. */
  readonly arrivalSec: Float64Array;
  /** Length of the observed window. */
  readonly durationSec: number;
  /** Grid of a coarse clock, ns; null = exact. */
  readonly gridNs: number | null;
  /** What form the slow rate has. */
  readonly form: RateForm;
  readonly seed: string;
  /** Name of the class: its draws are its own. */
  readonly classId: string;
}

/** Windows of the dispersion table. */
const WINDOWS_SEC = [1, 10, 60];
const BURST_WINDOW_SEC = 10;
/** Above this, neither rate nor gaps explain the bursts (STATISTICS §2.4). */
export const BURST_LIMIT = 4;
const MOST_SIMULATIONS = 20;
const SIMULATED_ARRIVALS = 2_000_000;

/** Rate, gaps, bursts where the burst test finds them, and what the model gives in simulation. */
export function fitArrivals(options: ArrivalFitOptions): ArrivalModel {
  const { times, rescaled, model } = fitRateAndGaps(options);
  const { durationSec, form } = options;
  const isBursty = typeof model.burstIndex === 'number' && model.burstIndex > BURST_LIMIT;
  const bursts = isBursty ? burstsOf(form, { times, rescaled, durationSec }) : null;
  return { ...model, bursts, dispersion: dispersionTable(times, { ...model, bursts }, options) };
}

/** In windows of days load states follow the cycle; in short ones the slow rate is the memory of single bursts. */
function burstsOf(
  form: RateForm,
  {
    times,
    rescaled,
    durationSec,
  }: { readonly times: Float64Array; readonly rescaled: Float64Array; readonly durationSec: number },
): CountHmmModel | null {
  if (form.kind === 'kernel') return fitBursts(times, durationSec);
  const bursts = fitBursts(rescaled, durationSec);
  return bursts === null ? null : { ...bursts, clock: 'operational' };
}

/** For a class of a model with shared arrivals: what is drawn is its rate, the rest describes the source. */
export function describeArrivals(options: ArrivalFitOptions): ArrivalModel {
  const { times, model } = fitRateAndGaps(options);
  return { ...model, bursts: null, dispersion: dispersionTable(times, null, options) };
}

function fitRateAndGaps(options: ArrivalFitOptions): {
  readonly times: Float64Array;
  /** Times after removing the slow rate, at its mean. */
  readonly rescaled: Float64Array;
  readonly model: Omit<ArrivalModel, 'dispersion' | 'bursts'>;
} {
  const { durationSec, seed, classId, gridNs } = options;
  const times =
    gridNs === null
      ? options.arrivalSec
      : spreadOverCells(options.arrivalSec, gridNs / NS_PER_SEC, randomOf(seed, 'jitter', classId));
  const rate = rateOfForm(times, durationSec, options.form);
  const cumulative = new CumulativeRate(rate, durationSec);
  const operational = times.map((t) => cumulative.at(t));
  const gaps = fitGaps(operational.subarray(1).map((u, i) => u - operational[i]));
  const meanRatePerSec = operational.length / durationSec;
  const rescaled = operational.map((u) => u / meanRatePerSec);
  const burstIndex = dispersionIndex(countsPerWindow(rescaled, BURST_WINDOW_SEC, durationSec));
  return { times, rescaled, model: { rate, gaps, dequantizedGridNs: gridNs, burstIndex } };
}

/** What arrivals are drawn from. */
interface ArrivalLaw {
  readonly rate: RateCurve;
  readonly gaps: GapModel;
  readonly bursts: CountHmmModel | null;
}

/** `law` null = nothing is simulated. */
function dispersionTable(
  times: Float64Array,
  law: ArrivalLaw | null,
  options: ArrivalFitOptions,
): ArrivalModel['dispersion'] {
  const { durationSec } = options;
  const windows = WINDOWS_SEC.filter((windowSec) => durationSec >= 2 * windowSec);
  const most = law === null ? 0 : MOST_SIMULATIONS;
  const runs = Math.min(most, Math.max(1, Math.floor(SIMULATED_ARRIVALS / times.length)));
  const sums = windows.map(() => ({ total: 0, runs: 0 }));
  for (let run = 0; run < runs; run++) {
    const simulated = simulateArrivals(law!, options, run);
    windows.forEach((windowSec, w) => {
      const index = dispersionIndex(countsPerWindow(simulated, windowSec, durationSec));
      if (index === null) return;
      sums[w].total += index;
      sums[w].runs += 1;
    });
  }
  return windows.flatMap((windowSec, w) => {
    const source = dispersionIndex(countsPerWindow(times, windowSec, durationSec));
    if (source === null) return [];
    return [{ windowSec, source, model: sums[w].runs > 0 ? sums[w].total / sums[w].runs : null }];
  });
}

function simulateArrivals(law: ArrivalLaw, options: ArrivalFitOptions, run: number): number[] {
  const rng = randomOf(options.seed, 'bootstrap', 'arrivals', options.classId, run);
  const next = arrivalsOf(law, options.durationSec, rng);
  const times: number[] = [];
  for (let t = next(); t < options.durationSec; t = next()) times.push(t);
  return times;
}

function arrivalsOf({ rate, gaps, bursts }: ArrivalLaw, durationSec: number, rng: Rng): () => number {
  if (bursts !== null) {
    const next = burstArrivals({ bursts, rng, factor: 1 });
    return bursts.clock === undefined ? next : inClockTime(next, rate, durationSec);
  }
  const gap = gapSampler(gaps);
  return renewalArrivals({
    rate: new CumulativeRate(rate, durationSec),
    firstGap: sampleFirstGap(gaps, rng),
    nextGap: () => gap(rng),
  });
}
