/**
 * What a prefix cache of every size would have found: hit rates of a stream of prompts given as block lists.
 *
 * Definitions: STATISTICS §1.4 and the reference file's `prefix`. A request hits its leading blocks that are there; LRU
 * touches a request's blocks leaf first, root last, and evicts after insertion. LRU keeps the C blocks touched last, so a
 * block is there exactly when fewer than C others were touched since: one pass with stack distances (Mattson, Gecsei,
 * Slutz & Traiger, IBM Syst. J. 9, 1970) answers for all sizes. Cost: O(log n) per block reference, 8 bytes each.
 */

/** Prompts as lists of block numbers (0 … distinct − 1, equal numbers = equal beginnings). */
export interface BlockLists {
  readonly blockSize: number;
  readonly distinct: number;
  /** Request i has `numbers[offsets[i] .. offsets[i + 1])`. */
  readonly offsets: Uint32Array;
  readonly numbers: Int32Array;
}

export interface PrefixReuse {
  readonly references: number;
  readonly distinct: number;
  /** Leading blocks seen before, by request. */
  readonly hitBlocks: Int32Array;
  /** The request that touched the deepest of them last; −1 = none. */
  readonly lastUser: Int32Array;
  /** Leading blocks seen before ÷ blocks; by tokens Σ min(hit · block size, input) ÷ Σ input. */
  readonly hitRatio: number;
  readonly tokenHitRatio: number;
  /** Mean over requests of their hit share, and the share of requests that hit entirely. */
  readonly meanRequestHitRatio: number;
  readonly fullHitShare: number;
  /** Cache size from which each hit would have happened, sorted. */
  readonly neededBlocks: Float64Array;
}

/** `inputTokens[i]` below 0 = unknown: such requests do not count by tokens. */
export function prefixReuse(lists: BlockLists, inputTokens: ArrayLike<number>): PrefixReuse {
  const { offsets, numbers, blockSize, distinct } = lists;
  const requests = offsets.length - 1;
  const references = offsets[requests];
  const recency = new Recency(references, distinct);
  const user = new Int32Array(distinct).fill(-1);
  const needed = new Float64Array(references);
  const hitBlocks = new Int32Array(requests);
  const lastUser = new Int32Array(requests).fill(-1);
  let hits = 0;
  let hitTokens = 0;
  let tokens = 0;
  let shares = 0;
  let full = 0;
  let listed = 0;
  for (let i = 0; i < requests; i++) {
    const from = offsets[i];
    const to = offsets[i + 1];
    if (from === to) continue;
    let leading = from;
    // A leading run is found only by a cache that also holds every block before.
    for (let need = 0; leading < to; leading++) {
      const distance = recency.distanceOf(numbers[leading]);
      if (distance === 0) break;
      need = Math.max(need, distance);
      needed[hits++] = need;
    }
    if (leading > from) lastUser[i] = user[numbers[leading - 1]];
    for (let k = to - 1; k >= from; k--) {
      recency.touch(numbers[k]);
      user[numbers[k]] = i;
    }
    hitBlocks[i] = leading - from;
    shares += hitBlocks[i] / (to - from);
    listed += 1;
    if (leading === to) full += 1;
    if (inputTokens[i] > 0) {
      hitTokens += Math.min(hitBlocks[i] * blockSize, inputTokens[i]);
      tokens += inputTokens[i];
    }
  }
  const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);
  return {
    references,
    distinct,
    hitBlocks,
    lastUser,
    hitRatio: share(hits, references),
    tokenHitRatio: share(hitTokens, tokens),
    meanRequestHitRatio: share(shares, listed),
    fullHitShare: share(full, listed),
    neededBlocks: needed.subarray(0, hits).sort(),
  };
}

/** Share of block references that an LRU cache of `blocks` blocks finds. */
export function lruHitRatio(
  { neededBlocks, references }: Pick<PrefixReuse, 'neededBlocks' | 'references'>,
  blocks: number,
): number {
  let low = 0;
  let high = neededBlocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (neededBlocks[middle] <= blocks) low = middle + 1;
    else high = middle;
  }
  return references === 0 ? 0 : low / references;
}

/** Order of last touches as a Fenwick tree over touch numbers: how many blocks were touched since a block was. */
class Recency {
  readonly #tree: Int32Array;
  /** Touch number of each block, from 1; 0 = never. */
  readonly #touchOf: Int32Array;
  #touches = 0;
  #distinct = 0;

  constructor(touches: number, blocks: number) {
    this.#tree = new Int32Array(touches + 1);
    this.#touchOf = new Int32Array(blocks);
  }

  /** Blocks touched since this one, itself included; 0 = never touched. */
  distanceOf(block: number): number {
    const touch = this.#touchOf[block];
    if (touch === 0) return 0;
    let upTo = 0;
    for (let i = touch - 1; i > 0; i &= i - 1) upTo += this.#tree[i];
    return this.#distinct - upTo;
  }

  touch(block: number): void {
    const before = this.#touchOf[block];
    if (before > 0) this.#add(before, -1);
    else this.#distinct += 1;
    this.#touchOf[block] = ++this.#touches;
    this.#add(this.#touches, 1);
  }

  #add(touch: number, change: number): void {
    for (let i = touch; i < this.#tree.length; i += i & -i) this.#tree[i] += change;
  }
}
