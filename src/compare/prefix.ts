/**
 * Prefix reuse of a sample: what a cache of each size would have found (stats/lru-curve.ts), and how conversations go on.
 * Definitions: statistics page §1.4 and the reference file's `prefix`.
 */
import { type BlockLists, type PrefixReuse, prefixReuse } from '../stats/lru-curve.js';
import type { Sample } from './sample.js';

export interface PrefixStatistics
  extends Pick<PrefixReuse, 'references' | 'hitRatio' | 'tokenHitRatio' | 'neededBlocks'> {
  /** Blocks of the sample that differ; its trace may have more. */
  readonly distinct: number;
  /** Hit share of each request, sorted. */
  readonly requestHits: Float64Array;
}

/** null without block hashes. */
export function prefixStatistics(sample: Sample): PrefixStatistics | null {
  const { blocks, blockRows, inputTokens } = sample;
  if (blocks === null || blockRows === null) return null;
  const lists = listsOf(blocks, blockRows);
  const { references, hitRatio, tokenHitRatio, neededBlocks, hitBlocks } = prefixReuse(lists, inputTokens);
  if (references === 0) return null;
  const shares: number[] = [];
  hitBlocks.forEach((hit, i) => {
    const length = lists.offsets[i + 1] - lists.offsets[i];
    if (length > 0) shares.push(hit / length);
  });
  return {
    references,
    hitRatio,
    tokenHitRatio,
    neededBlocks,
    distinct: new Set(lists.numbers).size,
    requestHits: Float64Array.from(shares).sort(),
  };
}

/** The lists of the sample's own requests, in their order. */
function listsOf(blocks: BlockLists, rows: Uint32Array): BlockLists {
  const offsets = new Uint32Array(rows.length + 1);
  rows.forEach((row, i) => {
    offsets[i + 1] = offsets[i] + blocks.offsets[row + 1] - blocks.offsets[row];
  });
  const numbers = new Int32Array(offsets[rows.length]);
  rows.forEach((row, i) => {
    numbers.set(blocks.numbers.subarray(blocks.offsets[row], blocks.offsets[row + 1]), offsets[i]);
  });
  return { ...blocks, offsets, numbers };
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
