/**
 * The burst to be ready for: the workload resampled in blocks of time many times over, and of these draws the one whose
 * busiest stretch is the 95th percentile: busy minutes that lay apart may meet. Whole blocks keep the sessions and the
 * prefixes inside them. Source: block bootstrap, Künsch 1989.
 */
import { percentileSorted } from '../metrics.js';
import { randomOf } from '../random.js';
import type { EngineModel, EngineRequest } from '../types.js';
import { requestWorkSec } from './bounds.js';
import { blocksOf, FRESH_BLOCK_SEC, poolSize, resampleBlocks } from './traffic.js';

export interface BurstOptions {
  readonly requests: readonly EngineRequest[];
  readonly engine: EngineModel;
  /** Time that a burst has to last to matter: what the autoscaler needs to react. */
  readonly stretchSec: number;
  readonly seed: string;
}

export interface Burst {
  /** For the fleets that meet it, so that all of them meet the same one. */
  readonly seed: string;
  readonly requests: readonly EngineRequest[];
  readonly draws: number;
  readonly blockSec: number;
  readonly stretchSec: number;
  /** Work in the busiest stretch of this draw ÷ that of the workload itself. */
  readonly workRatio: number;
}

const DRAWS = 200;
const PERCENTILE = 0.95;
const FEWEST_BLOCKS = 10;

/** The draw; null when the workload is too short to be cut into blocks, or asks for no work. */
export function burstDraw(options: BurstOptions): Burst | null {
  const { requests, engine, seed } = options;
  const spanSec = requests[requests.length - 1].arrivalSec;
  const blockSec = Math.min(FRESH_BLOCK_SEC, spanSec / FEWEST_BLOCKS);
  if (!(blockSec > 0)) return null;
  const workSec = [...blocksOf(requests, blockSec)].map((block) =>
    block.requests.reduce((sum, request) => sum + requestWorkSec(engine, request), 0),
  );
  const stretch = Math.max(2, Math.ceil(options.stretchSec / blockSec));
  const own = busiestStretch(workSec, stretch).workSec;
  if (own <= 0) return null;
  const rngOf = (draw: number) => randomOf(seed, 'bootstrap', 'burst', draw);
  const peaks = Array.from({ length: DRAWS }, (_, draw) => {
    const rng = rngOf(draw);
    const picked = workSec.map(() => workSec[rng.int(poolSize(workSec.length))]);
    return busiestStretch(picked, stretch).workSec;
  });
  const wanted = percentileSorted(Float64Array.from(peaks).sort(), PERCENTILE)!;
  const draw = peaks.reduce(
    (best, peak, i) => (Math.abs(peak - wanted) < Math.abs(peaks[best] - wanted) ? i : best),
    0,
  );
  return {
    seed: `${seed}/burst`,
    requests: resampleBlocks(requests, blockSec, rngOf(draw)),
    draws: DRAWS,
    blockSec,
    stretchSec: stretch * blockSec,
    workRatio: peaks[draw] / own,
  };
}

/** Where the workload's busiest stretch of about `stretchSec` begins, seconds. */
export function busiestSec(
  requests: readonly EngineRequest[],
  engine: EngineModel,
  stretchSec: number,
): number {
  const blockSec = Math.max(stretchSec / 2, 1e-3);
  const workSec = [...blocksOf(requests, blockSec)].map((block) =>
    block.requests.reduce((sum, request) => sum + requestWorkSec(engine, request), 0),
  );
  return busiestStretch(workSec, 2).from * blockSec;
}

function busiestStretch(workSec: readonly number[], length: number): { workSec: number; from: number } {
  let best = { workSec: 0, from: 0 };
  let sum = 0;
  for (let i = 0; i < workSec.length; i++) {
    sum += workSec[i] - (i >= length ? workSec[i - length] : 0);
    if (sum > best.workSec) best = { workSec: sum, from: Math.max(0, i - length + 1) };
  }
  return best;
}
