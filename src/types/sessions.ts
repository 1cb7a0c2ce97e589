/** Sessions and shared prompt beginnings in a workload model: how requests follow from one another. */
import type { FitSummary } from './common.js';
import type { ConditionalTable, RateCurve } from './workload.js';

/** Real values by quantiles: `probs` rise from 0 to 1, `values` never fall, linear between. */
export interface QuantileCurve {
  readonly n: number;
  readonly probs: readonly number[];
  readonly values: readonly number[];
}

/** A curve for turns from `turnFrom` up to the next entry's. The turn is that of the request that goes before. */
export interface TurnCurve {
  readonly turnFrom: number;
  readonly curve: QuantileCurve;
}

/**
 * How requests of a session depend on each other.
 * `chat`: a prompt holds the prompt and the answer before it, then new text. `documents`: every prompt is the same
 * document with another question. `independent`: one after another, with unrelated prompts.
 */
export type SessionKind = 'chat' | 'documents' | 'independent';

/** Requests at turn m, and how many of them had a successor. */
export interface TurnContinuation {
  readonly turn: number;
  readonly requests: number;
  readonly followed: number;
  /** Probability of a successor: Kaplan–Meier over the window's end, then not falling with the turn. */
  readonly hazard: number;
  /** The same before the odds of `byInput` and `byClass`; what the generator starts from. */
  readonly baseline: number;
}

export interface ContinuationModel {
  /** By turn from 1; the last entry holds for all later turns. */
  readonly byTurn: readonly TurnContinuation[];
  /** Shorter prompts are never continued: block hashes cannot tell (0 = all may be). */
  readonly leastInputTokens: number;
  /** Factors on the odds by prompt length, both bounds inclusive: after the first turn, and after later ones. */
  readonly byInput: readonly {
    readonly inputFrom: number;
    readonly inputTo: number;
    readonly afterFirst: number;
    readonly afterLater: number;
  }[];
  /** Factors on the odds by class id; absent = 1 for every class. */
  readonly byClass?: Readonly<Record<string, number>>;
  /**
   * Factors on the odds by when the session's first request came, `fromSec` rising from 0 in the fitted window: first
   * requests near its beginning are often later turns of sessions that began before. Absent = 1 throughout.
   */
  readonly byStart?: readonly { readonly fromSec: number; readonly odds: number }[];
}

/** Time between a request and its successor, seconds. */
export interface ThinkModel {
  /** `after_answer`: from the end of the answer; `start_to_start`: from arrival to arrival, no durations were logged. */
  readonly basis: 'after_answer' | 'start_to_start';
  readonly byTurn: readonly TurnCurve[];
  /**
   * Factors on these times by the length of the prompt before, both bounds inclusive: after the first turn, and after
   * later ones. Absent = the length makes no difference.
   */
  readonly byInput?: readonly {
    readonly inputFrom: number;
    readonly inputTo: number;
    readonly afterFirst: number;
    readonly afterLater: number;
  }[];
  /** Families fitted to the observed times, for reporting. */
  readonly families: readonly FitSummary[];
  /**
   * Time that an answer takes. Turns between arrival times and think times. `assumed` where the source has no
   * durations: edit it to the endpoint that the trace will be replayed against.
   */
  readonly answer: {
    readonly source: 'fitted' | 'assumed';
    readonly baseSec: number;
    readonly secPerOutputToken: number;
  };
}

/** What a prompt has more than what it starts from: prompt and answer before it (chat), the first prompt (documents). */
export interface GrowthModel {
  /** Tokens beyond that; may be negative. For `independent` sessions the whole prompt. */
  readonly byTurn: readonly TurnCurve[];
  readonly medianTokens: number;
  /** Share of continuations that fall short of it. */
  readonly negativeShare: number;
  /** Rank correlation of the previous answer with what the prompt grew by; null = undefined. */
  readonly answerSpearman: number | null;
}

/**
 * Documents that many requests ask about, whoever sends them: known from block hashes alone. A visit reads the document
 * whose last use is nearest to a drawn reuse gap ago.
 */
