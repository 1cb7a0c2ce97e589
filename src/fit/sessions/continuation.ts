/**
 * Whether a request is followed by another one of its session, and after how long.
 *
 * Source: STATISTICS §2.5: hazards by turn, Kaplan–Meier because the window's end hides successors, not falling with the
 * turn (isotonic, later turns pooled). On top, factors on the odds by prompt length and by class: long documents are asked
 * about again, one-line prompts are not; and by when the session's first request came, because sessions from before the
 * window show only their later, more faithful part. The factors are those under which each bin is expected to show as many successors
 * within its time under observation as it did (iterative scaling, as for a logistic model).
 */

import { isotonic } from '../../stats/isotonic.js';
import { type EventCurve, eventCurve, probabilityBy, probabilityEver } from '../../stats/kaplan-meier.js';
import { curveOfSteps } from '../../stats/quantile-curve.js';
import type { ContinuationModel, TurnContinuation, TurnCurve } from '../../types.js';
import type { SessionFacts } from './facts.js';
import { binTops } from './input-bins.js';
import { groupByTurn } from './threads.js';
import { fitWaitFactors, type WaitFactors, waitFactor } from './wait-scale.js';

/** Turns with a hazard of their own; later ones share the last. */
const OWN_TURNS = 8;
/** Bounds of bins of session starts, in median times to the next turn; in the last one sessions are as good as new. */
const START_BOUNDS = [0, 0.5, 1, 2, 4, 8];
const START_ROWS = 50;
const OWN_TURN_ROWS = 20;
/** Below this many, or this share, under observation a Kaplan–Meier step rests on one or two rows. */
const LEAST_AT_RISK = 10;
const LEAST_AT_RISK_SHARE = 0.05;
/** Sessions must end. */
const LARGEST_HAZARD = 0.98;
const ROUNDS = 60;
const LARGEST_FACTOR = 100;
/** Rows without any effect of their length or class that are added to each bin, so that empty ones stay at 1. */
const PRIOR_ROWS = 4;
const DIGITS = 5;

export interface FittedContinuation {
  readonly continuation: ContinuationModel;
  /** Time to the successor by turn of the request before, seconds. */
  readonly waits: readonly TurnCurve[];
  /** Factors on them by the length of the prompt before; null = none. */
  readonly waitFactors: WaitFactors | null;
}

/** Rows with prompts below `leastInputTokens` are taken as never followed. */
export function fitContinuation(facts: SessionFacts, leastInputTokens: number): FittedContinuation {
  const { threads, inputTokens, waitSec } = facts;
  const waitFactors = facts.kind === 'chat' ? fitWaitFactors(facts) : null;
  const factorOf = (row: number): number => waitFactor(waitFactors, threads.turn[row], inputTokens[row]);
  const rows = Uint32Array.from(threads.turn.keys()).filter((row) => inputTokens[row] >= leastInputTokens);
  const events = groupByTurn(
    rows.filter((row) => threads.next[row] >= 0),
    (row) => threads.turn[row],
  );
  const curveOf = (some: Uint32Array): EventCurve =>
    eventCurve(
      Float64Array.from(some, (row) => waitSec[row] / factorOf(row)),
      Uint8Array.from(some, (row) => (threads.next[row] >= 0 ? 1 : 0)),
      Math.max(LEAST_AT_RISK, LEAST_AT_RISK_SHARE * some.length),
    );
  const groups = events.map(({ turnFrom }, k) => {
    const below = events[k + 1]?.turnFrom ?? Number.POSITIVE_INFINITY;
    const own = rows.filter((row) => threads.turn[row] >= turnFrom && threads.turn[row] < below);
    return { turnFrom, curve: curveOf(own) };
  });
  const turns = hazardsByTurn(facts, rows, curveOf);
  const weights = new OddsFit(facts, rows, turns, groups, factorOf);
  weights.solve();
  return {
    continuation: {
      byTurn: weights.byTurn(),
      leastInputTokens,
      byInput: weights.byInput(),
      ...(facts.classIds.length > 1 ? { byClass: weights.byClass() } : {}),
      ...weights.byStart(),
    },
    waits: groups
      .filter(({ curve }) => curve.events > 0 && curve.times.length > 0)
      .map(({ turnFrom, curve }) => ({
        turnFrom,
        curve: curveOfSteps(curve.times, curve.probabilities, curve.events),
      })),
    waitFactors,
  };
}

interface TurnHazard {
  readonly turn: number;
  readonly requests: number;
  readonly followed: number;
  readonly hazard: number;
}

