/**
 * Log-likelihood of a Markov-modulated Poisson process: rates switched by a hidden chain in continuous time. A
 * diagnostic beside the count chain, not a generator (STATISTICS §1.2: 67 % too little capacity on azure_code).
 *
 * Source: ll = ln π Π[e^((Q − Λ)xᵢ) Λ] e^((Q − Λ)x_end) 1 over the gaps xᵢ, π the law at rest (Rydén 1994). The matrix
 * exponential by scaling and squaring of e^(−qh)·e^((Q − Λ + qI)h): every number is positive, nothing cancels. Cost: some
 * 20 products of K × K matrices per gap. Equals the reference to 1e-10.
 */
import { stationaryLaw } from './count-hmm.js';

export interface Mmpp {
  /** Rate per second in each state. */
  readonly rates: readonly number[];
  /** Generator of the chain: rows sum to 0. */
  readonly generator: readonly (readonly number[])[];
}

/** Natural-log likelihood of events at `timesSec` (never falling) on [0, durationSec], the chain at rest at 0. */
export function mmppLogLikelihood(mmpp: Mmpp, timesSec: ArrayLike<number>, durationSec: number): number {
  const { rates, generator } = mmpp;
  const states = rates.length;
  const fastest = Math.max(...generator.map((row, i) => -row[i]));
  const restChain = generator.map((row, i) =>
    row.map((rate, j) => (i === j ? 1 : 0) + rate / (2 * fastest || 1)),
  );
  let law = Float64Array.from(stationaryLaw(restChain));
  let logLikelihood = 0;
  const rescale = (): void => {
    const total = law.reduce((sum, share) => sum + share, 0);
    logLikelihood += Math.log(total);
    law = law.map((share) => share / total);
  };
  for (let i = 0; i < timesSec.length; i++) {
    law = evolve(law, mmpp, i === 0 ? timesSec[0] : timesSec[i] - timesSec[i - 1]);
    for (let j = 0; j < states; j++) law[j] *= rates[j];
    rescale();
  }
  law = evolve(law, mmpp, durationSec - (timesSec[timesSec.length - 1] ?? 0));
  rescale();
  return logLikelihood;
}

/** law · e^((Q − Λ)x). */
function evolve(law: Float64Array, { rates, generator }: Mmpp, x: number): Float64Array<ArrayBuffer> {
  const states = rates.length;
  if (x <= 0) return Float64Array.from(law);
  const shift = Math.max(...rates.map((rate, i) => rate - generator[i][i]));
  const halvings = Math.max(0, Math.ceil(Math.log2(shift * x)));
  const h = x / 2 ** halvings;
  const step = new Float64Array(states * states);
  for (let i = 0; i < states; i++) {
    for (let j = 0; j < states; j++)
      step[i * states + j] = h * (generator[i][j] + (i === j ? shift - rates[i] : 0));
  }
  let power = exponentialSeries(step, states).map((value) => value * Math.exp(-shift * h));
  for (let k = 0; k < halvings; k++) power = product(power, power, states);
  const next = new Float64Array(states);
  for (let i = 0; i < states; i++) for (let j = 0; j < states; j++) next[j] += law[i] * power[i * states + j];
  return next;
}

/** Taylor series of the exponential of a matrix without negative entries and norm about 1. */
function exponentialSeries(matrix: Float64Array, states: number): Float64Array {
  const sum = new Float64Array(states * states);
  for (let i = 0; i < states; i++) sum[i * states + i] = 1;
  let term = sum.slice();
  for (let k = 1; k < 40; k++) {
    term = product(term, matrix, states).map((value) => value / k);
    let largest = 0;
    for (let i = 0; i < term.length; i++) {
      sum[i] += term[i];
      largest = Math.max(largest, term[i]);
    }
    if (largest < 1e-18) break;
  }
  return sum;
}

function product(a: Float64Array, b: Float64Array, states: number): Float64Array<ArrayBuffer> {
  const result = new Float64Array(states * states);
  for (let i = 0; i < states; i++) {
    for (let l = 0; l < states; l++) {
      const factor = a[i * states + l];
      for (let j = 0; j < states; j++) result[i * states + j] += factor * b[l * states + j];
    }
  }
  return result;
}
