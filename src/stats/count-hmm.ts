/**
 * Hidden Markov chain over load states with negative-binomial counts per bin: its likelihood and its law at rest.
 *
 * The on/off traffic of interactive tools (azure_code: 56 % of 10-s windows empty, 327 requests in one) is neither a
 * slow rate nor a law of gaps; a few states with their own counts reproduce it at every time scale that a server sees
 * (STATISTICS §1.2). Source: Rabiner (1989), scaled forward recursion; counts NB with mean m and size r, variance
 * m + m²/r; size null = Poisson. Cost: K² products per bin. Equal to the reference likelihoods within 1e-9.
 */
import { gammaln } from 'simple-statistics';

export interface CountHmm {
  readonly mean: readonly number[];
  readonly size: readonly (number | null)[];
  readonly transition: readonly (readonly number[])[];
}

/** ln P(count) under a negative binomial, or under Poisson for size null. */
export function countLogPmf(count: number, mean: number, size: number | null): number {
  if (size === null) return count * Math.log(mean) - mean - gammaln(count + 1);
  const chosen = gammaln(count + size) - gammaln(size) - gammaln(count + 1);
  return chosen - size * Math.log1p(mean / size) + count * Math.log(mean / (size + mean));
}

/** Probabilities of a count by state, divided by the largest, and the logarithm of what was divided out. */
export interface Emission {
  readonly relative: Float64Array;
  readonly logScale: number;
}

/** Emissions of every count from 0 to `largest`. */
export function emissionTable(hmm: Pick<CountHmm, 'mean' | 'size'>, largest: number): Emission[] {
  return Array.from({ length: largest + 1 }, (_, count) => {
    const logs = hmm.mean.map((mean, k) => countLogPmf(count, mean, hmm.size[k]));
    const logScale = Math.max(...logs);
    return { relative: Float64Array.from(logs, (log) => Math.exp(log - logScale)), logScale };
  });
}

/** Natural-log likelihood of whole counts ≥ 0, starting from the state probabilities `initial`. */
export function hmmLogLikelihood(
  hmm: CountHmm,
  counts: ArrayLike<number>,
  initial: readonly number[],
): number {
  const states = hmm.mean.length;
  let largest = 0;
  for (let t = 0; t < counts.length; t++) largest = Math.max(largest, counts[t]);
  const emissions = emissionTable(hmm, largest);
  let forward = Float64Array.from(initial);
  let logLikelihood = 0;
  for (let t = 0; t < counts.length; t++) {
    const { relative, logScale } = emissions[counts[t]];
    const next = new Float64Array(states);
    let total = 0;
    for (let j = 0; j < states; j++) {
      let reached = t === 0 ? forward[j] : 0;
      if (t > 0) for (let i = 0; i < states; i++) reached += forward[i] * hmm.transition[i][j];
      next[j] = reached * relative[j];
      total += next[j];
    }
    for (let j = 0; j < states; j++) next[j] /= total;
    forward = next;
    logLikelihood += Math.log(total) + logScale;
  }
  return logLikelihood;
}

/** Long-run share of time in each state: the law with π·A = π, by elimination (Grassmann, Taksar & Heyman 1985). */
export function stationaryLaw(transition: readonly (readonly number[])[]): number[] {
  const states = transition.length;
  const a = transition.map((row) => [...row]);
  for (let n = states - 1; n > 0; n--) {
    let out = 0;
    for (let j = 0; j < n; j++) out += a[n][j];
    for (let i = 0; i < n; i++) a[i][n] /= out;
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) a[i][j] += a[i][n] * a[n][j];
  }
  const law = [1];
  for (let n = 1; n < states; n++) {
    let share = 0;
    for (let i = 0; i < n; i++) share += law[i] * a[i][n];
    law.push(share);
  }
  const total = law.reduce((sum, share) => sum + share, 0);
  return law.map((share) => share / total);
}

/** Mean count per bin in the long run. */
export function hmmMeanCount(hmm: CountHmm): number {
  const law = stationaryLaw(hmm.transition);
  return hmm.mean.reduce((sum, mean, k) => sum + mean * law[k], 0);
}
