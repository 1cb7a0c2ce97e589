/**
 * Prefix reuse: what a cache of each size would have found, and how conversations go on. Definitions: statistics page
 * §1.4 and the reference file's `prefix`: a request hits the leading blocks that are there; LRU touches a request's
 * blocks leaf first, root last, and evicts after insertion. LRU keeps the most recently touched C blocks, so a block is
 * there exactly when fewer than C others were touched since: one pass with stack distances (Mattson et al. 1970) gives
 * every cache size at once. Cost: O(log n) per block.
 */
import type { BlockLists } from './columns.js';
import type { Sample } from './sample.js';

export interface PrefixStatistics {
  readonly references: number;
  readonly distinct: number;
  /** Leading blocks seen before ÷ blocks. */
  readonly hitRatio: number;
  /** The same by tokens: Σ min(hit blocks · block size, input) ÷ Σ input. */
  readonly tokenHitRatio: number;
  /** Hit share of each request, sorted. */
  readonly requestHits: Float64Array;
  /** Cache size from which each hit block would have been found, sorted. */
  readonly neededBlocks: Float64Array;
}

/** Share of block references that an LRU cache of `blocks` blocks finds. */
export function lruHitRatio({ neededBlocks, references }: PrefixStatistics, blocks: number): number {
  let low = 0;
  let high = neededBlocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (neededBlocks[middle] <= blocks) low = middle + 1;
    else high = middle;
  }
  return references === 0 ? 0 : low / references;
}

/** null without block hashes. */
export function prefixStatistics(sample: Sample): PrefixStatistics | null {
  const { blocks, blockRows, inputTokens } = sample;
  if (blocks === null || blockRows === null) return null;
  const references = blockRows.reduce((sum, row) => sum + blocks.offsets[row + 1] - blocks.offsets[row], 0);
  if (references === 0) return null;
  const recency = new Recency(references, blocks.distinct);
  const needed = new Float64Array(references);
  const requestHits = new Float64Array(blockRows.length);
  let hits = 0;
  let requests = 0;
  let hitTokens = 0;
  let tokens = 0;
  blockRows.forEach((row, i) => {
    const ids = blocks.numbers.subarray(blocks.offsets[row], blocks.offsets[row + 1]);
    if (ids.length === 0) return;
    let leading = 0;
    let need = 0;
    for (; leading < ids.length; leading++) {
      const distance = recency.distanceOf(ids[leading]);
      if (distance === 0) break;
      // A leading run is found only by a cache that also holds every block before.
      need = Math.max(need, distance);
      needed[hits++] = need;
    }
    for (let k = ids.length - 1; k >= 0; k--) recency.touch(ids[k]);
    requestHits[requests++] = leading / ids.length;
    if (inputTokens[i] > 0) {
      hitTokens += Math.min(leading * blocks.blockSize, inputTokens[i]);
      tokens += inputTokens[i];
    }
  });
  return {
    references,
    distinct: recency.distinct,
    hitRatio: hits / references,
    tokenHitRatio: tokens === 0 ? 0 : hitTokens / tokens,
    requestHits: requestHits.subarray(0, requests).sort(),
    neededBlocks: needed.subarray(0, hits).sort(),
  };
}

/** Order of last touches as a Fenwick tree over touch numbers: how many blocks were touched since a block was. */
class Recency {
  readonly #tree: Int32Array;
  /** Touch number of each block, from 1; 0 = never. */
  readonly #touchOf: Int32Array;
  #touches = 0;
  distinct = 0;

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
    return this.distinct - upTo;
  }

  touch(block: number): void {
    const before = this.#touchOf[block];
    if (before > 0) this.#add(before, -1);
    else this.distinct += 1;
    this.#touchOf[block] = ++this.#touches;
    this.#add(this.#touches, 1);
  }

  #add(touch: number, change: number): void {
    for (let i = touch; i < this.#tree.length; i += i & -i) this.#tree[i] += change;
  }
}

/** How conversations go on, from session ids or from what hashes tell. */
export interface TurnStatistics {
  /** Requests that follow another of their conversation ÷ requests. */
  readonly linkedShare: number;
  /** Requests at turn m + 1 (m from 0), and how many of them were followed by another. */
  readonly atTurn: readonly number[];
  readonly followed: readonly number[];
}

/** null when neither hashes nor sessions are known. Hashes win: both traces are then read by the same rule. */
export function turnStatistics(sample: Sample): TurnStatistics | null {
  const { blocks, blockRows, sessions } = sample;
  if (blocks !== null && blockRows !== null) return turnsOf(parentsByPrefix(sample, blocks, blockRows));
  return sessions === null ? null : turnsOf(parentsBySession(sessions));
}

/**
 * The most recent earlier request whose complete blocks (at least two) are all a prefix of this one, which is longer;
 * the longest such prefix first. −1 = none.
 */
function parentsByPrefix(sample: Sample, blocks: BlockLists, blockRows: Uint32Array): Int32Array {
  const { inputTokens } = sample;
  const n = blockRows.length;
  const parents = new Int32Array(n).fill(-1);
  // Requests by their last complete block, newest first; ids are chained, so that block names the whole prefix.
  const newestAt = new Int32Array(blocks.distinct).fill(-1);
  const olderAt = new Int32Array(n).fill(-1);
  for (let i = 0; i < n; i++) {
    const from = blocks.offsets[blockRows[i]];
    const listed = blocks.offsets[blockRows[i] + 1] - from;
    const complete = Math.min(Math.floor(inputTokens[i] / blocks.blockSize), listed);
    for (let k = complete; k >= 2 && parents[i] < 0; k--) {
      let q = newestAt[blocks.numbers[from + k - 1]];
      while (q >= 0 && inputTokens[q] >= inputTokens[i]) q = olderAt[q];
      parents[i] = q;
    }
    if (complete < 2) continue;
    const last = blocks.numbers[from + complete - 1];
    olderAt[i] = newestAt[last];
    newestAt[last] = i;
  }
  return parents;
}

function parentsBySession(sessions: Int32Array): Int32Array {
  const last = new Map<number, number>();
  return sessions.map((session, i) => {
    if (session < 0) return -1;
    const parent = last.get(session) ?? -1;
    last.set(session, i);
    return parent;
  });
}

function turnsOf(parents: Int32Array): TurnStatistics {
  const turn = new Int32Array(parents.length);
  const isFollowed = new Uint8Array(parents.length);
  const atTurn: number[] = [];
  let linked = 0;
  parents.forEach((parent, i) => {
    if (parent >= 0) {
      turn[i] = turn[parent] + 1;
      isFollowed[parent] = 1;
      linked += 1;
    }
    atTurn[turn[i]] = (atTurn[turn[i]] ?? 0) + 1;
  });
  const followed = atTurn.map(() => 0);
  turn.forEach((m, i) => {
    followed[m] += isFollowed[i];
  });
  return { linkedShare: linked / parents.length, atTurn, followed };
}
