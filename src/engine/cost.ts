/** How long an iteration takes: the linear step cost of the engine model, sped up and with seeded noise. */
import type { Rng } from '../random.js';
import type { StepCost } from '../types.js';

/** What an iteration computes. */
export interface StepWork {
  /** Prompt tokens. */
  readonly prefillTokens: number;
  /** Sequences that decode one token. */
  readonly decodeSeqs: number;
  /** Context tokens of the decoding sequences, the newest token included. */
  readonly kvTokens: number;
}

/**
 * Seconds of an iteration without noise: (base + perPrefill·p + perDecode·d + perKv·k) / speed, summed in this order
 * (the reference table of the statistics page is reproduced to the last bit).
 */
export function stepSeconds(cost: StepCost, work: StepWork, speed: number): number {
  return (
    (cost.baseSec +
      cost.perPrefillTokenSec * work.prefillTokens +
      cost.perDecodeSeqSec * work.decodeSeqs +
      cost.perKvTokenSec * work.kvTokens) /
    speed
  );
}

/** Draws a lognormal factor with mean 1 and coefficient of variation `cv`: μ = −σ²/2, σ² = ln(1 + cv²). */
export function createNoise(cv: number, rng: Rng): () => number {
  if (cv === 0) return () => 1;
  const variance = Math.log(1 + cv * cv);
  const sigma = Math.sqrt(variance);
  return () => Math.exp(sigma * rng.normal() - variance / 2);
}
