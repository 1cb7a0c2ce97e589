/**
 * The noise floor: every metric between two random halves of the real trace, many times. What a metric shows there it
 * shows without any difference in the traffic, so a synthetic trace is held to the floor's 95 % point and to nothing
 * finer. Source: statistics page §3.1 (60-s blocks, 40 repeats; 30-s blocks for a 17-min trace).
 */
import { percentileSorted } from '../metrics.js';
import type { Rng } from '../random.js';
import type { FloorMethod } from '../types.js';
import { BATTERY, type SampleStatistics } from './battery.js';
import { randomHalves, type Sample, type TimeBlocks } from './sample.js';

export interface Floor {
  readonly method: FloorMethod;
  /** In the battery's order; null = could not be measured in most repeats. */
  readonly metrics: readonly { readonly p50: number | null; readonly p95: number | null }[];
}

export interface FloorOptions {
  readonly blocks: TimeBlocks;
  readonly repeats: number;
  readonly rng: Rng;
  readonly statistics: (sample: Sample) => SampleStatistics;
  /** Called after every repeat; may throw to stop. */
  readonly onRepeat: (done: number) => Promise<void>;
}

const LONG_SEC = 1_800;
const LONG_BLOCK_SEC = 60;
const SHORT_BLOCK_SEC = 30;
const LEAST_BLOCKS = 20;

/**
 * Block length by the trace's: 60 s from half an hour on, 30 s below; a trace of fewer than 20 such blocks is cut into
 * 20, whose slow variation the floor then cannot see.
 */
export function floorBlockSec(durationSec: number): number {
  const blockSec = durationSec >= LONG_SEC ? LONG_BLOCK_SEC : SHORT_BLOCK_SEC;
  return durationSec >= LEAST_BLOCKS * blockSec ? blockSec : durationSec / LEAST_BLOCKS;
}

export async function noiseFloor(options: FloorOptions): Promise<Floor> {
  const { blocks, repeats, rng, statistics } = options;
  const values = BATTERY.map((): number[] => []);
  for (let repeat = 0; repeat < repeats; repeat++) {
    const [first, second] = randomHalves(blocks, rng);
    const a = statistics(first);
    const b = statistics(second);
    BATTERY.forEach((metric, k) => {
      const { value } = metric.measure(a, b);
      if (value !== null) values[k].push(value);
    });
    await options.onRepeat(repeat + 1);
  }
  return {
    method: { repeats, blockSec: blocks.blockSec, blocksPerHalf: blocks.count >> 1 },
    metrics: values.map((found) => {
      if (found.length < repeats / 2) return { p50: null, p95: null };
      const sorted = Float64Array.from(found).sort();
      return { p50: percentileSorted(sorted, 0.5), p95: percentileSorted(sorted, 0.95) };
    }),
  };
}
