/** WorkloadModel: everything `synthesize` needs, readable by a person, with the fit's quality inside. */
import type { FamilyName, FileHeader, FitSummary, ManifestInput } from './common.js';
import type { PrefixModel, SessionModel } from './sessions.js';
import type { Operation } from './trace.js';

/**
 * Distribution by quantiles: exact atoms plus a sketch of the rest. `probs[k]` (0 … 1, rising) has value
 * `values[k]`; between knots linear. Draw: with probability Σ atom share an atom, else the sketch, rounded.
 */
export interface QuantileTable {
  readonly n: number;
  /** [value, count] of values that occur far more often than their neighbours; counts are out of n. */
  readonly atoms: readonly (readonly [number, number])[];
  readonly probs: readonly number[];
  /** Whole numbers where they are order statistics, other numbers where a mixture made them. */
  readonly values: readonly number[];
  /** Atoms at the upper end: a context window or token cap. Absent = none. */
  readonly caps?: readonly number[];
  /** The smallest value, when it is an atom: a hard lower end. Absent = it is not. */
  readonly floor?: number;
  /** Small samples: the lognormal mixture that the knots follow, because it predicts held-out values better. */
  readonly mixture?: TableMixture;
}

export interface TableMixture {
  /** Of the values that are not atoms; scale = median, s = standard deviation of ln. */
  readonly parts: readonly { readonly weight: number; readonly s: number; readonly scale: number }[];
  /** Bits per held-out value: with the mixture, and with a table of order statistics. */
  readonly heldOutBits: number;
  readonly tableHeldOutBits: number;
}

/**
 * Output lengths for inputs in [inputFrom, inputTo] (both inclusive). A table for one value (an atom of the input)
 * wins over the range that holds it; inputs outside every range take the nearest one.
 */
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
  /** Rank correlation of the source pairs, for the check after synthesis; null when one side is constant. */
  readonly spearman: number | null;
  /** Parametric fits, for reporting and comparison; the generator does not use them. */
  readonly inputFits: readonly FitSummary[];
  readonly outputFits: readonly FitSummary[];
  /** How the output was made to depend on the input, with what it beat; absent = by input bins, unchallenged. */
  readonly dependence?: ModelChoice;
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
  /** After the window the last so many seconds of it repeat (a day, a week); absent = the whole window does. */
  readonly repeatSec?: number;
}

/** Gaps in operational time (after removing the slow rate), scaled so that their mean, zeros included, is 1. */
export interface GapModel {
  readonly family: FamilyName;
  readonly params: Readonly<Record<string, number>>;
  readonly candidates: readonly FitSummary[];
  /** Coefficient of variation of the rescaled gaps. */
  readonly cv: number;
  /** Probability that a gap is exactly zero (requests at one instant); the family describes the others. Absent = 0. */
  readonly zeroShare?: number;
}

/**
 * Bursty arrivals as counts per bin: a hidden Markov chain over load states, each with its own count distribution.
 * When present it replaces gaps, and without `clock` also the rate curve, in synthesis.
 */
export interface CountHmmModel {
  readonly binSec: number;
  /**
   * `operational`: bins are of time after removing the slow rate, and the rate curve maps them back, so that days and
   * weeks keep their course. Absent = bins of the clock, without a rate curve.
   */
  readonly clock?: 'operational';
  /** Mean count per bin of each state, rising. */
  readonly mean: readonly number[];
  /** Size of the negative binomial of each state (variance = mean + mean²/size); null = Poisson. */
  readonly size: readonly (number | null)[];
  /** Row i: probabilities of the next state after state i; each row sums to 1. */
  readonly transition: readonly (readonly number[])[];
  /** Where inside a bin requests fall, copied from real bins by count; offsets in shares of a bin, rising. */
  readonly offsets: readonly OffsetBucket[];
  /** Natural-log likelihood of the counts. */
  readonly logLikelihood: number;
  readonly bic: number;
  /** Numbers of states tried, with their BIC; the lowest was chosen. */
  readonly candidates: readonly {
    readonly states: number;
    readonly logLikelihood: number;
    readonly bic: number;
  }[];
}

/** Patterns of bins whose count lies in [countFrom, countTo] (both inclusive). */
export interface OffsetBucket {
  readonly countFrom: number;
  readonly countTo: number;
  readonly patterns: readonly (readonly number[])[];
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
  /**
   * Index of dispersion of 10-s counts after removing the slow rate: about 1 when rate and gaps explain the stream,
   * above 4 when only bursts do. null = window too short.
   */
  readonly burstIndex?: number | null;
  /** Present = arrivals are drawn from this chain. */
  readonly bursts?: CountHmmModel | null;
  /** Present = gaps are drawn from these laws by time, and `gaps` is their average, for reading. */
  readonly gapsByTime?: GapsByTime | null;
}

