/**
 * Log-likelihood of a Hawkes process with exponential kernels: a diagnostic for self-exciting bursts, not a generator.
 *
 * Source: Ozaki (Ann. Inst. Stat. Math. 31, 1979), λ(t) = μ + Σᵢ Σₖ αₖβₖe^(−βₖ(t − tᵢ)) over tᵢ < t, ll = Σ ln λ(tᵢ) − ∫λ, with
 * the running sums of the kernels; events at one instant do not excite each other. Fitted to azure_code it is 4 000 nats
 * better than a count chain and, simulated, ten times too bursty at 60 s (STATISTICS §1.2): likelihood does not choose
 * generators. Cost: linear. Equals the reference to 1e-12.
 */

export interface Hawkes {
  /** Base rate per second. */
  readonly mu: number;
  /** Expected offspring per event of each kernel; their sum is the branching ratio. */
  readonly alpha: readonly number[];
  /** Decay of each kernel per second. */
  readonly beta: readonly number[];
}

/** Natural-log likelihood of events at `timesSec` (never falling) on [0, durationSec]. */
export function hawkesLogLikelihood(
  { mu, alpha, beta }: Hawkes,
  timesSec: ArrayLike<number>,
  durationSec: number,
): number {
  // Σ over earlier events of e^(−β(t − tᵢ)), as of the previous distinct instant, that instant's events included.
  const sums = new Float64Array(beta.length);
  let logSum = 0;
  let integral = mu * durationSec;
  let intensity = mu;
  for (let i = 0; i < timesSec.length; i++) {
    const gap = i === 0 ? 0 : timesSec[i] - timesSec[i - 1];
    if (gap > 0) {
      intensity = mu;
      for (let k = 0; k < beta.length; k++) {
        sums[k] *= Math.exp(-beta[k] * gap);
        intensity += alpha[k] * beta[k] * sums[k];
      }
    }
    logSum += Math.log(intensity);
    for (let k = 0; k < beta.length; k++) {
      sums[k] += 1;
      integral -= alpha[k] * Math.expm1(-beta[k] * (durationSec - timesSec[i]));
    }
  }
  return logSum - integral;
}

/** Expected number of descendants of the first generation; at 1 and above the process explodes. */
export function branchingRatio({ alpha }: Hawkes): number {
  return alpha.reduce((sum, one) => sum + one, 0);
}
