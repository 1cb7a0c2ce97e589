/**
 * What prompts share beyond their own session: heads, branches from other sessions, and how much a continuation keeps.
 *
 * Source: STATISTICS §2.5. On the conversation trace sessions alone leave the hit rate of an infinite cache five points
 * short; what is missing are first turns that begin like an earlier request: forks, retries, shared documents. How long
 * ago that was decides what a finite cache finds, so the gap is part of the model.
 */
import { type BlockLists, lruHitRatio, type PrefixReuse } from '../../stats/lru-curve.js';
import { curveOfSteps, quantileCurve } from '../../stats/quantile-curve.js';
import { sortedCopy } from '../../stats/quantiles.js';
import { type StepDistribution, truncatedDistribution } from '../../stats/truncated-curve.js';
import type { BranchModel, PrefixModel, PrefixReuseSummary, QuantileCurve } from '../../types.js';
import type { SessionFacts } from './facts.js';
import type { Heads } from './heads.js';
import { binTops } from './input-bins.js';
import { continuationRows } from './threads.js';

export interface PrefixFacts {
  readonly session: SessionFacts;
  readonly lists: BlockLists;
  readonly reuse: PrefixReuse;
  readonly heads: Heads;
}

/** Sizes of the LRU table, in blocks. */
export const LRU_SIZES = [300, 1_000, 3_000, 10_000, 30_000, 50_000, 100_000];
/** Fewer values make no curve of a bin's own. */
const CURVE_ROWS = 30;
const REPEAT_VISITS = 6;

export function fitPrefixes(facts: PrefixFacts): PrefixModel {
  return {
    blockSize: facts.lists.blockSize,
    heads: facts.heads.heads,
    branches: fitBranches(facts),
    kept: fitKept(facts),
    repeatByVisit: facts.session.kind === 'documents' ? repeatShares(facts) : [],
    source: summarizeReuse(facts.reuse),
  };
}

export function summarizeReuse(reuse: PrefixReuse): PrefixReuseSummary {
  return {
    references: reuse.references,
    distinctBlocks: reuse.distinct,
    hitRatio: rounded(reuse.hitRatio),
    tokenHitRatio: rounded(reuse.tokenHitRatio),
    lru: LRU_SIZES.map((blocks) => ({ blocks, hitRatio: rounded(lruHitRatio(reuse, blocks)) })),
  };
}

/** First turns that share more than the head with an earlier request. */
function fitBranches({ session, lists, reuse, heads }: PrefixFacts): BranchModel | null {
  const { threads, inputTokens, timeSec } = session;
  const firstTurns = Uint32Array.from(threads.turn.keys()).filter(
    (row) => threads.turn[row] === 1 && inputTokens[row] >= 0,
  );
  const beyondHead = (row: number): number => reuse.hitBlocks[row] - heads.headBlocks[row];
  const branches = firstTurns.filter((row) => reuse.lastUser[row] >= 0 && beyondHead(row) > 0);
  if (branches.length === 0) return null;
  const gaps = reuseGaps(
    branches,
    (row) => timeSec[row] - timeSec[reuse.lastUser[row]],
    (row) => timeSec[row],
  );
  const listed = (row: number): number => lists.offsets[row + 1] - lists.offsets[row];
  const repeats = branches.filter((row) => reuse.hitBlocks[row] === listed(row));
  const depthOf = (row: number): number =>
    Math.min(1, beyondHead(row) / (Math.floor(inputTokens[row] / lists.blockSize) - heads.headBlocks[row]));
  const isPartial = (row: number): boolean =>
    reuse.hitBlocks[row] < listed(row) &&
    Math.floor(inputTokens[row] / lists.blockSize) > heads.headBlocks[row];
  const tops = binTops(Int32Array.from(firstTurns, (row) => inputTokens[row]));
  return {
    byInput: tops.map((inputTo, k) => {
      const inputFrom = k === 0 ? 0 : tops[k - 1] + 1;
      const within = (row: number): boolean => inputTokens[row] >= inputFrom && inputTokens[row] <= inputTo;
      const own = branches.filter(within);
      // A branch can only be seen once its reuse gap fits into the time since the window's start.
      const exposed = firstTurns
        .filter(within)
        .reduce((sum, row) => sum + probabilityUpTo(gaps, timeSec[row]), 0);
      return {
        inputFrom,
        inputTo,
        share: exposed > 0 ? Math.min(1, rounded(own.length / exposed)) : 0,
        depth: curveOf(own.filter(isPartial), depthOf, CURVE_ROWS),
      };
    }),
    depth: curveOf(branches.filter(isPartial), depthOf, 1),
    repeatShare: rounded(repeats.length / branches.length),
    reuseGapSec: curveOfSteps(gaps.values, gaps.upTo, branches.length),
  };
}

