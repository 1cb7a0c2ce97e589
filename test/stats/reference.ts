/** Reference numbers (SciPy 1.10.1) for the tests of `stats`, and relative comparison with a stated tolerance. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

export interface ReferenceFit {
  readonly trace?: string;
  readonly column?: string;
  readonly family: string;
  readonly params: Readonly<Record<string, number>>;
  readonly n: number;
  readonly loglik: number;
  readonly aic: number;
  readonly bic: number;
  readonly ks_D: number;
  readonly ad_A2: number;
  readonly k: number;
  /** As a law of whole numbers, at the parameters of the density's maximum; token columns only. */
  readonly ks_D_disc?: number;
  readonly disc_loglik?: number;
}

export interface Reference {
  readonly specialFunctions: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly toy: {
    readonly x: number[];
    readonly y: number[];
    readonly fits: readonly ReferenceFit[];
    readonly spearman: number;
    readonly ks_2samp_D: number;
    readonly wasserstein: number;
    readonly quantiles_type7: Readonly<Record<string, number>>;
  };
  readonly fits: readonly ReferenceFit[];
  readonly descriptives: readonly {
    readonly trace: string;
    readonly column: string;
    readonly n: number;
    readonly sum: number;
    readonly mean: number;
    readonly sd_ddof0: number;
    readonly sd_ddof1: number;
    readonly cv_ddof1: number;
    readonly min: number;
    readonly max: number;
    readonly n_distinct: number;
    readonly n_zero: number;
    readonly quantiles: Readonly<Record<string, number>>;
    readonly mean_ln?: number;
    readonly sd_ln_ddof0?: number;
    readonly top_atoms?: readonly (readonly [number, number])[];
  }[];
  readonly arrivals: readonly {
    readonly trace: string;
    readonly n: number;
    readonly T: number;
    readonly idc: Readonly<
      Record<string, { readonly value: number | null; readonly windows: number; readonly max: number }>
    >;
    readonly acf_1s: Readonly<Record<string, number>>;
    readonly iat_lag1_spearman: number;
    readonly rescaled: Readonly<
      Record<
        string,
        {
          readonly cv_ddof1: number;
          readonly ks_D_vs_expon1: number;
          readonly first5_lambda: readonly number[];
          readonly lambda_at_600s: number;
          readonly Lambda_end: number;
        }
      >
    >;
  }[];
  readonly dependence: readonly { readonly trace: string; readonly spearman: number }[];
  readonly countHmm: readonly {
    readonly trace: string;
    readonly model: string;
    readonly K: number;
    readonly params: {
      readonly lam: readonly number[];
      readonly A: readonly (readonly number[])[];
      readonly pi: readonly number[];
      readonly r: readonly number[] | null;
    };
    readonly loglik_counts: number;
    readonly bic: number;
  }[];
  readonly gpdTails: readonly {
    readonly trace: string;
    readonly column: string;
    readonly q: number;
    readonly u: number;
    readonly n_exc: number;
    readonly xi: number;
    readonly sigma: number;
    readonly loglik: number;
    readonly ks_D: number;
    readonly ad: number;
  }[];
  readonly discretisedMle: readonly {
    readonly trace: string;
    readonly column: string;
    readonly family: string;
    readonly params: Readonly<Record<string, number>>;
    readonly n: number;
    readonly disc_loglik: number;
  }[];
  readonly pointProcesses: readonly (
    | {
        readonly trace: string;
        readonly model: 'hawkes';
        readonly params: { readonly mu: number; readonly alpha: number[]; readonly beta: number[] };
        readonly loglik: number;
      }
    | {
        readonly trace: string;
        readonly model: 'mmpp';
        readonly params: { readonly lam: number[]; readonly Q: number[][] };
        readonly loglik: number;
      }
  )[];
  readonly twoSampleHalves: readonly {
    readonly trace: string;
    readonly column: string;
    readonly n1: number;
    readonly n2: number;
    readonly ks_D: number;
    readonly ks_p_asymp: number;
    readonly wasserstein: number;
  }[];
}

export const reference = JSON.parse(
  readFileSync(new URL('../../../test/stats/reference.json', import.meta.url), 'utf8'),
) as Reference;

/** Asserts |actual − expected| ≤ relative·|expected| + absolute. */
export function assertClose(
  actual: number | null | undefined,
  expected: number,
  relative: number,
  what: string,
  absolute = 0,
): void {
  assert.ok(typeof actual === 'number', `${what}: expected ${expected}, got ${String(actual)}`);
  const error = Math.abs(actual - expected);
  assert.ok(
    error <= relative * Math.abs(expected) + absolute,
    `${what}: expected ${expected}, got ${actual} (off by ${error})`,
  );
}
