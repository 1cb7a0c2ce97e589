/**
 * Draws gaps of a renewal stream in operational time (mean gap 1), with an atom at zero for requests that arrive
 * together.
 *
 * The first gap is the forward recurrence time: the stream is in equilibrium at time zero, so that the expected count
 * on [0, t] is exactly t whatever the gaps' variation (Cox, Renewal Theory, 1962, section 5.3). Starting with a whole
 * gap would add (cv² − 1)/2 requests.
 */
import type { Rng } from '../random.js';
import type { GapModel } from '../types.js';
import { familyOf } from './families.js';

type GapLaw = Pick<GapModel, 'family' | 'params' | 'zeroShare'>;

/** One gap after another. */
export function gapSampler(gaps: GapLaw): (rng: Rng) => number {
  const family = familyOf(gaps.family);
  const { params } = gaps;
  const zeroShare = gaps.zeroShare ?? 0;
  if (zeroShare === 0) return (rng) => family.sample(rng, params);
  return (rng) => (rng.uniform() < zeroShare ? 0 : family.sample(rng, params));
}

/** Time from a random instant to the next request. */
export function sampleFirstGap(gaps: GapLaw, rng: Rng): number {
  return rng.uniformOpen() * familyOf(gaps.family).sampleSizeBiased(rng, gaps.params);
}