export interface DocumentPool {
  /** Rate of visits, i.e. of requests on a document that was read before; Poisson. */
  readonly visits: RateCurve;
  /**
   * Rate of visits to documents of some lengths (of the first prompt, both bounds inclusive); the sum is `visits`. A
   * visit draws the range by these rates, then the document. Absent = documents of all lengths alike.
   */
  readonly visitsByInput?: readonly {
    readonly inputFrom: number;
    readonly inputTo: number;
    readonly visits: RateCurve;
  }[];
  /** Share of first prompts that become documents, by length, both bounds inclusive. */
  readonly byInput: readonly {
    readonly inputFrom: number;
    readonly inputTo: number;
    readonly share: number;
  }[];
  /** Seconds since the document was last used. */
  readonly reuseGapSec: QuantileCurve;
  /**
   * The same by when the visit comes, `fromSec` rising from 0 in the fitted window: the more visits, the sooner the next
   * one to a document. Absent = one law throughout.
   */
  readonly reuseGapByTime?: readonly { readonly fromSec: number; readonly curve: QuantileCurve }[];
}

export interface SessionModel {
  readonly linkedBy: 'session_id' | 'parent_id' | 'block_hashes';
  readonly kind: SessionKind;
  /** Requests of the source, and those that follow another one. The classes describe the others: first turns. */
  readonly requests: number;
  readonly continuations: number;
  readonly continuation: ContinuationModel;
  /** Present = requests after the first come as visits from here, and hazards and think times are for information. */
  readonly pool: DocumentPool | null;
  readonly think: ThinkModel;
  readonly growth: GrowthModel;
  /** Output lengths of turns after the first, by prompt length. */
  readonly outputGivenInput: readonly ConditionalTable[];
  /** Correlation (Gaussian copula, −1 … 1) of consecutive turns of one session. */
  readonly persistence: { readonly think: number; readonly growth: number; readonly output: number };
  /** Largest prompt + answer; what happens to a session that would go beyond it. */
  readonly window: {
    readonly tokens: number;
    readonly policy: 'end_session' | 'truncate_history';
  };
}

/** A beginning that at least 1 % of requests share, e.g. a system prompt. */
export interface SharedHead {
  readonly name: string;
  /** Whole length in blocks. */
  readonly blocks: number;
  /** The head that it starts with, and how many blocks of it; null = none. */
  readonly extends: string | null;
  readonly sharedBlocks: number;
  /** Share of first turns whose longest head this is. */
  readonly share: number;
  /** The same by class id; absent = equal in all classes. */
  readonly shareByClass?: Readonly<Record<string, number>>;
}

/** First turns that begin like an earlier request beyond its head: forks, retries, documents read by several. */
export interface BranchModel {
  /** By prompt length, both bounds inclusive. */
  readonly byInput: readonly {
    readonly inputFrom: number;
    readonly inputTo: number;
    /** Share of first turns that do so, once enough time has passed for the reuse gap. */
    readonly share: number;
    /** As `depth` below for these prompts; null = too few seen. */
    readonly depth: QuantileCurve | null;
  }[];
  /** Shared part of the prompt's complete blocks beyond the head, 0–1; null = only whole prompts were repeated. */
  readonly depth: QuantileCurve | null;
  /** Share of branches that repeat a whole earlier prompt. */
  readonly repeatShare: number;
  /** Seconds since the shared beginning was last used. */
  readonly reuseGapSec: QuantileCurve;
}

/** Hit rates of a prefix cache over the source, to be compared with a synthesis. */
export interface PrefixReuseSummary {
  readonly references: number;
  readonly distinctBlocks: number;
  /** Infinite cache: leading blocks seen before ÷ blocks, and the same by tokens. */
  readonly hitRatio: number;
  readonly tokenHitRatio: number;
  readonly lru: readonly { readonly blocks: number; readonly hitRatio: number }[];
}

export interface PrefixModel {
  /** Tokens per block hash. */
  readonly blockSize: number;
  readonly heads: readonly SharedHead[];
  /** null = none seen. */
  readonly branches: BranchModel | null;
  /**
   * How much of the complete blocks before it a continuation keeps: all of them with probability `wholeShare`, else a
   * part (0–1). For documents: the part of the first prompt that is the document.
   */
  readonly kept: { readonly wholeShare: number; readonly part: QuantileCurve | null };
  /** Documents: probability that a visit repeats an earlier question on it, by visit from 2; the last holds beyond. */
  readonly repeatByVisit: readonly number[];
  readonly source: PrefixReuseSummary;
}