/** Laws of gaps that change with time, in operational time with mean 1. */
export interface GapsByTime {
  readonly stepSec: number;
  /** Place in `laws` of the law of each step from 0; the last one holds until the window's end. */
  readonly lawOfStep: readonly number[];
  readonly laws: readonly Pick<GapModel, 'family' | 'params'>[];
}

/**
 * How the requests of all classes arrive together; the rate is the sum of the classes' rate curves. A request at time t
 * belongs to class c with probability rate_c(t) / Σ rate(t), or to its share of all requests when arrivals come from
 * `bursts`.
 */
export interface SharedArrivals extends Omit<ArrivalModel, 'rate'> {}

/**
 * Locality: with probability `inputRepeatShare` a request has the input length and the class of one of the
 * `windowRequests` before it, chosen at random.
 */
export interface LocalityModel {
  readonly inputRepeatShare: number;
  readonly windowRequests: number;
  /** Share of inputs that equal one of those before them: in the source, and in the source with lengths shuffled. */
  readonly source: number;
  readonly shuffled: number;
}

/** A decision of the fit, with what it beat. */
export interface ModelChoice {
  /** What was decided, e.g. `classes`. */
  readonly about: string;
  readonly chosen: string;
  readonly because: string;
  /** What the scores are, and whether low or high ones win; empty without candidates. */
  readonly score: string;
  readonly candidates: readonly { readonly name: string; readonly score: number }[];
}

/** How often requests fail, whatever their lengths. */
export interface FailureModel {
  /** Probability of each status that is not `ok`; they sum to below 1. */
  readonly byStatus: Readonly<Record<string, number>>;
}

/** One class of requests (a client, a model, requests of similar lengths, or everything). */
export interface WorkloadClass {
  readonly id: string;
  /** Value for client_id / model of generated rows; null = left unknown. */
  readonly clientId: string | null;
  readonly model: string | null;
  readonly requests: number;
  /** What the source's requests mostly were; absent = unknown, rows then say `other`. */
  readonly operation?: Operation;
  /** Requests that did not end well. Absent = none did. Lengths are those of the others. */
  readonly failures?: FailureModel;
  readonly arrivals: ArrivalModel;
  readonly lengths: LengthModel | ParametricLengthModel;
}

export interface WorkloadSource {
  readonly name: string;
  readonly licence: string | null;
  readonly citation: string | null;
  /** Content hash of the trace that was fitted. */
  readonly traceHash: string;
  /** The logs that the trace was made from, as its manifest names them. */
  readonly files?: readonly ManifestInput[];
  readonly rows: number;
  /** Rows whose lengths were fitted. All rows count as arrivals. */
  readonly rowsUsed: number;
  /** Rows kept out of the length fit, by reason. */
  readonly excluded?: Readonly<Record<string, number>>;
  readonly startUtc: string | null;
}

/**
 * How far the second half of the window is from the first, beside what chance alone gives: a copy of the window
 * cannot predict better than this. `floor` = 95 % point over random halves of the same window (null = not computed).
 */
export interface DriftCheck {
  readonly metric: string;
  readonly value: number;
  readonly floor: number | null;
}

export interface WorkloadModel extends FileHeader<'workload-model'> {
  readonly name: string;
  /** null for hand-written models. */
  readonly source: WorkloadSource | null;
  /** Length of the fitted window; a synthesis longer than this repeats the rate curve and says so. */
  readonly durationSec: number;
  readonly meanRatePerSec: number;
  /** What makes a class; `latent` = requests of similar lengths. */
  readonly by: 'client' | 'model' | 'latent' | 'none';
  readonly classes: readonly WorkloadClass[];
  /** When present, classes do not arrive on their own: of their arrivals only the rate curve is used. */
  readonly shared?: SharedArrivals | null;
  /** null or absent = lengths do not repeat more than their distribution implies. */
  readonly locality?: LocalityModel | null;
  /** What the fit chose, and what each choice beat. */
  readonly choices?: readonly ModelChoice[];
  /** How requests follow from one another. When present, the classes describe first turns only. */
  readonly sessions?: SessionModel | null;
  /** Which prompt beginnings are shared; needs `sessions`. */
  readonly prefixes?: PrefixModel | null;
  /** Absent in hand-written models. */
  readonly drift?: readonly DriftCheck[];
  readonly warnings: readonly string[];
}
