/** Small fleets whose every instant can be computed by hand. */
import type { ElasticFleetOptions } from '../../../src/engine/elastic/elastic-fleet.js';
import {
  type AutoscaledFleetResult,
  simulateAutoscaledFleet,
} from '../../../src/engine/elastic/simulate-autoscaled.js';
import type { Slo } from '../../../src/slo.js';
import type { EngineModel, EngineRequest, HpaSpec, KedaSpec, ScalingSignal } from '../../../src/types.js';
import { engineWith } from '../drive.js';

/** Every iteration takes one second; `seqs` requests at a time; ready 20 s after it was asked for. */
export function secondsEngine(seqs = 1_000): EngineModel {
  return {
    ...engineWith({
      step: { baseSec: 1, perPrefillTokenSec: 0, perDecodeSeqSec: 0, perKvTokenSec: 0 },
      limits: { maxSeqs: seqs, maxBatchedTokens: 1_000_000 },
    }),
    coldStartSec: 20,
  };
}

/** Requests of one prompt token: [arrival in seconds, tokens of the answer = seconds of service]. */
export function jobs(
  ...rows: readonly (readonly [arrivalSec: number, outputTokens: number])[]
): EngineRequest[] {
  return rows.map(([arrivalSec, outputTokens], id) => ({
    id,
    arrivalSec,
    inputTokens: 1,
    outputTokens,
    prefixHashes: null,
    sessionKey: null,
  }));
}

const metric = (signal: ScalingSignal, target: number, source: 'pods' | 'external') => ({
  name: signal,
  source,
  aggregate: 'sum' as const,
  query: { signal, statistic: 'last' as const, windowSec: 0 },
  target: { kind: 'average-value' as const, value: target },
});

export function hpa(signal: ScalingSignal, target: number, changes: Partial<HpaSpec> = {}): HpaSpec {
  return {
    kind: 'hpa',
    minReplicas: 1,
    maxReplicas: 10,
    metrics: [metric(signal, target, 'pods')],
    behavior: null,
    toleranceRatio: 0.1,
    syncSec: 15,
    downscaleStabilizationSec: 60,
    ...changes,
  };
}

export function keda(signal: ScalingSignal, target: number, changes: Partial<KedaSpec> = {}): KedaSpec {
  return {
    kind: 'keda',
    minReplicas: 0,
    maxReplicas: 10,
    idleReplicas: null,
    triggers: [{ metric: metric(signal, target, 'external'), activationThreshold: 0 }],
    pollingSec: 30,
    cooldownSec: 60,
    fallback: null,
    behavior: null,
    toleranceRatio: 0.1,
    syncSec: 15,
    downscaleStabilizationSec: 60,
    ...changes,
  };
}

/** Everything periodic begins at the first arrival, so that instants are whole seconds. */
export function run(
  requests: readonly EngineRequest[],
  options: Partial<ElasticFleetOptions> & Pick<ElasticFleetOptions, 'autoscaler'> & { readonly slo?: Slo },
): AutoscaledFleetResult {
  return simulateAutoscaledFleet({
    requests,
    engine: secondsEngine(),
    seed: 1,
    phases: 'aligned',
    sampleSec: 5,
    ...options,
  });
}
