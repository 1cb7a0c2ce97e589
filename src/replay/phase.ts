/**
 * One phase of a run (warm-up, then the measurement): feeds the senders until every request has ended, and ends it in
 * order when it is interrupted or when the drain limit passes.
 */
import { monotonicNs } from '../clock.js';
import type { ProgressListener } from '../types.js';
import { formatCount, NS_PER_MS, NS_PER_SEC } from '../units.js';
import type { Feeder } from './feeder.js';
import type { LiveInput } from './live.js';
import type { SendPlan } from './plan.js';
import type { Recorder } from './recorder.js';
import type { SenderPool } from './sender-pool.js';

export interface PhaseOptions {
  readonly name: string;
  readonly plan: SendPlan;
  readonly feeder: Feeder;
  readonly pool: SenderPool;
  readonly recorder: Recorder;
  /** Requests before this one are warm-up. */
  readonly measureFrom: number;
  /** Which of several addresses serves request i; null = there is one. */
  readonly endpointOf: ((i: number) => string) | null;
  /** The run's t0 is this phase's start; false = a warm-up before it. */
  readonly isMeasurement: boolean;
  readonly drainSec: number;
  readonly progress: ProgressListener | null;
  readonly signal: AbortSignal | null;
  /** Called when the clock starts, with its instant on the monotonic clock. */
  readonly onStart?: (startNs: number) => void;
  /** Called some times a second. */
  readonly onTick?: (input: LiveInput) => void;
}

export interface PhaseResult {
  readonly interrupted: boolean;
  /** Requests that were cancelled because the drain limit passed. */
  readonly cancelled: boolean;
}

const TICK_MS = 25;
/** For the first jobs to reach the senders before t0: a fixed part and a part by size. */
const LEAD_NS = 150 * NS_PER_MS;
const LEAD_BYTES_PER_SEC = 100e6;

/** Runs a phase to its end. */
export async function runPhase(options: PhaseOptions): Promise<PhaseResult> {
  const { plan, feeder, pool, recorder, signal } = options;
  pool.hold();
  const before = pool.dispatched;
  feeder.pump(0);
  let primedBytes = 0;
  for (let sender = 0; sender < pool.size; sender++) primedBytes += pool.backlogBytes(sender);
  const startNs = monotonicNs() + LEAD_NS + Math.round((primedBytes / LEAD_BYTES_PER_SEC) * NS_PER_SEC);
  const { measureFrom, endpointOf } = options;
  recorder.begin({ plan, startNs, measureFrom, endpointOf }, options.isMeasurement ? startNs : null);
  pool.startClock(startNs);
  options.onStart?.(startNs);

  let stoppedNs: number | null = null;
  let unsent = 0;
  let cancelled = false;
  let interrupted = false;
  for (;;) {
    await Promise.race([tick(), pool.failed]);
    report(options, recorder, pool);
    options.onTick?.({
      nowNs: monotonicNs() - startNs,
      dispatched: pool.dispatched - before,
      inFlight: pool.inFlight,
    });
    if (recorder.settled + unsent >= plan.count) break;
    if (!interrupted && signal?.aborted === true) {
      interrupted = true;
      unsent = (await pool.stop()).length + (plan.count - feeder.fed);
      stoppedNs = monotonicNs();
    } else if (!interrupted) {
      feeder.ended(recorder.takeEnded());
      feeder.pump(monotonicNs() - startNs);
      if (stoppedNs === null && pool.dispatched - before >= plan.count) stoppedNs = monotonicNs();
    }
    if (!cancelled && stoppedNs !== null && monotonicNs() - stoppedNs >= options.drainSec * NS_PER_SEC) {
      cancelled = true;
      pool.cancel();
    }
  }
  await recorder.flush();
  return { interrupted, cancelled };
}

function report(options: PhaseOptions, recorder: Recorder, pool: SenderPool): void {
  const failed = recorder.failed > 0 ? `, ${formatCount(recorder.failed)} failed` : '';
  options.progress?.({
    stage: options.name,
    done: recorder.settled,
    total: options.plan.count,
    unit: `requests, ${formatCount(pool.inFlight)} in flight${failed}`,
  });
}

function tick(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, TICK_MS);
  });
}
