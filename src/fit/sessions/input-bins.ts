/** Ranges of prompt lengths that session laws are told apart by. */

/** Upper bound of open ranges: the largest count that a trace can hold. */
export const LARGEST_TOKENS = 2_147_483_647;
const INPUT_BINS = 16;
const BIN_ROWS = 100;

/**
 * Upper bounds of bins with about equal numbers of values, the uppermost halved while the halves keep enough: the longest
 * prompts hold most tokens. The last is open.
 */
export function binTops(values: Int32Array): number[] {
  const sorted = values.slice().sort();
  const bins = Math.min(INPUT_BINS, Math.max(1, Math.floor(sorted.length / BIN_ROWS)));
  const tops: number[] = [];
  const ends = Array.from({ length: bins - 1 }, (_, k) => ((k + 1) * sorted.length) / bins);
  for (let left = sorted.length / bins / 2; bins > 1 && left >= BIN_ROWS; left /= 2)
    ends.push(sorted.length - left);
  for (const end of ends) {
    const top = sorted[Math.ceil(end) - 1];
    if (top > (tops.at(-1) ?? -1) && top < sorted[sorted.length - 1]) tops.push(top);
  }
  return [...tops, LARGEST_TOKENS];
}

/**
 * Upper bounds of bins that end at these shares of the sorted values, as far as each keeps `leastRows`; the last is open.
 */
export function binTopsAt(sorted: Int32Array, probs: readonly number[], leastRows: number): number[] {
  const tops: number[] = [];
  let below = 0;
  for (const prob of probs) {
    const upTo = Math.ceil(prob * sorted.length);
    const top = sorted[upTo - 1] ?? -1;
    const isWide = upTo - below >= leastRows && sorted.length - upTo >= leastRows;
    if (!isWide || top <= (tops.at(-1) ?? -1)) continue;
    tops.push(top);
    below = upTo;
  }
  return [...tops, LARGEST_TOKENS];
}