/** How much of what came before a continuation keeps. */
function fitKept({ session, lists, reuse, heads }: PrefixFacts): PrefixModel['kept'] {
  const { threads, inputTokens, kind } = session;
  const complete = (row: number): number => Math.floor(inputTokens[row] / lists.blockSize);
  const shares: number[] = [];
  for (const row of continuationRows(threads)) {
    const before = threads.previous[row];
    // The document's length is drawn once per thread, so only its second reader tells about it.
    if (kind === 'documents' && threads.turn[row] !== 2) continue;
    const all = kind === 'documents' ? Math.min(complete(before), complete(row)) : complete(before);
    const head = Math.min(heads.headBlocks[row], all);
    if (inputTokens[before] < 0 || inputTokens[row] < 0 || all <= head) continue;
    shares.push(Math.min(1, Math.max(0, (reuse.hitBlocks[row] - head) / (all - head))));
  }
  const parts = shares.filter((part) => part < 1);
  return {
    wholeShare: shares.length === 0 ? 1 : rounded(1 - parts.length / shares.length),
    part: parts.length === 0 ? null : quantileCurve(sortedCopy(parts)),
  };
}

/** By visit from the second: share of visits that repeat a whole earlier prompt. */
function repeatShares({ session, lists, reuse }: PrefixFacts): number[] {
  const visits = new Float64Array(REPEAT_VISITS);
  const repeats = new Float64Array(REPEAT_VISITS);
  for (const row of continuationRows(session.threads)) {
    const place = Math.min(session.threads.turn[row], REPEAT_VISITS + 1) - 2;
    visits[place] += 1;
    if (reuse.hitBlocks[row] === lists.offsets[row + 1] - lists.offsets[row]) repeats[place] += 1;
  }
  const last = visits.findLastIndex((count) => count >= CURVE_ROWS);
  if (last < 0) return [];
  return Array.from(visits.subarray(0, last + 1), (count, k) =>
    count === 0 ? 0 : rounded(repeats[k] / count),
  );
}

function curveOf(rows: Uint32Array, value: (row: number) => number, least: number): QuantileCurve | null {
  return rows.length < least ? null : quantileCurve(sortedCopy(Float64Array.from(rows, value)));
}

/** Steps of a reuse gap that fewer rows, or this share of them, could have shown are left out. */
const LEAST_AT_RISK = 10;
const LEAST_AT_RISK_SHARE = 0.05;

/** Law of the gaps of some rows; none can be longer than the time since the window's start. */
export function reuseGaps(
  rows: Uint32Array,
  gapSec: (row: number) => number,
  timeSec: (row: number) => number,
): StepDistribution {
  return truncatedDistribution(
    Float64Array.from(rows, (row) => Math.max(0, gapSec(row))),
    Float64Array.from(rows, timeSec),
    Math.max(LEAST_AT_RISK, LEAST_AT_RISK_SHARE * rows.length),
  );
}

function probabilityUpTo({ values, upTo }: StepDistribution, x: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : upTo[low - 1];
}

function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
