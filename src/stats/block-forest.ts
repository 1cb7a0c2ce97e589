/**
 * The forest that chained block ids form: roots, branchings, leaves, and how often blocks are referenced.
 *
 * An id stands for its block and everything before it, so it has one parent. Source: STATISTICS §1.4. Cost: linear.
 */
import type { BlockLists } from './lru-curve.js';

export interface BlockForest {
  /** Requests that hold each block. */
  readonly uses: Uint32Array;
  /** Block before each one; −1 = it begins prompts. */
  readonly parent: Int32Array;
  /** Blocks before each one. */
  readonly depth: Int32Array;
  readonly roots: number;
  /** Blocks with two or more different successors, with none, and with at least two uses. */
  readonly branchings: number;
  readonly leaves: number;
  readonly shared: number;
  /** Blocks that were seen after two different ones: ids that are not chained. */
  readonly conflicts: number;
}

export function blockForest({ offsets, numbers, distinct }: BlockLists): BlockForest {
  const uses = new Uint32Array(distinct);
  const parent = new Int32Array(distinct).fill(-2);
  const depth = new Int32Array(distinct);
  const children = new Uint32Array(distinct);
  let conflicts = 0;
  for (let i = 0; i + 1 < offsets.length; i++) {
    for (let k = offsets[i]; k < offsets[i + 1]; k++) {
      const block = numbers[k];
      const before = k > offsets[i] ? numbers[k - 1] : -1;
      uses[block] += 1;
      if (parent[block] === -2) {
        parent[block] = before;
        depth[block] = k - offsets[i];
        if (before >= 0) children[before] += 1;
      } else if (parent[block] !== before) conflicts += 1;
    }
  }
  const count = (holds: (block: number) => boolean): number => {
    let total = 0;
    for (let block = 0; block < distinct; block++) if (holds(block)) total += 1;
    return total;
  };
  return {
    uses,
    parent,
    depth,
    conflicts,
    roots: count((block) => parent[block] === -1),
    branchings: count((block) => children[block] >= 2),
    leaves: count((block) => children[block] === 0),
    shared: count((block) => uses[block] >= 2),
  };
}
