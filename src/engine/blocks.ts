/**
 * Which KV blocks each sequence holds: found by prefix at admission, allocated, named once full, given back.
 *
 * Base part of the engine, between the scheduler (`engine.ts`) and the pool (`pool.ts`).
 */
import type { EngineLimits } from '../types.js';
import { KvPool } from './pool.js';
import { lanesOf } from './prefix.js';
import type { SlotTable } from './slots.js';

export class SequenceBlocks {
  readonly pool: KvPool;
  readonly #slots: SlotTable;
  readonly #blockSize: number;
  readonly #prefixCaching: boolean;
  /** Nodes of the last lookup. */
  #found = new Int32Array(64);

  constructor(limits: EngineLimits, prefixCaching: boolean, slots: SlotTable) {
    this.pool = new KvPool(limits.kvBlocks, prefixCaching);
    this.#slots = slots;
    this.#blockSize = limits.blockSize;
    this.#prefixCaching = prefixCaching;
  }

  /** Blocks that hold this many tokens. */
  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.#blockSize);
  }

  /** Remembers the ids of a sequence's blocks; without prefix caching there are none. */
  setHashes(slot: number, hashes: ArrayLike<bigint> | null): void {
    this.#slots.lanes[slot] = this.#prefixCaching && hashes !== null ? lanesOf(hashes) : null;
    this.#slots.nodes[slot] = null;
  }

  /** Tokens of this prefix that could be found now. */
  cachedTokens(hashes: ArrayLike<bigint>): number {
    return this.#prefixCaching ? this.#find(lanesOf(hashes), hashes.length) * this.#blockSize : 0;
  }

  /**
   * Takes blocks for `tokens` tokens, shared ones first, when `keepFree` blocks would stay free. Returns the tokens
   * found in the cache, or −1 when there is no room (nothing is taken then). At most `findable` tokens are looked for.
   */
  reserve(slot: number, tokens: number, findable: number, keepFree: number): number {
    const { pool } = this;
    const slots = this.#slots;
    const lanes = slots.lanes[slot];
    const wanted = this.blocksFor(tokens);
    const found = lanes === null ? 0 : this.#find(lanes, Math.floor(findable / this.#blockSize));
    let idle = 0;
    for (let k = 0; k < found; k++) if (pool.isIdle(this.#found[k])) idle += 1;
    if (wanted - found > pool.availableBlocks - idle - keepFree) return -1;
    for (let k = 0; k < found; k++) pool.hold(this.#found[k]);
    pool.allocate(wanted - found);
    slots.heldBlocks[slot] = wanted;
    if (lanes !== null) {
      const nodes = new Int32Array(lanes.length / 2);
      nodes.set(this.#found.subarray(0, found));
      slots.nodes[slot] = nodes;
      slots.nodeCounts[slot] = found;
    }
    return found * this.#blockSize;
  }

  /** Whether the sequence's blocks hold this many tokens. */
  holds(slot: number, tokens: number): boolean {
    return tokens <= this.#slots.heldBlocks[slot] * this.#blockSize;
  }

  /** Blocks that are missing for this many tokens. */
  missing(slot: number, tokens: number): number {
    return this.blocksFor(tokens) - this.#slots.heldBlocks[slot];
  }

  /** Takes more blocks; call only when they are available. */
  grow(slot: number, blocks: number): void {
    this.pool.allocate(blocks);
    this.#slots.heldBlocks[slot] += blocks;
  }

  /** Puts ids on the blocks that are full once `tokens` tokens are in KV. */
  name(slot: number, tokens: number): void {
    const lanes = this.#slots.lanes[slot];
    if (lanes === null) return;
    const nodes = this.#slots.nodes[slot]!;
    const full = Math.min(Math.floor(tokens / this.#blockSize), nodes.length);
    for (let k = this.#slots.nodeCounts[slot]; k < full; k++) {
      nodes[k] = this.pool.name(lanes[2 * k], lanes[2 * k + 1]);
      this.#slots.nodeCounts[slot] = k + 1;
    }
  }

  /** Gives everything back, last blocks first, so that the tail of a prefix is evicted before its head. */
  release(slot: number): void {
    const slots = this.#slots;
    const nodes = slots.nodes[slot];
    let nameless = slots.heldBlocks[slot];
    if (nodes !== null) {
      for (let k = slots.nodeCounts[slot] - 1; k >= 0; k--) {
        if (nodes[k] < 0) continue;
        this.pool.release(nodes[k]);
        nameless -= 1;
      }
    }
    if (nameless > 0) this.pool.releaseNameless(nameless);
    slots.heldBlocks[slot] = 0;
    slots.nodeCounts[slot] = 0;
    slots.nodes[slot] = null;
  }

  #find(lanes: Uint32Array, limit: number): number {
    const bounded = Math.min(limit, lanes.length / 2);
    if (this.#found.length < bounded) this.#found = new Int32Array(bounded * 2);
    return this.pool.findPrefix(lanes, bounded, this.#found);
  }
}
