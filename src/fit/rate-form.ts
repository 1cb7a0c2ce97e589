/**
 * What form the rate of a trace has: a Gaussian kernel, or for traces of days level steps and cycles, whichever predicts
 * hours that it has not seen.
 *
 * Every fifth hour (from two weeks on: day) is left out in turn and predicted from the others; the score is the
 * log-likelihood of its 10-min counts under negative binomials whose size comes from the hours that were seen (bursts make counts wider than Poisson, for all
 * forms alike). Below three days only the kernel is possible (STATISTICS §2.4.2).
 */
import { gammaln } from 'simple-statistics';
import { sumOf, varianceOf } from '../stats/moments.js';
import type { ModelChoice, RateCurve } from '../types.js';
import { formatDurationSec } from '../units.js';
import { defaultBandwidthSec, fitRateCurve } from './rate.js';
import {
  BIN_SEC,
  type CycleParts,
  countBins,
  cycleCurve,
  DAY_SEC,
  fitCycles,
  WEEK_SEC,
} from './rate-cycles.js';

export type RateForm =
  | { readonly kind: 'kernel'; readonly bandwidthSec: number }
  | { readonly kind: 'cycles'; readonly parts: CycleParts };

export interface ChosenRateForm {
  readonly form: RateForm;
  /** null where there was nothing to choose. */
  readonly choice: ModelChoice | null;
}

const LEAST_CYCLES_SEC = 3 * DAY_SEC;
const FOLDS = 5;
const HOUR_SEC = 3_600;
/** Wider kernels that may predict an unseen hour better than the default one. */
const KERNELS_SEC = [7_200, 1_800, 300];
/** Natural-log units that a richer form must win in all, whatever the spread. */
const LEAST_GAIN = 4;
/** Fewer requests per 10 min say nothing about a cycle. */
const LEAST_MEAN_COUNT = 1;

/** `bandwidthSec` asked for, or null to choose. */
export function chooseRateForm(
  arrivalSec: Float64Array,
  durationSec: number,
  bandwidthSec: number | null,
): ChosenRateForm {
  const kernel: RateForm = {
    kind: 'kernel',
    bandwidthSec: bandwidthSec ?? defaultBandwidthSec(durationSec),
  };
  const isLong = durationSec >= LEAST_CYCLES_SEC;
  if (bandwidthSec !== null || !isLong || arrivalSec.length < LEAST_MEAN_COUNT * (durationSec / BIN_SEC))
    return { form: kernel, choice: null };
  const counts = countBins(arrivalSec, durationSec);
  const hasWeeks = durationSec >= 2 * WEEK_SEC;
  const blockSec = hasWeeks ? DAY_SEC : HOUR_SEC;
  const left = hasWeeks ? 'days' : 'hours';
  const scored = candidates(durationSec).map((form) => {
    const byBlock = heldOutScores(counts, form, blockSec);
    const score = Number((sumOf(byBlock) / counts.length).toPrecision(6));
    return { form, name: nameOf(form), score, byBlock };
  });
  const best = scored.reduce((simpler, richer) =>
    isBetter(richer.byBlock, simpler.byBlock) ? richer : simpler,
  );
  return {
    form: best.form,
    choice: {
      about: 'rate over time',
      chosen: best.name,
      because: `over ${formatDurationSec(durationSec)} it predicts ${left} that were left out best${repeatsOf(best.form)}`,
      score: `log-likelihood per 10-min count of ${left} left out in turn; a richer form must win by a standard error and 4 in all`,
      candidates: scored.map(({ name, score }) => ({ name, score })),
    },
  };
}

/** The curve of some requests in the chosen form; equal windows give equal knots. */
export function rateOfForm(arrivalSec: Float64Array, durationSec: number, form: RateForm): RateCurve {
  if (form.kind === 'kernel') return fitRateCurve(arrivalSec, durationSec, form.bandwidthSec);
  const counts = countBins(arrivalSec, durationSec);
  const expected = fitCycles(counts, Int32Array.from(counts.keys()), form.parts);
  return cycleCurve(expected, form.parts, { requests: arrivalSec.length, durationSec });
}

/** Wins by more than a standard error of the differences by block, and by more than luck: luck buys no cycle. */
function isBetter(richer: Float64Array, simpler: Float64Array): boolean {
  const gains = richer.map((score, block) => score - simpler[block]);
  return sumOf(gains) > Math.max(LEAST_GAIN, Math.sqrt(gains.length * (varianceOf(gains) ?? 0)));
}