function hazardsByTurn(
  { threads }: SessionFacts,
  rows: Uint32Array,
  curveOf: (rows: Uint32Array) => EventCurve,
): TurnHazard[] {
  const sizes: number[] = new Array<number>(OWN_TURNS + 1).fill(0);
  for (const row of rows) if (threads.turn[row] <= OWN_TURNS) sizes[threads.turn[row]] += 1;
  let last = 1;
  while (last < OWN_TURNS && sizes[last + 1] >= OWN_TURN_ROWS) last += 1;
  const raw = Array.from({ length: last }, (_, k) => {
    const turn = k + 1;
    const own = rows.filter((row) =>
      turn === last ? threads.turn[row] >= turn : threads.turn[row] === turn,
    );
    const curve = curveOf(own);
    return { turn, requests: curve.observed, followed: curve.events, hazard: probabilityEver(curve) };
  });
  const rising = isotonic(
    raw.map(({ hazard }) => hazard),
    raw.map(({ requests }) => requests),
  );
  return raw.map((one, k) => ({ ...one, hazard: Math.min(LARGEST_HAZARD, rising[k]) }));
}

/**
 * Bounds of start times, from 0, with rows enough in each bin; one bound = no difference by start. Kept within the first
 * half of the window, as far as sessions from before it can reach.
 */
function startBounds({ threads, waitSec, timeSec, durationSec }: SessionFacts, rows: Uint32Array): number[] {
  const waits = Float64Array.from(
    rows.filter((row) => threads.next[row] >= 0),
    (row) => waitSec[row],
  ).sort();
  const median = waits.length === 0 ? 0 : waits[waits.length >> 1];
  const starts = Float64Array.from(
    rows.filter((row) => threads.turn[row] === 1),
    (row) => timeSec[row],
  );
  const bounds = [0];
  for (const multiple of START_BOUNDS.slice(1)) {
    const bound = Number((multiple * median).toPrecision(3));
    if (bound > durationSec / 2) break;
    const from = bounds[bounds.length - 1];
    if (starts.filter((t) => t >= from && t < bound).length >= START_ROWS) bounds.push(bound);
  }
  return bounds;
}

/** Odds factors by prompt length (after the first turn and after later ones), by class and by the session's start. */
class OddsFit {
  readonly #facts: SessionFacts;
  readonly #rows: Uint32Array;
  readonly #turns: readonly TurnHazard[];
  readonly #tops: readonly number[];
  /** Of each row: place of its turn, place of its bin (later turns in the second half), chance to be seen. */
  readonly #turnAt: Uint8Array;
  readonly #binAt: Uint8Array;
  readonly #seen: Float64Array;
  readonly #baseOdds: Float64Array;
  readonly #binFactor: Float64Array;
  readonly #classFactor: Float64Array;
  readonly #starts: readonly number[];
  readonly #startAt: Uint8Array;
  readonly #startFactor: Float64Array;

