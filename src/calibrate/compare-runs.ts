/**
 * What the engine model says about the very requests that were measured: calibrate's check and the objective of its
 * refinement. The run's sends are simulated on one replica, and percentiles of TTFT and TPOT are set side by side.
 */
import { simulateFleet } from '../engine/fleet.js';
import { percentileSorted, tpot, ttft } from '../metrics.js';
import type { CalibrationQuality, EngineModel, EngineRequest, RequestInstants } from '../types.js';

/** The percentiles of one run that a model must reproduce, ms; null where nothing was measured. */
export interface MeasuredRun {
  readonly ratePerSec: number;
  /** In order of arrival. */
  readonly requests: readonly EngineRequest[];
  readonly percentiles: readonly MeasuredPercentile[];
}

export interface MeasuredPercentile {
  readonly metric: 'ttft' | 'tpot';
  readonly p: number;
  readonly valueMs: number;
}

export type QualityErrors = CalibrationQuality['errors'];

const METRICS = { ttft, tpot } as const;
const PERCENTILES = [0.5, 0.99] as const;

/** p50 and p99 of TTFT and TPOT over the given requests, where there is a sample. */
export function percentilesOf(requests: readonly RequestInstants[]): MeasuredPercentile[] {
  const result: MeasuredPercentile[] = [];
  for (const metric of ['ttft', 'tpot'] as const) {
    const samples: number[] = [];
    for (const request of requests) {
      const value = METRICS[metric](request);
      if (typeof value === 'number') samples.push(value);
    }
    const sorted = Float64Array.from(samples).sort();
    for (const p of PERCENTILES) {
      const valueMs = percentileSorted(sorted, p);
      if (valueMs !== null && valueMs > 0) result.push({ metric, p, valueMs });
    }
  }
  return result;
}

/** Simulates each run's requests and pairs simulated with measured percentiles. */
export function compareWithRuns(
  engine: EngineModel,
  runs: readonly MeasuredRun[],
  seed: string,
): QualityErrors {
  return runs.flatMap((run) => {
    if (run.requests.length === 0) return [];
    const simulation = simulateFleet({ requests: run.requests, engine, replicas: 1, seed });
    const simulated = percentilesOf(simulation.requests);
    return run.percentiles.flatMap((measured) => {
      const found = simulated.find((one) => one.metric === measured.metric && one.p === measured.p);
      if (found === undefined) return [];
      return [
        {
          metric: measured.metric,
          percentile: measured.p,
          ratePerSec: run.ratePerSec,
          measuredMs: measured.valueMs,
          simulatedMs: found.valueMs,
        },
      ];
    });
  });
}

/** Mean squared logarithm of simulated ÷ measured; Infinity when nothing could be compared. */
export function misfit(errors: QualityErrors): number {
  if (errors.length === 0) return Number.POSITIVE_INFINITY;
  return errors.reduce((sum, e) => sum + Math.log(e.simulatedMs / e.measuredMs) ** 2, 0) / errors.length;
}
