/** Records that every file and every stage shares: provenance, judgements, distributions' fits, progress. */

/** An input as named in a manifest. Never a full path: base name only. */
export interface ManifestInput {
  readonly name: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/**
 * Where a file came from. `options` holds what determines the content (not the output path, not worker counts),
 * so that equal content has equal manifests.
 */
export interface Manifest {
  readonly tool: 'tokentide';
  readonly version: string;
  readonly command: string;
  readonly options: Readonly<Record<string, string | number | boolean | null>>;
  readonly seed: string | null;
  readonly inputs: readonly ManifestInput[];
  /** RFC 3339 UTC, or null in files whose bytes must be reproducible. */
  readonly createdUtc: string | null;
}

/** What every JSON document of ours starts with. */
export interface FileHeader<Kind extends string> {
  readonly schemaVersion: 1;
  readonly kind: Kind;
  readonly manifest: Manifest;
}

/** A named check with its measured value and the limit that it was held to. */
export interface Check {
  readonly check: string;
  /** null = could not be measured. */
  readonly value: number | null;
  readonly limit: number;
  /** Unit of value and limit, e.g. `ms`, `ratio`, `requests`. */
  readonly unit: string;
  readonly pass: boolean;
  /** What to change when it fails; names the flag and the value to try. */
  readonly advice: string;
}

/** A judgement that a person can act on. */
export interface Verdict<V extends string> {
  readonly verdict: V;
  readonly because: string;
  readonly recommendation: string;
}

/** How long work reports itself. `total` null = unknown. */
export interface Progress {
  readonly stage: string;
  readonly done: number;
  readonly total: number | null;
  readonly unit: string;
}

export type ProgressListener = (progress: Progress) => void;

/** A monotonic clock; `nowNs` counts from an arbitrary origin. */
export interface Clock {
  nowNs(): number;
}

/**
 * Parametric families with maximum-likelihood fits. Parameters are named as in SciPy with loc = 0; those of mixtures
 * carry the component's number.
 */
export type FamilyName =
  | 'exponential'
  | 'gamma'
  | 'weibull'
  | 'lognormal'
  | 'inverse_gaussian'
  | 'log_logistic'
  | 'lomax'
  | 'pareto'
  | 'lognormal_mixture_2'
  | 'lognormal_mixture_3'
  | 'hyperexponential_2'
  | 'hyperexponential_3'
  | 'hyperexponential_4';

/** One fitted family, with what it takes to compare it with the others. */
export interface FitSummary {
  readonly family: FamilyName;
  /** By SciPy name: scale; a, scale; c, scale; s, scale; mu, scale; b, scale; of component k: wk, sk, scalek. */
  readonly params: Readonly<Record<string, number>>;
  readonly n: number;
  /** Sum of natural-log densities. */
  readonly logLikelihood: number;
  readonly aic: number;
  readonly bic: number;
  /** Kolmogorov–Smirnov distance of the sample from the fit, 0–1. */
  readonly ksDistance: number;
}