  constructor(
    facts: SessionFacts,
    rows: Uint32Array,
    turns: readonly TurnHazard[],
    groups: readonly { readonly turnFrom: number; readonly curve: EventCurve }[],
    waitFactorOf: (row: number) => number,
  ) {
    const { threads, inputTokens, timeSec, durationSec } = facts;
    this.#facts = facts;
    this.#rows = rows;
    this.#turns = turns;
    this.#tops = binTops(
      Int32Array.from(
        rows.filter((row) => threads.turn[row] === 1),
        (row) => inputTokens[row],
      ),
    );
    const bins = this.#tops.length;
    this.#turnAt = Uint8Array.from(rows, (row) => Math.min(threads.turn[row], turns.length) - 1);
    this.#binAt = Uint8Array.from(rows, (row) => {
      const bin = this.#tops.findIndex((top) => inputTokens[row] <= top);
      return threads.turn[row] === 1 ? bin : bins + bin;
    });
    this.#seen = Float64Array.from(rows, (row) => {
      const curve = groups.findLast(({ turnFrom }) => turnFrom <= threads.turn[row])?.curve;
      const ever = curve === undefined ? 0 : probabilityEver(curve);
      return curve === undefined || ever === 0
        ? 1
        : probabilityBy(curve, (durationSec - timeSec[row]) / waitFactorOf(row)) / ever;
    });
    this.#baseOdds = Float64Array.from(turns, ({ hazard }) => hazard / (1 - hazard));
    this.#binFactor = new Float64Array(2 * bins).fill(1);
    this.#classFactor = new Float64Array(facts.classIds.length).fill(1);
    const starts = startBounds(facts, rows);
    this.#starts = starts;
    this.#startAt = Uint8Array.from(rows, (row) =>
      starts.findLastIndex((from) => from <= timeSec[threads.first[row]]),
    );
    this.#startFactor = new Float64Array(starts.length).fill(1);
  }

  solve(): void {
    const { threads, classOf } = this.#facts;
    const happened = Uint8Array.from(this.#rows, (row) => (threads.next[row] >= 0 ? 1 : 0));
    const classAt = Int32Array.from(this.#rows, (row) => classOf[row]);
    for (let round = 0; round < ROUNDS; round++) {
      this.#scale(this.#binFactor, this.#binAt, happened);
      if (this.#classFactor.length > 1) this.#scale(this.#classFactor, classAt, happened);
      if (this.#starts.length > 1) this.#scale(this.#startFactor, this.#startAt, happened);
      this.#matchHazards();
    }
    this.#normalize();
  }

  /** Factors about 1 on average, so that baselines read like hazards. */
  #normalize(): void {
    const bins = this.#tops.length;
    const logs = new Float64Array(2);
    const counts = new Float64Array(2);
    for (const bin of this.#binAt) {
      const phase = bin < bins ? 0 : 1;
      logs[phase] += Math.log(this.#binFactor[bin]);
      counts[phase] += 1;
    }
    const centre = logs.map((sum, phase) => (counts[phase] > 0 ? Math.exp(sum / counts[phase]) : 1));
    this.#binFactor.forEach((factor, bin) => {
      this.#binFactor[bin] = factor / centre[bin < bins ? 0 : 1];
    });
    this.#baseOdds.forEach((odds, k) => {
      this.#baseOdds[k] = odds * centre[k === 0 ? 0 : 1];
    });
  }

  /** Moves each factor towards the one that makes the expected number of seen successors the real one. */
  #scale(factors: Float64Array, placeOf: ArrayLike<number>, happened: Uint8Array): void {
    const typical = happened.reduce((sum, one) => sum + one, 0) / Math.max(1, happened.length);
    const odds = typical / (1 - typical);
    const real = new Float64Array(factors.length).fill(PRIOR_ROWS * typical);
    const expected = factors.map((factor) => (PRIOR_ROWS * odds * factor) / (1 + odds * factor));
    for (let i = 0; i < this.#rows.length; i++) {
      if (placeOf[i] < 0) continue;
      real[placeOf[i]] += happened[i];
      expected[placeOf[i]] += this.#probability(i) * this.#seen[i];
    }
    factors.forEach((factor, k) => {
      const next = expected[k] > 0 ? factor * (real[k] / expected[k]) : factor;
      factors[k] = Math.min(LARGEST_FACTOR, Math.max(1 / LARGEST_FACTOR, next));
    });
  }

  /** Baselines under which the mean probability of each turn is its hazard. */
  #matchHazards(): void {
    const sum = new Float64Array(this.#turns.length);
    const count = new Float64Array(this.#turns.length);
    for (let i = 0; i < this.#rows.length; i++) {
      sum[this.#turnAt[i]] += this.#probability(i);
      count[this.#turnAt[i]] += 1;
    }
    this.#turns.forEach(({ hazard }, k) => {
      if (sum[k] > 0 && hazard > 0) this.#baseOdds[k] *= hazard / (sum[k] / count[k]);
    });
  }

  #probability(i: number): number {
    const own = this.#facts.classOf[this.#rows[i]];
    const factor = this.#classFactor.length > 1 && own >= 0 ? this.#classFactor[own] : 1;
    const start = this.#startFactor[this.#startAt[i]];
    const odds = this.#baseOdds[this.#turnAt[i]] * this.#binFactor[this.#binAt[i]] * factor * start;
    return odds / (1 + odds);
  }

  byTurn(): TurnContinuation[] {
    return this.#turns.map((turn, k) => ({
      ...turn,
      hazard: rounded(turn.hazard),
      baseline: rounded(this.#baseOdds[k] / (1 + this.#baseOdds[k])),
    }));
  }

  byInput(): ContinuationModel['byInput'] {
    const bins = this.#tops.length;
    return this.#tops.map((inputTo, k) => ({
      inputFrom: k === 0 ? 0 : this.#tops[k - 1] + 1,
      inputTo,
      afterFirst: rounded(this.#binFactor[k]),
      afterLater: rounded(this.#binFactor[bins + k]),
    }));
  }

  byStart(): Pick<ContinuationModel, 'byStart'> {
    if (this.#starts.length < 2) return {};
    return {
      byStart: this.#starts.map((fromSec, k) => ({ fromSec, odds: rounded(this.#startFactor[k]) })),
    };
  }

  byClass(): Record<string, number> {
    return Object.fromEntries(
      this.#facts.classIds.map((id, k) => [id, rounded(this.#classFactor[k])] as const),
    );
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}
