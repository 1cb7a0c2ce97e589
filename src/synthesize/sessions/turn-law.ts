/**
 * The law of one session's next turn: whether it comes, when, and how long prompt and answer are.
 *
 * Every draw has an address (session, turn, purpose), so a changed think time moves requests without changing a single
 * length. Consecutive turns are tied by Gaussian copulas of their ranks.
 */
import { CounterRandom } from '../../stats/counter-random.js';
import { normalCdf } from '../../stats/normal-cdf.js';
import { normalQuantile } from '../../stats/normal-quantile.js';
import { quantileAt } from '../../stats/quantile-curve.js';
import type { SessionModel, TurnCurve, WorkloadClass } from '../../types.js';
import { ConditionalCurves } from './table-curve.js';

/** What draws are for; part of the file contract, as the order of draws is elsewhere. */
const PURPOSE = { continue: 1, think: 2, growth: 3, output: 4, document: 5 } as const;

/** Ranks of the last turn on the normal scale; null = no such turn yet. */
export interface TurnRanks {
  think: number | null;
  growth: number | null;
  output: number | null;
}

/** A request of a session that may have a successor. */
export interface Turn {
  readonly session: number;
  readonly turn: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly ranks: TurnRanks;
  /** When the session's first turn came, µs. */
  readonly startUs: number;
}

export class TurnLaw {
  readonly #model: SessionModel;
  readonly #random: CounterRandom;
  readonly #outputs: ConditionalCurves;
  /** Outputs of first turns, for the rank of the first; null where the class has families instead of tables. */
  readonly #firstOutputs: ConditionalCurves | null;
  readonly #classOdds: number;
  readonly #periodUs: number;

  /** `periodSec` is the length of the fitted window. */
  constructor(
    model: SessionModel,
    seed: string,
    { id, lengths }: Pick<WorkloadClass, 'id' | 'lengths'>,
    periodSec: number,
  ) {
    this.#periodUs = periodSec * 1e6;
    this.#model = model;
    this.#random = new CounterRandom(seed, 'sessions', id);
    this.#outputs = new ConditionalCurves(model.outputGivenInput);
    this.#firstOutputs = lengths.kind === 'pairs' ? new ConditionalCurves(lengths.outputGivenInput) : null;
    this.#classOdds = model.continuation.byClass?.[id] ?? 1;
  }

  /** Whether the request is followed by another one. */
  continues({ session, turn, inputTokens, startUs }: Turn): boolean {
    const { byTurn, byInput, leastInputTokens } = this.#model.continuation;
    if (inputTokens < leastInputTokens || byTurn.length === 0) return false;
    const { baseline } = byTurn[Math.min(turn, byTurn.length) - 1];
    const bin = byInput.find(({ inputTo }) => inputTokens <= inputTo);
    const byLength = bin === undefined ? 1 : turn === 1 ? bin.afterFirst : bin.afterLater;
    const odds = (baseline / (1 - baseline)) * byLength * this.#classOdds * this.#startOdds(startUs);
    return this.#random.uniform(session, turn, PURPOSE.continue) < odds / (1 + odds);
  }

  /** Past the fitted window its first turns come again, and with them how long their sessions last. */
  #startOdds(startUs: number): number {
    const bins = this.#model.continuation.byStart;
    if (bins === undefined) return 1;
    const inPeriodSec = (startUs % this.#periodUs) / 1e6;
    return bins.findLast(({ fromSec }) => fromSec <= inPeriodSec)?.odds ?? 1;
  }

  /** Uniform that decides whether a first prompt becomes a document. */
  documentDraw(session: number): number {
    return this.#random.uniform(session, 1, PURPOSE.document);
  }

  /** Seconds from arrival to the successor's arrival, and the think time in them. */
  wait(before: Turn): { readonly gapSec: number; readonly thinkSec: number } {
    const { think, persistence } = this.#model;
    const u = this.#rank(before, 'think', persistence.think);
    const bin = think.byInput?.find(({ inputTo }) => before.inputTokens <= inputTo);
    const factor = bin === undefined ? 1 : before.turn === 1 ? bin.afterFirst : bin.afterLater;
    const drawnSec = factor * Math.max(0, quantileAt(curveAt(think.byTurn, before.turn), u));
    const answerSec = think.answer.baseSec + think.answer.secPerOutputToken * before.outputTokens;
    return think.basis === 'after_answer'
      ? { gapSec: answerSec + drawnSec, thinkSec: drawnSec }
      : { gapSec: drawnSec, thinkSec: Math.max(0, drawnSec - answerSec) };
  }

  /** Tokens that the successor's prompt has beyond what it is measured from. */
  growth(before: Turn): number {
    const { growth, persistence } = this.#model;
    return Math.round(
      quantileAt(curveAt(growth.byTurn, before.turn), this.#rank(before, 'growth', persistence.growth)),
    );
  }

  /** Length of the successor's answer. */
  output(before: Turn, inputTokens: number): number {
    const { ranks } = before;
    if (ranks.output === null && this.#firstOutputs !== null) {
      ranks.output = scoreOf(this.#firstOutputs.rankOf(before.inputTokens, before.outputTokens));
    }
    const u = this.#rank(before, 'output', this.#model.persistence.output);
    return Math.max(0, this.#outputs.tokensAt(inputTokens, u));
  }

  /** A rank correlated with the one before, which it replaces. */
  #rank({ session, turn, ranks }: Turn, purpose: keyof TurnRanks, correlation: number): number {
    const fresh = normalQuantile(this.#random.uniform(session, turn, PURPOSE[purpose]));
    const last = ranks[purpose];
    const score = last === null ? fresh : correlation * last + Math.sqrt(1 - correlation ** 2) * fresh;
    ranks[purpose] = score;
    return normalCdf(score);
  }
}

const LARGEST_SCORE = 4;

function scoreOf(rank: number): number {
  return Math.min(LARGEST_SCORE, Math.max(-LARGEST_SCORE, normalQuantile(rank)));
}

/** The curve of a turn: the last that begins at or before it. */
export function curveAt(curves: readonly TurnCurve[], turn: number): TurnCurve['curve'] {
  let found = curves[0];
  for (const curve of curves) if (curve.turnFrom <= turn) found = curve;
  return found.curve;
}
