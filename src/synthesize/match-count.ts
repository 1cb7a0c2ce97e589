/**
 * A seed whose trace has about as many requests as the model expects. Bursty models scatter by a tenth and more between
 * seeds (STATISTICS §5.12); rescaling gaps would change their law, drawing again until the count fits does not.
 */
import { ToolError } from '../errors.js';
import { planSynthesis } from './plan.js';
import { type StreamOptions, synthesizeTrace } from './synthesize.js';

export const MATCH_TOLERANCE = 0.02;
const MOST_ATTEMPTS = 500;

export interface MatchedSeed {
  readonly seed: string;
  /** Seeds that were tried before it. */
  readonly rejected: number;
  readonly requests: number;
  readonly expected: number;
}

/** Throws BAD_VALUE when a number of requests is asked for anyway, or no seed in 500 fits. */
export function matchCount(options: StreamOptions): MatchedSeed {
  const expected = planSynthesis(options).expectedRequests;
  if (options.requests !== undefined || !Number.isFinite(expected)) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: '--match-count and --requests both decide how many requests there are',
      hint: 'leave one of them out',
    });
  }
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const seed = attempt === 0 ? String(options.seed) : `${options.seed}\u0001attempt ${attempt}`;
    let requests = 0;
    for (const batch of synthesizeTrace({ ...options, seed })) requests += batch.rowCount;
    if (Math.abs(requests / expected - 1) < MATCH_TOLERANCE)
      return { seed, rejected: attempt, requests, expected };
  }
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `no seed in ${MOST_ATTEMPTS} gives within ${MATCH_TOLERANCE * 100} % of ${Math.round(expected)} requests`,
    hint: 'ask for a longer --duration, or leave --match-count out',
  });
}
