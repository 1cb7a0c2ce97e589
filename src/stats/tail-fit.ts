/**
 * Whether a column has a power-law tail that may be believed: generalized Pareto fits to the exceedances of rising
 * thresholds, accepted only by a strict rule.
 *
 * Source: STATISTICS §5.6. Thresholds are order statistics at q = .80, .90, .95, .975; accepted at the smallest with at
 * least 100 exceedances, D < 1.36/√m, ξ < 0.9, and ξ within ±0.15 at the
 * next two thresholds, which need 100 exceedances too; never when the largest
 * value is an atom (a cap). Of the eight columns of the public traces it accepts one. Exceedances of whole numbers are
 * taken as they are, x − u for x > u.
 */
import { andersonDarling } from './anderson-darling.js';
import { ksDistance } from './ks-distance.js';
import { lomax } from './lomax.js';
import { type GroupedSample, weightedSum } from './sample.js';

export interface TailFit {
  readonly quantile: number;
  readonly threshold: number;
  readonly exceedances: number;
  /** Tail index ξ and scale σ of the exceedances. */
  readonly xi: number;
  readonly sigma: number;
  readonly logLikelihood: number;
  readonly ksDistance: number;
  readonly andersonDarling: number;
}

export interface TailJudgement {
  readonly accepted: TailFit | null;
  readonly because: string;
  readonly fits: readonly TailFit[];
}

export const TAIL_QUANTILES = [0.8, 0.9, 0.95, 0.975];
const LEAST_EXCEEDANCES = 100;
const KS_LIMIT = 1.36;
const STABLE_WITHIN = 0.15;
const HEAVIEST_XI = 0.9;

/** Fit at one threshold; null when the exceedances do not determine it or ξ would fall to −1. */
export function fitTail(sample: GroupedSample, quantile: number): TailFit | null {
  const place = Math.max(1, Math.ceil(quantile * sample.n));
  let first = 0;
  for (let upTo = sample.counts[0]; upTo < place; ) upTo += sample.counts[++first];
  const threshold = sample.values[first];
  const counts = sample.counts.subarray(first + 1);
  const exceedances: GroupedSample = {
    values: sample.values.subarray(first + 1).map((x) => x - threshold),
    counts,
    n: counts.reduce((sum, count) => sum + count, 0),
  };
  const params = lomax.fit(exceedances);
  if (params === null) return null;
  const cdf = (x: number): number => lomax.cdf(x, params);
  return {
    quantile,
    threshold,
    exceedances: exceedances.n,
    xi: params['c'],
    sigma: params['scale'],
    logLikelihood: weightedSum(exceedances, (x) => lomax.logPdf(x, params)),
    ksDistance: ksDistance(exceedances, cdf),
    andersonDarling: andersonDarling(exceedances, cdf, (x) => lomax.survival(x, params)),
  };
}

/** `isCapped`: the largest value is an atom. */
export function judgeTail(sample: GroupedSample, isCapped: boolean): TailJudgement {
  const fits = TAIL_QUANTILES.map((q) => fitTail(sample, q)).filter((fit) => fit !== null);
  const refuse = (because: string): TailJudgement => ({ accepted: null, because, fits });
  if (isCapped) return refuse('the largest value is a cap: what lies beyond it was cut off');
  const start = fits.findIndex(
    (fit) => fit.exceedances >= LEAST_EXCEEDANCES && fit.ksDistance < KS_LIMIT / Math.sqrt(fit.exceedances),
  );
  if (start < 0) return refuse('no threshold leaves exceedances that look like a generalized Pareto law');
  const fit = fits[start];
  if (!(fit.xi < HEAVIEST_XI))
    return refuse(`tail index ${fit.xi.toFixed(2)}: the mean is (nearly) infinite`);
  const next = fits.slice(start + 1, start + 3).filter((other) => other.exceedances >= LEAST_EXCEEDANCES);
  if (next.length < 2) return refuse('too few values above two further thresholds to see whether it settles');
  if (next.some((other) => Math.abs(other.xi - fit.xi) > STABLE_WITHIN))
    return refuse(
      `the tail index does not settle: ${fits
        .slice(start)
        .map(({ xi }) => xi.toFixed(2))
        .join(', ')}`,
    );
  return {
    accepted: fit,
    because: `${fit.exceedances} exceedances over ${fit.threshold}, tail index ${fit.xi.toFixed(2)}, stable`,
    fits,
  };
}
