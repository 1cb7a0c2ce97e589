/**
 * Documents that many requests read: how often visits come, which first prompts become documents, and how long ago a
 * document was last used.
 *
 * Source: STATISTICS §2.5, document pools with the measured reuse gap. Visits are a stream of their own: on the synthetic
 * Mooncake trace they grow from 3 % to 90 % of all requests within a quarter of an hour while the total stays Poisson,
 * which no hazard per document reproduces.
 */
import { eventCurve, probabilityBy, probabilityEver } from '../../stats/kaplan-meier.js';
import { curveOfSteps } from '../../stats/quantile-curve.js';
import type { DocumentPool, RateCurve } from '../../types.js';
import { defaultBandwidthSec, fitRateCurve } from '../rate.js';
import { binTops, LARGEST_TOKENS } from './continuation.js';
import type { SessionFacts } from './facts.js';
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
  const sorted = lengths.slice().sort();
  const tops: number[] = [];
  let below = 0;
  for (const prob of VISIT_PROBS) {
    const upTo = Math.ceil(prob * sorted.length);
    const top = sorted[upTo - 1];
    const isWide = upTo - below >= VISIT_BIN_ROWS && sorted.length - upTo >= VISIT_BIN_ROWS;
    if (!isWide || top <= (tops.at(-1) ?? -1)) continue;
    tops.push(top);
    below = upTo;
  }
  if (tops.length === 0) return {};
  tops.push(LARGEST_TOKENS);
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
