/**
 * Locality of sampling: inputs that repeat one of the inputs shortly before them more often than their distribution
 * implies (an editor session asking again). Source: Feitelson's term; STATISTICS §2.5: p = (t − t₀) / (1 − t₀), t the
 * share of inputs that equal one of the 50 before them, t₀ the same after shuffling. azure_code .145, azure_conv .060.
 *
 * Lengths are shuffled inside their class only: what classes that come and go with time repeat anyway is theirs.
 */
import { type Rng, randomOf } from '../random.js';
import type { LocalityModel } from '../types.js';

const WINDOW_REQUESTS = 50;
const SHUFFLES = 5;
/** Below this the repeats are noise. */
const LEAST_SHARE = 0.005;

export interface LocalityOptions {
  /** Known inputs in time order. */
  readonly inputTokens: Int32Array;
  /** Class of each. */
  readonly classOf: Int32Array;
  readonly seed: string;
}

/** null = inputs repeat no more than they would at random. */
export function fitLocality({ inputTokens, classOf, seed }: LocalityOptions): LocalityModel | null {
  const source = tieShare(inputTokens);
  const rng = randomOf(seed, 'bootstrap', 'locality');
  let shuffled = 0;
  for (let k = 0; k < SHUFFLES; k++)
    shuffled += tieShare(shuffledWithin(inputTokens, classOf, rng)) / SHUFFLES;
  if (!(shuffled < 1)) return null;
  const share = (source - shuffled) / (1 - shuffled);
  // Binomial noise of two shares of the same size.
  const noise = Math.sqrt((2 * shuffled * (1 - shuffled)) / Math.max(1, inputTokens.length));
  if (share < LEAST_SHARE || source - shuffled < 3 * noise) return null;
  const digits = (value: number): number => Number(value.toFixed(4));
  return {
    inputRepeatShare: digits(share),
    windowRequests: WINDOW_REQUESTS,
    source: digits(source),
    shuffled: digits(shuffled),
  };
}

/** Share of values that equal one of the 50 before them. */
export function tieShare(values: Int32Array): number {
  const lastAt = new Map<number, number>();
  let ties = 0;
  values.forEach((value, i) => {
    const last = lastAt.get(value);
    if (last !== undefined && i - last <= WINDOW_REQUESTS) ties += 1;
    lastAt.set(value, i);
  });
  return values.length === 0 ? 0 : ties / values.length;
}

/** Values exchanged with others of their class. */
function shuffledWithin(values: Int32Array, classOf: Int32Array, rng: Rng): Int32Array {
  const places = new Map<number, number[]>();
  classOf.forEach((code, i) => {
    const own = places.get(code);
    if (own === undefined) places.set(code, [i]);
    else own.push(i);
  });
  const result = values.slice();
  for (const own of places.values()) {
    for (let i = own.length - 1; i > 0; i--) {
      const j = rng.int(i + 1);
      const held = result[own[i]];
      result[own[i]] = result[own[j]];
      result[own[j]] = held;
    }
  }
  return result;
}
