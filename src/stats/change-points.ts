/**
 * Where the level of a series of counts steps: segments of constant rate that cost least.
 *
 * Why: the rate of large clients moves in steps, not in sines (statistics page §1.5). Source: PELT (Killick, Fearnhead &
 * Eckley, JASA 107, 2012), exact for the cost below. Cost of a segment: −2 · Poisson log-likelihood at its own level, over
 * the dispersion of the counts, so that bursts within a bin are not taken for steps; each change costs `penalty` (default
 * 3 ln n, i.e. BIC for a place, a level and one more). Time about linear in n while changes come regularly.
 */

export interface ChangePointOptions {
  /** Expected counts at level 1, e.g. bin lengths or a cycle that is known already. */
  readonly exposure: ArrayLike<number>;
  /** Variance over mean of counts at constant rate; see `localDispersion`. */
  readonly dispersion: number;
  readonly penalty?: number;
  /** Bins of a segment at least. Default 6. */
  readonly least?: number;
}

const LEAST_BINS = 6;

/** First bins of the segments, from 0. */
export function changePoints(counts: ArrayLike<number>, options: ChangePointOptions): number[] {
  const { exposure, dispersion } = options;
  const n = counts.length;
  const least = options.least ?? LEAST_BINS;
  const penalty = options.penalty ?? 3 * Math.log(Math.max(2, n));
  const sums = new Float64Array(n + 1);
  const exposed = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) {
    sums[i + 1] = sums[i] + counts[i];
    exposed[i + 1] = exposed[i] + exposure[i];
  }
  const cost = (from: number, to: number): number => {
    const count = sums[to] - sums[from];
    const expected = exposed[to] - exposed[from];
    return count > 0 && expected > 0 ? (-2 * (count * Math.log(count / expected) - count)) / dispersion : 0;
  };
  const total = new Float64Array(n + 1).fill(Number.POSITIVE_INFINITY);
  const before = new Int32Array(n + 1);
  total[0] = -penalty;
  let starts: number[] = [0];
  for (let to = least; to <= n; to++) {
    const candidates = starts.map((from) => total[from] + cost(from, to));
    candidates.forEach((value, k) => {
      if (value + penalty < total[to]) {
        total[to] = value + penalty;
        before[to] = starts[k];
      }
    });
    const next = to - least + 1;
    if (next < least) continue;
    // A start that was worse at `next` stays worse from where a segment may begin there: costs only grow apart.
    starts = starts.filter((from) => from > next - least || total[from] + cost(from, next) <= total[next]);
    starts.push(next);
  }
  const found: number[] = [];
  for (let to = n; to > 0; to = before[to]) found.unshift(before[to]);
  return found;
}

/**
 * Variance over mean of counts about a slowly moving rate: half the mean squared difference of neighbours over the mean
 * (von Neumann 1941), at least 1.
 */
export function localDispersion(counts: ArrayLike<number>): number {
  let squares = 0;
  let sum = 0;
  for (let i = 0; i < counts.length; i++) {
    sum += counts[i];
    if (i > 0) squares += (counts[i] - counts[i - 1]) ** 2;
  }
  const mean = sum / counts.length;
  return counts.length < 2 || mean === 0 ? 1 : Math.max(1, squares / (counts.length - 1) / 2 / mean);
}
