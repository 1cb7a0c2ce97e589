/**
 * Documents that many requests read: how often visits come, which first prompts become documents, and how long ago a
 * document was last used.
 *
 * Source: STATISTICS §2.5, document pools with the measured reuse gap. Visits are a stream of their own: on the synthetic
 * Mooncake trace they grow from 3 % to 90 % of all requests within a quarter of an hour while the total stays Poisson,
 * which no hazard per document reproduces.
 */

import { percentileSorted } from '../../metrics.js';
import { eventCurve, probabilityBy, probabilityEver } from '../../stats/kaplan-meier.js';
import { ksTwoSample } from '../../stats/ks-two-sample.js';
import { curveOfSteps } from '../../stats/quantile-curve.js';
import { groupSample } from '../../stats/sample.js';
import type { DocumentPool, RateCurve } from '../../types.js';
import { defaultBandwidthSec, fitRateCurve } from '../rate.js';
import type { SessionFacts } from './facts.js';
import { binTops, binTopsAt } from './input-bins.js';
import { reuseGaps } from './prefixes.js';
import { continuationRows } from './threads.js';

/**
 * Bounds of ranges of document lengths with visit rates of their own. More ranges leave so few documents in each that the
 * one used nearest to a drawn gap ago is far from it: nine raise LRU hits at 10 000 blocks by 0.04 on the synthetic trace.
 */
const VISIT_PROBS = [3 / 8, 3 / 4];
const VISIT_BIN_ROWS = 50;

/** `bandwidthSec` of the visits' rate; null = by the window's length. Needs at least one visit. */
export function fitPool(facts: SessionFacts, bandwidthSec: number | null): DocumentPool {
  const { threads, timeSec, durationSec } = facts;
  const visits = continuationRows(threads);
  const gaps = reuseGaps(
    visits,
    (row) => timeSec[row] - timeSec[threads.previous[row]],
    (row) => timeSec[row],
  );
  const rateOf = (rows: Uint32Array): RateCurve =>
    fitRateCurve(
      Float64Array.from(rows, (row) => Math.min(durationSec, timeSec[row])).sort(),
      durationSec,
      bandwidthSec ?? defaultBandwidthSec(durationSec),
    );
  return {
    visits: rateOf(visits),
    ...visitsByInput(facts, visits, rateOf),
    byInput: documentShares(facts),
    reuseGapSec: curveOfSteps(gaps.values, gaps.upTo, visits.length),
    ...gapsByTime(facts, visits),
  };
}

/** Visits per period with gaps of its own, and the most periods. */
const PERIOD_VISITS = 150;
const MOST_PERIODS = 8;
/** KS distance, in units of √(1/n + 1/m), that one pair of periods in a thousand reaches by chance. */
const LEAST_KS = 1.95;
/** Share of the gaps that the comparison looks at. */
const COMPARED_SHARE = 0.9;

/**
 * Gaps by when the visit comes, where those of the first half of visits differ from the second's. On the synthetic
 * Mooncake trace gaps below 15 s grow from 1 % to 29 % of all hits within the quarter of an hour; one law for all of it
 * puts hits of small caches into the wrong minutes, and 0.02 too many of them.
 */
function gapsByTime(
  { threads, timeSec }: SessionFacts,
  visits: Uint32Array,
): Pick<DocumentPool, 'reuseGapByTime'> {
  const periods = Math.min(MOST_PERIODS, Math.floor(visits.length / PERIOD_VISITS));
  if (periods < 2) return {};
  const inOrder = visits.slice().sort((a, b) => timeSec[a] - timeSec[b] || a - b);
  const gapOf = (row: number): number => Math.max(0, timeSec[row] - timeSec[threads.previous[row]]);
  // Early visits cannot have long gaps, so those are compared that could have shown the same ones.
  const longest = percentileSorted(Float64Array.from(visits, gapOf).sort(), COMPARED_SHARE)!;
  const alike = inOrder.filter((row) => timeSec[row] >= longest && gapOf(row) <= longest);
  const middle = alike.length >> 1;
  if (middle < PERIOD_VISITS) return {};
  const [early, late] = [alike.subarray(0, middle), alike.subarray(middle)].map((rows) =>
    groupSample(Float64Array.from(rows, gapOf)),
  );
  const { distance } = ksTwoSample(early, late);
  if (distance < LEAST_KS * Math.sqrt(1 / early.n + 1 / late.n)) return {};
  return {
    reuseGapByTime: Array.from({ length: periods }, (_, k) => {
      const [from, to] = [k, k + 1].map((place) => Math.floor((place * inOrder.length) / periods));
      const own = inOrder.subarray(from, to);
      const gaps = reuseGaps(own, gapOf, (row) => timeSec[row]);
      return {
        fromSec: k === 0 ? 0 : Number(timeSec[own[0]].toPrecision(6)),
        curve: curveOfSteps(gaps.values, gaps.upTo, own.length),
      };
    }),
  };
}

/** Which lengths are read moves with time, as the mix of first turns does; a rate for each range keeps its course. */
function visitsByInput(
  { threads, inputTokens }: SessionFacts,
  visits: Uint32Array,
  rateOf: (rows: Uint32Array) => RateCurve,
): Pick<DocumentPool, 'visitsByInput'> {
  const known = visits.filter((row) => inputTokens[threads.first[row]] >= 0);
  const lengths = Int32Array.from(known, (row) => inputTokens[threads.first[row]]);
  const tops = binTopsAt(lengths.slice().sort(), VISIT_PROBS, VISIT_BIN_ROWS);
  if (tops.length === 1) return {};
  return {
    visitsByInput: tops.map((inputTo, k) => {
      const inputFrom = k === 0 ? 0 : tops[k - 1] + 1;
      const own = known.filter((_, i) => lengths[i] >= inputFrom && lengths[i] <= inputTo);
      return { inputFrom, inputTo, visits: rateOf(own) };
    }),
  };
}

/** Share of first prompts that are read again, by length, with the window's end undone. */
function documentShares({
  threads,
  inputTokens,
  timeSec,
  waitSec,
  durationSec,
}: SessionFacts): DocumentPool['byInput'] {
  const first = Uint32Array.from(threads.turn.keys()).filter((row) => threads.turn[row] === 1);
  const again = eventCurve(
    Float64Array.from(first, (row) => waitSec[row]),
    Uint8Array.from(first, (row) => (threads.next[row] >= 0 ? 1 : 0)),
  );
  const ever = probabilityEver(again);
  const seen = (row: number): number => probabilityBy(again, durationSec - timeSec[row]) / ever;
  const tops = binTops(Int32Array.from(first, (row) => inputTokens[row]));
  return tops.map((inputTo, k) => {
    const inputFrom = k === 0 ? 0 : tops[k - 1] + 1;
    const own = first.filter((row) => inputTokens[row] >= inputFrom && inputTokens[row] <= inputTo);
    const read = own.reduce((sum, row) => sum + (threads.next[row] >= 0 ? 1 : 0), 0);
    const exposed = own.reduce((sum, row) => sum + seen(row), 0);
    const share = exposed > 0 ? Math.min(1, read / exposed) : 0;
    return { inputFrom, inputTo, share: Number(share.toPrecision(5)) };
  });
}
