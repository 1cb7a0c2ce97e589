/**
 * Which request goes on from which, told by prompts alone: a request follows the most recent earlier one whose complete
 * blocks (at least two) are all a prefix of it and whose prompt is shorter, the longest such prefix first.
 *
 * Why: logs with block ids rarely name their conversations. Source: STATISTICS §1.4. Cost: linear in block references,
 * 12 bytes a request and 4 a distinct block.
 */
import type { BlockLists } from './lru-curve.js';

/** Blocks that a prompt must fill before it can be told apart from a shared head. */
export const LEAST_BLOCKS = 2;

/** Links requests one by one, in order of arrival. */
export class PrefixLinks {
  readonly #blockSize: number;
  // Requests by their last complete block, newest first; ids are chained, so that block names the whole prefix.
  #newestAt = new Int32Array(1 << 10).fill(-1);
  #olderAt = new Int32Array(1 << 10);
  #inputTokens = new Float64Array(1 << 10);
  #requests = 0;

  constructor(blockSize: number) {
    this.#blockSize = blockSize;
  }

  /**
   * Number of the request that the next one follows, −1 = none. Its blocks are `numbers[from .. to)` (equal numbers = equal
   * beginnings).
   */
  follow(numbers: Int32Array, from: number, to: number, inputTokens: number): number {
    const complete = this.completeBlocks(to - from, inputTokens);
    let parent = -1;
    for (let k = complete; k >= LEAST_BLOCKS && parent < 0; k--) {
      const block = numbers[from + k - 1];
      let candidate = block < this.#newestAt.length ? this.#newestAt[block] : -1;
      while (candidate >= 0 && this.#inputTokens[candidate] >= inputTokens)
        candidate = this.#olderAt[candidate];
      parent = candidate;
    }
    this.#add(complete < LEAST_BLOCKS ? -1 : numbers[from + complete - 1], inputTokens);
    return parent;
  }

  /** Blocks that the prompt fills. */
  completeBlocks(blocks: number, inputTokens: number): number {
    return Math.min(Math.floor(inputTokens / this.#blockSize), blocks);
  }

  #add(lastBlock: number, inputTokens: number): void {
    const request = this.#requests++;
    if (request >= this.#olderAt.length) {
      this.#olderAt = grown(this.#olderAt, request, (length) => new Int32Array(length));
      this.#inputTokens = grown(this.#inputTokens, request, (length) => new Float64Array(length));
    }
    this.#inputTokens[request] = inputTokens;
    this.#olderAt[request] = -1;
    if (lastBlock < 0) return;
    if (lastBlock >= this.#newestAt.length)
      this.#newestAt = grown(this.#newestAt, lastBlock, (length) => new Int32Array(length).fill(-1));
    this.#olderAt[request] = this.#newestAt[lastBlock];
    this.#newestAt[lastBlock] = request;
  }
}

function grown<T extends Int32Array | Float64Array>(old: T, index: number, make: (length: number) => T): T {
  const array = make(Math.max(old.length * 2, index + 1));
  array.set(old);
  return array;
}

/** Row of the request that each row follows, −1 = none. */
export function parentsByPrefix(lists: BlockLists, inputTokens: ArrayLike<number>): Int32Array {
  const { offsets, numbers, blockSize } = lists;
  const links = new PrefixLinks(blockSize);
  return Int32Array.from({ length: offsets.length - 1 }, (_, i) =>
    links.follow(numbers, offsets[i], offsets[i + 1], inputTokens[i]),
  );
}
