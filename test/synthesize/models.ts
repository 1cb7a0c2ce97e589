/** Small hand-written workload models for tests. */
import type {
  CountHmmModel,
  FamilyDistribution,
  GapModel,
  ParametricLengthModel,
  WorkloadClass,
  WorkloadModel,
} from '../../src/types.js';

export function gapModel(
  family: GapModel['family'],
  params: GapModel['params'],
  zeroShare?: number,
): GapModel {
  return { family, params, candidates: [], cv: 1, ...(zeroShare === undefined ? {} : { zeroShare }) };
}

export const POISSON = gapModel('exponential', { scale: 1 });

export function familyLengths(
  input: FamilyDistribution = {
    family: 'lognormal',
    params: { s: 0.8, scale: 800 },
    min: null,
    max: null,
  },
  output: FamilyDistribution = { family: 'gamma', params: { a: 2, scale: 75 }, min: null, max: null },
  copulaRho = 0,
): ParametricLengthModel {
  return { kind: 'parametric', input, output, copulaRho };
}

/** On for a tenth of the time at 40 requests/s, else nearly silent. */
export const ON_OFF: CountHmmModel = {
  binSec: 1,
  mean: [0.1, 40],
  size: [null, 5],
  transition: [
    [0.98, 0.02],
    [0.18, 0.82],
  ],
  offsets: [{ countFrom: 1, countTo: 1, patterns: [[0.25], [0.5]] }],
  logLikelihood: 0,
  bic: 0,
  candidates: [],
};

export interface ClassParts {
  readonly id?: string;
  readonly clientId?: string | null;
  readonly ratePerSec?: readonly number[];
  readonly stepSec?: number;
  readonly gaps?: GapModel;
  readonly lengths?: WorkloadClass['lengths'];
  readonly requests?: number;
  readonly bursts?: CountHmmModel;
}

export function workloadClass(parts: ClassParts = {}): WorkloadClass {
  return {
    id: parts.id ?? 'all',
    clientId: parts.clientId ?? null,
    model: null,
    requests: parts.requests ?? 1_000,
    operation: 'chat',
    arrivals: {
      rate: { stepSec: parts.stepSec ?? 30, ratePerSec: parts.ratePerSec ?? [10], bandwidthSec: null },
      gaps: parts.gaps ?? POISSON,
      dispersion: [],
      dequantizedGridNs: null,
      bursts: parts.bursts ?? null,
    },
    lengths: parts.lengths ?? familyLengths(),
  };
}

export function workloadModel(classes: readonly WorkloadClass[], durationSec = 600): WorkloadModel {
  return {
    schemaVersion: 1,
    kind: 'workload-model',
    manifest: {
      tool: 'tokentide',
      version: '0.0.0',
      command: 'test',
      options: {},
      seed: null,
      inputs: [],
      createdUtc: null,
    },
    name: 'test',
    source: null,
    durationSec,
    meanRatePerSec: 10,
    by: 'none',
    classes,
    warnings: [],
  };
}
