/**
 * Speculative decoding: how many drafted tokens the model accepts, and what drafting and checking cost.
 *
 * Base part. A draft of k tokens is accepted up to its first rejected one, each with probability α (Leviathan,
 * Kalman & Matias 2023, eq. 1): an iteration yields 1 + A tokens per sequence, A = min(k, geometric), mean
 * (1 − α^(k+1)) / (1 − α) in all. Checking computes k more tokens per sequence, at the price of prompt tokens.
 */
import { type Rng, randomOf } from '../random.js';
import type { EngineModel, Speculation, StepCost } from '../types.js';
import type { EngineOptions } from './contract.js';
import { type StepWork, stepSeconds } from './cost.js';

/** The speculation of an engine model; null = none. */
export function createSpeculator(model: EngineModel, options: EngineOptions): Speculator | null {
  const { speculation } = model;
  if (speculation === undefined) return null;
  return new Speculator(speculation, randomOf(options.seed, 'engine', 'speculation', options.replica ?? 0));
}

export class Speculator {
  readonly draftTokens: number;
  readonly #draftSec: number;
  /** ln(1/α): the number of accepted drafts is the whole part of an exponential with this rate. */
  readonly #rate: number;
  readonly #rng: Rng;

  constructor(speculation: Speculation, rng: Rng) {
    this.draftTokens = speculation.draftTokens;
    this.#draftSec = speculation.draftSec;
    this.#rate = Math.log(1 / speculation.acceptanceRatio);
    this.#rng = rng;
  }

  /** Accepted drafts of one sequence in one iteration. */
  accepted(): number {
    // P(A ≥ i) = α^i. α = 0 gives a rate of infinity and nothing, α = 1 a rate of 0 and everything.
    return Math.min(Math.floor(this.#rng.exponential() / this.#rate), this.draftTokens);
  }

  /** Seconds of an iteration without noise, drafting and checking included. */
  stepSeconds(cost: StepCost, work: StepWork, speed: number): number {
    const { decodeSeqs, kvTokens } = work;
    const prefillTokens = work.prefillTokens + this.draftTokens * decodeSeqs;
    const draftingSec = decodeSeqs > 0 ? this.#draftSec / speed : 0;
    return stepSeconds(cost, { prefillTokens, decodeSeqs, kvTokens }, speed) + draftingSec;
  }
}

/** Mean tokens per sequence and iteration. */
export function tokensPerIteration({ draftTokens, acceptanceRatio }: Speculation): number {
  return acceptanceRatio === 1
    ? draftTokens + 1
    : (1 - acceptanceRatio ** (draftTokens + 1)) / (1 - acceptanceRatio);
}
