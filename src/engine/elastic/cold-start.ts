/** How long a replica takes to become ready: the phases of the engine model, drawn per replica. Base part. */
import type { Rng } from '../../random.js';
import { randomOf } from '../../random.js';
import type { ColdStartPhases, EngineModel, RandomDuration } from '../../types.js';

/** When a pod created at 0 leaves `pending` (scheduled, image there), and when it is ready; seconds. */
export interface ColdStartTimes {
  readonly runningSec: number;
  readonly readySec: number;
}

/** The phases of an engine model; without any, all of `coldStartSec` is loading. */
export function coldStartOf(engine: EngineModel): ColdStartPhases {
  return engine.coldStart ?? { scheduleSec: 0, pullSec: 0, loadSec: engine.coldStartSec, warmupSec: 0 };
}

/** Mean from creation to ready, seconds. */
export function meanColdStartSec(phases: ColdStartPhases): number {
  return [phases.scheduleSec, phases.pullSec, phases.loadSec, phases.warmupSec].reduce<number>(
    (sum, duration) => sum + (typeof duration === 'number' ? duration : duration.meanSec),
    0,
  );
}

/** Draws the cold start of one replica: the same for the same seed and replica, whatever happened before. */
export function drawColdStart(
  phases: ColdStartPhases,
  seed: string | number,
  replica: number,
): ColdStartTimes {
  const rng = randomOf(seed, 'jitter', 'cold-start', replica);
  // Four draws in any case, so that fixing one phase leaves the others as they were.
  const [schedule, pull, load, warmup] = [
    phases.scheduleSec,
    phases.pullSec,
    phases.loadSec,
    phases.warmupSec,
  ].map((duration) => drawDuration(duration, rng));
  return { runningSec: schedule + pull, readySec: schedule + pull + load + warmup };
}

/** Lognormal with the given mean and coefficient of variation: σ² = ln(1 + cv²), μ = ln(mean) − σ²/2. */
function drawDuration(duration: RandomDuration, rng: Rng): number {
  const z = rng.normal();
  if (typeof duration === 'number') return duration;
  const variance = Math.log(1 + duration.cv * duration.cv);
  return duration.meanSec * Math.exp(Math.sqrt(variance) * z - variance / 2);
}
