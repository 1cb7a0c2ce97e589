/**
 * The law of gaps in operational time: five families by maximum likelihood, the lowest AIC chosen.
 *
 * Gaps of exactly zero have no density under any of them (ln 0): they become an atom with its own probability, and the
 * families describe the rest. The chosen family is scaled so that the mean gap, zeros included, is 1: the rate curve
 * alone decides how many requests come.
 */
import { familyOf, GAP_FAMILIES } from '../stats/families.js';
import { fitAllFamilies } from '../stats/fit-families.js';
import { variationOf } from '../stats/moments.js';
import { groupSorted, positivePart } from '../stats/sample.js';
import type { GapModel } from '../types.js';

/** Gaps that decide the family, evenly over the trace: laws of five parameters gain nothing from more. */
const MOST_GAPS = 20_000;

/** Fits gaps (in time order, not negative). Too few distinct gaps to tell families apart give an exponential. */
export function fitGaps(gaps: Float64Array): GapModel {
  const cv = variationOf(gaps);
  const { positive } = positivePart(groupSorted(strided(gaps).sort()));
  const zeros = gaps.reduce((sum, gap) => sum + (gap > 0 ? 0 : 1), 0);
  const zeroShare = gaps.length > 0 ? zeros / gaps.length : 0;
  const candidates = fitAllFamilies(positive, GAP_FAMILIES);
  const best = candidates[0];
  if (best === undefined || cv === null) {
    return { family: 'exponential', params: { scale: 1 }, candidates, cv: 1 };
  }
  const family = familyOf(best.family);
  const mean = family.mean(best.params);
  return {
    family: best.family,
    params: family.scaled(best.params, 1 / (mean * (1 - zeroShare))),
    candidates,
    cv,
    ...(zeroShare > 0 ? { zeroShare } : {}),
  };
}

function strided(gaps: Float64Array): Float64Array {
  if (gaps.length <= MOST_GAPS) return gaps.slice();
  return Float64Array.from({ length: MOST_GAPS }, (_, k) => gaps[Math.floor((k * gaps.length) / MOST_GAPS)]);
}
