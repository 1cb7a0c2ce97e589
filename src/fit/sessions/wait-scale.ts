/**
 * How the time to the next turn moves with the length of the prompt: longer ones take longer to answer and to read.
 *
 * Source: the conversation trace of STATISTICS §1.4, where the geometric mean of the time after a first turn rises from
 * 110 s behind prompts of 1 000 tokens to 190 s behind 50 000. Long prompts hold most blocks, so a law without it reuses
 * blocks too early: hits of a cache of 10 000 blocks come out 0.02 too high. Kept where the
 * rank correlation of length and time is beyond chance.
 */
import { spearman } from '../../stats/spearman.js';
import type { ThinkModel } from '../../types.js';
import type { SessionFacts } from './facts.js';
import { binTopsAt } from './input-bins.js';
import { continuationRows } from './threads.js';

export type WaitFactors = NonNullable<ThinkModel['byInput']>;

/** Bounds of bins: even, then finer towards the long prompts, which hold most tokens. */
const BIN_PROBS = [1 / 4, 1 / 2, 3 / 4, 7 / 8, 15 / 16];
const BIN_ROWS = 50;
/** In standard errors of a rank correlation of nothing. */
const LEAST_TREND = 3;
/** Times that count as none would have no logarithm: this share of the median stands for them. */
const LEAST_SHARE_OF_MEDIAN = 0.01;

/** null = the length makes no difference, or too few continuations tell. */
export function fitWaitFactors({ threads, inputTokens, waitSec }: SessionFacts): WaitFactors | null {
  const rows = Uint32Array.from(continuationRows(threads), (row) => threads.previous[row]).filter(
    (row) => inputTokens[row] >= 0,
  );
  const waits = Float64Array.from(rows, (row) => waitSec[row]).sort();
  const median = waits[waits.length >> 1] ?? 0;
  const tops = binTopsAt(Int32Array.from(rows, (row) => inputTokens[row]).sort(), BIN_PROBS, BIN_ROWS);
  if (median === 0 || tops.length < 2) return null;
  const factorsOf = (isFirst: boolean): (number | null)[] =>
    factorsIn(
      rows.filter((row) => (threads.turn[row] === 1) === isFirst),
      (row) => inputTokens[row],
      (row) => tops.findIndex((top) => inputTokens[row] <= top),
      (row) => Math.log(Math.max(waitSec[row], LEAST_SHARE_OF_MEDIAN * median)),
      tops.length,
    );
  const [afterFirst, afterLater] = [factorsOf(true), factorsOf(false)];
  if ([...afterFirst, ...afterLater].every((factor) => factor === null)) return null;
  return tops.map((inputTo, k) => ({
    inputFrom: k === 0 ? 0 : tops[k - 1] + 1,
    inputTo,
    afterFirst: afterFirst[k] ?? 1,
    afterLater: afterLater[k] ?? 1,
  }));
}

/** Factor on the time after a request. */
export function waitFactor(
  factors: WaitFactors | null | undefined,
  turn: number,
  inputTokens: number,
): number {
  const bin = factors?.find(({ inputTo }) => inputTokens <= inputTo);
  return bin === undefined ? 1 : turn === 1 ? bin.afterFirst : bin.afterLater;
}

/** Geometric mean of each bin over that of all; nulls where longer prompts do not wait longer or shorter as a rule. */
function factorsIn(
  rows: Uint32Array,
  inputOf: (row: number) => number,
  binOf: (row: number) => number,
  logOf: (row: number) => number,
  bins: number,
): (number | null)[] {
  const logs = Float64Array.from(rows, logOf);
  const trend = spearman(Float64Array.from(rows, inputOf), logs);
  const isSure = trend !== null && Math.abs(trend) * Math.sqrt(rows.length) > LEAST_TREND;
  if (!isSure) return new Array<null>(bins).fill(null);
  const counts = new Float64Array(bins);
  const sums = new Float64Array(bins);
  rows.forEach((row, i) => {
    counts[binOf(row)] += 1;
    sums[binOf(row)] += logs[i];
  });
  const mean = sums.reduce((sum, one) => sum + one, 0) / rows.length;
  return Array.from(counts, (count, k) =>
    count > 0 ? Number(Math.exp(sums[k] / count - mean).toPrecision(5)) : null,
  );
}
