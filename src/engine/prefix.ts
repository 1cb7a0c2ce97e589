/**
 * Prefix-cache block ids: 64-bit ids, each standing for all tokens up to its block's end, held as two 32-bit lanes.
 *
 * Base part of the engine. An id is a running hash over everything before it, so equal ids mean equal prefixes and a
 * lookup may stop at the first miss (the rule of vLLM's automatic prefix caching). Two lanes of murmur-style mixing
 * (Appleby's fmix32 constants) give 64 bits without BigInt arithmetic: about 10 ns per word.
 */

/** Running 64-bit hash of a token or text stream; `write` emits its present value as a block id. */
export class PrefixChain {
  #low = 0x9e3779b9;
  #high = 0x85ebca6b;

  /** Takes one 32-bit word into the chain. */
  mix(word: number): void {
    let low = Math.imul(this.#low ^ word, 0xcc9e2d51);
    low = (low << 15) | (low >>> 17);
    let high = Math.imul(this.#high ^ Math.imul(word, 0x1b873593), 0x85ebca6b);
    high = (high << 13) | (high >>> 19);
    this.#low = Math.imul(low, 5) + high + 0x38495ab5;
    this.#high = Math.imul(high ^ this.#low, 0xc2b2ae35) + 0x561ccd1b;
  }

  /** Writes the id of everything mixed so far into lanes 2·index and 2·index + 1. */
  write(lanes: Uint32Array, index: number): void {
    lanes[2 * index] = avalanche(this.#low ^ this.#high);
    lanes[2 * index + 1] = avalanche(Math.imul(this.#high, 0x9e3779b1) + this.#low);
  }
}

function avalanche(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** The lanes behind a list of ids: a view of a BigUint64Array, a copy of anything else. */
export function lanesOf(ids: ArrayLike<bigint>): Uint32Array {
  const exact = ids instanceof BigUint64Array ? ids : BigUint64Array.from(ids);
  return new Uint32Array(exact.buffer, exact.byteOffset, exact.length * 2);
}

/**
 * Engine-sized chained block ids of a prompt, from the coarser or finer block ids of a trace.
 *
 * Engine block j is named by the trace blocks that overlap its tokens and by everything before it, so two prompts
 * share exactly the full engine blocks that lie inside trace blocks that they share from the start. A trace block
 * that is cut by the end of the prompt has its own id in the trace and is therefore never shared with a longer one.
 * Only full engine blocks get an id: floor(inputTokens / engineBlockSize), fewer when the trace lists fewer blocks.
 * Cost: one mix per engine block and per trace block.
 */
export function expandPrefixHashes(
  blockHashes: ArrayLike<bigint>,
  traceBlockSize: number,
  engineBlockSize: number,
  inputTokens: number,
): BigUint64Array {
  const covered = Math.min(inputTokens, blockHashes.length * traceBlockSize);
  const count = Math.floor(covered / engineBlockSize);
  const ids = new BigUint64Array(count);
  const out = lanesOf(ids);
  const source = lanesOf(blockHashes);
  const chain = new PrefixChain();
  let next = 0;
  for (let j = 0; j < count; j++) {
    const endToken = (j + 1) * engineBlockSize;
    for (; next * traceBlockSize < endToken; next++) {
      chain.mix(source[2 * next]);
      chain.mix(source[2 * next + 1]);
    }
    chain.mix(j);
    chain.write(out, j);
  }
  return ids;
}
