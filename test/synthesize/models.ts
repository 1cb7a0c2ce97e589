/** Small hand-written workload models for tests. */
import type {
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

export interface ClassParts {
  readonly id?: string;
  readonly clientId?: string | null;
  readonly ratePerSec?: readonly number[];
  readonly stepSec?: number;
  readonly gaps?: GapModel;
  readonly lengths?: WorkloadClass['lengths'];
  readonly requests?: number;
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
