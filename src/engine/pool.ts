/**
 * The KV block pool: counts blocks, shares prefix blocks by reference, keeps released ones until they are needed.
 *
 * Base part of the engine, after vLLM's BlockPool: a block whose id is known is found by its id; when its last holder
 * lets go it joins the least-recently-used list, still findable, and is evicted only when nothing else is free.
 * Blocks without an id are indistinguishable, so they are only counted. Ids sit in an open-addressing table of two
 * 32-bit lanes (linear probing, deletion by backward shift): about 20 ns per lookup. A bucket carries the hash of its id,
 * so that what is probed on the way to a block costs no visit to the block.
 */

export class KvPool {
  readonly totalBlocks: number;
  /** Blocks held by at least one sequence. */
  usedBlocks = 0;
  /** Rises whenever blocks are given back: a refused admission is worth retrying only after that. */
  releases = 0;

  /** Findable blocks that nobody holds. */
  #idleBlocks = 0;
  readonly #nodeLow: Uint32Array;
  readonly #nodeHigh: Uint32Array;
  readonly #references: Int32Array;
  readonly #previous: Int32Array;
  readonly #next: Int32Array;
  readonly #spareNodes: Int32Array;
  #spareCount: number;
  #oldest = -1;
  #newest = -1;
  /** Two words per bucket: node + 1 (0 = empty), and the hash of its id. */
  readonly #buckets: Int32Array;
  /** Last bucket: words − 2, so that a hash masked by it is the index of a bucket's first word. */
  readonly #mask: number;

  constructor(totalBlocks: number, prefixCaching: boolean) {
    this.totalBlocks = totalBlocks;
    const nodes = prefixCaching ? totalBlocks : 0;
    this.#nodeLow = new Uint32Array(nodes);
    this.#nodeHigh = new Uint32Array(nodes);
    this.#references = new Int32Array(nodes);
    this.#previous = new Int32Array(nodes);
    this.#next = new Int32Array(nodes);
    this.#spareNodes = Int32Array.from({ length: nodes }, (_, i) => nodes - 1 - i);
    this.#spareCount = nodes;
    let buckets = 2;
    while (buckets < nodes * 2) buckets *= 2;
    this.#buckets = new Int32Array(2 * buckets);
    this.#mask = 2 * buckets - 2;
  }

  /** Blocks that can be had now, idle findable ones included. */
  get availableBlocks(): number {
    return this.totalBlocks - this.usedBlocks;
  }

  /** Findable blocks that nobody holds. */
  get cachedIdleBlocks(): number {
    return this.#idleBlocks;
  }

  /** Node of a block id, or −1. */
  find(low: number, high: number): number {
    return this.#buckets[this.#bucketOf(low, high, hashOf(low, high))] - 1;
  }

  /** Leading blocks of `lanes` that are findable, at most `limit`; their nodes go into `nodes`. */
  findPrefix(lanes: Uint32Array, limit: number, nodes: Int32Array): number {
    let count = 0;
    while (count < limit) {
      const node = this.find(lanes[2 * count], lanes[2 * count + 1]);
      if (node < 0) break;
      nodes[count] = node;
      count += 1;
    }
    return count;
  }

  /** Whether nobody holds this findable block. */
  isIdle(node: number): boolean {
    return this.#references[node] === 0;
  }

  /** Takes a share of a findable block. */
  hold(node: number): void {
    this.#references[node] += 1;
    if (this.#references[node] > 1) return;
    this.#unlink(node);
    this.#idleBlocks -= 1;
    this.usedBlocks += 1;
  }

  /** Takes `count` nameless blocks, evicting the least recently used idle ones as needed. */
  allocate(count: number): void {
    if (count > this.availableBlocks) throw new Error(`KV pool: ${count} blocks asked, fewer available`);
    this.usedBlocks += count;
    while (this.usedBlocks + this.#idleBlocks > this.totalBlocks) this.#evictOldest();
  }

  /**
   * Gives a held, nameless block its id. Returns its node, or −1 when another block already carries that id (two
   * sequences computed the same prefix at once): the block then stays nameless.
   */
  name(low: number, high: number): number {
    const hash = hashOf(low, high);
    const bucket = this.#bucketOf(low, high, hash);
    if (this.#buckets[bucket] !== 0) return -1;
    const node = this.#spareNodes[--this.#spareCount];
    this.#nodeLow[node] = low;
    this.#nodeHigh[node] = high;
    this.#references[node] = 1;
    this.#buckets[bucket] = node + 1;
    this.#buckets[bucket + 1] = hash;
    return node;
  }

  /** Gives back one share of a findable block; the last share makes it idle and most recently used. */
  release(node: number): void {
    this.#references[node] -= 1;
    if (this.#references[node] > 0) return;
    this.usedBlocks -= 1;
    this.#idleBlocks += 1;
    this.releases += 1;
    this.#previous[node] = this.#newest;
    this.#next[node] = -1;
    if (this.#newest >= 0) this.#next[this.#newest] = node;
    else this.#oldest = node;
    this.#newest = node;
  }

  /** Gives back nameless blocks. */
  releaseNameless(count: number): void {
    this.usedBlocks -= count;
    this.releases += 1;
  }

  /** The bucket that holds this id, or the empty one where it belongs. */
  #bucketOf(low: number, high: number, hash: number): number {
    const mask = this.#mask;
    const buckets = this.#buckets;
    for (let bucket = (hash << 1) & mask; ; bucket = (bucket + 2) & mask) {
      const node = buckets[bucket] - 1;
      if (node < 0) return bucket;
      if (buckets[bucket + 1] === hash && this.#nodeLow[node] === low && this.#nodeHigh[node] === high)
        return bucket;
    }
  }

  #unlink(node: number): void {
    const before = this.#previous[node];
    const after = this.#next[node];
    if (before >= 0) this.#next[before] = after;
    else this.#oldest = after;
    if (after >= 0) this.#previous[after] = before;
    else this.#newest = before;
  }

  #evictOldest(): void {
    const node = this.#oldest;
    if (node < 0) throw new Error('KV pool: nothing left to evict');
    this.#unlink(node);
    this.#idleBlocks -= 1;
    this.#removeFromTable(node);
    this.#spareNodes[this.#spareCount++] = node;
  }

  #removeFromTable(node: number): void {
    const mask = this.#mask;
    const buckets = this.#buckets;
    let hole = (hashOf(this.#nodeLow[node], this.#nodeHigh[node]) << 1) & mask;
    while (buckets[hole] !== node + 1) hole = (hole + 2) & mask;
    for (let probe = (hole + 2) & mask; buckets[probe] !== 0; probe = (probe + 2) & mask) {
      const home = (buckets[probe + 1] << 1) & mask;
      // An entry may move into the hole unless its home lies cyclically behind the hole.
      if (((probe - home) & mask) < ((probe - hole) & mask)) continue;
      buckets[hole] = buckets[probe];
      buckets[hole + 1] = buckets[probe + 1];
      hole = probe;
    }
    buckets[hole] = 0;
  }
}

/** Ids of callers need not be hashes: numbers that differ in their high half only must not share a bucket. */
function hashOf(low: number, high: number): number {
  return low ^ Math.imul(high, 0x9e3779b1);
}
