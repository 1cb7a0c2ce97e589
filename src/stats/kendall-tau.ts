/**
 * Kendall's τ_b: the share of pairs of requests that are ordered alike by prompt and by answer, corrected for ties.
 *
 * Why: less moved by a few huge values than a linear correlation, and it counts pairs, which people can picture.
 * Source: Kendall (1945), τ_b = (C − D) / √((n₀ − n₁)(n₀ − n₂)); discordant pairs counted as the exchanges of a merge
 * sort (Knight 1966). Cost: O(n log n). Equal to `scipy.stats.kendalltau` within 1e-12.
 */

/** τ_b in [−1, 1]; null when there are fewer than two pairs or one side is constant. */
export function kendallTau(x: ArrayLike<number>, y: ArrayLike<number>): number | null {
  const n = x.length;
  if (n < 2 || n !== y.length) return null;
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => x[a] - x[b] || y[a] - y[b]);
  const byX = Float64Array.from(order, (i) => x[i]);
  const byY = Float64Array.from(order, (i) => y[i]);
  const tiedX = tiedPairs(byX, null);
  const tiedBoth = tiedPairs(byX, byY);
  const exchanges = sortCounting(byY);
  const tiedY = tiedPairs(byY, null);
  const pairs = (n * (n - 1)) / 2;
  if (tiedX === pairs || tiedY === pairs) return null;
  const concordantMinusDiscordant = pairs - tiedX - tiedY + tiedBoth - 2 * exchanges;
  const tau = concordantMinusDiscordant / Math.sqrt(pairs - tiedX) / Math.sqrt(pairs - tiedY);
  return Math.min(1, Math.max(-1, tau));
}

/** Pairs of equal neighbours in sorted values; with `also`, equal in both. */
function tiedPairs(sorted: Float64Array, also: Float64Array | null): number {
  let pairs = 0;
  let run = 1;
  for (let i = 1; i <= sorted.length; i++) {
    if (i < sorted.length && sorted[i] === sorted[i - 1] && (also === null || also[i] === also[i - 1])) {
      run += 1;
      continue;
    }
    pairs += (run * (run - 1)) / 2;
    run = 1;
  }
  return pairs;
}

/** Sorts in place by merging and returns how many exchanges of neighbours that took. */
function sortCounting(values: Float64Array): number {
  const n = values.length;
  let from = values;
  let to = new Float64Array(n);
  let exchanges = 0;
  for (let width = 1; width < n; width *= 2) {
    for (let low = 0; low < n; low += 2 * width) {
      const middle = Math.min(low + width, n);
      const high = Math.min(low + 2 * width, n);
      let left = low;
      let right = middle;
      for (let k = low; k < high; k++) {
        if (left < middle && (right >= high || from[left] <= from[right])) to[k] = from[left++];
        else {
          exchanges += middle - left;
          to[k] = from[right++];
        }
      }
    }
    [from, to] = [to as Float64Array<ArrayBuffer>, from as Float64Array<ArrayBuffer>];
  }
  if (from !== values) values.set(from);
  return exchanges;
}
