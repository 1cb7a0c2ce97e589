/** The chain of load states: likelihood by enumeration, law at rest, recovery from its own draws, arrivals drawn from it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from '../../src/random.js';
import { burstArrivals } from '../../src/stats/burst-arrivals.js';
import { countLogPmf, hmmLogLikelihood, hmmMeanCount, stationaryLaw } from '../../src/stats/count-hmm.js';
import { fitCountHmm } from '../../src/stats/count-hmm-fit.js';
import { countsPerWindow, dispersionIndex } from '../../src/stats/dispersion.js';
import { meanOf, varianceOf } from '../../src/stats/moments.js';
import type { CountHmmModel } from '../../src/types.js';
import { assertClose } from './reference.js';

const BURSTY: CountHmmModel = {
  binSec: 1,
  mean: [0.2, 9],
  size: [1, 4],
  transition: [
    [0.95, 0.05],
    [0.1, 0.9],
  ],
  offsets: [],
  logLikelihood: 0,
  bic: 0,
  candidates: [],
};

test('count probabilities sum to one with the stated mean and variance', () => {
  for (const size of [null, 0.3, 4]) {
    let total = 0;
    let mean = 0;
    let square = 0;
    for (let count = 0; count < 2_000; count++) {
      const p = Math.exp(countLogPmf(count, 7, size));
      total += p;
      mean += count * p;
      square += count * count * p;
    }
    assertClose(total, 1, 1e-10, 'total');
    assertClose(mean, 7, 1e-8, 'mean');
    assertClose(square - mean * mean, 7 + (size === null ? 0 : 49 / size), 1e-6, 'variance');
  }
});

test('the forward recursion equals the sum over all paths', () => {
  const counts = [0, 3, 11, 0, 1];
  const initial = [0.7, 0.3];
  let sum = 0;
  for (let path = 0; path < 2 ** counts.length; path++) {
    const states = counts.map((_, t) => (path >> t) & 1);
    let p = initial[states[0]];
    states.forEach((state, t) => {
      if (t > 0) p *= BURSTY.transition[states[t - 1]][state];
      p *= Math.exp(countLogPmf(counts[t], BURSTY.mean[state], BURSTY.size[state]));
    });
    sum += p;
  }
  assertClose(hmmLogLikelihood(BURSTY, counts, initial), Math.log(sum), 1e-12, 'log-likelihood');
});

test('the law at rest is left unchanged by one more step', () => {
  const transition = [
    [0.9, 0.1, 0],
    [0.2, 0.5, 0.3],
    [0.001, 0.4, 0.599],
  ];
  const law = stationaryLaw(transition);
  law.forEach((share, j) => {
    const next = law.reduce((sum, part, i) => sum + part * transition[i][j], 0);
    assertClose(next, share, 1e-12, `state ${j}`);
  });
  assert.deepEqual(stationaryLaw([[1]]), [1]);
  assertClose(hmmMeanCount(BURSTY), (2 / 3) * 0.2 + (1 / 3) * 9, 1e-12, 'mean count');
});

function arrivalsUntil(bursts: CountHmmModel, endSec: number, factor = 1, seed = 1): number[] {
  const next = burstArrivals({ bursts, factor, rng: randomOf(seed, 'arrivals') });
  const times: number[] = [];
  for (let t = next(); t < endSec; t = next()) times.push(t);
  return times;
}

test('EM finds the chain that drew the counts', () => {
  const counts = countsPerWindow(arrivalsUntil(BURSTY, 20_000), 1, 20_000);
  const fit = fitCountHmm(counts, 2);
  assertClose(fit.mean[0], 0.2, 0.1, 'low mean');
  assertClose(fit.mean[1], 9, 0.05, 'high mean');
  assertClose(fit.size[1], 4, 0.2, 'size');
  assertClose(fit.transition[0][1], 0.05, 0.15, 'onset');
  assertClose(fit.transition[1][0], 0.1, 0.15, 'end');
  const truth = hmmLogLikelihood(BURSTY, counts, stationaryLaw(BURSTY.transition));
  assert.ok(fit.logLikelihood > truth - 1, `${fit.logLikelihood} vs ${truth} at the truth`);
});

test('arrivals never fall, have the long-run mean and dispersion, and scale with the factor', () => {
  const times = arrivalsUntil(BURSTY, 40_000);
  for (let i = 1; i < times.length; i++) assert.ok(times[i] >= times[i - 1]);
  const counts = countsPerWindow(times, 1, 40_000);
  const law = stationaryLaw(BURSTY.transition);
  const mean = hmmMeanCount(BURSTY);
  const second = law.reduce((sum, share, k) => {
    const m = BURSTY.mean[k];
    return sum + share * (m + (m * m) / BURSTY.size[k]! + m * m);
  }, 0);
  assertClose(meanOf(counts), mean, 0.04, 'mean');
  assertClose(varianceOf(counts), second - mean * mean, 0.06, 'variance');
  assert.ok(dispersionIndex(countsPerWindow(times, 10, 40_000))! > dispersionIndex(counts)!);
  assertClose(arrivalsUntil(BURSTY, 40_000, 3).length, 3 * times.length, 0.08, 'three times the rate');
});

test('positions inside bins come from the patterns of the nearest count', () => {
  const steady: CountHmmModel = {
    ...BURSTY,
    mean: [4],
    size: [null],
    transition: [[1]],
    offsets: [
      { countFrom: 1, countTo: 3, patterns: [[0.1], [0.1, 0.2], [0.1, 0.2, 0.3]] },
      { countFrom: 4, countTo: 4, patterns: [[0.5, 0.6, 0.7, 0.8]] },
    ],
  };
  const byBin = new Map<number, number[]>();
  for (const t of arrivalsUntil(steady, 500)) {
    const bin = Math.floor(t);
    byBin.set(bin, [...(byBin.get(bin) ?? []), Number((t - bin).toFixed(9))]);
  }
  for (const offsets of byBin.values()) {
    if (offsets.length < 4)
      assert.ok(Math.min(...offsets) >= 0.1 && Math.max(...offsets) <= 0.3, `${offsets}`);
    else assert.ok(Math.min(...offsets) >= 0.5 && Math.max(...offsets) <= 0.8, `${offsets}`);
    if (offsets.length === 4) assert.deepEqual(offsets, [0.5, 0.6, 0.7, 0.8]);
  }
});
