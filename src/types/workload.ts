/** WorkloadModel: everything `synthesize` needs, readable by a person, with the fit's quality inside. */
import type { FamilyName, FileHeader, FitSummary } from './common.js';

/**
 * Distribution by quantiles: exact atoms plus a sketch of the rest. `probs[k]` (0 … 1, rising) has value
 * `values[k]`; between knots linear. Draw: with probability Σ atom share an atom, else the sketch, rounded.
 */
export interface QuantileTable {
  readonly n: number;
  /** [value, count] of values that occur far more often than their neighbours; counts are out of n. */
  readonly atoms: readonly (readonly [number, number])[];
  readonly probs: readonly number[];
  readonly values: readonly number[];
}

/** Output lengths for inputs in [inputFrom, inputTo] (both inclusive). */
export interface ConditionalTable {
  readonly inputFrom: number;
  readonly inputTo: number;
  readonly output: QuantileTable;
}

/** Lengths drawn as pairs: input from its table, then output from the table of the input's bin. */
export interface LengthModel {
  readonly kind: 'pairs';
  readonly input: QuantileTable;
  readonly outputGivenInput: readonly ConditionalTable[];
  /** Rank correlation of the source pairs, for the check after synthesis. */
  readonly spearman: number;
  /** Parametric fits, for reporting and comparison; the generator does not use them. */
  readonly inputFits: readonly FitSummary[];
  readonly outputFits: readonly FitSummary[];
}

/** Lengths from parametric families, independent or coupled by a Gaussian copula: hand-written models. */
export interface ParametricLengthModel {
  readonly kind: 'parametric';
  readonly input: FamilyDistribution;
  readonly output: FamilyDistribution;
  /** Correlation of the Gaussian copula, −1 … 1; 0 = independent. */
  readonly copulaRho: number;
}

/** A family with parameters, optionally kept within bounds by truncation (resampling in [min, max]). */
export interface FamilyDistribution {
  readonly family: FamilyName | 'constant';
  readonly params: Readonly<Record<string, number>>;
  readonly min: number | null;
  readonly max: number | null;
}

/** Rate over time: knots every `stepSec` from 0, linear between; a single knot = constant. */
export interface RateCurve {
  readonly stepSec: number;
  readonly ratePerSec: readonly number[];
  /** Standard deviation of the Gaussian kernel that made the curve; null = not smoothed. */
  readonly bandwidthSec: number | null;
}

/** Gaps in operational time (after removing the slow rate), scaled to mean 1. */
export interface GapModel {
  readonly family: FamilyName;
  readonly params: Readonly<Record<string, number>>;
  readonly candidates: readonly FitSummary[];
  /** Coefficient of variation of the rescaled gaps. */
  readonly cv: number;
}

export interface ArrivalModel {
  readonly rate: RateCurve;
  readonly gaps: GapModel;
  /** Index of dispersion of counts, by window: real, then what the fitted model gives in simulation. */
  readonly dispersion: readonly {
    readonly windowSec: number;
    readonly source: number;
    readonly model: number | null;
  }[];
  /** Grid that fitting spread arrivals over (coarse source clock), ns; null = exact times used. */
  readonly dequantizedGridNs: number | null;
}

/** One class of requests (a client, a model, or everything) with its own arrivals and lengths. */
export interface WorkloadClass {
  readonly id: string;
  /** Value for client_id / model of generated rows; null = left unknown. */
  readonly clientId: string | null;
  readonly model: string | null;
  readonly requests: number;
  readonly arrivals: ArrivalModel;
  readonly lengths: LengthModel | ParametricLengthModel;
}

export interface WorkloadSource {
  readonly name: string;
  readonly licence: string | null;
  readonly citation: string | null;
  /** Content hash of the trace that was fitted. */
  readonly traceHash: string;
  readonly rows: number;
  readonly rowsUsed: number;
  readonly startUtc: string | null;
}

export interface WorkloadModel extends FileHeader<'workload-model'> {
  readonly name: string;
  /** null for hand-written models. */
  readonly source: WorkloadSource | null;
  /** Length of the fitted window; a synthesis longer than this repeats the rate curve and says so. */
  readonly durationSec: number;
  readonly meanRatePerSec: number;
  readonly by: 'client' | 'model' | 'none';
  readonly classes: readonly WorkloadClass[];
  readonly warnings: readonly string[];
}
