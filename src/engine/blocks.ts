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
  /** Node lists that no sequence uses any more: as many as ever ran at once. */
  readonly #spareNodes: Int32Array[] = [];

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
      const nodes = this.#nodesFor(lanes.length / 2);
      for (let k = 0; k < found; k++) nodes[k] = this.#found[k];
      slots.nodes[slot] = nodes;
      slots.nodeCounts[slot] = found;
      slots.nameable[slot] = lanes.length / 2;
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
    const { nodeCounts, nameable } = this.#slots;
    // So it is for most of a sequence's iterations: all of its prompt has been named.
    if (nodeCounts[slot] === nameable[slot]) return;
    const lanes = this.#slots.lanes[slot]!;
    const nodes = this.#slots.nodes[slot]!;
    const full = Math.min(Math.floor(tokens / this.#blockSize), nameable[slot]);
    for (let k = nodeCounts[slot]; k < full; k++) nodes[k] = this.pool.name(lanes[2 * k], lanes[2 * k + 1]);
    if (full > nodeCounts[slot]) nodeCounts[slot] = full;
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
      this.#spareNodes.push(nodes);
    }
    if (nameless > 0) this.pool.releaseNameless(nameless);
    slots.heldBlocks[slot] = 0;
    slots.nodeCounts[slot] = 0;
    slots.nameable[slot] = 0;
    slots.nodes[slot] = null;
  }

  /** A list with room for so many nodes; one that was given back where it is long enough. */
  #nodesFor(count: number): Int32Array {
    const spare = this.#spareNodes.pop();
    if (spare !== undefined && spare.length >= count) return spare;
    let length = 64;
    while (length < count) length *= 2;
    return new Int32Array(length);
  }

  #find(lanes: Uint32Array, limit: number): number {
    const bounded = Math.min(limit, lanes.length / 2);
    if (this.#found.length < bounded) this.#found = new Int32Array(bounded * 2);
    return this.pool.findPrefix(lanes, bounded, this.#found);
  }
}
