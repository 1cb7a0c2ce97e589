/**
 * Draws by address instead of by order: the uniform of (a, b, c) is the same whatever was drawn before it.
 *
 * Sessions need this: when a think time changes, requests change places, and a generator read in the order of requests
 * would change every later draw. Source: Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy
 * as 1, 2, 3", SC11); passes the known-answer vectors of their Random123 library. Cost: about 0.1 µs per call.
 */
import { randomOf, type StreamName } from '../random.js';

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd251_1f53;
const MULTIPLIER_1 = 0xcd9e_8d57;
const WEYL_0 = 0x9e37_79b9;
const WEYL_1 = 0xbb67_ae85;
const TWO_32 = 4_294_967_296;

/** Philox4x32-10: four words from a counter of four words and a key of two; `out` may be `counter`. */
export function philox4x32(
  counter: ArrayLike<number>,
  key0: number,
  key1: number,
  out: Uint32Array | number[],
): void {
  let c0 = counter[0] >>> 0;
  let c1 = counter[1] >>> 0;
  let c2 = counter[2] >>> 0;
  let c3 = counter[3] >>> 0;
  let k0 = key0 >>> 0;
  let k1 = key1 >>> 0;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = highProduct(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const high1 = highProduct(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** Upper 32 bits of a 32 × 32-bit product, in 16-bit halves: every partial sum stays below 2^53. */
function highProduct(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + Math.floor((aLow * bLow) / 65_536);
  const other = aLow * bHigh + (middle % 65_536);
  return aHigh * bHigh + Math.floor(middle / 65_536) + Math.floor(other / 65_536);
}

/** Uniforms by address, of one named substream of a seed. */
export class CounterRandom {
  readonly #key0: number;
  readonly #key1: number;
  readonly #words = [0, 0, 0, 0];

  constructor(seed: string | number, name: StreamName, ...keys: (string | number)[]) {
    const rng = randomOf(seed, name, ...keys);
    this.#key0 = rng.int(TWO_32);
    this.#key1 = rng.int(TWO_32);
  }

  /** Uniform on (0, 1), an odd multiple of 2^-54. `item` up to 2^53, `step` and `component` up to 2^32. */
  uniform(item: number, step: number, component: number): number {
    const words = this.#words;
    words[0] = item % TWO_32;
    words[1] = Math.floor(item / TWO_32);
    words[2] = step;
    words[3] = component;
    philox4x32(words, this.#key0, this.#key1, words);
    // 53 bits and a half: neither 0 nor 1 can come out.
    return ((words[0] >>> 5) * 67_108_864 + (words[1] >>> 6) + 0.5) / 9_007_199_254_740_992;
  }
}
