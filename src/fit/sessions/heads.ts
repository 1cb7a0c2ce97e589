/**
 * Shared heads: beginnings that at least 1 % of requests have in common, such as system prompts.
 *
 * Source: STATISTICS §2.5. Blocks that many requests use form a small tree at the roots of the forest; where many
 * requests leave it, a head ends.
 */
import type { BlockForest } from '../../stats/block-forest.js';
import type { BlockLists } from '../../stats/lru-curve.js';
import type { SharedHead } from '../../types.js';

const LEAST_SHARE = 0.01;
/** In a short trace 1 % is a handful of requests, which a document explains as well. */
const LEAST_REQUESTS = 10;

export interface Heads {
  readonly heads: readonly SharedHead[];
  /** Leading blocks of each request that belong to the tree of heads. */
  readonly headBlocks: Int32Array;
}

/** Shares are of first turns, by class where there are several. */
export function findHeads(
  lists: BlockLists,
  forest: BlockForest,
  rows: {
    readonly turn: Int32Array;
    readonly classOf: Int32Array;
    readonly classIds: readonly string[];
  },
): Heads {
  const { offsets, numbers } = lists;
  const n = offsets.length - 1;
  const least = Math.max(LEAST_REQUESTS, LEAST_SHARE * n);
  const headBlocks = new Int32Array(n);
  const endsAt = new Map<number, number>();
  for (let i = 0; i < n; i++) {
    let depth = 0;
    const count = offsets[i + 1] - offsets[i];
    while (depth < count && forest.uses[numbers[offsets[i] + depth]] >= least) depth += 1;
    headBlocks[i] = depth;
    if (depth === 0) continue;
    const end = numbers[offsets[i] + depth - 1];
    endsAt.set(end, (endsAt.get(end) ?? 0) + 1);
  }
  const ends = [...endsAt].filter(([, requests]) => requests >= least).map(([block]) => block);
  return { heads: describe(lists, forest, ends, headBlocks, rows), headBlocks };
}

function describe(
  lists: BlockLists,
  forest: BlockForest,
  ends: readonly number[],
  headBlocks: Int32Array,
  rows: {
    readonly turn: Int32Array;
    readonly classOf: Int32Array;
    readonly classIds: readonly string[];
  },
): SharedHead[] {
  const counted = ends.map((end) => ({
    end,
    path: pathTo(forest, end),
    firstTurns: 0,
    byClass: new Float64Array(rows.classIds.length),
  }));
  const byEnd = new Map(counted.map((head) => [head.end, head]));
  const inClass = new Float64Array(rows.classIds.length);
  let firstTurns = 0;
  for (let i = 0; i < headBlocks.length; i++) {
    if (rows.turn[i] !== 1) continue;
    firstTurns += 1;
    const own = rows.classOf[i];
    if (own >= 0) inClass[own] += 1;
    // Requests that leave the tree between two heads had the shorter one.
    let depth = headBlocks[i];
    while (depth > 0 && !byEnd.has(lists.numbers[lists.offsets[i] + depth - 1])) depth -= 1;
    const head = depth === 0 ? undefined : byEnd.get(lists.numbers[lists.offsets[i] + depth - 1]);
    if (head === undefined) continue;
    head.firstTurns += 1;
    if (own >= 0) head.byClass[own] += 1;
  }
  const sorted = counted.sort((a, b) => b.firstTurns - a.firstTurns || a.end - b.end);
  return sorted.map(({ path, firstTurns: own, byClass }, k) => {
    const overlap = sorted
      .slice(0, k)
      .map((earlier, j) => ({ name: nameOf(j), blocks: commonLength(path, earlier.path) }))
      .reduce((best, one) => (one.blocks > best.blocks ? one : best), { name: '', blocks: 0 });
    const shares = rows.classIds.map((id, c) => [id, share(byClass[c], inClass[c])] as const);
    return {
      name: nameOf(k),
      blocks: path.length,
      extends: overlap.blocks === 0 ? null : overlap.name,
      sharedBlocks: overlap.blocks,
      share: share(own, firstTurns),
      ...(rows.classIds.length > 1 ? { shareByClass: Object.fromEntries(shares) } : {}),
    };
  });
}

function nameOf(place: number): string {
  return `head-${place + 1}`;
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : Number((part / whole).toPrecision(5));
}

/** Blocks from the root to this one. */
function pathTo({ parent, depth }: BlockForest, end: number): number[] {
  const path = new Array<number>(depth[end] + 1);
  for (let block = end; block >= 0; block = parent[block]) path[depth[block]] = block;
  return path;
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  return length;
}
