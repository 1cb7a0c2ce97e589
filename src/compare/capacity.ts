/**
 * Capacity that two traces need of one engine: the least speed that meets the objective, for both, for the halves of
 * the real one, and for block resamples of it. One burst can decide the first number (statistics page §1.2: 45 s of
 * azure_code move it from 3.06 to 5.54), so a synthetic trace may also hit the interval instead of the point (§3.3).
 */
import { percentileSorted } from '../metrics.js';
import type { Rng } from '../random.js';
import type { CapacityComparison } from '../types.js';
import { halvesInOrder, resampleBlocks, type Sample, type TimeBlocks } from './sample.js';
import { requiredSpeed, type ServingSetup, servingInput } from './serving.js';

export interface CapacityOptions {
  readonly a: Sample;
  readonly b: Sample;
  readonly setup: ServingSetup;
  readonly speedA: number;
  /** Blocks and number of resamples of the interval; null = no interval. */
  readonly interval: { readonly blocks: TimeBlocks; readonly resamples: number; readonly rng: Rng } | null;
  readonly onStep: () => Promise<void>;
}

/** A synthetic trace that needs this much more or less is as good as the real one for planning. */
export const CAPACITY_TOLERANCE = 0.05;

/** Resamples differ by tens of percent; finer speeds would cost simulations and say nothing. */
const RESAMPLE_TOLERANCE = 0.02;

export async function compareCapacity(options: CapacityOptions): Promise<CapacityComparison> {
  const { a, b, setup, speedA, onStep } = options;
  const speedOf = (sample: Sample, tolerance?: number): number | null =>
    requiredSpeed(servingInput(sample, setup.engine), setup, { guess: speedA, tolerance });
  // Without a guess, as the real trace's was found: equal traces need equal speeds to the last bit.
  const speedB = requiredSpeed(servingInput(b, setup.engine), setup);
  await onStep();
  const [early, late] = halvesInOrder(a).map((half) => speedOf(half));
  await onStep();
  const interval = await resampledInterval(options, (sample) => speedOf(sample, RESAMPLE_TOLERANCE));
  const ratio = speedB === null ? null : speedB / speedA;
  return {
    speedA,
    speedB,
    ratio,
    speedHalves: [early, late],
    interval,
    pass:
      speedB === null || ratio === null
        ? null
        : Math.abs(ratio - 1) <= CAPACITY_TOLERANCE ||
          (interval !== null && speedB >= interval.low && speedB <= interval.high),
  };
}

async function resampledInterval(
  { interval, onStep }: CapacityOptions,
  speedOf: (sample: Sample) => number | null,
): Promise<CapacityComparison['interval']> {
  if (interval === null) return null;
  const { blocks, resamples, rng } = interval;
  const speeds: number[] = [];
  for (let k = 0; k < resamples; k++) {
    const speed = speedOf(resampleBlocks(blocks, rng));
    if (speed !== null) speeds.push(speed);
    await onStep();
  }
  if (speeds.length < resamples / 2) return null;
  const sorted = Float64Array.from(speeds).sort();
  return {
    low: percentileSorted(sorted, 0.05)!,
    high: percentileSorted(sorted, 0.95)!,
    resamples: speeds.length,
    blockSec: blocks.blockSec,
  };
}
