/**
 * What a prompt consists of, given the one before it: the whole conversation and new text, or the same document and
 * another question.
 *
 * Source: STATISTICS §1.4 and §2.5. The data choose: median growth ≥ 0 and rank correlation of the previous answer with
 * what the prompt grew by > 0.3 say that the history is in the prompt.
 */
import { quantileCurve } from '../../stats/quantile-curve.js';
import { sortedCopy } from '../../stats/quantiles.js';
import { spearman } from '../../stats/spearman.js';
import type { ConditionalTable, GrowthModel, SessionKind, SessionModel, TurnCurve } from '../../types.js';
import { fitLengths } from '../lengths.js';
import type { SessionFacts } from './facts.js';
import { continuationRows, groupByTurn, type Threads } from './threads.js';

const LEAST_CORRELATION = 0.3;
/** Pairs of turns below which a correlation is noise. */
const LEAST_PAIRS = 50;

interface Lengths {
  readonly inputTokens: Int32Array;
  readonly outputTokens: Int32Array;
}

export interface GrowthEvidence {
  /** Of input − previous input − previous output. */
  readonly medianTokens: number;
  readonly negativeShare: number;
  readonly answerSpearman: number | null;
  /** Rank correlation of consecutive prompts. */
  readonly promptSpearman: number | null;
}

/** How prompts grow over the links, where all lengths are known; null without such links. */
export function growthEvidence(parents: Int32Array, lengths: Lengths): GrowthEvidence | null {
  const { inputTokens, outputTokens } = lengths;
  const rows = Uint32Array.from(parents.keys()).filter(
    (row) =>
      parents[row] >= 0 &&
      inputTokens[row] >= 0 &&
      inputTokens[parents[row]] >= 0 &&
      outputTokens[parents[row]] >= 0,
  );
  if (rows.length === 0) return null;
  const grown = Int32Array.from(rows, (row) => inputTokens[row] - inputTokens[parents[row]]);
  const answer = Int32Array.from(rows, (row) => outputTokens[parents[row]]);
  const growth = sortedCopy(grown.map((tokens, i) => tokens - answer[i]));
  return {
    medianTokens: growth[(growth.length - 1) >> 1],
    negativeShare: growth.filter((tokens) => tokens < 0).length / growth.length,
    answerSpearman: spearman(answer, grown),
    promptSpearman: spearman(
      Int32Array.from(rows, (row) => inputTokens[parents[row]]),
      Int32Array.from(rows, (row) => inputTokens[row]),
    ),
  };
}

export function chooseKind(evidence: GrowthEvidence): SessionKind {
  const { medianTokens, answerSpearman, promptSpearman } = evidence;
  if (medianTokens >= 0 && (answerSpearman ?? 0) > LEAST_CORRELATION) return 'chat';
  return (promptSpearman ?? 0) > LEAST_CORRELATION ? 'documents' : 'independent';
}

/** Tokens that a prompt is measured from. */
export function growthBase(kind: SessionKind, lengths: Lengths, threads: Threads, row: number): number {
  const before = threads.previous[row];
  if (kind === 'chat') return lengths.inputTokens[before] + lengths.outputTokens[before];
  return kind === 'documents' ? lengths.inputTokens[threads.first[row]] : 0;
}

export interface FittedGrowth {
  readonly growth: GrowthModel;
  readonly outputGivenInput: readonly ConditionalTable[];
  readonly persistence: SessionModel['persistence'];
}

export function fitGrowth(facts: SessionFacts, evidence: GrowthEvidence | null): FittedGrowth {
  const { threads, inputTokens, outputTokens, waitSec } = facts;
  const isKnown = (row: number): boolean => inputTokens[row] >= 0 && outputTokens[row] >= 0;
  const rows = continuationRows(threads).filter(
    (row) => isKnown(row) && isKnown(threads.previous[row]) && isKnown(threads.first[row]),
  );
  const deltaOf = (row: number): number => inputTokens[row] - growthBase(facts.kind, facts, threads, row);
  const byTurn: TurnCurve[] = groupByTurn(rows, (row) => threads.turn[row] - 1).map((group) => ({
    turnFrom: group.turnFrom,
    curve: quantileCurve(sortedCopy(Int32Array.from(group.rows, deltaOf))),
  }));
  const lengths =
    rows.length === 0
      ? null
      : fitLengths(
          Int32Array.from(rows, (row) => inputTokens[row]),
          Int32Array.from(rows, (row) => outputTokens[row]),
        );
  const later = rows.filter(
    (row) => threads.turn[row] > 2 && isKnown(threads.previous[threads.previous[row]]),
  );
  const before = (row: number): number => threads.previous[row];
  return {
    growth: {
      byTurn,
      medianTokens: evidence?.medianTokens ?? 0,
      negativeShare: rounded(evidence?.negativeShare ?? 0),
      answerSpearman: evidence?.answerSpearman == null ? null : rounded(evidence.answerSpearman),
    },
    outputGivenInput: lengths?.outputGivenInput ?? [],
    persistence: {
      think: persistenceOf(
        later,
        (row) => waitSec[before(row)],
        (row) => waitSec[before(before(row))],
      ),
      growth: persistenceOf(later, deltaOf, (row) => deltaOf(before(row))),
      output: persistenceOf(
        rows,
        (row) => outputTokens[row],
        (row) => outputTokens[before(row)],
      ),
    },
  };
}

/** Correlation of the Gaussian copula with the rank correlation of these pairs (Kruskal 1958: ρ = 2 sin(π·ρ_S/6)). */
function persistenceOf(
  rows: Uint32Array,
  value: (row: number) => number,
  valueBefore: (row: number) => number,
): number {
  if (rows.length < LEAST_PAIRS) return 0;
  const rank = spearman(Float64Array.from(rows, value), Float64Array.from(rows, valueBefore));
  return rank === null ? 0 : rounded(2 * Math.sin((Math.PI * rank) / 6));
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
