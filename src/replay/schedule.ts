/**
 * From a trace's arrivals to instants of sending: pure, before the first byte leaves.
 *
 * The order of the steps is fixed, because they do not commute: normalise to the first row → cut the window (in the
 * trace's time) → scale time → cap gaps (in replay time). The first row of the window leaves at 0.
 */
import { ToolError } from '../errors.js';
import { NS_PER_SEC, type RateSpec, significant } from '../units.js';

export interface ScheduleOptions {
  /** Time runs so many times faster. Default 1. */
  readonly speed?: number;
  /** Mean rate to reach by scaling time; bursts keep their shape. Not together with `speed`. */
  readonly rate?: RateSpec | null;
  /** Longest gap, seconds of replay; longer ones are shortened to it. null = none. */
  readonly maxGapSec?: number | null;
}

export interface Schedule {
  /** Whole ns from t0, rising; the first is 0. */
  readonly intendedNs: Float64Array;
  /** Factor that time was scaled by. */
  readonly speed: number;
  /** Gaps that the cap shortened. */
  readonly cappedGaps: number;
  readonly durationSec: number;
  /** Mean rate (n − 1 gaps ÷ their sum), requests/s; null when there is no gap. */
  readonly ratePerSec: number | null;
}

/** Instants of sending for sorted arrivals (ns). Throws ToolError BAD_VALUE for a speed or rate that cannot be. */
export function planSchedule(arrivalNs: ArrayLike<number>, options: ScheduleOptions): Schedule {
  const n = arrivalNs.length;
  const speed = speedOf(arrivalNs, options);
  const maxGapNs = (options.maxGapSec ?? Number.POSITIVE_INFINITY) * NS_PER_SEC;
  const intendedNs = new Float64Array(n);
  let removedNs = 0;
  let cappedGaps = 0;
  let previousNs = 0;
  for (let i = 0; i < n; i++) {
    const scaledNs = (arrivalNs[i] - arrivalNs[0]) / speed;
    if (scaledNs - previousNs > maxGapNs) {
      removedNs += scaledNs - previousNs - maxGapNs;
      cappedGaps += 1;
    }
    previousNs = scaledNs;
    intendedNs[i] = Math.round(scaledNs - removedNs);
  }
  const lastNs = n === 0 ? 0 : intendedNs[n - 1];
  return {
    intendedNs,
    speed,
    cappedGaps,
    durationSec: lastNs / NS_PER_SEC,
    ratePerSec: lastNs > 0 ? ((n - 1) * NS_PER_SEC) / lastNs : null,
  };
}

function speedOf(arrivalNs: ArrayLike<number>, options: ScheduleOptions): number {
  const { speed, rate = null } = options;
  if (speed !== undefined && !(speed > 0 && Number.isFinite(speed))) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `expected a speed above 0, got ${speed}`,
      hint: 'write --speed 2 for twice as fast, --speed 0.5 for half',
    });
  }
  if (rate === null) return speed ?? 1;
  if (speed !== undefined && speed !== 1) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: 'expected --speed or --rate, got both: each of them scales time',
      hint: 'leave one of them out',
    });
  }
  if (rate.kind === 'factor') return rate.factor;
  const n = arrivalNs.length;
  const spanSec = n < 2 ? 0 : (arrivalNs[n - 1] - arrivalNs[0]) / NS_PER_SEC;
  if (spanSec === 0) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `a rate of ${significant(rate.ratePerSec)}/s needs requests at two instants at least, the trace has ${n === 0 ? 'none' : 'one'}`,
      hint: 'leave --rate out, or widen --window',
    });
  }
  return rate.ratePerSec / ((n - 1) / spanSec);
}