/** The simplest first. Kernels, which know nothing beyond what they saw, come last. */
function candidates(durationSec: number): RateForm[] {
  const cycles = (steps: boolean, daily: boolean, weekly: boolean): RateForm => ({
    kind: 'cycles',
    parts: { steps, daily, weekly },
  });
  return [
    cycles(false, false, false),
    cycles(false, true, false),
    cycles(true, false, false),
    cycles(true, true, false),
    ...(durationSec >= 2 * WEEK_SEC ? [cycles(false, true, true), cycles(true, true, true)] : []),
    ...KERNELS_SEC.map((bandwidthSec): RateForm => ({ kind: 'kernel', bandwidthSec })),
  ];
}

function nameOf(form: RateForm): string {
  if (form.kind === 'kernel') return `Gaussian kernel of ${formatDurationSec(form.bandwidthSec)}`;
  const { steps, daily, weekly } = form.parts;
  const parts = [
    steps ? 'level steps' : '',
    daily ? 'a daily cycle' : '',
    weekly ? 'a weekly cycle' : '',
  ].filter((part) => part !== '');
  if (parts.length === 0) return 'a constant rate';
  return [parts.slice(0, -1).join(', '), parts[parts.length - 1]].filter((part) => part !== '').join(' and ');
}

function repeatsOf(form: RateForm): string {
  if (form.kind === 'kernel' || !form.parts.daily) return '';
  return `; after the window its last ${form.parts.weekly ? 'week' : 'day'} repeats`;
}

/** Log-likelihood of the counts in each block when it was left out. */
function heldOutScores(counts: Float64Array, form: RateForm, blockSec: number): Float64Array {
  const blockOf = (bin: number): number => Math.floor((bin * BIN_SEC) / blockSec);
  const scores = new Float64Array(blockOf(counts.length - 1) + 1);
  for (let fold = 0; fold < FOLDS; fold++) {
    const isOut = (bin: number): boolean => blockOf(bin) % FOLDS === fold;
    const known = Int32Array.from(counts.keys()).filter((bin) => !isOut(bin));
    const expected =
      form.kind === 'kernel'
        ? kernelEstimate(counts, known, form.bandwidthSec)
        : fitCycles(counts, known, form.parts);
    const size = sizeOf(counts, expected, known);
    counts.forEach((count, bin) => {
      if (isOut(bin)) scores[blockOf(bin)] += logPmf(count, expected[bin], size);
    });
  }
  return scores;
}

/** Weighted mean of the seen bins; where none is near, their mean. */
function kernelEstimate(counts: Float64Array, known: Int32Array, bandwidthSec: number): Float64Array {
  const sigma = bandwidthSec / BIN_SEC;
  const reach = Math.ceil(6 * sigma);
  const isKnown = new Uint8Array(counts.length);
  for (const bin of known) isKnown[bin] = 1;
  const mean = known.reduce((sum, bin) => sum + counts[bin], 0) / known.length;
  return counts.map((_, bin) => {
    let sum = 0;
    let weights = 0;
    for (let j = Math.max(0, bin - reach); j <= Math.min(counts.length - 1, bin + reach); j++) {
      if (isKnown[j] === 0) continue;
      const weight = Math.exp(-0.5 * ((j - bin) / sigma) ** 2);
      sum += weight * counts[j];
      weights += weight;
    }
    return weights > 1e-9 ? Math.max(sum / weights, 1e-3) : mean;
  });
}

/** Size of the negative binomial by moments: Σ (count − mean)² = Σ mean + Σ mean²/size; ∞ = Poisson. */
function sizeOf(counts: Float64Array, expected: Float64Array, known: Int32Array): number {
  let excess = 0;
  let squares = 0;
  for (const bin of known) {
    excess += (counts[bin] - expected[bin]) ** 2 - expected[bin];
    squares += expected[bin] ** 2;
  }
  return excess > 0 ? squares / excess : Number.POSITIVE_INFINITY;
}

function logPmf(count: number, mean: number, size: number): number {
  const poisson = count * Math.log(mean) - mean - gammaln(count + 1);
  if (!(size < 1e9)) return poisson;
  return (
    gammaln(count + size) -
    gammaln(size) -
    gammaln(count + 1) +
    size * Math.log(size / (size + mean)) +
    count * Math.log(mean / (size + mean))
  );
}
